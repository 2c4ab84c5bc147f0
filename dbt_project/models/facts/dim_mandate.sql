with

mandates as (

    select
        *,
        coalesce(currency, '{{ var("reporting_currency") }}') as native_currency

    from {{ ref('stg_reference__mandates') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- of two lines for one mandate the later line counts
latest as (

    select * from mandates

    qualify
        row_number() over (
            partition by mandate_id
            order by _source_row desc, _source_file desc
        ) = 1

),

converted as (

    {{ converted_from('latest', 'limit_amount', 'valid_from') }}

)

select
    mandate_id,
    agent_id,
    goal,
    reported_limit_amount as limit_amount,
    -- a limit is what was agreed on the first day; what begins later has no rate yet
    {{ reporting_currency(
        'is_rate_missing and valid_from <= ' ~ as_of(), 'native_currency', 'valid_from'
    ) }} as currency,
    native_currency,
    valid_from,
    valid_to,
    reached_on,
    approved_by,
    approved_on,
    evidence_uri,
    _load_id,
    _source_file,
    _source_row

from converted
