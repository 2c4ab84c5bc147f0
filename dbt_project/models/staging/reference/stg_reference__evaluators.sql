with

source as (

    select * from {{ bronze_rows('reference', 'evaluators') }} as evaluators

),

renamed as (

    select

        ---------- ids
        evaluator_id,

        ---------- strings
        rubric_version,

        ---------- numerics
        tp,
        fn,
        tn,
        fp,

        ---------- days
        validated_on,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
