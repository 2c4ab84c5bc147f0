with

logged_costs as (

    select * from {{ ref('stg_tokens__logged_costs') }}

),

actions as (

    select
        action_id,
        day,
        agent_id,
        provider,
        model,
        cost_status,
        priced_cost,
        _load_id,
        _source_file,
        _source_row

    from {{ ref('int_agent_actions') }}

    where is_model_call and {{ in_scope('day') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- however often a call was logged, it counts once: as the record that the action is
-- made of
logged as (

    select
        actions.*,
        cast(logged_costs.logged_cost as decimal(38, 9)) as native_cost,
        logged_costs.logged_currency

    from actions

    inner join logged_costs
        on
            actions._load_id = logged_costs._load_id
            and actions._source_file = logged_costs._source_file
            and actions._source_row = logged_costs._source_row

),

converted as (

    select
        logged.*,
        case
            when logged.native_cost = 0 then logged.native_cost
            else
                {{ in_reporting_currency(
                    'logged.native_cost', 'logged.logged_currency', 'fx_rates.rate'
                ) }}
        end as logged_cost

    from logged

    left join fx_rates
        on
            logged.day = fx_rates.day
            and logged.logged_currency = fx_rates.currency

)

select
    action_id,
    day,
    agent_id,
    provider,
    model,
    cost_status,
    logged_cost,
    priced_cost,
    '{{ var("reporting_currency") }}' as currency,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('converted.day') }} as _transform_run_id

from converted
