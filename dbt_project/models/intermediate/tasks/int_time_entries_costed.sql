with

time_entries as (

    select * from {{ ref('stg_reference__time_entries') }}

    where minutes is not null

),

tickets as (

    select
        ticket_id,
        task_id

    from {{ ref('int_tickets_reduced_to_current') }}

),

tasks as (

    select * from {{ ref('int_tasks_joined') }}

),

task_types as (

    select * from {{ ref('dim_task_type') }}

),

fx_rates as (

    select
        day,
        currency,
        rate

    from {{ ref('int_fx_rates_dated') }}

),

-- people write a ticket's number with or without the name of its system
ticket_names as (

    select
        ticket_id as ticket_name,
        task_id

    from tickets

    union all

    select
        substr(ticket_id, strpos(ticket_id, ':') + 1) as ticket_name,
        task_id

    from tickets

    where strpos(ticket_id, ':') > 0

),

unique_ticket_names as (

    select
        ticket_name,
        min(task_id) as task_id

    from ticket_names

    group by ticket_name

    having count(*) = 1

),

logged as (

    select
        coalesce(
            unique_ticket_names.task_id, time_entries.task_id, time_entries.ticket_id
        ) as task_id,
        {{ reporting_day('time_entries.started_at') }} as entry_day,
        time_entries.started_at,
        time_entries.minutes,
        coalesce(time_entries.kind, 'handling') as kind,
        'logged' as basis,
        time_entries._load_id,
        time_entries._source_file,
        time_entries._source_row

    from time_entries

    left join unique_ticket_names
        on time_entries.ticket_id = unique_ticket_names.ticket_name

),

-- what a ticket itself logs counts where no entry says more
logged_on_ticket as (

    select
        tasks.task_id,
        cast(null as date) as entry_day,
        cast(null as timestamp) as started_at,
        tasks.ticket_minutes as minutes,
        'handling' as kind,
        'logged' as basis,
        tasks._load_id,
        tasks._source_file,
        tasks._source_row

    from tasks

    where
        tasks.ticket_minutes is not null
        and tasks.task_id not in (
            select logged.task_id from logged
            where logged.task_id is not null
        )

),

-- minutes are assumed only where a person had a hand in it and nothing is logged
assumed as (

    select
        tasks.task_id,
        cast(null as date) as entry_day,
        cast(null as timestamp) as started_at,
        task_types.remediation_minutes as minutes,
        'remediation' as kind,
        'assumed' as basis,
        tasks._load_id,
        tasks._source_file,
        tasks._source_row

    from tasks

    left join task_types
        on
            tasks.task_type = task_types.task_type
            and {{ is_valid('task_types', 'tasks.day') }}

    where
        tasks.ticket_minutes is null
        and (tasks.is_person_assigned or tasks.is_escalated)
        and (tasks.is_ticket_ended or tasks.is_timed_out)
        and tasks.task_id not in (
            select logged.task_id from logged
            where logged.task_id is not null
        )

),

entries as (

    select * from logged

    union all

    select * from logged_on_ticket

    union all

    select * from assumed

),

-- an entry without a time of its own lies on the day of the resolution
dated as (

    select
        entries.task_id,
        coalesce(entries.entry_day, tasks.day) as day,
        entries.entry_day is null as is_day_assumed,
        entries.started_at,
        entries.minutes,
        entries.kind,
        entries.basis,
        coalesce(tasks.task_type, '__unknown__') as task_type,
        entries._load_id,
        entries._source_file,
        entries._source_row

    from entries

    left join tasks on entries.task_id = tasks.task_id

),

costed as (

    select
        dated.*,
        task_types.currency as native_currency,
        task_types.hourly_cost is not null
        and task_types.currency <> '{{ var("reporting_currency") }}'
        and fx_rates.rate is null as is_rate_missing,
        {{ in_reporting_currency(
            'task_types.hourly_cost', 'task_types.currency', 'fx_rates.rate'
        ) }} as hourly_cost

    from dated

    left join task_types
        on
            dated.task_type = task_types.task_type
            and {{ is_valid('task_types', 'dated.day') }}

    left join fx_rates
        on
            dated.day = fx_rates.day
            and task_types.currency = fx_rates.currency

)

select
    task_id,
    day,
    is_day_assumed,
    started_at,
    minutes,
    kind,
    basis,
    hourly_cost,
    {{ cost_of_minutes('minutes', 'hourly_cost') }} as human_cost,
    native_currency,
    is_rate_missing,
    _load_id,
    _source_file,
    _source_row

from costed
