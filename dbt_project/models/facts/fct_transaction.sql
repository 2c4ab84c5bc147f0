with

transactions as (

    select
        *,
        coalesce(currency, '{{ var("reporting_currency") }}') as native_currency

    from {{ ref('stg_reference__agent_transactions') }}

    where {{ in_scope('day') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- of two lines for one transaction the later line counts
latest as (

    select * from transactions

    qualify
        row_number() over (
            partition by transaction_id
            order by _source_row desc, _source_file desc
        ) = 1

),

converted as (

    {{ converted_from('latest', 'value', 'day') }}

)

select
    transaction_id,
    day,
    exchange,
    buyer_agent_id,
    seller_agent_id,
    reported_value as value,
    {{ reporting_currency('is_rate_missing', 'native_currency', 'day') }} as currency,
    native_currency,
    is_autonomous,
    case when evidence_uri is null then 'assumed' else 'measured' end as evidence,
    evidence_uri,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('converted.day') }} as _transform_run_id

from converted
