with

wallets as (

    select * from {{ ref('stg_reference__wallets') }}

),

dated as (

    select
        wallet_id,
        coalesce(period, 'day') as period,
        {{ money_of_nano(nano_units('allowance')) }} as allowance,
        coalesce(currency, '{{ var("reporting_currency") }}') as currency,
        {{ money_of_nano(nano_units('slope_limit_per_hour')) }}
            as slope_limit_per_hour,
        {{ starts_on() }} as valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row

    from wallets

),

-- of two lines for one wallet and one start the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by wallet_id, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

closed as (

    select
        wallet_id,
        period,
        allowance,
        currency,
        slope_limit_per_hour,
        valid_from,
        {{ ends_on('wallet_id') }} as valid_to,
        _load_id,
        _source_file,
        _source_row

    from latest

)

select * from closed
