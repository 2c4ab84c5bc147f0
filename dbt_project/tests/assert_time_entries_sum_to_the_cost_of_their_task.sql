-- Fails if a task's human cost is not that of its time entries; tasks whose entries lie
-- on days out of scope are left out, for they are not all here.
select
    tasks.task_id,
    tasks.human_cost,
    sum(time_entries.human_cost) as entries_cost

from {{ ref('fct_task') }} as tasks

inner join {{ ref('fct_time_entry') }} as time_entries
    on tasks.task_id = time_entries.task_id

group by
    tasks.task_id,
    tasks.human_cost,
    tasks.human_minutes

having
    sum(time_entries.minutes) = tasks.human_minutes
    and sum(time_entries.human_cost) <> tasks.human_cost
