"""Does the interval of the share that was bought again hold it (metrics.md §5)?

Prior: a day's tasks are redundant with a chance whose median is 1 to 30 % (uniform in logits) and
which varies by day (normal on the logit scale, σ uniform on 0 to 0.6), independent from day to day
or with autocorrelation 0.7. Tasks a day are Poisson, their list price log-normal (σ uniform
on 0.3 to 1). Strata are tasks a window (100, 300, 1000, 5000) by days that are independent or
persistent.
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import DAYS, PERSISTENCE, mean_rate, shocks, tasks_by_day
from benchmarks.coverage._rows import ends, held, strata
from roi_engine.metrics.asr import ratio_interval

TITLE = "redundant_spend_share"
COLUMNS = {TITLE: ends("daily_asr", "redundant_spend_share")}

TASKS = (100, 300, 1000, 5000)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the process's share."""
    parts = []
    for number, (days, tasks) in strata(estates, PERSISTENCE, TASKS):
        one = (number.size, 1)
        centre = rng.uniform(logit(0.01), logit(0.3), one)
        spread, sigma = rng.uniform(0, 0.6, one), rng.uniform(0.3, 1, one)
        chance = expit(centre + spread * shocks(number.size, DAYS, PERSISTENCE[days], rng))
        count, cell = tasks_by_day(number.size, tasks, rng)
        cost = np.exp(rng.normal(0, sigma[cell // DAYS, 0]))
        again = rng.random(cell.size) < chance.ravel()[cell]
        spend, redundant = (
            np.bincount(cell, weights=weights, minlength=count.size).reshape(count.shape)
            for weights in (cost, cost * again)
        )
        found = ratio_interval(redundant, spend, spend > 0, "share")
        truth = mean_rate(centre, spread)
        parts.append(held(number, f"tasks={tasks}, days {days}", found[1:], truth))
    return pl.concat(parts).sort("estate", maintain_order=True)
