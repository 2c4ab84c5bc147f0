{{ config(materialized='view') }}

with

spans as (

    select * from {{ ref('stg_tokens__spans') }}

),

identified as (

    select
        md5(
            coalesce(
                'attempt:' || attempt_id,
                'span:' || coalesce(trace_id, '') || ':' || span_id,
                'row:' || _source_file || ':' || cast(_source_row as varchar)
            )
        ) as action_id,
        *

    from spans

),

repeated as (

    select action_id

    from identified

    group by action_id

    having count(*) > 1

),

-- few are: to sort all of them by all their columns costs more than the rest
once as (

    select * from identified

    where
        not exists (
            select 1 from repeated
            where repeated.action_id = identified.action_id
        )

),

-- a record that was delivered again is one action; of one message that was logged
-- several times while it streamed, the last record counts; a retry that was billed
-- has an attempt of its own
last_of_several as (

    select * from identified

    where action_id in (select repeated.action_id from repeated)

    qualify
        row_number() over (
            partition by action_id
            order by
                started_at desc nulls last,
                output_visible_tokens + reasoning_tokens desc nulls last,
                _source_row desc,
                _source_file desc
        ) = 1

),

reduced as (

    {{ union_by_name(['once', 'last_of_several']) }}

),

named as (

    select
        {{ reporting_day('started_at') }} as day,
        *,

        -- an action flagged as overhead is overhead even inside a task
        is_flagged_overhead or task_id is null as is_overhead,
        case
            when is_rollup then null
            when duration_microseconds > 0 then duration_microseconds
            else mapped_microseconds
        end as latency_microseconds,
        case
            when is_rollup then null
            when duration_microseconds > 0 then 'span'
            when mapped_microseconds is not null then 'mapped'
        end as latency_basis,
        case when not is_rollup then time_to_first_token_microseconds end
            as first_token_microseconds

    from reduced

)

select
    action_id,
    trace_id,
    span_id,
    attempt_id,
    agent_id,
    task_id,
    source_task_id,
    source_system,
    operation,
    raw_provider,
    model_version,
    tier,
    tool,
    initiated_by,
    stated_currency,
    experiment_id,
    experiment_arm,
    experiment_unit_id,
    experiment_propensity,
    model_registry_version,
    feature_version,
    day,
    input_uncached_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    output_visible_tokens,
    reasoning_tokens,
    duration_microseconds,
    latency_microseconds,
    latency_basis,
    first_token_microseconds,
    cpu_microseconds,
    peak_memory_bytes,
    received_bytes,
    sent_bytes,
    stated_cost,
    is_model_call,
    is_rollup,
    is_metered,
    is_retrieval,
    is_error,
    is_overhead,
    is_approved_by_human,
    started_at,
    ended_at,
    _load_id,
    _source_file,
    _source_row

from named
