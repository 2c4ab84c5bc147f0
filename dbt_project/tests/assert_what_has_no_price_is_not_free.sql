-- Fails if a cost is known where nothing prices it, or unknown where something does.
select
    action_id,
    cost_status,
    priced_cost

from {{ ref('fct_agent_action') }}

where
    (cost_status in ('priced', 'free', 'stated')) <> (priced_cost is not null)
    or (cost_status = 'priced') <> (price_id is not null)
