with

days as (

    select day from {{ source('ops', 'run_day') }}

    where status = 'passed'

),

agents as (

    select * from {{ ref('dim_agent') }}

    where wallet_id is not null

),

wallets as (

    select * from {{ ref('dim_wallet') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

agent_days as (

    select
        days.day,
        agents.wallet_id,
        agents.agent_id,
        agents._load_id,
        agents._source_file,
        agents._source_row

    from days

    cross join agents

    where {{ is_valid('agents', 'days.day') }}

),

wallet_days as (

    select
        days.day,
        wallets.wallet_id,
        wallets.period,
        wallets.currency as native_currency,
        wallets._load_id,
        wallets._source_file,
        wallets._source_row,
        {{ period_start('wallets.period', 'days.day') }} as period_start,
        {{ in_reporting_currency(
            'wallets.allowance', 'wallets.currency', 'fx_rates.rate'
        ) }} as allowance,
        {{ in_reporting_currency(
            'wallets.slope_limit_per_hour', 'wallets.currency', 'fx_rates.rate'
        ) }} as slope_limit_per_hour,
        wallets.currency <> '{{ var("reporting_currency") }}'
        and fx_rates.rate is null as is_rate_missing

    from days

    cross join wallets

    left join fx_rates
        on
            days.day = fx_rates.day
            and wallets.currency = fx_rates.currency

    where {{ is_valid('wallets', 'days.day') }}

),

-- an agent without an allowance still spends; an allowance without an agent is still
-- there
paired as (

    select
        coalesce(agent_days.wallet_id, wallet_days.wallet_id) as wallet_id,
        coalesce(agent_days.day, wallet_days.day) as day,
        agent_days.agent_id,
        wallet_days.period,
        wallet_days.period_start,
        {{ period_days('wallet_days.period', 'wallet_days.period_start') }}
            as period_length,
        wallet_days.allowance,
        wallet_days.slope_limit_per_hour,
        wallet_days.native_currency,
        coalesce(wallet_days.is_rate_missing, false) as is_rate_missing,
        coalesce(wallet_days._load_id, agent_days._load_id) as _load_id,
        coalesce(wallet_days._source_file, agent_days._source_file) as _source_file,
        coalesce(wallet_days._source_row, agent_days._source_row) as _source_row

    from agent_days

    full outer join wallet_days
        on
            agent_days.wallet_id = wallet_days.wallet_id
            and agent_days.day = wallet_days.day

)

select
    wallet_id,
    day,
    agent_id,
    period,
    period_start,
    case when period is not null then cast(period_length as bigint) end
        as period_days,
    allowance,
    slope_limit_per_hour,
    native_currency,
    is_rate_missing,
    _load_id,
    _source_file,
    _source_row

from paired
