with

fx_rates as (

    select * from {{ ref('stg_reference__fx_rates') }}

),

-- of two rates for one day the later line counts
dated as (

    select
        day,
        from_currency as currency,
        cast(rate as decimal(18, 9)) as rate,
        _load_id,
        _source_file,
        _source_row

    from fx_rates

    where
        to_currency = '{{ var("reporting_currency") }}'
        and from_currency <> '{{ var("reporting_currency") }}'

    qualify
        row_number() over (
            partition by day, from_currency
            order by _source_row desc, _source_file desc
        ) = 1

)

select * from dated
