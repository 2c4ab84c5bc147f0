with

prices as (

    select * from {{ ref('int_prices_split_to_interval') }}

),

bands as (

    select distinct
        provider,
        model,
        tier,
        valid_from,
        valid_to,
        context_from

    from prices

),

-- a bucket without a price of its own in a band has that of the band below
filled as (

    select
        bands.provider,
        bands.model,
        bands.tier,
        bands.valid_from,
        bands.valid_to,
        bands.context_from,
        prices.bucket,
        prices.price_per_million,
        prices.currency,
        prices.price_source,
        prices._load_id,
        prices._source_file,
        prices._source_row

    from bands

    inner join prices
        on
            bands.provider = prices.provider
            and bands.model = prices.model
            and bands.tier = prices.tier
            and bands.valid_from = prices.valid_from
            and bands.context_from >= prices.context_from

    qualify
        row_number() over (
            partition by
                bands.provider,
                bands.model,
                bands.tier,
                bands.valid_from,
                bands.context_from,
                prices.bucket
            order by prices.context_from desc
        ) = 1

),

widened_to_set as (

    select
        provider,
        model,
        tier,
        context_from,
        valid_from,
        valid_to,
        price_source,
        min(currency) as currency,
        max(price_per_million) filter (where bucket = 'input_uncached')
            as input_uncached_per_million,
        max(price_per_million) filter (where bucket = 'cache_read')
            as cache_read_per_million,
        max(price_per_million) filter (where bucket = 'cache_write_5m')
            as cache_write_5m_per_million,
        max(price_per_million) filter (where bucket = 'cache_write_1h')
            as cache_write_1h_per_million,
        max(price_per_million) filter (where bucket = 'output')
            as output_per_million,
        min(_load_id) as _load_id,
        min(_source_file) as _source_file,
        min(_source_row) as _source_row

    from filled

    group by
        provider,
        model,
        tier,
        context_from,
        valid_from,
        valid_to,
        price_source

),

banded as (

    select
        *,
        lead(context_from) over (
            partition by provider, model, tier, valid_from
            order by context_from
        ) as context_to

    from widened_to_set

)

select
    md5(
        provider || '|' || model || '|' || tier || '|'
        || cast(context_from as varchar) || '|' || cast(valid_from as varchar)
    ) as price_id,
    provider,
    model,
    tier,
    context_from,
    context_to,
    currency,
    price_source,
    input_uncached_per_million,
    cache_read_per_million,
    cache_write_5m_per_million,
    cache_write_1h_per_million,
    output_per_million,
    valid_from,
    valid_to,
    _load_id,
    _source_file,
    _source_row

from banded
