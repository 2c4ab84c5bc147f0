with

model_calls as (

    select
        task_id,
        started_at,
        ended_at,
        duration_microseconds,
        latency_microseconds,
        latency_basis

    from {{ ref('int_agent_actions') }}

    where
        is_model_call
        and task_id is not null
        and not is_overhead

),

-- how far the calls before this one reach
reached as (

    select
        *,
        max(case when duration_microseconds > 0 then ended_at end) over (
            partition by task_id
            order by started_at, ended_at
            rows between unbounded preceding and 1 preceding
        ) as reached_at

    from model_calls

),

-- a call adds what lies beyond that, so nested and parallel calls count once
added as (

    select
        task_id,
        latency_basis,
        case
            when duration_microseconds > 0 and reached_at is null
                then duration_microseconds
            when duration_microseconds > 0 and ended_at > reached_at
                then
                    {{ microseconds_between(
                        'greatest(started_at, reached_at)', 'ended_at'
                    ) }}
            when duration_microseconds > 0 then 0
            else latency_microseconds
        end as added_microseconds

    from reached

),

united_to_task as (

    select
        task_id,
        cast(sum(added_microseconds) as bigint) as inference_microseconds,
        case
            when count(latency_basis) = 0 then 'missing'
            when min(latency_basis) <> max(latency_basis) then 'mixed'
            else min(latency_basis)
        end as inference_basis

    from added

    group by task_id

)

select * from united_to_task
