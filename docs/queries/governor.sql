-- On which assumption does an agent's return depend most, and where does it break even?
select agent_id, input, assumed, low, high, roi_at_low, roi_at_high, break_even, swing_rank
from sensitivity
where swing_rank = 1
order by agent_id;

-- What holds whatever the unreviewed outputs and the missing comparison were?
select agent_id, right_share_at_least, right_share_at_most, adjusted_roi_at_least, adjusted_roi_at_most
from bounds
order by agent_id;

-- Who is served worse, and is that certain? Groups under the minimum size are suppressed.
select task_type, user_group, reference_group, success_ratio_28d, success_ratio_low_28d,
    success_ratio_high_28d, success_verdict, success_is_certain, suppressed_reason
from daily_fairness
where day = (select max(day) from daily_fairness) and not is_reference
order by task_type, user_group;

-- Which outputs should be reviewed next, for the most certainty a minute?
select agent_id, model_version, task_type, reviews, minutes, roi_width_before, roi_width_expected
from review_plan
where reviews > 0
order by review_rank;

-- What does each version of the rubric call a hallucination? Where rubric_versions is over 1, one
-- rate mixes them.
select
    task_type,
    coalesce(rubric_version, '__unknown__') as rubric_version,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as reviewed,
    count(*) filter (where is_hallucination) as hallucinated,
    cast(count(*) filter (where is_hallucination) as double) / count(*) as hallucination_rate
from facts.fct_quality_review
where reviewer_kind = 'human' and is_latest
group by task_type, coalesce(rubric_version, '__unknown__')
order by task_type, first_day, rubric_version;

-- What do spans, price book and bill say of the same usage, and what is left unexplained?
select day, provider, step, amount, share_of_bill, verdict
from reconciliation
where step in ('price_book', 'unexplained', 'bill')
order by day, provider, position;
