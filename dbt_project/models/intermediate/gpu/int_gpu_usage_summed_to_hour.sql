with

samples as (

    select
        *,
        cast(sampled_at as varchar) || series as sample_key

    from {{ ref('int_gpu_samples_weighed') }}

),

members as (

    select * from {{ ref('int_gpu_workloads_mapped_to_members') }}

),

gpus as (

    select * from {{ ref('int_gpus_linked_to_resources') }}

),

summed as (

    select
        day,
        hour_at,
        gpu_uuid,
        namespace,
        pod,
        container,
        workload,
        min(utilisation_basis) as utilisation_basis,
        sum(busy_microseconds) as busy_sum,
        sum(capacity_microseconds) as capacity_sum,
        min_by(_load_id, sample_key) as _load_id,
        min_by(_source_file, sample_key) as _source_file,
        min_by(_source_row, sample_key) as _source_row

    from samples

    group by
        day,
        hour_at,
        gpu_uuid,
        namespace,
        pod,
        container,
        workload

),

owned as (

    select
        summed.*,
        gpus.resource_id,
        gpus.dedicated_agent_id,
        row_number() over (
            order by
                summed.hour_at,
                summed.gpu_uuid,
                summed.namespace,
                summed.pod,
                summed.container
        ) as usage_number

    from summed

    left join gpus
        on
            summed.day = gpus.day
            and summed.gpu_uuid = gpus.gpu_uuid

),

mapped as (

    select
        owned.*,
        members.member_kind,
        members.member,
        members.share_billionths

    from owned

    inner join members
        on
            owned.day = members.day
            and owned.namespace is not distinct from members.namespace
            and owned.pod is not distinct from members.pod
            and owned.container is not distinct from members.container

),

mapped_shares as (

    select
        usage_number,
        sum(share_billionths) as share_billionths

    from mapped

    group by usage_number

),

-- what the rules leave over has nobody to charge
left_over as (

    select
        owned.*,
        cast(null as varchar) as member_kind,
        cast(null as varchar) as member,
        1000000000 - mapped_shares.share_billionths as share_billionths

    from owned

    inner join mapped_shares on owned.usage_number = mapped_shares.usage_number

    where mapped_shares.share_billionths < 1000000000

),

-- on a GPU that is kept for an agent, work that no rule maps is that agent's
unmapped as (

    select
        owned.*,
        case when owned.dedicated_agent_id is not null then 'agent' end as member_kind,
        owned.dedicated_agent_id as member,
        1000000000 as share_billionths

    from owned

    where
        not exists (
            select 1

            from mapped

            where mapped.usage_number = owned.usage_number
        )

),

shared as (

    {{ union_by_name(['mapped', 'left_over', 'unmapped']) }}

),

keyed as (

    select
        *,
        coalesce(member, '__unallocated__') as member_key

    from shared

),

busy as (

    {{ largest_remainder(
        'keyed', 'busy_sum', 'share_billionths', ['usage_number'],
        ['member_key', 'member_kind'], name='busy_share'
    ) }}

),

capacity as (

    {{ largest_remainder(
        'busy', 'capacity_sum', 'share_billionths', ['usage_number'],
        ['member_key', 'member_kind'], name='capacity_share'
    ) }}

)

select
    day,
    hour_at,
    gpu_uuid,
    resource_id,
    workload,
    case when member_kind = 'agent' then member end as agent_id,
    case when member_kind = 'model' then member end as model,
    dedicated_agent_id,
    min(utilisation_basis) as utilisation_basis,
    cast(sum(busy_share) as bigint) as busy_microseconds,
    cast(sum(capacity_share) as bigint) as capacity_microseconds,
    min_by(_load_id, usage_number) as _load_id,
    min_by(_source_file, usage_number) as _source_file,
    min_by(_source_row, usage_number) as _source_row

from capacity

group by
    day,
    hour_at,
    gpu_uuid,
    resource_id,
    workload,
    agent_id,
    model,
    dedicated_agent_id
