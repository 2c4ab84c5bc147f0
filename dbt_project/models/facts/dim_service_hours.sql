with

service_hours as (

    select * from {{ ref('stg_reference__service_hours') }}

),

dated as (

    select
        coalesce(department, '__shared__') as department,
        weekday,
        opens_minute,
        closes_minute,
        cast(people as decimal(18, 6)) as people,
        approved_by,
        {{ starts_on() }} as valid_from,
        valid_to,
        _load_id,
        _source_file,
        _source_row

    from service_hours

),

-- of two lines for one opening and one start the later line counts
latest as (

    select * from dated

    qualify
        row_number() over (
            partition by department, weekday, opens_minute, valid_from
            order by _source_row desc, _source_file desc
        ) = 1

),

-- all lines of one start are the hours of the weekday until the next start
starts as (

    select
        department,
        weekday,
        valid_from,
        lead(valid_from) over (
            partition by department, weekday
            order by valid_from
        ) as next_from

    from latest

    group by department, weekday, valid_from

),

closed as (

    select
        latest.department,
        latest.weekday,
        latest.opens_minute,
        latest.closes_minute,
        latest.people,
        latest.approved_by,
        latest.valid_from,
        least(latest.valid_to, starts.next_from) as valid_to,
        latest._load_id,
        latest._source_file,
        latest._source_row

    from latest

    inner join starts
        on
            latest.department = starts.department
            and latest.weekday = starts.weekday
            and latest.valid_from = starts.valid_from

)

select * from closed
