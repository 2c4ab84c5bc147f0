with

spans as (

    select
        action_id,
        task_id,
        agent_id,
        experiment_id,
        experiment_arm as arm,
        experiment_unit_id,
        experiment_propensity as propensity,
        day,
        started_at,
        _load_id,
        _source_file,
        _source_row

    from {{ ref('int_agent_actions') }}

    where
        experiment_id is not null
        and experiment_arm is not null

),

experiments as (

    select
        experiment_id,
        unit,
        starts_on,
        ends_on

    from {{ ref('dim_experiment') }}

),

tasks as (

    select
        task_id,
        user_group

    from {{ ref('int_tasks_joined') }}

),

-- a flag that is no experiment on file is only a flag
exposed as (

    select
        spans.*,
        experiments.unit,
        coalesce(
            spans.experiment_unit_id,
            case experiments.unit
                when 'task' then spans.task_id
                when 'agent' then nullif(spans.agent_id, '__unknown__')
                when 'user_group' then nullif(tasks.user_group, '__unknown__')
            end
        ) as unit_id,
        coalesce(
            spans.day >= experiments.starts_on, true
        ) and coalesce(spans.day < experiments.ends_on, true) as is_in_period

    from spans

    inner join experiments on spans.experiment_id = experiments.experiment_id

    left join tasks on spans.task_id = tasks.task_id

),

-- of a task every day is read; of what lives longer only the days of this build, and
-- what it did before would depend on which days happen to be built together
reached as (

    select
        *,
        case when unit <> 'task' or experiment_unit_id is not null then day end
            as reach_day

    from exposed

    where unit_id is not null

),

compared as (

    select
        *,
        min(arm) over (partition by experiment_id, unit_id, reach_day)
        <> max(arm) over (partition by experiment_id, unit_id, reach_day)
            as is_crossed_over,
        count(*) over (partition by experiment_id, unit_id, arm, reach_day)
            as exposures,
        row_number() over (
            partition by experiment_id, unit_id, arm, reach_day
            order by started_at, action_id
        ) as place

    from reached

)

select
    experiment_id,
    unit,
    unit_id,
    arm,
    day,
    started_at as exposed_at,
    propensity,
    exposures,
    case when unit = 'task' then task_id end as task_id,
    case when unit = 'user_group' then unit_id end as user_group,
    agent_id,
    is_crossed_over,
    is_in_period,
    _load_id,
    _source_file,
    _source_row

from compared

where place = 1
