with

prices as (

    select
        provider,
        model,
        bucket,
        tier,
        context_from,
        price_per_million,
        currency,
        valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row,
        'reference' as price_source

    from {{ ref('stg_reference__prices') }}

),

price_book as (

    select
        provider,
        model,
        bucket,
        tier,
        context_from,
        price_per_million,
        currency,
        valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row,
        'price_book' as price_source

    from {{ ref('stg_reference__price_book') }}

),

both_lists as (

    select * from prices

    union all

    select * from price_book

),

offered as (

    select
        provider,
        model,
        case when bucket = 'output_visible' then 'output' else bucket end as bucket,
        coalesce(lower(tier), 'standard') as tier,
        coalesce(context_from, 0) as context_from,
        cast(price_per_million as decimal(18, 9)) as price_per_million,
        coalesce(currency, '{{ var("reporting_currency") }}') as currency,
        coalesce(valid_from, cast('0001-01-01' as timestamp)) as offered_from,
        valid_to as offered_to,
        _load_id,
        _source_file,
        _source_row,
        price_source

    from both_lists

    where price_per_million is not null

),

-- every instant at which some price of a model and tier begins or ends
boundaries as (

    select
        provider,
        model,
        tier,
        offered_from as boundary_at

    from offered

    union distinct

    select
        provider,
        model,
        tier,
        offered_to as boundary_at

    from offered

    where offered_to is not null

),

intervals as (

    select
        provider,
        model,
        tier,
        boundary_at as valid_from,
        lead(boundary_at) over (
            partition by provider, model, tier
            order by boundary_at
        ) as valid_to

    from boundaries

),

covering as (

    select
        intervals.provider,
        intervals.model,
        intervals.tier,
        intervals.valid_from,
        intervals.valid_to,
        offered.bucket,
        offered.context_from,
        offered.price_per_million,
        offered.currency,
        offered.offered_from,
        offered.price_source,
        offered._load_id,
        offered._source_file,
        offered._source_row

    from intervals

    inner join offered
        on
            intervals.provider = offered.provider
            and intervals.model = offered.model
            and intervals.tier = offered.tier
            and intervals.valid_from >= offered.offered_from
            and (
                offered.offered_to is null
                or intervals.valid_from < offered.offered_to
            )

),

-- where people keep a price of a model and tier, the book says nothing about it
of_the_winning_list as (

    select * from covering

    qualify
        price_source = 'reference'
        or sum(case when price_source = 'reference' then 1 else 0 end) over (
            partition by provider, model, tier, valid_from
        ) = 0

),

-- of two prices for one bucket and band the later start counts
latest as (

    select * from of_the_winning_list

    qualify
        row_number() over (
            partition by
                provider, model, tier, valid_from, bucket, context_from
            order by offered_from desc, _source_row desc, _source_file desc
        ) = 1

)

select * from latest
