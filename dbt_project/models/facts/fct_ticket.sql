with

tickets as (

    select
        *,
        {{ reporting_day('created_at') }} as day

    from {{ ref('int_tickets_reduced_to_current') }}

),

in_scope as (

    select * from tickets

    where {{ in_scope('day') }}

),

returns as (

    select * from {{ ref('int_tickets_matched_to_return') }}

),

tasks as (

    select
        task_id,
        ticket_id,
        agent_id,
        department,
        handled_by,
        human_minutes,
        human_minutes_basis,
        is_escalated

    from {{ ref('int_tasks') }}

),

ticket_minutes as (

    select
        task_id,
        sum(human_minutes) as human_minutes

    from tickets

    group by task_id

),

-- minutes are known of a task; an older ticket of the same task has its own, and the
-- newest what is left
joined as (

    select
        in_scope.*,
        coalesce(in_scope.agent_id, tasks.agent_id, '__unknown__') as task_agent_id,
        coalesce(in_scope.department, tasks.department, '__unknown__')
            as task_department,
        tasks.handled_by,
        case
            when tasks.ticket_id = in_scope.ticket_id
                then
                    greatest(
                        tasks.human_minutes
                        - coalesce(ticket_minutes.human_minutes, 0)
                        + coalesce(in_scope.human_minutes, 0),
                        0
                    )
            else in_scope.human_minutes
        end as known_minutes,
        case
            when tasks.ticket_id = in_scope.ticket_id then tasks.human_minutes_basis
            when in_scope.human_minutes is not null then 'logged'
            else 'none'
        end as human_minutes_basis,
        coalesce(tasks.is_escalated, false) as is_escalated,
        coalesce(returns.is_followed_up, false) as is_followed_up,
        coalesce(returns.is_contacted_again, false) as is_contacted_again,
        coalesce(
            {{ days_after(
                reporting_day('in_scope.ended_at'), var('reopen_window_days')
            ) }}
            <= {{ as_of() }},
            false
        ) as is_mature

    from in_scope

    left join tasks on in_scope.task_id = tasks.task_id

    left join returns on in_scope.ticket_id = returns.ticket_id

    left join ticket_minutes on in_scope.task_id = ticket_minutes.task_id

)

select
    ticket_id,
    source_system,
    day,
    task_id,
    task_type,
    task_department as department,
    channel,
    user_group,
    task_agent_id as agent_id,
    handled_by,
    ticket_status,
    created_at,
    first_response_at,
    resolved_at,
    closed_at,
    ended_at,
    {{ reporting_day('ended_at') }} as ended_day,
    cast(known_minutes as decimal(38, 18)) as human_minutes,
    human_minutes_basis,
    is_escalated,
    is_reopened,
    is_one_touch,
    is_followed_up,
    is_contacted_again,
    is_excluded,
    is_auto_closed,
    cast(satisfaction as double) as satisfaction,
    is_mature,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('joined.day') }} as _transform_run_id

from joined
