"""Does the interval of a cohort's success by an age hold it (metrics.md §5, Aalen–Johansen)?

Prior: tasks come to one of three outcomes (autonomous, assisted, failure) with chances from
Dirichlet(2, 1.5, 1); 0 to 15 % never end. Time to each outcome is log-normal, its median 0.6 to
7.4 days, σ 0.5 to 1.2, and counts in whole days; the horizon is 14 days. Strata are tasks a cohort
(5, 10, 20, 50, 200) by how far they were followed: past the horizon, or anywhere from 0 to 29
days (a cohort still coming in, so that half of the tasks are younger than the horizon). One
interval an outcome.
"""

import numpy as np
import polars as pl
from scipy.special import ndtr

from benchmarks.coverage._rows import ends
from roi_engine.metrics.cohort import cumulative_incidence

TITLE = "cohort_success"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("roi_cohort", "autonomous_success_share", "success_share")}

SIZES, FOLLOWED = (5, 10, 20, 50, 200), ("to the end", "in part")
HORIZON, AGES = 14, 31
OUTCOMES = ("autonomous", "assisted", "failure")


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate and outcome: whether the interval holds the outcome's chance."""
    strata = [(size, followed) for followed in FOLLOWED for size in SIZES]
    return pl.concat(
        [
            _cohorts(np.arange(place, estates, len(strata)), size, followed, rng)
            for place, (size, followed) in enumerate(strata)
        ]
    ).sort("estate", maintain_order=True)


def _cohorts(
    estates: np.ndarray, size: int, followed: str, rng: np.random.Generator
) -> pl.DataFrame:
    rows, kinds = estates.size, len(OUTCOMES)
    chance = rng.dirichlet([2.0, 1.5, 1.0], rows)
    never = rng.uniform(0, 0.15, (rows, 1))
    centre, sigma = rng.uniform(-0.5, 2, (rows, kinds)), rng.uniform(0.5, 1.2, (rows, kinds))
    # whole days up to 14 end before the 15th begins
    truth = (1 - never) * chance * ndtr((np.log(HORIZON + 1) - centre) / sigma)

    row = np.arange(rows)[:, None]
    outcome = (rng.random((rows, size, 1)) > chance.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    days = np.exp(rng.normal(centre[row, outcome], sigma[row, outcome]))
    days = np.where(rng.random((rows, size)) < never, np.inf, days)
    last = AGES - 1 if followed == "to the end" else rng.integers(0, AGES - 1, (rows, size))
    is_open = days >= np.asarray(last) + 1
    age = np.where(is_open, last, np.floor(np.where(is_open, 0, days))).astype(np.int64)
    ended = np.zeros((rows, AGES, kinds), dtype=np.int64)
    left_open = np.zeros((rows, AGES), dtype=np.int64)
    where = np.broadcast_to(row, age.shape)
    np.add.at(ended, (where[~is_open], age[~is_open], outcome[~is_open]), 1)
    np.add.at(left_open, (where[is_open], age[is_open]), 1)

    found = cumulative_incidence(ended, left_open, HORIZON, NOMINAL)
    return pl.DataFrame(
        {
            "estate": np.repeat(estates, kinds),
            "stratum": [f"tasks={size}, followed {followed}"] * (rows * kinds),
            "has_interval": ~np.isnan(found.low).ravel(),
            "held": ((found.low <= truth) & (truth <= found.high)).ravel(),
        }
    )
