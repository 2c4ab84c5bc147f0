-- Fails if the credits of a task do not sum to 1: value would be lost or doubled.
-- So would it be if a credit that is not shared were not its task's own cell's.
select
    tasks.task_id,
    sum(credits.credit) as credit

from {{ ref('fct_task') }} as tasks

left join {{ ref('fct_task_credit') }} as credits
    on tasks.task_id = credits.task_id

group by tasks.task_id

having
    coalesce(sum(credits.credit), 0) <> 1
    or coalesce(
        bool_or(
            not credits.is_shared
            and (
                credits.agent_id is distinct from tasks.agent_id
                or credits.model_version is distinct from tasks.model_version
            )
        ),
        true
    )
