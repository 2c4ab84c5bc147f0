"""Does the interval of a window's win rate hold the rate of the process (metrics.md §5)?

Prior: the rate is uniform on 5 to 95 % (``win_rate``) or on 0.2 to 5 % (``human_override_rate``).
Strata are tasks a window of 28 days (10, 30, 100, 300, 1000, 5000; Poisson by day) by days that
are alike, independent, or persistent; where they are not alike the rate shifts by day (σ uniform
on 0 to 0.5 on the logit scale), with autocorrelation 0 or 0.7.
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import DAYS, PERSISTENCE, mean_rate, shocks
from benchmarks.coverage._rows import ends, held, strata
from roi_engine.metrics.asr import rate_interval

TITLE = "win_rate"
NOMINAL = 0.95
COLUMNS = {
    # acceptance is a share of decided tasks as winning is one of ended tasks
    "win_rate": ends("daily_asr", "win_rate", "recommendation_acceptance"),
    "human_override_rate": ends("daily_asr", "human_override_rate"),
}

RATES = {"win_rate": (0.05, 0.95), "human_override_rate": (0.002, 0.05)}
TASKS = (10, 30, 100, 300, 1000, 5000)
SHIFTS = {"alike": (0.0, 0.0)} | {days: (0.5, rho) for days, rho in PERSISTENCE.items()}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return two rows an estate, one a rate: whether the interval holds the process's rate."""
    parts = []
    for interval, rates in RATES.items():
        for number, (days, tasks) in strata(estates, SHIFTS, TASKS):
            most, rho = SHIFTS[days]
            centre = logit(rng.uniform(*rates, (number.size, 1)))
            spread = rng.uniform(0, most, (number.size, 1))
            truth = mean_rate(centre, spread)
            rate = expit(centre + spread * shocks(number.size, DAYS, rho, rng))
            ended = rng.poisson(tasks / DAYS, rate.shape)
            found = rate_interval(rng.binomial(ended, rate), ended, NOMINAL)
            name = f"tasks={tasks}, days {days}"
            parts.append(held(number, name, (found.low, found.high), truth, interval=interval))
    return pl.concat(parts).sort("interval", "estate", maintain_order=True)
