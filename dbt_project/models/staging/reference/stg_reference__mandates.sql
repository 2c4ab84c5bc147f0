with

source as (

    select * from {{ bronze_rows('reference', 'mandates') }} as mandates

),

renamed as (

    select

        ---------- ids
        mandate_id,
        agent_id,

        ---------- strings
        goal,
        currency,
        approved_by,
        evidence_uri,

        ---------- numerics
        limit_amount,

        ---------- dates
        valid_from,
        valid_to,
        reached_on,
        approved_on,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
