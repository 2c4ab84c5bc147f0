with

cells as (

    select * from {{ ref('int_actions_with_cells') }}

    where {{ in_scope('day') }}

),

-- a line that names its model goes to that model's calls
by_model as (

    select
        *,
        'group' as target_kind,
        provider as target,
        model as target_model,
        case
            when sum(unpriced_calls) over (partition by day, provider, model) > 0
                then 'tokens'
            else 'priced_usage'
        end as method

    from cells

    where model_calls > 0

),

-- any other goes to its provider's; a call without a price makes tokens the weight
by_provider as (

    select
        *,
        'group' as target_kind,
        provider as target,
        '' as target_model,
        case
            when sum(unpriced_calls) over (partition by day, provider) > 0
                then 'tokens'
            else 'priced_usage'
        end as method

    from cells

    where model_calls > 0

),

priced as (

    select
        *,
        'priced' as target_kind,
        provider as target,
        model as target_model,
        'priced_usage' as method

    from cells

),

stated as (

    select
        *,
        'stated' as target_kind,
        stated_by as target,
        '' as target_model,
        'stated_price' as method

    from cells

    where stated_by is not null

),

by_agent as (

    select
        *,
        'agent' as target_kind,
        agent_id as target,
        '' as target_model,
        case
            when
                sum(inference_microseconds) over (partition by day, agent_id) > 0
                then 'inference_time'
            else 'tokens'
        end as method

    from cells

),

served as (

    select
        *,
        'model' as target_kind,
        model as target,
        '' as target_model,
        'tokens' as method

    from cells

),

versioned as (

    select
        *,
        'model_version' as target_kind,
        model_version as target,
        '' as target_model,
        'tokens' as method

    from cells

),

targeted as (

    {{ union_by_name([
        'by_model', 'by_provider', 'priced', 'stated', 'by_agent', 'served', 'versioned'
    ]) }}

),

summed_to_cell as (

    select
        day,
        target_kind,
        target,
        target_model,
        method,
        {{ cell_columns() | join(',\n        ') }},
        sum(
            case method
                when 'tokens' then {{ integer('tokens') }}
                when 'inference_time' then {{ integer('inference_microseconds') }}
                when 'stated_price' then {{ nano_units('stated_cost') }}
                else {{ nano_units('priced_cost') }}
            end
        ) as weight

    from targeted

    group by
        day,
        target_kind,
        target,
        target_model,
        method,
        {{ cell_columns() | join(',\n        ') }}

)

select
    day,
    target_kind,
    target,
    target_model,
    method,
    {{ cell_columns() | join(',\n    ') }},
    {{ stored_integer('weight') }} as weight

from summed_to_cell

where weight <> 0
