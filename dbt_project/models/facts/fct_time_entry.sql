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

)

select
    task_id,
    agent_id,
    model_version,
    task_type,
    department,
    channel,
    outcome_class,
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
    {{ transform_run_id('placed.day') }} as _transform_run_id

from placed
