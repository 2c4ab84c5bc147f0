"""Does the interval of the productivity delta hold it (metrics.md §6)?

Prior: minutes are log-normal in each stratum of work (task × difficulty × channel), σ uniform on
0.4 to 1.1 and of its own for people and for the agent in each; people's mean varies log-normally
over strata (σ 0.6), the agent's differs by a common factor (median 0.6, σ 0.4) and by one of each
stratum (σ 0.2). The agent's mix is Dirichlet(2, 2, …), its cases Poisson with at least one a
stratum. Coverage strata are strata of work (1, 4, 12) by people's cases in each (10, 30, 300) by
the agent's mean cases in each (10, 100).
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends, held, strata
from roi_engine.metrics.productivity import Strata, productivity_delta

TITLE = "productivity_delta"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("productivity", "productivity_delta")}

KINDS, PEOPLE, AGENT = (1, 4, 12), (10, 30, 300), (10, 100)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the ratio of the true means."""
    parts = []
    for number, (kinds, people, agent) in strata(estates, KINDS, PEOPLE, AGENT):
        shape = (number.size, kinds)
        mean = rng.lognormal(2.5, 0.6, shape)
        common = rng.lognormal(np.log(0.6), 0.4, (number.size, 1))
        own_mean = mean * common * rng.lognormal(0, 0.2, shape)
        cases = mix_of(shape, agent, rng)
        found = productivity_delta(
            worked(own_mean, cases, rng),
            worked(mean, np.full(shape, people), rng),
            level=NOMINAL,
        )
        truth = (cases * mean).sum(axis=1) / (cases * own_mean).sum(axis=1) - 1
        name = f"kinds={kinds}, people={people}, agent={agent}"
        parts.append(held(number, name, (found.low, found.high), truth))
    return pl.concat(parts).sort("estate", maintain_order=True)


def mix_of(shape: tuple[int, int], agent: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the agent's cases by stratum of work, in a mix of its own."""
    mix = rng.dirichlet(np.full(shape[1], 2.0), shape[0])
    return np.maximum(rng.poisson(mix * agent * shape[1]), 1)


def worked(mean: np.ndarray, cases: np.ndarray, rng: np.random.Generator) -> Strata:
    """Draw the minutes of every case and add them up by stratum of work."""
    sigma = rng.uniform(0.4, 1.1, mean.shape)
    cell = np.repeat(np.arange(mean.size), cases.ravel())
    centre = np.log(mean) - sigma**2 / 2
    minutes = np.exp(rng.normal(centre.ravel()[cell], sigma.ravel()[cell]))
    total, squares = (
        np.bincount(cell, weights=part, minlength=mean.size).reshape(mean.shape)
        for part in (minutes, minutes**2)
    )
    return Strata(cases, total, squares)
