-- Fails if an output has no review that counts, or several.
select task_id

from {{ ref('fct_quality_review') }}

group by task_id

having count(*) filter (where is_latest) <> 1
