with

source as (

    select * from {{ bronze_rows('reference', 'model_aliases') }} as model_aliases

),

renamed as (

    select

        ---------- strings
        raw_model,
        provider,
        model,

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
