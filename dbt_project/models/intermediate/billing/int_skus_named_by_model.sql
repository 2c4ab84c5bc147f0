with

skus as (

    select distinct
        provider,
        sku_price_details,
        sku_meter,
        sku_id

    from {{ ref('int_charges_classified') }}

    where cost_class = 'token_api'

),

models as (

    select
        provider,
        model_version,
        model,
        valid_from,
        valid_to

    from {{ ref('dim_model') }}

),

-- a detail of the price is a whole JSON text; a meter or a SKU may hold more words
matched as (

    select
        skus.*,
        models.model_version,
        models.model,
        models.valid_from,
        models.valid_to,
        coalesce(lower(models.provider) = lower(skus.provider), false)
            as is_own_alias,
        case
            when
                contains(
                    skus.sku_price_details, '"' || models.model_version || '"'
                )
                then 1
            when
                contains(
                    {{ words('skus.sku_meter') }},
                    {{ words('models.model_version') }}
                )
                then 2
            when
                contains(
                    {{ words('skus.sku_id') }},
                    {{ words('models.model_version') }}
                )
                then 3
        end as place

    from skus

    cross join models

)

select
    provider,
    sku_price_details,
    sku_meter,
    sku_id,
    model_version,
    model,
    valid_from,
    valid_to,
    is_own_alias,
    place

from matched

where place is not null
