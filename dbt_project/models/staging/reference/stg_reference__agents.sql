with

source as (

    select * from {{ bronze_rows('reference', 'agents') }} as agents

),

renamed as (

    select

        ---------- ids
        agent_id,
        wallet_id,

        ---------- strings
        name,
        kind,
        category,
        department,
        owner,
        autonomy_level,

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
