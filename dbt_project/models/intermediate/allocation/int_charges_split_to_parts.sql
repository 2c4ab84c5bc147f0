with

charges as (

    select
        *,
        {{ nano_units('cost') }} as cost_nano

    from {{ ref('int_charges_completed') }}

    where cost is not null

),

explained as (

    select * from {{ ref('int_token_groups_explained') }}

),

gpu_time as (

    select * from {{ ref('int_gpu_charges_weighed_by_time') }}

),

rules as (

    select * from {{ ref('int_charges_matched_to_rules') }}

),

-- how each charge is divided; what comes first wins
routed as (

    select
        charges.*,
        case
            when charges.cost_nano = 0 then 'zero_amount'
            when charges.origin = 'write_off' then 'write_off'
            when charges.origin = 'amortisation' then 'amortisation'
            when charges.origin = 'estimate' then 'estimate'
            when charges.cost_class = 'out_of_scope' then 'out_of_scope'
            when charges.run_id is not null then 'capitalised'
            when charges.commitment_discount_status = 'Unused' then 'unused_commitment'
            when charges.cost_class = 'token_api' then 'traced_usage'
            when
                charges.cost_class = 'gpu'
                and exists (
                    select 1

                    from gpu_time

                    where
                        gpu_time.charge_id = charges.charge_id
                        and gpu_time.day = charges.day
                )
                then 'gpu_time'
            else 'rule'
        end as route

    from charges

),

-- charges that go as a whole: to a reserved member, or to whoever used what they buy
whole as (

    select
        charge_id,
        day,
        route,
        cost_nano,
        case route
            when 'amortisation' then 'model_version'
            when 'estimate'
                then case when stated_by is null then 'priced' else 'stated' end
            else 'member'
        end as target_kind,
        case route
            when 'zero_amount' then '__unallocated__'
            when 'write_off' then '__idle__'
            when 'amortisation' then model_version
            when 'estimate' then coalesce(stated_by, provider)
            when 'out_of_scope' then '__out_of_scope__'
            when 'capitalised' then '__deferred__'
            when 'unused_commitment' then '__idle__'
        end as target,
        case
            when route = 'estimate' and stated_by is null then model else ''
        end as target_model,
        case
            when route in ('write_off', 'unused_commitment') then 'idle'
            when cost_class = 'out_of_scope' then 'other'
            else cost_class
        end as cost_class,
        case route
            when 'zero_amount' then 'zero_amount'
            when 'write_off' then 'written_off'
            when 'unused_commitment' then 'unused_commitment'
        end as reason,
        '' as part,
        {{ integer(1) }} as weight,
        cost_nano as part_nano

    from routed

    where route not in ('traced_usage', 'gpu_time', 'rule')

),

token_charges as (

    select
        routed.charge_id,
        routed.day,
        routed.route,
        routed.cost_nano,
        explained.provider,
        explained.model,
        explained.explained_weight,
        explained.explained_weight + explained.untraced_weight as total_weight

    from routed

    inner join explained
        on
            routed.day = explained.day
            and lower(routed.provider) = explained.provider
            and coalesce(routed.model, '') = explained.model

    where routed.route = 'traced_usage'

),

token_split as (

    {{ split_in_two(
        'token_charges', 'cost_nano', 'explained_weight', 'total_weight', 'traced_nano'
    ) }}

),

traced as (

    select
        charge_id,
        day,
        route,
        cost_nano,
        'group' as target_kind,
        provider as target,
        model as target_model,
        'token_api' as cost_class,
        cast(null as varchar) as reason,
        'traced' as part,
        explained_weight as weight,
        traced_nano as part_nano

    from token_split

    where explained_weight > 0

),

untraced as (

    select
        charge_id,
        day,
        route,
        cost_nano,
        'member' as target_kind,
        '__unallocated__' as target,
        '' as target_model,
        'token_api' as cost_class,
        'untraced' as reason,
        'untraced' as part,
        total_weight - explained_weight as weight,
        cost_nano - traced_nano as part_nano

    from token_split

    where total_weight > explained_weight

),

