with

source as (

    select * from {{ bronze_rows('reference', 'gpu_resources') }} as gpu_resources

),

renamed as (

    select

        ---------- ids
        resource_id,
        dedicated_agent_id,

        ---------- strings
        hostname,
        gpu_uuid,
        capacity_source,

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
