"""Is the sample-ratio p-value at least 0.05 in 95 % of sound assignments (metrics.md §8)?

Prior: 2 to 4 arms whose intended shares are Dirichlet(5, …), assigned independently. Strata are
units (100, 1000, 10 000) by arms.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import held
from roi_engine.metrics.experiment import sample_ratio

TITLE = "sample_ratio"
COLUMNS = {TITLE: ("experiment_readout.sample_ratio_p_value",)}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the test leaves a sound split alone."""
    strata = [(units, arms) for arms in (2, 3, 4) for units in (100, 1000, 10_000)]
    parts = []
    for place, (units, arms) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        shares = rng.dirichlet(np.full(arms, 5.0), number.size)
        found = sample_ratio(rng.multinomial(units, shares), shares).p_value
        edges = np.full(number.size, 0.05), np.ones(number.size)
        parts.append(held(number, f"units={units}, arms={arms}", edges, found))
    return pl.concat(parts).sort("estate", maintain_order=True)
