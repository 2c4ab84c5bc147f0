with

training_runs as (

    select * from {{ ref('stg_reference__training_runs') }}

    qualify
        row_number() over (
            partition by run_id
            order by _source_row desc, _source_file desc
        ) = 1

),

additions as (

    select
        run_id,
        day,
        cast(sum(cost) as decimal(38, 9)) as added

    from {{ ref('int_charges_split_to_days') }}

    where run_id is not null

    group by run_id, day

),

capitalised as (

    select
        run_id,
        sum({{ nano_units('added') }}) as total_nano,
        min(day) as first_day,
        max(day) as last_day

    from additions

    group by run_id

),

planned as (

    select
        training_runs.*,
        capitalised.total_nano,
        capitalised.first_day,
        capitalised.last_day as last_added_day,
        {{ days_after(
            'training_runs.completed_on',
            'cast(training_runs.lifespan_days as integer)'
        ) }} as last_use_day

    from training_runs

    inner join capitalised on training_runs.run_id = capitalised.run_id

),

-- straight line: whole nano-units a day, the last day takes the remainder; the day of
-- retirement is the first without use
scheduled as (

    select
        *,
        sign(total_nano)
        * {{ divide('abs(total_nano)', 'nullif(lifespan_days, 0)') }} as daily_nano,
        greatest(
            last_added_day, coalesce(retired_on, last_use_day, last_added_day)
        ) as last_day

    from planned

),

carried as (

    select
        *,
        {{ each_day('first_day', 'last_day') }} as day

    from scheduled

),

-- what was paid off by the end of the day, and by the end of the day before
paid_off as (

    select
        carried.*,
        {{ amortised_by('carried.day') }} as amortised_nano,
        {{ amortised_by(days_after('carried.day', -1)) }} as amortised_before_nano,
        coalesce(carried.retired_on <= carried.day, false) as is_retired,
        coalesce(carried.retired_on < carried.day, false) as was_retired

    from carried

    where {{ in_scope('carried.day') }}

),

added as (

    select
        paid_off.run_id,
        paid_off.day,
        coalesce(sum({{ nano_units('additions.added') }}), 0) as added_nano,
        coalesce(
            sum({{ nano_units('additions.added') }}) filter (
                where additions.day < paid_off.day
            ),
            0
        ) as added_before_nano

    from paid_off

    left join additions
        on
            paid_off.run_id = additions.run_id
            and paid_off.day >= additions.day

    group by paid_off.run_id, paid_off.day

),

-- a line that is added after the retirement is written off with the rest
balanced as (

    select
        paid_off.*,
        added.added_nano,
        added.added_before_nano,
        case
            when paid_off.is_retired
                then paid_off.total_nano - paid_off.amortised_nano
            else 0
        end as written_off_nano,
        case
            when paid_off.was_retired
                then paid_off.total_nano - paid_off.amortised_before_nano
            else 0
        end as written_off_before_nano

    from paid_off

    inner join added
        on
            paid_off.run_id = added.run_id
            and paid_off.day = added.day

)

select
    run_id,
    day,
    model_version,
    gpu_hours,
    flops,
    peak_vram_gib,
    completed_on,
    lifespan_days,
    retired_on,
    {{ money_of_nano(
        'added_before_nano - amortised_before_nano - written_off_before_nano'
    ) }} as opening_balance,
    {{ money_of_nano('added_nano - added_before_nano') }} as additions,
    {{ money_of_nano('amortised_nano - amortised_before_nano') }} as amortised,
    {{ money_of_nano('written_off_nano - written_off_before_nano') }}
        as written_off,
    {{ money_of_nano('added_nano - amortised_nano - written_off_nano') }}
        as closing_balance,
    _load_id,
    _source_file,
    _source_row

from balanced
