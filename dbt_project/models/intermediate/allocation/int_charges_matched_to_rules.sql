with

charges as (

    select * from {{ ref('int_charges_classified') }}

    where cost_class not in ('token_api', 'out_of_scope') and run_id is null

),

charge_days as (

    select
        charge_id,
        day

    from {{ ref('int_charges_split_to_days') }}

    where {{ in_scope('day') }}

),

rules as (

    select
        *,
        {{ starts_on('valid_from') }} as starts_on,

        -- the closer a key is to the thing itself, the more it says
        case
            when lower(key) in ('resource', 'resourceid') then 1
            when lower(key) like 'tag:%' or lower(key) like 'tags.%' then 2
            else 3
        end as distance,
        {{ nano_units('coalesce(share, 1)') }} as share_nano

    from {{ ref('stg_reference__allocation_rules') }}

),

matched as (

    select
        charges.charge_id,
        rules.agent_id,
        rules.distance,
        rules.share_nano,
        rules.starts_on,
        rules.valid_to

    from charges

    inner join rules
        on
            charges.cost_class = rules.cost_class
            and {{ matches_pattern(
                focus_value('charges', 'rules.key'), 'rules.value'
            ) }}

),

matched_on_day as (

    select
        charge_days.charge_id,
        charge_days.day,
        matched.agent_id,
        matched.share_nano,
        matched.distance = min(matched.distance) over (
            partition by charge_days.charge_id, charge_days.day
        ) as is_closest

    from charge_days

    inner join matched
        on
            charge_days.charge_id = matched.charge_id
            and charge_days.day >= matched.starts_on
            and (matched.valid_to is null or charge_days.day < matched.valid_to)

),

summed_to_agent as (

    select
        charge_id,
        day,
        agent_id,
        cast(sum(share_nano) as bigint) as share_billionths

    from matched_on_day

    where is_closest

    group by charge_id, day, agent_id

)

select * from summed_to_agent
