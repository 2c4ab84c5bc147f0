-- Fails if two price sets hold for one model, tier, instant and context.
select
    prices.price_id,
    others.price_id as other_price_id

from {{ ref('dim_price') }} as prices

inner join {{ ref('dim_price') }} as others
    on
        prices.provider = others.provider
        and prices.model = others.model
        and prices.tier = others.tier
        and prices.price_id < others.price_id
        and prices.valid_from < coalesce(others.valid_to, timestamp '9999-12-31')
        and others.valid_from < coalesce(prices.valid_to, timestamp '9999-12-31')
        and prices.context_from < coalesce(others.context_to, 9223372036854775807)
        and others.context_from < coalesce(prices.context_to, 9223372036854775807)
