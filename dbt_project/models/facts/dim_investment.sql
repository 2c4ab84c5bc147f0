with

investments as (

    select
        *,
        coalesce(currency, '{{ var("reporting_currency") }}') as native_currency

    from {{ ref('stg_reference__investments') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

converted as (

    select
        investments.*,
        {{ in_reporting_currency(
            'investments.cost', 'investments.native_currency', 'fx_rates.rate'
        ) }} as reported_cost,
        {{ months_after('investments.starts_on', 'investments.months') }} as ends_on,
        investments.native_currency <> '{{ var("reporting_currency") }}'
        and fx_rates.rate is null as is_rate_missing

    from investments

    left join fx_rates
        on
            investments.starts_on = fx_rates.day
            and investments.native_currency = fx_rates.currency

)

select
    agent_id,
    kind,
    reported_cost as cost,
    {{ reporting_currency('is_rate_missing', 'native_currency', 'starts_on') }}
        as currency,
    native_currency,
    starts_on,
    months,
    ends_on,
    approved_by,
    approved_on,
    evidence_uri,
    _load_id,
    _source_file,
    _source_row

from converted
