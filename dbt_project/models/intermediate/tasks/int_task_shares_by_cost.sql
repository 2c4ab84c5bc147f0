{{ config(materialized='view') }}

with

actions as (

    select
        task_id,
        agent_id,
        model_version,
        model_calls,
        unpriced_calls,
        tokens,
        priced_cost

    from {{ ref('int_actions_summed_to_task_agent') }}

),

-- tools have no model version, so models share; without a model call there is no share
-- and the whole credit stays in the task's own cell
weighed as (

    select
        task_id,
        agent_id,
        model_version,

        -- one call without a price makes all costs incomparable
        case
            when sum(unpriced_calls) over (partition by task_id) = 0
                then {{ nano_units('coalesce(priced_cost, 0)') }}
            else {{ integer('tokens') }}
        end as weight,
        1000000000 as whole

    from actions

    where model_calls > 0

),

shared as (

    {{ largest_remainder(
        'weighed', 'whole', 'weight', ['task_id'], ['agent_id', 'model_version']
    ) }}

),

credited as (

    select
        task_id,
        agent_id,
        model_version,
        cast({{ money_of_nano('share') }} as decimal(10, 9)) as credit

    from shared

    where share > 0

)

select * from credited
