with

source as (

    select * from {{ bronze_rows('billing', 'provider_costs') }} as provider_costs

),

renamed as (

    select

        ---------- ids
        system,
        scope_id,

        ---------- strings
        provider as raw_provider,
        line_item,
        token_type,
        coalesce(tier, 'standard') as tier,
        currency as reported_currency,

        ---------- numerics
        amount,

        ---------- days
        cast(bucket_start as date) as day,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

    where bucket_start is not null

)

select * from renamed
