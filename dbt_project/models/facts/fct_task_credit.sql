with

tasks as (

    select * from {{ ref('int_tasks') }}

    where {{ in_scope('day') }}

),

shares as (

    select * from {{ ref('int_task_shares_by_cost') }}

),

credited as (

    select
        tasks.task_id,
        tasks.day,
        coalesce(shares.agent_id, tasks.agent_id) as agent_id,
        coalesce(shares.model_version, tasks.model_version) as model_version,
        coalesce(shares.credit, cast(1 as decimal(10, 9))) as credit,
        -- the task's own cell has the credit whole, unless a share says otherwise
        coalesce(
            shares.credit < 1
            or shares.agent_id is distinct from tasks.agent_id
            or shares.model_version is distinct from tasks.model_version,
            false
        )
        and shares.task_id is not null as is_shared,
        tasks._load_id,
        tasks._source_file,
        tasks._source_row

    from tasks

    left join shares
        on
            tasks.task_id = shares.task_id
            and '{{ var("credit_rule") }}' = 'cost_share'

)

select
    task_id,
    day,
    agent_id,
    model_version,
    credit,
    is_shared,
    '{{ var("credit_rule") }}' as rule,
    _load_id,
    _source_file,
    _source_row,
    {{ transform_run_id('credited.day') }} as _transform_run_id

from credited
