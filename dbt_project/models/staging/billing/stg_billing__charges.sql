with

source as (

    select * from {{ bronze_rows('billing', 'charges') }} as charges

),

renamed as (

    select

        ---------- ids
        line_key,
        md5(
            concat_ws(
                '|',
                coalesce(provider_name, '__unknown__'),
                coalesce(billing_account_id, '__unknown__'),
                coalesce(cast(billing_period_start as varchar), '')
            )
        ) as period_key,
        coalesce(billing_account_id, '__unknown__') as account_id,
        sub_account_id,
        invoice_id,
        resource_id,
        sku_id,
        sku_price_id,
        commitment_discount_id,

        ---------- strings
        coalesce(provider_name, '__unknown__') as provider_name,
        publisher_name,
        invoice_issuer_name,
        billing_account_name as account_name,
        sub_account_name,
        charge_category,
        charge_class,
        charge_description,
        charge_frequency,
        resource_name,
        resource_type,
        region_id,
        service_category,
        service_subcategory,
        service_name,
        sku_meter,
        sku_price_details,
        pricing_category,
        pricing_unit,
        consumed_unit,
        commitment_discount_status,
        coalesce(billing_currency, '{{ var("reporting_currency") }}')
            as billing_currency,
        tags,
        extra,

        ---------- numerics
        consumed_quantity,
        billed_cost,
        effective_cost,
        list_cost,

        ---------- timestamps (UTC)
        billing_period_start,
        billing_period_end,
        charge_period_start as charge_start_at,
        charge_period_end as charge_end_at,

        ---------- days
        {{ reporting_day('charge_period_start') }} as charge_start_day,
        {{ last_day('charge_period_start', 'charge_period_end') }}
            as charge_last_day,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from source

    where charge_period_start is not null

)

select * from renamed
