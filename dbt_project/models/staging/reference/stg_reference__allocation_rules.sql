with

source as (

    select * from {{ bronze_rows('reference', 'allocation_rules') }} as allocation_rules

),

renamed as (

    select

        ---------- ids
        agent_id,

        ---------- strings
        cost_class,
        key,
        value,

        ---------- numerics
        share,

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
