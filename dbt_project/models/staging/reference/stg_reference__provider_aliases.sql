with

source as (

    select * from {{ bronze_rows('reference', 'provider_aliases') }} as provider_aliases

),

renamed as (

    select

        ---------- strings
        raw_provider,
        provider,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
