with

source as (

    select *
    from {{ bronze_rows('reference', 'agent_transactions') }} as agent_transactions

),

renamed as (

    select

        ---------- ids
        transaction_id,
        buyer_agent_id,
        seller_agent_id,

        ---------- strings
        exchange,
        currency,
        evidence_uri,

        ---------- numerics
        value,

        ---------- booleans
        is_autonomous,

        ---------- dates
        day,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
