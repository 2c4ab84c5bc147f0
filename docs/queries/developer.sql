-- Which model version is slow, dear or failing, and what would help?
select
    agent_id,
    model_version,
    sum(calls) as calls,
    sum(errors) as errors,
    sum(priced_cost) as priced_cost,
    max(latency_seconds_p95) as worst_day_p95_seconds,
    max(advice) filter (advice <> 'none') as advice
from daily_inference
group by agent_id, model_version
order by priced_cost desc nulls last;

-- Does retrieval lower the rate of hallucinations, or is it only seen together with fewer?
select agent_id, task_type, grounding_effect, grounding_effect_low, grounding_effect_high, inference
from grounding_effect
order by agent_id, task_type;

-- What has changed since last month: the mix of work, or how well it is done?
select agent_id, subject, value_then, value_now, mix_effect, rate_effect, rate_p_value, advice
from drift
where kind = 'kpi'
order by agent_id, subject;

-- What did the experiments show, and may they be stopped?
select experiment_id, arm, metric, difference, sequence_low, sequence_high, decision, reason
from experiment_readout
where role = 'primary' and not is_reference
order by experiment_id, arm;
