with

samples as (

    select
        *,
        {{ gpu_series() }} as series

    from {{ ref('stg_gpu__samples') }}

    where
        metric in (
            'DCGM_FI_DEV_FB_USED',
            'DCGM_FI_DEV_FB_FREE',
            'DCGM_FI_DEV_FB_RESERVED',
            'DCGM_FI_DEV_POWER_USAGE',
            'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION'
        )
        -- the blank sentinels of the driver lie far above any reading but the energy
        -- counter's, which takes 4,000 years at 1 kW to get there
        and value >= 0
        and value < 140000000000000

    qualify
        row_number() over (
            partition by {{ gpu_series() }}, sampled_at
            order by _source_file, _source_row
        ) = 1

),

spaced as (

    select
        *,
        lag(value) over (partition by series, day order by sampled_at) as value_before,
        {{ microseconds_between(
            'sampled_at',
            'lead(sampled_at) over (partition by series, day order by sampled_at)'
        ) }} as gap_microseconds,
        count(*) over (partition by metric, gpu_uuid, mig_id, sampled_at) as sharers

    from samples

),

stepped as (

    select
        *,
        {{ median_of('gap_microseconds') }}
            over (partition by series, day) as step_microseconds

    from spaced

),

-- nanojoules: milliwatts for microseconds, or millijoules of a counter that starts at 0
-- again after a reset
converted as (

    select
        day,
        date_trunc('hour', sampled_at) as hour_at,
        sampled_at,
        gpu_uuid,
        workload,
        metric,
        cast(round(value) as bigint) as mib,
        case
            when metric = 'DCGM_FI_DEV_POWER_USAGE' and value < 2000000
                then
                    {{ divide(
                        integer('round(value * 1000)') ~ ' * least('
                        ~ 'coalesce(gap_microseconds, step_microseconds), step_microseconds)',
                        'sharers'
                    ) }}
        end as power_nanojoules,
        case
            when
                metric = 'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION'
                and value_before is not null
                then
                    {{ divide(
                        integer(
                            'round(case when value >= value_before'
                            ~ ' then value - value_before else value end)'
                        ) ~ ' * 1000000',
                        'sharers'
                    ) }}
        end as counter_nanojoules

    from stepped

),

-- used, free and reserved of one instant add up to what the device has
sized as (

    select
        day,
        hour_at,
        sampled_at,
        gpu_uuid,
        workload,
        max(mib) filter (where metric = 'DCGM_FI_DEV_FB_USED') as used_mib,
        max(mib) filter (where metric = 'DCGM_FI_DEV_FB_FREE') as free_mib,
        max(mib) filter (where metric = 'DCGM_FI_DEV_FB_RESERVED') as reserved_mib,
        sum(power_nanojoules) as power_nanojoules,
        sum(counter_nanojoules) as counter_nanojoules

    from converted

    group by
        day,
        hour_at,
        sampled_at,
        gpu_uuid,
        workload

),

summed as (

    select
        day,
        hour_at,
        gpu_uuid,
        workload,
        max(used_mib) as peak_vram_mib,
        max(used_mib + free_mib + coalesce(reserved_mib, 0)) as vram_capacity_mib,
        coalesce(sum(counter_nanojoules), sum(power_nanojoules)) as nanojoules

    from sized

    group by
        day,
        hour_at,
        gpu_uuid,
        workload

)

select
    day,
    hour_at,
    gpu_uuid,
    workload,
    peak_vram_mib,
    vram_capacity_mib,
    cast(nanojoules as double) / 3600000000000 as energy_wh

from summed
