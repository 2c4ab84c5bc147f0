with

source as (

    select * from {{ bronze_rows('reference', 'experiments') }} as experiments

),

renamed as (

    select

        ---------- ids
        experiment_id,

        ---------- strings
        hypothesis,
        metric,
        unit,
        arms,
        allocation,
        guardrails,

        ---------- numerics
        minimum_effect,

        ---------- dates
        starts_on,
        ends_on,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
