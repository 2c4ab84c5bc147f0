with

service_hours as (

    select * from {{ ref('dim_service_hours') }}

),

tasks as (

    select
        min(created_day) as first_day,
        max(resolved_day) as last_day

    from {{ ref('int_tasks_joined') }}

    where
        created_day is not null
        and resolved_day is not null

),

run_days as (

    select
        min(day) as first_day,
        max(day) as last_day

    from {{ source('ops', 'run_day') }}

    where status = 'passed'

),

-- no day at all while nobody keeps hours
spans as (

    select
        least(tasks.first_day, run_days.first_day) as first_day,
        greatest(tasks.last_day, run_days.last_day) as last_day

    from tasks

    cross join run_days

    where exists (select 1 from service_hours)

),

days as (

    select {{ each_day('first_day', 'last_day') }} as day

    from spans

),

-- a day is covered by whoever has a line that holds on it, be it for another weekday
covered_days as (

    select
        service_hours.department,
        days.day,
        min_by(service_hours._load_id, service_hours._source_row) as _load_id,
        min_by(service_hours._source_file, service_hours._source_row)
            as _source_file,
        min(service_hours._source_row) as _source_row

    from days

    cross join service_hours

    where {{ is_valid('service_hours', 'days.day') }}

    group by service_hours.department, days.day

),

open_windows as (

    select
        service_hours.department,
        days.day,
        {{ minute_starts_at('days.day', 'service_hours.opens_minute') }} as opens_at,
        {{ minute_starts_at('days.day', 'service_hours.closes_minute') }} as closes_at,
        service_hours.people,
        service_hours._load_id,
        service_hours._source_file,
        service_hours._source_row

    from days

    cross join service_hours

    where
        {{ weekday_of('days.day') }} = service_hours.weekday
        and {{ is_valid('service_hours', 'days.day') }}

),

-- a window of no length where each day begins: every instant has one to be counted from
day_starts as (

    select
        department,
        day,
        {{ day_starts_at('day') }} as opens_at,
        {{ day_starts_at('day') }} as closes_at,
        cast(null as decimal(18, 6)) as people,
        _load_id,
        _source_file,
        _source_row

    from covered_days

),

windows as (

    select * from open_windows

    union all

    select * from day_starts

),

reached as (

    select
        *,
        max(closes_at) over (
            partition by department
            order by opens_at, closes_at
            rows between unbounded preceding and 1 preceding
        ) as reached_at

    from windows

),

-- the hour that a clock leaves out can push one window into the next: no minute counts
-- twice
apart as (

    select
        * exclude (opens_at, closes_at, reached_at),
        greatest(opens_at, coalesce(reached_at, opens_at)) as opens_at,
        greatest(closes_at, opens_at, coalesce(reached_at, opens_at)) as closes_at

    from reached

),

-- of several that begin at one instant only one has a length
unique_windows as (

    select * from apart

    qualify
        row_number() over (
            partition by department, opens_at
            order by closes_at desc, _source_row asc
        ) = 1

),

measured as (

    select
        *,
        {{ microseconds_between('opens_at', 'closes_at') }} as open_microseconds

    from unique_windows

),

laid_to_day as (

    select
        department,
        day,
        opens_at,
        closes_at,
        people,
        cast(open_microseconds as bigint) as open_microseconds,
        cast(
            sum(open_microseconds) over (
                partition by department
                order by opens_at
            ) - open_microseconds
            as bigint
        ) as open_before_microseconds,
        dense_rank() over (
            partition by department
            order by day
        ) as covered_days,
        _load_id,
        _source_file,
        _source_row

    from measured

)

select * from laid_to_day
