with

spans as (

    select distinct
        raw_provider,
        model_version,
        {{ reporting_day('started_at') }} as day

    from {{ ref('stg_tokens__spans') }}

),

provider_aliases as (

    select
        raw_provider,
        min(provider) as provider

    from {{ ref('stg_reference__provider_aliases') }}

    group by raw_provider

),

model_names as (

    select
        coalesce(provider, '__unknown__') as raw_provider,
        raw_model as model_version,
        min(canonical_provider) as provider,
        min(model) as model

    from {{ ref('stg_reference__model_names') }}

    where model is not null

    group by
        provider,
        raw_model

),

models as (

    select * from {{ ref('dim_model') }}

),

provided as (

    select
        spans.raw_provider,
        spans.model_version,
        spans.day,
        model_names.model as matched_model,
        coalesce(
            provider_aliases.provider, model_names.provider, spans.raw_provider
        ) as provider

    from spans

    left join provider_aliases
        on spans.raw_provider = provider_aliases.raw_provider

    left join model_names
        on
            spans.raw_provider = model_names.raw_provider
            and spans.model_version = model_names.model_version

),

-- a dated alias goes before what the price list's own matcher makes of the name; an
-- alias of the provider's own before one that names no provider; where the call names
-- no provider, the alias tells it
resolved as (

    select
        provided.raw_provider,
        provided.model_version,
        provided.day,
        case
            when provided.provider = '__unknown__'
                then coalesce(models.provider, provided.provider)
            else provided.provider
        end as provider,
        coalesce(
            models.model, provided.matched_model, provided.model_version
        ) as model

    from provided

    left join models
        on
            provided.model_version = models.model_version
            and {{ is_valid('models', 'provided.day') }}
            and (
                provided.provider = models.provider
                or models.provider = '__unknown__'
                or provided.provider = '__unknown__'
            )

    qualify
        row_number() over (
            partition by
                provided.raw_provider, provided.model_version, provided.day
            order by
                models.provider = provided.provider desc nulls last,
                models.provider = '__unknown__' desc nulls last,
                models.provider asc,
                models.model asc
        ) = 1

)

select * from resolved
