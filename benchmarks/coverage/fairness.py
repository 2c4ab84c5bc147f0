"""Do the intervals of the ratios between groups of users hold them (metrics.md §9)?

Prior: the reference group's rate is uniform on 5 to 95 % (success) or 1 to 30 % (escalation); the
group's differs by Normal(0, 0.5) on the logit scale; the reference is 1 to 10 times as large
(log-uniform). Both groups are served by one agent: where days are not alike its rate shifts by day
for both (σ uniform on 0 to 0.5 on the logit scale), and for each group by half as much again of
its own, with autocorrelation 0 or 0.7. Strata are tasks of the group in the window of 28 days (40,
100, 300, 1000, 5000; Poisson by day, at least 30) by how days differ.
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import DAYS, PERSISTENCE, mean_rate, shocks
from benchmarks.coverage._rows import ends, held, strata
from roi_engine.metrics.fairness import selection_ratio_by_day

TITLE = "fairness"
COLUMNS = {
    "success_ratio": ends("daily_fairness", "success_ratio"),
    "escalation_ratio": ends("daily_fairness", "escalation_ratio"),
}

RATES = {"success_ratio": (0.05, 0.95), "escalation_ratio": (0.01, 0.3)}
TASKS = (40, 100, 300, 1000, 5000)
SHIFTS = {"alike": (0.0, 0.0)} | {days: (0.5, rho) for days, rho in PERSISTENCE.items()}
SMALLEST = 30


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return two rows an estate, one an outcome: whether the interval holds the true ratio."""
    parts = []
    for interval, rates in RATES.items():
        for number, (days, tasks) in strata(estates, SHIFTS, TASKS):
            one, (wide, rho) = (number.size, 1), SHIFTS[days]
            reference = logit(rng.uniform(*rates, one))
            group = reference + rng.normal(0, 0.5, one)
            spread = rng.uniform(0, wide, one)
            common = shocks(number.size, DAYS, rho, rng)
            groups, truths = [], []
            for centre, size in (
                (group, np.full(one, float(tasks))),
                (reference, tasks * np.exp(rng.uniform(0, np.log(10), one))),
            ):
                own = shocks(number.size, DAYS, rho, rng)
                rate = expit(centre + spread * (common + own / 2))
                served = rng.poisson(size / DAYS, rate.shape)
                groups.append((rng.binomial(served, rate), served))
                truths.append(mean_rate(centre, spread * np.sqrt(1.25)))
            found = selection_ratio_by_day(*groups)
            small = np.any([served.sum(axis=1) < SMALLEST for _, served in groups], axis=0)
            low, high = (np.where(small, np.nan, end) for end in found[1:])
            name = f"tasks={tasks}, days {days}"
            truth = truths[0] / truths[1]
            parts.append(held(number, name, (low, high), truth, interval=interval))
    return pl.concat(parts).sort("interval", "estate", maintain_order=True)
