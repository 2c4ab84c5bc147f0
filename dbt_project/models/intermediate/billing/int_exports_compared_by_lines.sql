with

charges as (

    select
        line_key,
        period_key,
        charge_start_day,
        _load_id

    from {{ ref('int_charges_read') }}

),

arrivals as (

    select
        load_id,
        max(seq) as arrival

    from {{ source('ops', 'active_load') }}

    group by load_id

),

counted as (

    select
        charges.period_key,
        charges._load_id,
        arrivals.arrival,
        charges.line_key,
        charges.charge_start_day,
        count(*) as lines

    from charges

    inner join arrivals on charges._load_id = arrivals.load_id

    group by
        charges.period_key,
        charges._load_id,
        arrivals.arrival,
        charges.line_key,
        charges.charge_start_day

),

spans as (

    select
        period_key,
        _load_id,
        arrival,
        min(charge_start_day) as first_day,
        max(charge_start_day) as last_day

    from counted

    group by period_key, _load_id, arrival

),

-- two loads that charge a common stretch of days of one period
pairs as (

    select
        earlier.period_key,
        earlier._load_id as earlier_load_id,
        later._load_id as later_load_id,
        later.first_day,
        later.last_day,
        greatest(earlier.first_day, later.first_day) as overlap_first_day,
        least(earlier.last_day, later.last_day) as overlap_last_day

    from spans as earlier

    inner join spans as later
        on
            earlier.period_key = later.period_key
            and earlier.arrival < later.arrival
            and earlier.first_day <= later.last_day
            and earlier.last_day >= later.first_day

),

sized as (

    select
        pairs.period_key,
        pairs.earlier_load_id,
        pairs.later_load_id,
        pairs.first_day,
        pairs.last_day,
        sum(counted.lines) filter (
            where counted._load_id = pairs.earlier_load_id
        ) as earlier_lines,
        sum(counted.lines) filter (
            where counted._load_id = pairs.later_load_id
        ) as later_lines

    from pairs

    inner join counted
        on
            pairs.period_key = counted.period_key
            and counted._load_id in (pairs.earlier_load_id, pairs.later_load_id)
            and counted.charge_start_day
            between pairs.overlap_first_day and pairs.overlap_last_day

    group by
        pairs.period_key,
        pairs.earlier_load_id,
        pairs.later_load_id,
        pairs.first_day,
        pairs.last_day

),

-- an equal line has an equal day, so it lies in the common stretch
common as (

    select
        earlier.period_key,
        earlier._load_id as earlier_load_id,
        later._load_id as later_load_id,
        sum(least(earlier.lines, later.lines)) as common_lines

    from counted as earlier

    inner join counted as later
        on
            earlier.period_key = later.period_key
            and earlier.line_key = later.line_key
            and earlier.charge_start_day = later.charge_start_day
            and earlier.arrival < later.arrival

    group by earlier.period_key, earlier_load_id, later_load_id

),

compared as (

    select
        sized.period_key,
        sized.earlier_load_id,
        sized.later_load_id,
        sized.first_day,
        sized.last_day,
        cast(coalesce(common.common_lines, 0) as bigint) as common_lines,
        cast(
            least(
                coalesce(sized.earlier_lines, 0), coalesce(sized.later_lines, 0)
            ) as bigint
        ) as smaller_lines

    from sized

    left join common
        on
            sized.period_key = common.period_key
            and sized.earlier_load_id = common.earlier_load_id
            and sized.later_load_id = common.later_load_id

)

select
    *,
    smaller_lines > 0 and common_lines * 2 >= smaller_lines as is_version

from compared
