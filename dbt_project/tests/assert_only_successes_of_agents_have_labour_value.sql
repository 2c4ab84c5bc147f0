-- Fails if an unsuccessful task, or people's own work, saved anybody's time.
select task_id

from {{ ref('fct_task') }}

where
    (labour_value <> 0 or speed_value <> 0 or avoided_loss <> 0)
    and (
        outcome_class not in ('autonomous_success', 'assisted_success')
        or (agent_id = '__human__' and (labour_value <> 0 or speed_value <> 0))
    )
