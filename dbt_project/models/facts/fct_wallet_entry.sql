with

wallets as (

    select * from {{ ref('int_agents_paired_with_wallet') }}

),

allocations as (

    select
        agent_id,
        day,
        allocated_cost

    from {{ ref('fct_cost_allocation') }}

),

actions as (

    select
        agent_id,
        day,
        started_at,
        priced_cost

    from {{ ref('fct_agent_action') }}

    where not is_rollup

),

spending as (

    select
        agent_id,
        day,
        {{ money_of_nano('sum(' ~ nano_units('allocated_cost') ~ ')') }} as spent

    from allocations

    group by agent_id, day

),

action_spans as (

    select
        agent_id,
        day,
        min(started_at) as first_action_at,
        max(started_at) as last_action_at

    from actions

    group by agent_id, day

),

-- what has no known price cannot be seen in a peak
hours as (

    select
        agent_id,
        day,
        {{ clock_hour('started_at') }} as hour_at,
        sum({{ nano_units('priced_cost') }}) as hour_nano

    from actions

    where priced_cost is not null

    group by agent_id, day, {{ clock_hour('started_at') }}

),

agent_peaks as (

    select
        agent_id,
        day,
        max(hour_nano) as peak_nano

    from hours

    group by agent_id, day

),

wallet_hours as (

    select
        wallets.wallet_id,
        hours.day,
        hours.hour_at,
        sum(hours.hour_nano) as hour_nano

    from wallets

    inner join hours
        on
            wallets.agent_id = hours.agent_id
            and wallets.day = hours.day

    group by wallets.wallet_id, hours.day, hours.hour_at

),

-- agents peak at different hours: theirs do not add up to the wallet's
wallet_peaks as (

    select
        wallet_id,
        day,
        max(hour_nano) as peak_nano

    from wallet_hours

    group by wallet_id, day

),

entered as (

    select
        wallets.*,
        coalesce(wallets.agent_id, '__unknown__') as named_agent_id,
        coalesce(spending.spent, cast(0 as decimal(38, 9))) as spent,
        {{ money_of_nano('coalesce(agent_peaks.peak_nano, 0)') }}
            as peak_hour_priced_cost,
        {{ money_of_nano('coalesce(wallet_peaks.peak_nano, 0)') }}
            as wallet_peak_hour_priced_cost,
        action_spans.first_action_at,
        action_spans.last_action_at

    from wallets

    left join spending
        on
            wallets.agent_id = spending.agent_id
            and wallets.day = spending.day

    left join action_spans
        on
            wallets.agent_id = action_spans.agent_id
            and wallets.day = action_spans.day

    left join agent_peaks
        on
            wallets.agent_id = agent_peaks.agent_id
            and wallets.day = agent_peaks.day

    left join wallet_peaks
        on
            wallets.wallet_id = wallet_peaks.wallet_id
            and wallets.day = wallet_peaks.day

    where
        wallets.allowance is not null
        or spending.agent_id is not null
        or action_spans.agent_id is not null

)

select
    wallet_id,
    day,
    named_agent_id as agent_id,
    period,
    period_start,
    period_days,
    allowance,
    slope_limit_per_hour,
    {{ reporting_currency('is_rate_missing', 'native_currency', 'day') }} as currency,
    spent,
    peak_hour_priced_cost,
    wallet_peak_hour_priced_cost,
    first_action_at,
    last_action_at,
    row_number() over (
        partition by wallet_id, day
        order by named_agent_id
    ) = 1 as is_first_entry,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('entered.day') }} as _transform_run_id

from entered
