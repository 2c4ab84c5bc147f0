with

source as (

    select * from {{ bronze_rows('reference', 'policies') }} as policies

),

renamed as (

    select

        ---------- strings
        band,
        decision,
        approval,

        ---------- numerics
        budget_cap,

        ---------- dates
        valid_from,
        valid_to,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

)

select * from renamed
