with

source as (

    select * from {{ bronze_rows('reference', 'investments') }} as investments

),

renamed as (

    select

        ---------- ids
        agent_id,

        ---------- strings
        kind,
        currency,
        approved_by,
        evidence_uri,

        ---------- numerics
        cost,
        months,

        ---------- dates
        starts_on,
        approved_on,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
