"""Does the interval of the productivity delta by a staggered roll-out hold it (metrics.md §3)?

Prior: minutes are log-normal in each group of cases, σ uniform on 0.4 to 1.1; people's mean varies
log-normally over groups (σ 0.6). From before to after all groups move by a common factor (σ 0.2)
and each by one of its own (σ uniform on 0 to 0.2). The agent's mean is a factor of what people's
would have been (median 0.5, σ 0.4). Cases of a group and period are Poisson, at least 30. Strata
are groups left to people (3, 5, 12) by groups taken over (1, 4) by mean cases of each (40, 300).
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends, held, strata
from roi_engine.metrics.productivity import Strata
from roi_engine.metrics.rollout import Periods, staggered_rollout

TITLE = "staggered_rollout"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("productivity", "productivity_delta")}

CONTROLS, TAKEN, CASES = (3, 5, 12), (1, 4), (40, 300)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the ratio of the true means."""
    parts = []
    for number, (k, taken, cases) in strata(estates, CONTROLS, TAKEN, CASES):
        shape = (number.size, k + taken)
        before = rng.lognormal(2.5, 0.6, shape)
        common = rng.lognormal(0, 0.2, (number.size, 1))
        apart = rng.uniform(0, 0.2, (number.size, 1))
        would = before * common * np.exp(apart * rng.standard_normal(shape))
        sigma = rng.uniform(0.4, 1.1, shape)
        factor = rng.lognormal(np.log(0.5), 0.4, (number.size, 1))
        mine = np.arange(k + taken) < taken
        then = _worked(before, sigma, cases, rng)
        now = _worked(np.where(mine, would * factor, would), sigma, cases, rng)
        row = np.repeat(np.arange(number.size), taken)
        found = staggered_rollout(
            row,
            Periods(*(_flat(period, slice(None, taken)) for period in (then, now))),
            np.repeat(np.arange(row.size), k),
            Periods(*(_flat(period, slice(taken, None), taken) for period in (then, now))),
            level=NOMINAL,
        )
        weight = np.asarray(now.cases)[:, :taken]
        truth = (weight * would[:, :taken]).sum(axis=1) / (
            weight * (would * factor)[:, :taken]
        ).sum(axis=1) - 1
        name = f"controls={k}, taken={taken}, cases={cases}"
        parts.append(held(number, name, (found.delta.low, found.delta.high), truth))
    return pl.concat(parts).sort("estate", maintain_order=True)


def _flat(strata: Strata, columns: slice, times: int = 1) -> Strata:
    """Return some groups one after the other, each estate's repeated."""
    return Strata(
        *(np.repeat(np.asarray(part)[:, columns], times, axis=0).ravel() for part in strata)
    )


def _worked(mean: np.ndarray, sigma: np.ndarray, cases: int, rng: np.random.Generator) -> Strata:
    """Draw the minutes of every case and add them up by group."""
    number = np.maximum(rng.poisson(cases, mean.shape), 30)
    cell = np.repeat(np.arange(mean.size), number.ravel())
    centre = np.log(mean) - sigma**2 / 2
    minutes = np.exp(rng.normal(centre.ravel()[cell], sigma.ravel()[cell]))
    total, squares = (
        np.bincount(cell, weights=part, minlength=mean.size).reshape(mean.shape)
        for part in (minutes, minutes**2)
    )
    return Strata(number, total, squares)
