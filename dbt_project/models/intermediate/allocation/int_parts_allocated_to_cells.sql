with

parts as (

    select * from {{ ref('int_charges_split_to_parts') }}

),

cells as (

    select * from {{ ref('int_cells_weighed') }}

),

agents as (

    select
        agent_id,
        department,
        valid_from,
        valid_to

    from {{ ref('dim_agent') }}

),

weighed as (

    select
        parts.charge_id,
        parts.day,
        parts.part,
        parts.target_kind,
        parts.cost_class,
        parts.reason,
        {{ nano_units('parts.amount') }} as part_nano,
        cells.method,
        {{ cell_columns('cells') | join(',\n        ') }},
        cells.weight

    from parts

    inner join cells
        on
            parts.day = cells.day
            and parts.target_kind = cells.target_kind
            and parts.target_model = cells.target_model
            and case
                when parts.target_kind in ('group', 'priced')
                    then lower(parts.target) = cells.target
                else parts.target = cells.target
            end

),

shared as (

    {{ largest_remainder(
        'weighed', 'part_nano', 'weight', ['charge_id', 'day', 'part'],
        cell_columns(), name='cell_nano'
    ) }}

),

-- a target that used nothing: an agent pays for it as overhead, what was trained or
-- served for nobody is nobody's
unused as (

    select parts.*

    from parts

    where
        parts.target_kind not in ('member', 'overhead')
        and not exists (
            select 1

            from shared

            where
                shared.charge_id = parts.charge_id
                and shared.day = parts.day
                and shared.part = parts.part
        )

),

owned as (

    select
        *,
        target as owner_id

    from parts

    where target_kind = 'overhead'

    union all

    select
        *,
        target as owner_id

    from unused

    where target_kind = 'agent'

),

overhead as (

    select
        owned.charge_id,
        owned.day,
        owned.part,
        owned.cost_class,
        owned.reason,
        'agent_overhead' as method,
        owned.owner_id as agent_id,
        '__unknown__' as model_version,
        '__unknown__' as task_type,
        coalesce(agents.department, '__unknown__') as department,
        '__unknown__' as channel,
        'overhead' as outcome_class,
        owned.weight,
        owned.amount

    from owned

    left join agents
        on
            owned.owner_id = agents.agent_id
            and {{ is_valid('agents', 'owned.day') }}

),

held as (

    select
        charge_id,
        day,
        part,
        cost_class,
        reason,
        'held' as method,
        {{ reserved_cell('target') }},
        weight,
        amount

    from parts

    where target_kind = 'member'

    union all

    select
        charge_id,
        day,
        part,
        case when target_kind = 'model_version' then 'idle' else cost_class end
            as cost_class,
        'no_usage' as reason,
        'held' as method,
        {{ reserved_cell(
            "case when target_kind = 'model_version' then '__idle__'"
            ~ " else '__unallocated__' end"
        ) }},
        weight,
        amount

    from unused

    where target_kind <> 'agent'

),

celled as (

    select
        charge_id,
        day,
        part,
        cost_class,
        reason,
        method,
        {{ cell_columns() | join(',\n        ') }},
        weight,
        {{ money_of_nano('cell_nano') }} as amount

    from shared

),

allocated as (

    {{ union_by_name(['celled', 'overhead', 'held']) }}

)

select
    charge_id,
    day,
    part,
    cost_class,
    reason,
    method,
    {{ cell_columns() | join(',\n    ') }},
    {{ stored_integer('weight') }} as weight,
    amount

from allocated
