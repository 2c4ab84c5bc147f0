with

source as (

    select * from {{ bronze_rows('reference', 'price_book') }} as price_book

),

renamed as (

    select

        ---------- strings
        provider,
        model,
        bucket,
        tier,
        currency,
        source,

        ---------- numerics
        context_from,
        price_per_million,

        ---------- validity [from, to)
        valid_from,
        valid_to,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
