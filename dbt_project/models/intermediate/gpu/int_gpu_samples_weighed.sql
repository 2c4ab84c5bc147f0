with

samples as (

    select * from {{ ref('stg_gpu__samples') }}

),

-- the same sample in two files is one sample
distinct_samples as (

    select
        *,
        {{ gpu_series() }} as series

    from samples

    qualify
        row_number() over (
            partition by {{ gpu_series() }}, sampled_at
            order by _source_file, _source_row
        ) = 1

),

-- blank sentinels and shares over the whole measure nothing
rated as (

    select
        *,
        case metric
            when 'DCGM_FI_PROF_SM_ACTIVE' then 1
            when 'DCGM_FI_PROF_GR_ENGINE_ACTIVE' then 2
            when 'DCGM_FI_DEV_GPU_UTIL' then 3
        end as preference,
        case
            when metric = 'DCGM_FI_DEV_GPU_UTIL' and value between 0 and 100
                then cast(round(value * 10000000) as bigint)
            when
                metric in ('DCGM_FI_PROF_SM_ACTIVE', 'DCGM_FI_PROF_GR_ENGINE_ACTIVE')
                and value between 0 and 1
                then cast(round(value * 1000000000) as bigint)
        end as utilisation_billionths

    from distinct_samples

),

-- of the ways to measure, the best one that a GPU's hour has
preferred as (

    select * from rated

    where utilisation_billionths is not null

    qualify
        preference = min(preference) over (
            partition by gpu_uuid, date_trunc('hour', sampled_at)
        )

),

spaced as (

    select
        *,
        {{ microseconds_between(
            'sampled_at',
            'lead(sampled_at) over (partition by series, day order by sampled_at)'
        ) }} as gap_microseconds

    from preferred

),

-- a sample speaks for the time to the next, at most for the series' usual step
stepped as (

    select
        *,
        mig_id is not null as is_slice,
        workload is not null as is_labelled,
        {{ median_of('gap_microseconds') }}
            over (partition by series, day) as step_microseconds

    from spaced

),

-- a whole device beside its slices, and a device without a workload beside one
-- with, say the same thing twice
told_once as (

    select
        *,
        least(
            coalesce(gap_microseconds, step_microseconds), step_microseconds
        ) as interval_microseconds,
        {{ mig_slices('mig_profile') }} as slices

    from stepped

    qualify
        is_slice = max(is_slice) over (partition by gpu_uuid, sampled_at)
        and is_labelled = max(is_labelled) over (
            partition by gpu_uuid, mig_id, sampled_at
        )

),

-- pods that share a device in time each repeat its whole value
shared as (

    select
        *,
        count(*) over (partition by gpu_uuid, mig_id, sampled_at) as sharers

    from told_once

),

-- parts of a device in a common unit: 720720 can be divided by every number to 15
parted as (

    select
        *,
        slices * {{ divide('720720', 'sharers') }} as parts

    from shared

),

summed as (

    select
        *,
        sum(parts) over (
            partition by gpu_uuid, sampled_at
            order by series
            rows between unbounded preceding and current row
        ) as parts_so_far,
        sum(parts) over (partition by gpu_uuid, sampled_at) as all_parts

    from parted

)

select
    day,
    date_trunc('hour', sampled_at) as hour_at,
    sampled_at,
    gpu_uuid,
    hostname,
    gpu_model,
    namespace,
    pod,
    container,
    workload,
    series,
    metric as utilisation_basis,

    -- a device counts its time once, however many share it: cut the running sum
    cast(
        {{ divide('interval_microseconds * parts_so_far', 'all_parts') }}
        - {{ divide('interval_microseconds * (parts_so_far - parts)', 'all_parts') }}
        as bigint
    ) as capacity_microseconds,
    cast(
        {{ divide(
            '2 * interval_microseconds * parts * ' ~ integer('utilisation_billionths')
            ~ ' + all_parts * 1000000000',
            '2 * all_parts * 1000000000'
        ) }} as bigint
    ) as busy_microseconds,
    _load_id,
    _source_file,
    _source_row

from summed

where interval_microseconds > 0
