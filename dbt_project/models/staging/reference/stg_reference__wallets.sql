with

source as (

    select * from {{ bronze_rows('reference', 'wallets') }} as wallets

),

renamed as (

    select

        ---------- ids
        wallet_id,

        ---------- strings
        period,
        currency,

        ---------- numerics
        allowance,
        slope_limit_per_hour,

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
