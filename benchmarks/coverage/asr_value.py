"""Does the interval of a ratio of value to spend hold it (metrics.md §5, asr_value and roi)?

Prior: tasks a day are Poisson; a task's cost is log-normal (σ uniform on 0.3 to 1); it succeeds
with a rate uniform on 15 to 85 % that shifts by day (σ uniform on 0 to 0.5 on the logit scale); a
success is worth a log-normal value with mean 0.5 to 5 times the mean cost, σ 0.5 to 1 (plain) or
1.2 to 1.8 (heavy: the best of a hundred successes is worth about ten average ones); overhead is
0 to 20 % of the spend. Strata are tasks a window of 28 days (100, 300, 1000, 5000) by tail by days
that are independent or persistent (the shift has autocorrelation 0.7), by scale: ``ratio`` for
asr_value, ``linear`` for (value − spend) / spend.
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from roi_engine.metrics.asr import ratio_interval

TITLE = "asr_value"
NOMINAL = 0.95

DAYS = 28
TASKS, PERSISTENCE = (100, 300, 1000, 5000), {"independent": 0.0, "persistent": 0.7}
TAILS = {"plain": (0.5, 1.0), "heavy": (1.2, 1.8)}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return two rows an estate, one a scale: whether the interval holds the process's ratio."""
    strata = [(n, tail, days) for days in PERSISTENCE for tail in TAILS for n in TASKS]
    parts = []
    for place, (tasks, tail, days) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        value, spend, truth = _windows(number.size, tasks, TAILS[tail], PERSISTENCE[days], rng)
        present = np.ones_like(spend, dtype=bool)
        for scale in ("ratio", "linear"):
            shift = 1.0 if scale == "linear" else 0.0
            found = ratio_interval(value - shift * spend, spend, present, scale, NOMINAL)
            aim = truth - shift
            name = f"{scale}, tasks={tasks}, {tail}, {days}"
            parts.append(
                pl.DataFrame(
                    {
                        "estate": number,
                        "stratum": [name] * number.size,
                        "has_interval": ~np.isnan(found.low) & ~np.isnan(found.high),
                        "held": (found.low <= aim) & (aim <= found.high),
                    }
                )
            )
    return pl.concat(parts).sort("estate", maintain_order=True)


def _windows(
    rows: int, tasks: int, tail: tuple[float, float], rho: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return value and spend by day, shape (rows, days), and the ratio of their expectations."""
    one = (rows, 1)
    centre, spread = logit(rng.uniform(0.15, 0.85, one)), rng.uniform(0, 0.5, one)
    cost_sigma, value_sigma = rng.uniform(0.3, 1, one), rng.uniform(*tail, one)
    worth, overhead = rng.uniform(0.5, 5, one), rng.uniform(0, 0.2, one)
    idle = overhead / (1 - overhead) * tasks / DAYS
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    wins = (weights * expit(centre + spread * nodes)).sum(axis=1) / weights.sum()
    truth = wins * worth[:, 0] * (1 - overhead[:, 0])

    # a stationary day-to-day shock, the same spread whatever its persistence
    shock = rng.standard_normal((rows, DAYS))
    for day in range(1, DAYS):
        shock[:, day] = rho * shock[:, day - 1] + np.sqrt(1 - rho**2) * shock[:, day]
    rate = expit(centre + spread * shock)
    count = rng.poisson(tasks / DAYS, (rows, DAYS))
    cell = np.repeat(np.arange(rows * DAYS), count.ravel())
    row = cell // DAYS
    cost = _lognormal(cost_sigma[row, 0], rng)
    won = rng.random(cell.size) < rate.ravel()[cell]
    value = won * worth[row, 0] * _lognormal(value_sigma[row, 0], rng)
    by_day = (
        np.bincount(cell, weights=part, minlength=rows * DAYS).reshape(rows, DAYS)
        for part in (value, cost)
    )
    total_value, total_cost = by_day
    return total_value, total_cost + idle * rng.gamma(10, 0.1, (rows, DAYS)), truth


def _lognormal(sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one value of mean 1 for each σ."""
    return np.exp(rng.normal(-(sigma**2) / 2, sigma))
