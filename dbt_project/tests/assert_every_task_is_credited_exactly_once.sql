-- Fails if the credits of a task do not sum to 1: value would be lost or doubled.
select
    tasks.task_id,
    sum(credits.credit) as credit

from {{ ref('fct_task') }} as tasks

left join {{ ref('fct_task_credit') }} as credits
    on tasks.task_id = credits.task_id

group by tasks.task_id

having coalesce(sum(credits.credit), 0) <> 1
