"""Does the interval of asr_spend_28d hold the process's share, through the mart (metrics.md §5)?

Prior: tasks a day are Poisson, their cost log-normal (σ uniform on 0.3 to 1), success has a rate
uniform on 15 to 85 % that shifts by day (σ uniform on 0 to 0.5 on the logit scale), failures cost
1 to 3 times as much, overhead is 0 to 20 % of the expected spend. Strata are tasks a window (100,
300, 1000, 5000) by days that are independent or persistent (the shift has autocorrelation 0.7).
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import DAYS, PERSISTENCE, mean_rate, shocks
from benchmarks.coverage._marts import WINDOW, build, nano
from benchmarks.coverage._rows import ends

TITLE = "asr_spend_28d"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("daily_asr", "asr_spend")}

TASKS = (100, 300, 1000, 5000)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the process's share."""
    drawn = [_agent(number, rng) for number in range(estates)]
    truth = pl.DataFrame([estate for estate, _ in drawn])
    days = pl.concat([pl.DataFrame(window) for _, window in drawn])
    mart = build(
        "daily_asr",
        {
            "cost_by_agent": days.drop("ended_tasks").with_columns(
                pl.lit("t").alias("task_type"),
                pl.lit(1).alias("billed_lines"),
                spend_without_credits="spend",
            ),
            "tasks_by_agent": days.select("day", "agent_id", "ended_tasks"),
        },
    )
    low, high = pl.col("asr_spend_low_28d"), pl.col("asr_spend_high_28d")
    return truth.join(mart, on="agent_id", validate="1:1").select(
        "estate",
        "stratum",
        low.is_not_null().alias("has_interval"),
        pl.col("share").is_between(low, high).alias("held"),
    )


def _agent(number: int, rng: np.random.Generator) -> tuple[dict, dict]:
    """Draw one agent's window of days, and the share that its process has in the long run."""
    tasks = TASKS[number % len(TASKS)]
    kind = list(PERSISTENCE)[number // len(TASKS) % len(PERSISTENCE)]
    centre, spread = logit(rng.uniform(0.15, 0.85)), rng.uniform(0, 0.5)
    sigma, dearer, overhead = rng.uniform(0.3, 1), rng.uniform(1, 3), rng.uniform(0, 0.2)
    wins = expit(centre + spread * shocks(1, DAYS, PERSISTENCE[kind], rng)[0])

    mean_win = float(mean_rate(np.array([[centre]]), np.array([[spread]]))[0])
    task_cost = np.exp(sigma**2 / 2)
    per_task = task_cost * (mean_win + (1 - mean_win) * dearer)
    idle = overhead / (1 - overhead) * per_task * tasks / DAYS
    share = task_cost * mean_win / (per_task + idle * DAYS / tasks)

    count = rng.poisson(tasks / DAYS, DAYS)
    day = np.repeat(np.arange(DAYS), count)
    won = rng.random(day.size) < wins[day]
    cost = rng.lognormal(0, sigma, day.size) * np.where(won, 1.0, dearer)
    fixed = nano(idle * rng.gamma(10, 0.1, DAYS))
    autonomous = nano(np.bincount(day, weights=cost * won, minlength=DAYS))
    other = nano(np.bincount(day, weights=cost * ~won, minlength=DAYS))
    name = f"e{number}"
    window = {
        "day": WINDOW,
        "agent_id": [name] * DAYS,
        "autonomous_spend": autonomous,
        "overhead_spend": fixed,
        "spend": autonomous + other + fixed,
        "ended_tasks": count,
    }
    stratum = f"tasks={tasks}, days {kind}"
    return {"estate": number, "agent_id": name, "stratum": stratum, "share": share}, window
