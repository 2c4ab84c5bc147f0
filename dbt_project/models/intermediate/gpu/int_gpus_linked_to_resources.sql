with

seen as (

    select distinct
        day,
        gpu_uuid,
        hostname

    from {{ ref('stg_gpu__samples') }}

),

resources as (

    select
        *,
        {{ starts_on('valid_from') }} as starts_on

    from {{ ref('stg_reference__gpu_resources') }}

),

-- a row that names the GPU goes before one that names its host only
linked as (

    select
        seen.day,
        seen.gpu_uuid,
        resources.resource_id,
        resources.dedicated_agent_id

    from seen

    inner join resources
        on
            (
                seen.gpu_uuid = resources.gpu_uuid
                or (resources.gpu_uuid is null and seen.hostname = resources.hostname)
            )
            and seen.day >= resources.starts_on
            and (resources.valid_to is null or seen.day < resources.valid_to)

    qualify
        row_number() over (
            partition by seen.day, seen.gpu_uuid
            order by
                resources.gpu_uuid is null asc,
                resources.starts_on desc,
                resources._source_row desc
        ) = 1

)

select * from linked
