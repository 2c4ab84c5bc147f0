with

actions as (

    select * from {{ ref('int_agent_actions') }}

),

bought_again as (

    select * from {{ ref('int_tasks_bought_again') }}

),

in_scope as (

    select
        actions.*,

        -- a flagged action is overhead even inside a task
        case when not actions.is_overhead then bought_again.is_redundant end
            as is_redundant

    from actions

    left join bought_again on actions.task_id = bought_again.task_id

    where {{ in_scope('actions.day') }}

)

select
    action_id,
    trace_id,
    span_id,
    day,
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
    started_at,
    cast(latency_microseconds / 1000000.0 as double) as latency_seconds,
    latency_microseconds,
    latency_basis,
    cast(first_token_microseconds / 1000000.0 as double)
        as time_to_first_token_seconds,
    cpu_microseconds,
    peak_memory_bytes,
    received_bytes,
    sent_bytes,
    model_registry_version,
    feature_version,
    input_uncached_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    output_visible_tokens,
    reasoning_tokens,
    is_error,
    is_overhead,
    is_retrieval,
    is_rollup,
    is_approved_by_human,
    is_redundant,
    initiated_by,
    cost_status,
    priced_cost,
    {{ reporting_currency('is_rate_missing', 'native_currency', 'day') }} as currency,
    case when cost_status = 'priced' then price_id end as price_id,
    case when cost_status = 'priced' then price_currency end as price_currency,
    case when cost_status = 'priced' then input_uncached_per_million end
        as input_uncached_per_million,
    case when cost_status = 'priced' then cache_read_per_million end
        as cache_read_per_million,
    case when cost_status = 'priced' then cache_write_5m_per_million end
        as cache_write_5m_per_million,
    case when cost_status = 'priced' then cache_write_1h_per_million end
        as cache_write_1h_per_million,
    case when cost_status = 'priced' then output_per_million end
        as output_per_million,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('in_scope.day') }} as _transform_run_id

from in_scope
