with

actions as (

    select * from {{ ref('int_spans_reduced_to_action') }}

),

models as (

    select * from {{ ref('int_models_resolved') }}

),

prices as (

    select * from {{ ref('dim_price') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

resolved as (

    select
        actions.*,
        coalesce(models.provider, actions.raw_provider) as provider,
        coalesce(models.model, actions.model_version) as model,
        actions.input_uncached_tokens
        + actions.cache_read_tokens
        + actions.cache_write_5m_tokens
        + actions.cache_write_1h_tokens as input_tokens,
        actions.output_visible_tokens + actions.reasoning_tokens as output_tokens

    from actions

    left join models
        on
            actions.raw_provider = models.raw_provider
            and actions.model_version = models.model_version
            and actions.day = models.day

),

-- the price of the instant of the call, in the band of its whole input; what is not
-- metered has no input and so finds none (a condition on the left side alone would
-- cost the hash join)
rated as (

    select
        resolved.*,
        prices.price_id,
        prices.currency as price_currency,
        prices.input_uncached_per_million,
        prices.cache_read_per_million,
        prices.cache_write_5m_per_million,
        prices.cache_write_1h_per_million,
        prices.output_per_million

    from resolved

    left join prices
        on
            resolved.provider = prices.provider
            and resolved.model = prices.model
            and resolved.tier = prices.tier
            and {{ is_valid('prices', 'resolved.started_at') }}
            and resolved.input_tokens >= prices.context_from
            and resolved.input_tokens
            < coalesce(prices.context_to, 9223372036854775807)

),

costed as (

    select
        *,
        case
            when is_model_call and input_tokens + output_tokens = 0
                then cast(0 as decimal(38, 9))
            when is_model_call and price_id is not null
                then
                    {{ priced([
                        ('input_uncached_tokens', 'input_uncached_per_million'),
                        ('cache_read_tokens', 'cache_read_per_million'),
                        ('cache_write_5m_tokens', 'cache_write_5m_per_million'),
                        ('cache_write_1h_tokens', 'cache_write_1h_per_million'),
                        ('output_tokens', 'output_per_million'),
                    ]) }}
            else cast(stated_cost as decimal(38, 9))
        end as native_cost,
        case
            when is_model_call then price_currency
            when stated_cost is not null
                then coalesce(stated_currency, '{{ var("reporting_currency") }}')
        end as native_currency

    from rated

),

converted as (

    select
        costed.*,
        case
            when costed.native_cost = 0 then costed.native_cost
            else
                {{ in_reporting_currency(
                    'costed.native_cost', 'costed.native_currency', 'fx_rates.rate'
                ) }}
        end as priced_cost,
        costed.native_cost <> 0
        and costed.native_currency <> '{{ var("reporting_currency") }}'
        and fx_rates.rate is null as is_rate_missing

    from costed

    left join fx_rates
        on
            costed.day = fx_rates.day
            and costed.native_currency = fx_rates.currency

),

told as (

    select
        *,
        case
            when is_rollup then 'rollup'
            when not is_model_call and stated_cost is not null then 'stated'
            when not is_model_call then 'unstated'
            when not is_metered then 'unmetered'
            when native_cost is null then 'unpriced'
            when input_tokens + output_tokens = 0 then 'free'
            else 'priced'
        end as cost_status

    from converted

)

select
    action_id,
    trace_id,
    span_id,
    agent_id,
    task_id,
    source_task_id,
    source_system,
    operation,
    provider,
    model,
    model_version,
    tier,
    tool,
    initiated_by,
    model_registry_version,
    feature_version,
    day,
    input_uncached_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    output_visible_tokens,
    reasoning_tokens,
    input_tokens,
    output_tokens,
    duration_microseconds,
    latency_microseconds,
    latency_basis,
    first_token_microseconds,
    cpu_microseconds,
    peak_memory_bytes,
    received_bytes,
    sent_bytes,
    cost_status,
    priced_cost,
    native_cost,
    native_currency,
    price_id,
    price_currency,
    input_uncached_per_million,
    cache_read_per_million,
    cache_write_5m_per_million,
    cache_write_1h_per_million,
    output_per_million,
    is_model_call,
    is_rollup,
    is_metered,
    is_retrieval,
    is_error,
    is_overhead,
    is_approved_by_human,
    is_rate_missing,
    experiment_id,
    experiment_arm,
    experiment_unit_id,
    experiment_propensity,
    started_at,
    ended_at,
    _load_id,
    _source_file,
    _source_row

from told
