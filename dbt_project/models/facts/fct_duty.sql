with

service_hours as (

    select * from {{ ref('int_service_hours_laid_to_day') }}

    where {{ in_scope('day') }}

),

-- a day without a window has nobody on duty, which is known
summed_to_day as (

    select
        day,
        department as roster,
        count(*) filter (where open_microseconds > 0) as windows,
        sum(open_microseconds) as open_microseconds,
        case
            when
                count(*) filter (where open_microseconds > 0 and people is null)
                = 0
                then
                    coalesce(
                        sum(
                            round(
                                cast(open_microseconds as decimal(12, 0)) * people
                            )
                        ),
                        0
                    )
        end as duty_microseconds,
        min_by(_load_id, opens_at) as _load_id,
        min_by(_source_file, opens_at) as _source_file,
        min_by(_source_row, opens_at) as _source_row

    from service_hours

    group by day, department

)

select
    day,
    roster,
    cast(windows as bigint) as windows,
    cast(open_microseconds as bigint) as open_microseconds,
    cast(duty_microseconds as bigint) as duty_microseconds,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('summed_to_day.day') }} as _transform_run_id

from summed_to_day
