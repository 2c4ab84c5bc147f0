with

source as (

    select * from {{ bronze_rows('tokens', 'spans') }} as spans

),

renamed as (

    select

        ---------- strings
        coalesce(currency, 'USD') as logged_currency,

        ---------- numerics
        logged_cost,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

    where logged_cost is not null

)

select * from renamed
