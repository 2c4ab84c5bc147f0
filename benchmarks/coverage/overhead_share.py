"""Does the interval of the overhead's share of the spend hold it (metrics.md §5)?

Prior: the share is uniform on 1 to 60 %. Tasks a day are Poisson, their cost log-normal (σ uniform
on 0.3 to 1); overhead is a constant part (0 to 80 % of it: reserved capacity that idles) and a part
that varies by day (log-normal, σ uniform on 0.2 to 1: polling, retries), alike from day to day or
with autocorrelation 0.7. Strata are tasks a window (100, 300, 1000, 5000) by days that are
independent or persistent.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._days import DAYS, PERSISTENCE, shocks, tasks_by_day
from benchmarks.coverage._rows import ends, held, strata
from roi_engine.metrics.asr import ratio_interval

TITLE = "overhead_share"
COLUMNS = {TITLE: ends("daily_asr", "overhead_share")}

TASKS = (100, 300, 1000, 5000)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the process's share."""
    parts = []
    for number, (days, tasks) in strata(estates, PERSISTENCE, TASKS):
        one = (number.size, 1)
        share, fixed = rng.uniform(0.01, 0.6, one), rng.uniform(0, 0.8, one)
        sigma, wild = rng.uniform(0.3, 1, one), rng.uniform(0.2, 1, one)
        count, cell = tasks_by_day(number.size, tasks, rng)
        own = sigma[cell // DAYS, 0]
        cost = np.exp(rng.normal(-(own**2) / 2, own))
        work = np.bincount(cell, weights=cost, minlength=count.size).reshape(count.shape)
        varied = np.exp(wild * shocks(number.size, DAYS, PERSISTENCE[days], rng) - wild**2 / 2)
        usual = share / (1 - share) * tasks / DAYS
        overhead = usual * (fixed + (1 - fixed) * varied)
        spend = overhead + work
        found = ratio_interval(overhead, spend, spend > 0, "share")
        parts.append(held(number, f"tasks={tasks}, days {days}", found[1:], share[:, 0]))
    return pl.concat(parts).sort("estate", maintain_order=True)
