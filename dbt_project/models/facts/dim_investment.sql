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

    {{ converted_from('investments', 'cost', 'starts_on') }}

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
    {{ months_after('starts_on', 'months') }} as ends_on,
    approved_by,
    approved_on,
    evidence_uri,
    _load_id,
    _source_file,
    _source_row

from converted
