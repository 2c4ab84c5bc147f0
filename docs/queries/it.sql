-- How much of the GPUs is used, and is there room?
select agent_id, model_version, gpus, gpu_utilisation, gpu_headroom, peak_vram_share, advice,
    advice_reason
from daily_inference
where day = (select max(day) from daily_inference) and gpus > 0
order by gpu_utilisation;

-- How often was each agent down, and how long did it take to see and to mend?
select agent_id, availability_28d, incidents_28d, incident_rate_low_28d, incident_rate_high_28d,
    time_to_detect_median_28d, time_to_recover_mean_28d, open_28d
from daily_reliability
where day = (select max(day) from daily_reliability)
order by availability_28d;

-- Which wallet will be empty before its period is over, or has cost too much in an hour?
select wallet_id, remaining, utilisation, spend_rate, projected_exhaustion_day, over_limit, over_slope
from daily_wallet
where day = (select max(day) from daily_wallet)
order by projected_exhaustion_day nulls last;

-- What has a training run cost that is not paid off yet, and what of it was given up?
select run_id, model_version, gpu_hours, capitalised_cost, amortised, written_off, closing_balance,
    payback_reason, payback_days_at_pace
from training_amortisation
where payback_days is null
order by closing_balance desc, run_id;
