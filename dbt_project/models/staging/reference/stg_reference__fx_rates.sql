with

source as (

    select * from {{ bronze_rows('reference', 'fx_rates') }} as fx_rates

),

renamed as (

    select

        ---------- strings
        from_currency,
        to_currency,
        source,

        ---------- numerics
        rate,

        ---------- days
        day,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
