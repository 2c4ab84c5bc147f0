with

actions as (

    select
        action_id,
        task_id,
        agent_id,
        model_version,
        day,
        initiated_by,
        is_model_call,
        is_retrieval,
        is_approved_by_human,
        model_registry_version,
        feature_version,
        cpu_microseconds,
        peak_memory_bytes,
        received_bytes,
        sent_bytes,
        started_at,
        priced_cost,
        cost_status,
        input_tokens + output_tokens as tokens,
        _load_id,
        _source_file,
        _source_row

    from {{ ref('int_agent_actions') }}

    where
        task_id is not null
        and not is_overhead
        and not is_rollup

),

summed_to_task_agent as (

    select
        task_id,
        agent_id,
        model_version,
        count(*) as actions,
        count(*) filter (where is_model_call) as model_calls,
        count(*) filter (where cost_status = 'unpriced') as unpriced_calls,
        cast(coalesce(sum(tokens), 0) as bigint) as tokens,
        cast(sum(priced_cost) as decimal(38, 9)) as priced_cost,
        cast(sum(cpu_microseconds) as bigint) as cpu_microseconds,
        max(peak_memory_bytes) as peak_memory_bytes,
        cast(sum(received_bytes) as bigint) as received_bytes,
        cast(sum(sent_bytes) as bigint) as sent_bytes,
        max(started_at) filter (where is_model_call) as last_model_call_at,
        min(started_at) as first_action_at,
        max(started_at) as last_action_at,
        min(day) as first_action_day,
        max(day) as last_action_day,
        min_by(initiated_by, row(started_at, action_id)) as initiated_by,

        -- that of the last call that names one, as the last call gives the model
        max_by(model_registry_version, row(started_at, action_id))
        filter (where is_model_call and model_registry_version is not null)
            as model_registry_version,
        max_by(feature_version, row(started_at, action_id))
        filter (where is_model_call and feature_version is not null)
            as feature_version,
        bool_or(is_retrieval) as has_retrieval,
        bool_or(is_approved_by_human) as is_approved_by_human,
        min_by(_load_id, action_id) as _load_id,
        min_by(_source_file, action_id) as _source_file,
        min_by(_source_row, action_id) as _source_row

    from actions

    group by
        task_id,
        agent_id,
        model_version

)

select * from summed_to_task_agent
