with

actions as (

    select
        day,
        agent_id,

        -- a flagged action is overhead even inside a task: only whose it is counts.
        -- (As a condition in the join's ON it would make the join a nested loop.)
        case when not is_overhead then task_id end as task_id,
        provider,
        model,
        model_version,
        tool,
        cost_status,
        priced_cost,
        latency_microseconds,
        input_uncached_tokens
        + cache_read_tokens
        + cache_write_5m_tokens
        + cache_write_1h_tokens
        + output_visible_tokens
        + reasoning_tokens as tokens,
        cost_status in ('priced', 'free', 'unpriced', 'unmetered') as is_model_call

    from {{ ref('int_agent_actions') }}

    where not is_rollup

),

tasks as (

    select
        task_id,
        task_type,
        department,
        channel,
        outcome_class

    from {{ ref('int_tasks') }}

),

agents as (

    select
        agent_id,
        department,
        valid_from,
        valid_to

    from {{ ref('dim_agent') }}

),

placed as (

    select
        actions.*,
        coalesce(tasks.task_type, '__unknown__') as task_type,
        coalesce(
            case
                when tasks.task_id is null then agents.department
                else tasks.department
            end,
            '__unknown__'
        ) as department,
        coalesce(tasks.channel, '__unknown__') as channel,
        case
            when tasks.task_id is null then 'overhead'
            else coalesce(tasks.outcome_class, '__unknown__')
        end as outcome_class

    from actions

    left join tasks
        on actions.task_id = tasks.task_id

    left join agents
        on
            actions.agent_id = agents.agent_id
            and {{ is_valid('agents', 'actions.day') }}

),

summed_to_cell as (

    select
        day,
        coalesce(lower(provider), '__unknown__') as provider,
        coalesce(model, '__unknown__') as model,

        -- who bills a price that the action states: its provider, else the tool
        case
            when cost_status = 'stated'
                then
                    coalesce(
                        nullif(lower(provider), '__unknown__'), tool, '__unknown__'
                    )
        end as stated_by,
        coalesce(agent_id, '__unknown__') as agent_id,
        coalesce(model_version, '__unknown__') as model_version,
        task_type,
        department,
        channel,
        outcome_class,
        count(*) filter (where is_model_call) as model_calls,
        count(*) filter (where cost_status = 'unpriced') as unpriced_calls,
        cast(
            coalesce(sum(tokens) filter (where is_model_call), 0) as bigint
        ) as tokens,
        cast(
            coalesce(sum(latency_microseconds) filter (where is_model_call), 0)
            as bigint
        ) as inference_microseconds,
        cast(
            coalesce(sum(priced_cost) filter (where is_model_call), 0)
            as decimal(38, 9)
        ) as priced_cost,
        cast(
            coalesce(sum(priced_cost) filter (where cost_status = 'stated'), 0)
            as decimal(38, 9)
        ) as stated_cost

    from placed

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

)

select * from summed_to_cell
