with

tasks as (

    select
        task_id,
        agent_id,
        requester_id,
        task_type,
        created_at,
        {{ same_time_after('last_update_at', var('reopen_window_days')) }}
            as asked_until,

        -- a person is no agent, and nobody knows which one an unnamed one is
        case
            when agent_id not in ('__human__', '__unknown__') then agent_id
        end as known_agent_id

    from {{ ref('int_tasks_joined') }}

    where requester_id is not null and task_type <> '__unknown__'

),

-- Of one requester and kind, in order of creation: where one agent's tasks give way to
-- another's. The first task of the next run of them is the first that another agent
-- got, so no task has to be compared with every other one.
followed as (

    select
        *,
        lag(known_agent_id ignore nulls) over (
            partition by requester_id, task_type
            order by created_at asc, task_id asc
        ) as known_agent_before

    from tasks

),

next_tasks as (

    select
        task_id,
        agent_id,
        asked_until,
        min(created_at) filter (where known_agent_id <> known_agent_before) over (
            partition by requester_id, task_type
            order by created_at asc, task_id asc
            rows between 1 following and unbounded following
        ) as another_asked_at,
        min(created_at) filter (where agent_id = '__unknown__') over (
            partition by requester_id, task_type
            order by created_at asc, task_id asc
            rows between 1 following and unbounded following
        ) as unnamed_asked_at

    from followed

)

select
    task_id,
    case
        when agent_id = '__human__' then false
        when agent_id = '__unknown__' then null
        when another_asked_at < asked_until then true
        when unnamed_asked_at < asked_until then null
        else false
    end as is_redundant

from next_tasks
