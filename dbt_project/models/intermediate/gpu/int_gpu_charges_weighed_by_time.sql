with

charges as (

    select
        charge_id,
        day,
        resource_id,
        date_trunc(
            'hour', greatest(charge_start_at, {{ day_starts_at('day') }})
        ) as first_hour_at,
        date_trunc(
            'hour',
            greatest(
                charge_start_at,
                least(
                    coalesce(charge_end_at, charge_start_at),
                    {{ day_starts_at(days_after('day', 1)) }}
                ) - interval '1' microsecond
            )
        ) as last_hour_at

    from {{ ref('int_charges_split_to_days') }}

    where
        cost_class = 'gpu'
        and run_id is null
        and resource_id is not null
        and {{ in_scope('day') }}

),

resources as (

    select
        *,
        {{ starts_on('valid_from') }} as starts_on

    from {{ ref('stg_reference__gpu_resources') }}

),

linked as (

    select * from {{ ref('int_gpus_linked_to_resources') }}

),

usage as (

    select * from {{ ref('int_gpu_usage_summed_to_hour') }}

),

-- a GPU that was rented and sent no sample all day counts too
charge_gpus as (

    select
        charges.*,
        linked.gpu_uuid,
        linked.dedicated_agent_id

    from charges

    inner join linked
        on
            charges.day = linked.day
            and charges.resource_id = linked.resource_id

    union all

    select
        charges.*,
        resources.gpu_uuid,
        max(resources.dedicated_agent_id) as dedicated_agent_id

    from charges

    inner join resources
        on
            charges.resource_id = resources.resource_id
            and charges.day >= resources.starts_on
            and (resources.valid_to is null or charges.day < resources.valid_to)

    where
        not exists (
            select 1

            from linked

            where
                linked.day = charges.day
                and (
                    linked.gpu_uuid = resources.gpu_uuid
                    or (
                        resources.gpu_uuid is null
                        and linked.resource_id = resources.resource_id
                    )
                )
        )

    group by
        charges.charge_id,
        charges.day,
        charges.resource_id,
        charges.first_hour_at,
        charges.last_hour_at,
        resources.gpu_uuid

),

-- an hour that midnight cuts (zones may differ by half an hour) is of both days in part
rented as (

    select
        charge_id,
        day,
        sum(
            {{ microseconds_between(
                'greatest(first_hour_at, ' ~ day_starts_at('day') ~ ')',
                "least(last_hour_at + interval '1' hour, "
                ~ day_starts_at(days_after('day', 1)) ~ ')'
            ) }}
        ) as rented_microseconds

    from charge_gpus

    group by charge_id, day

),

used as (

    select
        charge_gpus.charge_id,
        charge_gpus.day,
        charge_gpus.dedicated_agent_id,
        usage.agent_id,
        usage.model,
        usage.busy_microseconds,
        usage.capacity_microseconds

    from charge_gpus

    inner join usage
        on
            charge_gpus.day = usage.day
            and charge_gpus.gpu_uuid = usage.gpu_uuid
            and usage.hour_at
            between charge_gpus.first_hour_at and charge_gpus.last_hour_at

),

sampled as (

    select
        charge_id,
        day,
        sum(capacity_microseconds) as sampled_microseconds

    from used

    group by charge_id, day

),

busy as (

    select
        charge_id,
        day,
        case
            when agent_id is not null then 'agent'
            when model is not null then 'model'
            else 'member'
        end as target_kind,
        coalesce(agent_id, model, '__unallocated__') as target,
        coalesce(agent_id, model, '__unmapped__') as part,
        'gpu' as cost_class,
        case
            when coalesce(agent_id, model) is null then 'unmapped_workload'
        end as reason,
        sum(busy_microseconds) as weight

    from used

    group by
        charge_id,
        day,
        target_kind,
        target,
        part,
        cost_class,
        reason

),

idle as (

    select
        charge_id,
        day,
        case
            when dedicated_agent_id is null then 'member' else 'overhead'
        end as target_kind,
        coalesce(dedicated_agent_id, '__idle__') as target,
        '__idle__' || coalesce(dedicated_agent_id, '') as part,
        'idle' as cost_class,
        case
            when dedicated_agent_id is null then 'shared_idle'
            else 'dedicated_idle'
        end as reason,
        greatest(sum(capacity_microseconds) - sum(busy_microseconds), 0) as weight

    from used

    group by
        charge_id,
        day,
        target_kind,
        target,
        part,
        cost_class,
        reason

),

-- an hour that nobody measured is neither busy nor idle
unsampled as (

    select
        rented.charge_id,
        rented.day,
        'member' as target_kind,
        '__unallocated__' as target,
        '__unallocated__' as part,
        'gpu' as cost_class,
        'not_sampled' as reason,
        greatest(
            rented.rented_microseconds
            - coalesce(sampled.sampled_microseconds, 0),
            0
        ) as weight

    from rented

    left join sampled
        on
            rented.charge_id = sampled.charge_id
            and rented.day = sampled.day

),

weighed as (

    {{ union_by_name(['busy', 'idle', 'unsampled']) }}

)

select
    charge_id,
    day,
    part,
    target_kind,
    target,
    cost_class,
    reason,
    cast(weight as bigint) as weight

from weighed

where weight > 0
