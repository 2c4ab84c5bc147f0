with

tasks as (

    select
        task_id,
        department,
        outcome_class,
        agent_id,
        is_escalated,
        created_day,
        resolved_day,
        created_at,
        ended_at

    from {{ ref('int_tasks') }}

),

service_hours as (

    select * from {{ ref('int_service_hours_laid_to_day') }}

),

rosters as (

    select distinct
        department,
        day

    from service_hours

    where department <> '__shared__'

),

actions as (

    select
        task_id,
        started_at,
        is_model_call,

        -- a call without a length of its own ended nobody knows when
        case
            when duration_microseconds > 0 then ended_at
            when latency_microseconds is not null
                then {{ microseconds_after('started_at', 'latency_microseconds') }}
            when not is_model_call then ended_at
        end as ended_at

    from {{ ref('int_agent_actions') }}

    where
        task_id is not null
        and not is_overhead
        and not is_rollup

),

time_entries as (

    select
        task_id,
        started_at

    from {{ ref('int_time_entries_costed') }}

    where started_at is not null

),

---------- business hours

ended as (

    select * from tasks

    where ended_at >= created_at

),

-- the hours that held for the department when the task was created
placed as (

    select
        ended.*,
        coalesce(rosters.department, '__shared__') as hours_of

    from ended

    left join rosters
        on
            ended.department = rosters.department
            and ended.created_day = rosters.day

),

counted_to_creation as (

    select
        placed.*,
        service_hours.day as from_day,
        service_hours.covered_days as from_covered_days,
        service_hours.open_before_microseconds
        + {{ microseconds_between(
            'service_hours.opens_at',
            'least(placed.created_at, service_hours.closes_at)'
        ) }} as from_microseconds

    from placed

    asof inner join service_hours
        on
            placed.hours_of = service_hours.department
            and placed.created_at >= service_hours.opens_at

),

counted_to_end as (

    select
        counted_to_creation.*,
        service_hours.day as to_day,
        service_hours.covered_days as to_covered_days,
        service_hours.open_before_microseconds
        + {{ microseconds_between(
            'service_hours.opens_at',
            'least(counted_to_creation.ended_at, service_hours.closes_at)'
        ) }} as to_microseconds

    from counted_to_creation

    asof inner join service_hours
        on
            counted_to_creation.hours_of = service_hours.department
            and counted_to_creation.ended_at >= service_hours.opens_at

),

-- hours that nobody wrote down are not closed hours: every day of it must be covered
in_business_hours as (

    select
        task_id,
        to_microseconds - from_microseconds as business_cycle_microseconds

    from counted_to_end

    where
        from_day = created_day
        and to_day = resolved_day
        and to_covered_days - from_covered_days
        = {{ days_between('from_day', 'to_day') }}

),

---------- time to value

successes as (

    select * from tasks

    where outcome_class in ('autonomous_success', 'assisted_success')

),

-- what was called after the resolution made no output of it
last_calls as (

    select
        actions.task_id,
        max(actions.ended_at) as last_ended_at,
        max(coalesce(actions.ended_at, actions.started_at)) as last_seen_at

    from actions

    inner join successes on actions.task_id = successes.task_id

    where
        actions.is_model_call
        and not successes.is_escalated
        and coalesce(actions.ended_at, actions.started_at) <= successes.ended_at

    group by actions.task_id

),

valued as (

    select
        successes.task_id,
        case
            when last_calls.task_id is null
                then {{ microseconds_between(
                    'successes.created_at', 'successes.ended_at'
                ) }}
            when last_calls.last_ended_at = last_calls.last_seen_at
                then {{ microseconds_between(
                    'successes.created_at', 'last_calls.last_ended_at'
                ) }}
        end as value_microseconds

    from successes

    left join last_calls on successes.task_id = last_calls.task_id

),

---------- hand-over

escalated_actions as (

    select actions.* from actions

    inner join tasks on actions.task_id = tasks.task_id

    where tasks.is_escalated

),

first_ends as (

    select
        task_id,
        min(ended_at) as first_ended_at

    from escalated_actions

    group by task_id

),

-- the first time that a person took up what an agent had done
takeovers as (

    select
        time_entries.task_id,
        min(time_entries.started_at) as taken_at

    from time_entries

    inner join first_ends on time_entries.task_id = first_ends.task_id

    where time_entries.started_at >= first_ends.first_ended_at

    group by time_entries.task_id

),

seen_before_takeover as (

    select
        takeovers.task_id,
        min(takeovers.taken_at) as taken_at,
        max(escalated_actions.ended_at) as last_ended_at,
        max(coalesce(escalated_actions.ended_at, escalated_actions.started_at))
            as last_seen_at

    from takeovers

    inner join escalated_actions
        on
            takeovers.task_id = escalated_actions.task_id
            and coalesce(escalated_actions.ended_at, escalated_actions.started_at)
            <= takeovers.taken_at

    group by takeovers.task_id

),

handed as (

    select
        task_id,
        {{ microseconds_between('last_ended_at', 'taken_at') }}
            as handoff_microseconds

    from seen_before_takeover

    where last_ended_at = last_seen_at

),

clocked as (

    select
        tasks.task_id,
        in_business_hours.business_cycle_microseconds,

        -- an output that was there before the task was is none of it
        case when valued.value_microseconds >= 0 then valued.value_microseconds end
            as value_microseconds,
        handed.handoff_microseconds

    from tasks

    left join in_business_hours on tasks.task_id = in_business_hours.task_id

    left join valued on tasks.task_id = valued.task_id

    left join handed on tasks.task_id = handed.task_id

)

select
    task_id,
    cast(business_cycle_microseconds as bigint) as business_cycle_microseconds,
    cast(value_microseconds as bigint) as value_microseconds,
    cast(handoff_microseconds as bigint) as handoff_microseconds

from clocked
