with

incidents as (

    select
        *,
        {{ reporting_day('started_at') }} as day

    from {{ ref('stg_reference__incidents') }}

),

-- of two lines for one incident the later line counts
latest as (

    select * from incidents

    where {{ in_scope('day') }}

    qualify
        row_number() over (
            partition by incident_id
            order by _source_row desc, _source_file desc
        ) = 1

)

select
    incident_id,
    day,
    coalesce(agent_id, '__unknown__') as agent_id,
    severity,
    started_at,
    detected_at,
    recovered_at,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('latest.day') }} as _transform_run_id

from latest
