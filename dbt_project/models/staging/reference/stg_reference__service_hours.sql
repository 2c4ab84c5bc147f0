with

source as (

    select * from {{ bronze_rows('reference', 'service_hours') }} as service_hours

),

renamed as (

    select

        ---------- strings
        department,
        opens_at,
        closes_at,
        approved_by,
        evidence_uri,

        ---------- numerics
        weekday,
        {{ minute_of_day('opens_at') }} as opens_minute,
        {{ minute_of_day('closes_at') }} as closes_minute,
        people,

        ---------- dates
        approved_on,
        valid_from,
        valid_to,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
