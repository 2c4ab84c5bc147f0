with

exposures as (

    select * from {{ ref('int_exposures_reduced_to_unit') }}

),

in_scope as (

    select * from exposures

    where {{ in_scope('day') }}

)

select
    experiment_id,
    unit,
    unit_id,
    arm,
    day,
    exposed_at,
    propensity,
    exposures,
    task_id,
    user_group,
    agent_id,
    is_crossed_over,
    is_in_period,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('in_scope.day') }} as _transform_run_id

from in_scope
