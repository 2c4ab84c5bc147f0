with

source as (

    select * from {{ bronze_rows('reference', 'time_entries') }} as time_entries

),

renamed as (

    select

        ---------- ids
        ticket_id,
        task_id,

        ---------- strings
        person_kind,
        kind,

        ---------- numerics
        minutes,

        ---------- timestamps (UTC)
        started_at,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
