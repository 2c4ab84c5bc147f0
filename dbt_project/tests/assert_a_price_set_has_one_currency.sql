-- Fails if the buckets of a price set are in several currencies: no sum has a meaning.
select
    provider,
    model,
    tier,
    valid_from

from {{ ref('int_prices_split_to_interval') }}

group by
    provider,
    model,
    tier,
    valid_from

having min(currency) <> max(currency)
