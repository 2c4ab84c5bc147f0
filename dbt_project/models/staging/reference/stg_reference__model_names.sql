with

source as (

    select * from {{ bronze_rows('reference', 'model_names') }} as model_names

),

renamed as (

    select

        ---------- strings
        provider,
        raw_model,
        canonical_provider,
        model,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