gpu_weights as (

    select
        routed.charge_id,
        routed.day,
        routed.route,
        routed.cost_nano,
        gpu_time.target_kind,
        gpu_time.target,
        '' as target_model,
        gpu_time.cost_class,
        gpu_time.reason,
        gpu_time.part,
        gpu_time.weight

    from routed

    inner join gpu_time
        on
            routed.charge_id = gpu_time.charge_id
            and routed.day = gpu_time.day

    where routed.route = 'gpu_time'

),

rule_weights as (

    select
        routed.charge_id,
        routed.day,
        routed.route,
        routed.cost_nano,
        'agent' as target_kind,
        rules.agent_id as target,
        '' as target_model,
        routed.cost_class,
        cast(null as varchar) as reason,
        rules.agent_id as part,
        rules.share_billionths as weight

    from routed

    inner join rules
        on
            routed.charge_id = rules.charge_id
            and routed.day = rules.day

    where routed.route = 'rule'

),

ruled as (

    select
        charge_id,
        day,
        sum(weight) as weight

    from rule_weights

    group by charge_id, day

),

-- what no rule gives to anybody
rule_rests as (

    select
        routed.charge_id,
        routed.day,
        routed.route,
        routed.cost_nano,
        'member' as target_kind,
        '__unallocated__' as target,
        '' as target_model,
        routed.cost_class,
        'no_rule' as reason,
        '__unallocated__' as part,
        greatest(1000000000 - coalesce(ruled.weight, 0), 0) as weight

    from routed

    left join ruled
        on
            routed.charge_id = ruled.charge_id
            and routed.day = ruled.day

    where routed.route = 'rule'

),

weighed as (

    {{ union_by_name(['gpu_weights', 'rule_weights', 'rule_rests']) }}

),

divided as (

    {{ largest_remainder(
        'weighed', 'cost_nano', 'weight', ['charge_id', 'day'], ['part'],
        name='part_nano'
    ) }}

),

divided_parts as (

    select * from divided

    where weight > 0

),

-- where the policy charges it, the idle part of a shared pool follows its busy time
idle_weights as (

    select
        divided_parts.charge_id,
        divided_parts.day,
        divided_parts.route,
        divided_parts.cost_nano,
        divided_parts.target_kind,
        divided_parts.target,
        divided_parts.target_model,
        'idle' as cost_class,
        'shared_idle' as reason,
        divided_parts.part,
        divided_parts.weight,
        idle.part_nano as idle_nano

    from divided_parts

    inner join divided_parts as idle
        on
            divided_parts.charge_id = idle.charge_id
            and divided_parts.day = idle.day
            and idle.part = '__idle__'

    where
        '{{ var("idle_policy") }}' = 'charge'
        and divided_parts.route = 'gpu_time'
        and divided_parts.target_kind in ('agent', 'model')

),

charged_idle as (

    {{ largest_remainder(
        'idle_weights', 'idle_nano', 'weight', ['charge_id', 'day'], ['part'],
        name='part_nano'
    ) }}

),

charged_idle_parts as (

    select
        charge_id,
        day,
        route,
        cost_nano,
        target_kind,
        target,
        target_model,
        cost_class,
        reason,
        'idle:' || part as part,
        weight,
        part_nano

    from charged_idle

),

held_parts as (

    select * from divided_parts

    where
        not (
            part = '__idle__'
            and exists (
                select 1

                from charged_idle_parts

                where
                    charged_idle_parts.charge_id = divided_parts.charge_id
                    and charged_idle_parts.day = divided_parts.day
            )
        )

),

parts as (

    {{ union_by_name([
        'whole', 'traced', 'untraced', 'held_parts', 'charged_idle_parts'
    ]) }}

)

select
    charge_id,
    day,
    route,
    part,
    target_kind,
    target,
    target_model,
    cost_class,
    reason,
    {{ stored_integer('weight') }} as weight,
    {{ money_of_nano('part_nano') }} as amount

from parts
