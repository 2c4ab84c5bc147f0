"""Does the interval of people's minutes on the agent's mix of cases hold them (metrics.md §6)?

Prior and strata are those of productivity_delta. The mix is the agent's own, as it was seen, so
what should be held are people's true means weighted by the agent's cases.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends, held, strata
from benchmarks.coverage.productivity_delta import AGENT, KINDS, PEOPLE, mix_of, worked
from roi_engine.metrics.productivity import standardised_baseline

TITLE = "baseline_minutes"
COLUMNS = {TITLE: ends("productivity", "baseline_minutes")}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the true minutes a case."""
    parts = []
    for number, (kinds, people, agent) in strata(estates, KINDS, PEOPLE, AGENT):
        shape = (number.size, kinds)
        mean = rng.lognormal(2.5, 0.6, shape)
        cases = mix_of(shape, agent, rng)
        found = standardised_baseline(cases, worked(mean, np.full(shape, people), rng))
        truth = (cases * mean).sum(axis=1) / cases.sum(axis=1)
        name = f"kinds={kinds}, people={people}, agent={agent}"
        parts.append(held(number, name, (found.low, found.high), truth))
    return pl.concat(parts).sort("estate", maintain_order=True)
