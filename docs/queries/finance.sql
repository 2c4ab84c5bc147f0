-- What did each agent cost and bring this month, in money and in cash, and how much is assumed?
select
    agent_id,
    sum(total_cost) as total_cost,
    sum(gross_value) as gross_value,
    sum(net_value) as net_value,
    case when sum(total_cost) > 0
        then cast(sum(net_value) as double) / sum(total_cost) end as roi,
    case when sum(total_cost) > 0
        then cast(sum(cash_saving + direct_value + avoided_loss - total_cost) as double)
            / sum(total_cost) end as roi_cash,
    sum(assumed_value) as assumed_value,
    max(status) as status
from daily_roi
where day >= date_trunc('month', (select max(day) from daily_roi))
group by agent_id
order by total_cost desc;

-- Does the bill tie to what was allocated, invoice by invoice?
-- charged must equal allocated: its lines by the cost measure (effective cost, unless
-- ROI_COST_MEASURE=billed), in the reporting currency. invoiced is their billed cost in the invoice's
-- own currency, and differs: a commitment is billed when it is bought, and charged as it is used.
select provider, billing_period, invoice_id, invoiced, billing_currency, charged, allocated,
    difference, verdict
from invoice_tieout
order by provider, billing_period, invoice_id;

-- Does each agent pay for its building, and when?
select agent_id, roi_28d, roi_with_build_28d, payback_days, payback_reason, net_present_value
from daily_portfolio
order by net_present_value desc nulls last;

-- Which mandates were reached within their limit, which were not, and which are still open?
select mandate_id, agent_id, goal, limit_amount, spent, utilisation, score, score_reason, is_open
from mandates
order by score nulls last, mandate_id;
