with

workloads as (

    select distinct
        day,
        namespace,
        pod,
        container,
        workload

    from {{ ref('int_gpu_samples_weighed') }}

    where workload is not null

),

rules as (

    select
        *,
        {{ starts_on('valid_from') }} as starts_on

    from {{ ref('stg_reference__allocation_rules') }}

    where cost_class = 'gpu'

),

models as (

    select * from {{ ref('dim_model') }}

),

-- the closer a key is to the workload itself, the more it says
ruled as (

    select
        workloads.*,
        case when lower(rules.key) not like 'model:%' then 'agent' else 'model' end
            as member_kind,
        case
            when lower(rules.key) like 'model:%' then trim(substr(rules.key, 7))
            else rules.agent_id
        end as member,
        {{ nano_units('coalesce(rules.share, 1)') }} as share_nano,
        case
            when lower(rules.key) = 'workload' then 1
            when lower(rules.key) = 'pod' then 2
            when lower(rules.key) = 'container' then 3
            when lower(rules.key) = 'namespace' then 4
            else 5
        end as distance

    from workloads

    inner join rules
        on
            workloads.day >= rules.starts_on
            and (rules.valid_to is null or workloads.day < rules.valid_to)
            and (
                (
                    lower(rules.key) = 'workload'
                    and {{ matches_pattern('workloads.workload', 'rules.value') }}
                )
                or (
                    lower(rules.key) = 'pod'
                    and {{ matches_pattern('workloads.pod', 'rules.value') }}
                )
                or (
                    lower(rules.key) = 'container'
                    and {{ matches_pattern('workloads.container', 'rules.value') }}
                )
                or (
                    lower(rules.key) = 'namespace'
                    and {{ matches_pattern('workloads.namespace', 'rules.value') }}
                )
                or (
                    lower(rules.key) like 'model:%'
                    and (
                        {{ matches_pattern('workloads.workload', 'rules.value') }}
                        or {{ matches_pattern('workloads.pod', 'rules.value') }}
                        or {{ matches_pattern('workloads.namespace', 'rules.value') }}
                    )
                )
            )

),

-- a container that is called like a model serves it, unless a rule says otherwise
served as (

    select distinct
        workloads.*,
        'model' as member_kind,
        models.model as member,
        {{ integer(1000000000) }} as share_nano,
        6 as distance

    from workloads

    inner join models
        on
            workloads.container = models.model_version
            and {{ is_valid('models', 'workloads.day') }}

    qualify
        row_number() over (
            partition by
                workloads.day,
                workloads.namespace,
                workloads.pod,
                workloads.container
            order by models.model
        ) = 1

),

closest as (

    select *

    from (

        {{ union_by_name(['ruled', 'served']) }}

    ) as members

    qualify
        distance = min(distance) over (partition by day, namespace, pod, container)

)

select
    day,
    namespace,
    pod,
    container,
    member_kind,
    member,
    cast(sum(share_nano) as bigint) as share_billionths

from closest

group by
    day,
    namespace,
    pod,
    container,
    member_kind,
    member
