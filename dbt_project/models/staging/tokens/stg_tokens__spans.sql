with

source as (

    select * from {{ bronze_rows('tokens', 'spans') }} as spans

),

told_apart as (

    select
        *,

        -- only leaf model calls use tokens; an agent's or a workflow's own span
        -- may repeat what its children used
        coalesce(lower(operation), '__unknown__') in (
            'chat', 'generate_content', 'text_completion', 'embeddings'
        ) as is_model_call,
        coalesce(lower(operation), '__unknown__') in (
            'invoke_agent', 'invoke_workflow'
        ) as is_rollup,
        coalesce(
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            cache_write_5m_tokens,
            cache_write_1h_tokens,
            reasoning_tokens
        ) is not null as is_metered

    from source

),

renamed as (

    select

        ---------- ids
        trace_id,
        span_id,
        case when is_model_call then attempt_id end as attempt_id,
        coalesce(agent_id, '__unknown__') as agent_id,
        conversation_id as task_id,
        source_task_id,

        ---------- strings
        system as source_system,
        coalesce(lower(operation), '__unknown__') as operation,
        coalesce(provider, '__unknown__') as raw_provider,
        coalesce(response_model, request_model, '__unknown__') as model_version,
        coalesce(lower(tier), 'standard') as tier,
        tool_name as tool,
        coalesce(initiated_by, '__unknown__') as initiated_by,
        currency as stated_currency,
        experiment_id,
        experiment_arm,
        experiment_unit_id,
        model_registry_version,
        feature_version,

        ---------- numerics: disjoint buckets
        case
            when is_model_call and is_metered
                then
                    coalesce(input_tokens, 0)
                    - case
                        when coalesce(input_includes_cache, true)
                            then
                                coalesce(cache_read_tokens, 0)
                                + coalesce(cache_write_tokens, 0)
                                + coalesce(cache_write_5m_tokens, 0)
                                + coalesce(cache_write_1h_tokens, 0)
                        else 0
                    end
        end as input_uncached_tokens,
        case
            when is_model_call and is_metered then coalesce(cache_read_tokens, 0)
        end as cache_read_tokens,

        -- a write whose lifetime is not said has the shorter and cheaper one
        case
            when is_model_call and is_metered
                then
                    coalesce(cache_write_tokens, 0)
                    + coalesce(cache_write_5m_tokens, 0)
        end as cache_write_5m_tokens,
        case
            when is_model_call and is_metered
                then coalesce(cache_write_1h_tokens, 0)
        end as cache_write_1h_tokens,
        case
            when is_model_call and is_metered
                then coalesce(output_tokens, 0) - coalesce(reasoning_tokens, 0)
        end as output_visible_tokens,
        case
            when is_model_call and is_metered then coalesce(reasoning_tokens, 0)
        end as reasoning_tokens,

        ---------- numerics
        {{ microseconds_between('started_at', 'ended_at') }}
            as duration_microseconds,
        latency_us as mapped_microseconds,
        time_to_first_token_us as time_to_first_token_microseconds,
        case when not is_model_call and not is_rollup then stated_cost end
            as stated_cost,

        -- weights are one over it, so what is no probability is not known
        case
            when experiment_propensity > 0 and experiment_propensity <= 1
                then experiment_propensity
        end as experiment_propensity,

        {{ used_by_step('cpu_time_us') }} as cpu_microseconds,
        {{ used_by_step('peak_memory_bytes') }} as peak_memory_bytes,
        {{ used_by_step('received_bytes') }} as received_bytes,
        {{ used_by_step('sent_bytes') }} as sent_bytes,

        ---------- booleans
        is_model_call,
        is_rollup,
        is_model_call and is_metered as is_metered,
        coalesce(lower(operation), '__unknown__') = 'retrieval' as is_retrieval,
        coalesce(is_error, false) as is_error,
        coalesce(is_overhead, false) as is_flagged_overhead,
        is_approved_by_human,

        ---------- timestamps (UTC)
        started_at,
        ended_at,

        ---------- lineage
        _load_id,
        _source_file,
        _source_row

    from told_apart

)

select * from renamed
