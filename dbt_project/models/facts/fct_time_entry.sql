with

time_entries as (

    select * from {{ ref('int_time_entries_costed') }}

    where {{ in_scope('day') }}

),

tasks as (

    select
        task_id,
        agent_id,
        model_version,
        task_type,
        department,
        channel,
        outcome_class

    from {{ ref('int_tasks') }}

),

service_days as (

    select distinct
        department,
        day

    from {{ ref('int_service_hours_laid_to_day') }}

),

placed as (

    select
        time_entries.*,
        coalesce(tasks.agent_id, '__unknown__') as agent_id,
        coalesce(tasks.model_version, '__unknown__') as model_version,
        coalesce(tasks.task_type, '__unknown__') as task_type,
        coalesce(tasks.department, '__unknown__') as department,
        coalesce(tasks.channel, '__unknown__') as channel,
        coalesce(tasks.outcome_class, '__unknown__') as outcome_class

    from time_entries

    left join tasks on time_entries.task_id = tasks.task_id

),

-- a department without a line of its own has the people that all such share
rostered as (

    select
        placed.*,
        case
            when own_days.department is null and shared_days.department is not null
                then '__shared__'
            else placed.department
        end as roster

    from placed

    left join service_days as own_days
        on
            placed.department = own_days.department
            and placed.day = own_days.day

    left join service_days as shared_days
        on
            placed.day = shared_days.day
            and shared_days.department = '__shared__'

)

select
    task_id,
    agent_id,
    model_version,
    task_type,
    department,
    channel,
    outcome_class,
    roster,
    day,
    is_day_assumed,
    cast(minutes as decimal(38, 18)) as minutes,
    kind,
    basis,
    human_cost,
    {{ reporting_currency('is_rate_missing', 'native_currency', 'day') }} as currency,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('rostered.day') }} as _transform_run_id

from rostered
