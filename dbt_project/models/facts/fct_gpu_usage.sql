with

usage as (

    select * from {{ ref('int_gpu_usage_summed_to_hour') }}

),

readings as (

    select * from {{ ref('int_gpu_readings_summed_to_hour') }}

),

covered as (

    select
        *,
        sum(capacity_microseconds) over (
            partition by day, gpu_uuid, hour_at
        ) as sampled_microseconds,

        -- where zones differ by half an hour, midnight cuts an hour
        {{ microseconds_between(
            'greatest(hour_at, ' ~ day_starts_at('day') ~ ')',
            "least(hour_at + interval '1' hour, "
            ~ day_starts_at(days_after('day', 1)) ~ ')'
        ) }} as hour_microseconds,
        row_number() over (
            partition by day, gpu_uuid, hour_at, workload
            order by capacity_microseconds desc, agent_id asc, model asc
        ) as place

    from usage

    where {{ in_scope('day') }}

)

select
    covered.day,
    covered.hour_at,
    covered.gpu_uuid,
    covered.resource_id,
    covered.workload,
    covered.agent_id,
    covered.dedicated_agent_id,
    covered.model,
    covered.busy_microseconds,
    covered.capacity_microseconds,
    cast(covered.busy_microseconds as double)
    / nullif(covered.capacity_microseconds, 0) as utilisation,
    covered.utilisation_basis,
    readings.peak_vram_mib,
    readings.vram_capacity_mib,

    -- where several agents share a workload its energy stands on the first of them
    case when covered.place = 1 then readings.energy_wh end as energy_wh,
    least(
        cast(covered.sampled_microseconds as double) / covered.hour_microseconds, 1
    ) as coverage,
    covered._load_id,
    covered._source_file,
    covered._source_row,
    {{ transform_run_id('covered.day') }} as _transform_run_id

from covered

left join readings
    on
        covered.day = readings.day
        and covered.hour_at = readings.hour_at
        and covered.gpu_uuid = readings.gpu_uuid
        and covered.workload is not distinct from readings.workload
