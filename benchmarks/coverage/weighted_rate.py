"""Does the interval of a bandit arm's weighted rate hold the rate that it had (metrics.md §8)?

Prior: arms of one bandit, traffic Poisson by day (5 to 100 choices in the mean, log-uniform),
handed out each day by the bandit of the product itself (Thompson sampling that halves what it
knows in 14 days, floor 2 %), so that an arm is drawn because it looked good. An arm's rate is
expit of a level (normal, mean uniform on −2 to 1, σ 0.4) and a stationary walk (σ 0.5, half
forgotten in 10 or 60 days) or none. What should be held is the arm's rate over the days, each day
counted by its traffic. Strata are arms (2, 4) by days (28, 84) by how rates move.
"""

import numpy as np
import polars as pl
from scipy.special import expit

from benchmarks.coverage._days import shocks
from benchmarks.coverage._rows import ends, held
from roi_engine.marts.declared.bandit_allocation import HALF_LIFE_DAYS
from roi_engine.metrics.bandit import allocate, best_arm_probability, inverse_propensity_mean

TITLE = "weighted_rate"
COLUMNS = {TITLE: ends("bandit_allocation", "weighted_rate")}

ARMS, DAYS = (2, 4), (28, 84)
WALKS = {"still": (0.0, 0.0), "slow": (0.5, 0.5 ** (1 / 60)), "fast": (0.5, 0.5 ** (1 / 10))}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return a row an arm: whether the interval holds the rate that the arm had."""
    strata = [(arms, days, walk) for walk in WALKS for days in DAYS for arms in ARMS]
    parts = []
    for place, (arms, days, walk) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        size = number.size
        spread, rho = WALKS[walk]
        level = rng.uniform(-2, 1, (size, 1)) + rng.normal(0, 0.4, (size, arms))
        moved = shocks(size * arms, days, rho, rng).reshape(size, arms, days)
        rate = expit(level[..., None] + spread * moved)
        traffic = rng.poisson(np.exp(rng.uniform(np.log(5), np.log(100), (size, 1))), (size, days))
        sums, memory = np.zeros((5, size, arms)), np.zeros((2, size, arms))
        for day in range(days):
            propensity = allocate(best_arm_probability(*memory))
            tried = rng.multinomial(traffic[:, day], propensity / propensity.sum(axis=1)[:, None])
            won = rng.binomial(tried, rate[..., day])
            w = 1 / propensity
            sums += np.stack([w * tried, w * won, w**2 * tried, w**2 * won, w**2 * won])
            memory = memory * 0.5 ** (1 / HALF_LIFE_DAYS) + np.stack([won, tried - won])
        found = inverse_propensity_mean(*sums, is_share=True)
        truth = (rate * traffic[:, None]).sum(axis=2) / traffic.sum(axis=1)[:, None]
        low, high = (end.ravel() for end in found[1:])
        name = f"arms={arms}, days={days}, rates {walk}"
        parts.append(held(np.repeat(number, arms), name, (low, high), truth.ravel()))
    return pl.concat(parts).sort("estate", maintain_order=True)
