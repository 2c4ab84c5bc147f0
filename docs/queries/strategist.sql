-- Which agent has earned more trust, and which has not? The lower end decides, not the estimate.
select agent_id, proven_band, mode, mode_reason, budget_cap, budget_reason, verified_asr_value_low
from policies
order by agent_id;

-- Where would the next unit of money bring most, and where does it stop to bring any?
select budget_percent, budget, net_value, asr_spend, budget_price, plan_status
from value_frontier
order by budget_percent;

-- How does each agent stand in its category, and where is it going?
select category, agent_id, asr_value_28d, category_median, efficiency_index, band, target, trajectory
from daily_portfolio
order by category, efficiency_index desc nulls last;

-- What will it cost in a quarter if demand doubles, and does the forecast beat the naive one?
select agent_id, requests, cost, cost_low_95, cost_high_95, beats_naive, projection_reason
from cost_projection
where scenario = 2 and horizon_days = 90
order by agent_id;

-- And what will it return then, against today's demand?
select agent_id, scenario, roi, roi_low_95, roi_high_95, asr_spend, asr_value, projection_reason
from asr_projection
where scenario in (1, 2) and horizon_days = 90
order by agent_id, scenario;

-- What do agents turn over on exchanges without a person, for a unit of what they cost?
select
    agent_id,
    sum(autonomous_transaction_value_buyer) as bought_alone,
    sum(autonomous_transaction_value_seller) as sold_alone,
    sum(spend) as spend,
    case when sum(spend_buyer) > 0
        then cast(sum(autonomous_transaction_value_buyer) as double)
            / sum(spend_buyer) end as exchange_asr_buyer,
    case when sum(spend_seller) > 0
        then cast(sum(autonomous_transaction_value_seller) as double)
            / sum(spend_seller) end as exchange_asr_seller
from daily_exchange
group by agent_id
order by agent_id;

-- And on which exchange?
select
    exchange,
    count(*) as transactions,
    sum(value) as value,
    sum(value) filter (where is_autonomous) as autonomous_value
from facts.fct_transaction
group by exchange
order by exchange;
