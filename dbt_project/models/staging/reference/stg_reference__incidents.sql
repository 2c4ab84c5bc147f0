with

source as (

    select * from {{ bronze_rows('reference', 'incidents') }} as incidents

),

renamed as (

    select

        ---------- ids
        incident_id,
        agent_id,

        ---------- strings
        severity,

        ---------- timestamps (UTC)
        started_at,
        detected_at,
        recovered_at,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
