"""Does the interval of a day's undetected hallucinations hold their number (metrics.md §4)?

Prior: that of hallucination_rate for the reviews of the window; the number that should be held is
drawn from the cell's own rate over the day's unverified outputs. Strata are reviews a cell (5, 20,
200) by cells a type (1, and 8: pooled) by unverified outputs (20, 200, 2000).
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends, held
from roi_engine.metrics.hallucination import jeffreys
from roi_engine.metrics.pooling import MIN_UNITS, pool, pooled
from roi_engine.metrics.undetected import beta_binomial_interval

TITLE = "expected_undetected"
COLUMNS = {TITLE: ends("daily_hallucination_adjusted_cost", "expected_undetected")}

REVIEWS, CELLS, OUTPUTS = (5, 20, 200), (1, 8), (20, 200, 2000)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row a cell: whether the interval holds the number of undetected errors."""
    strata = [(n, cells, outputs) for outputs in OUTPUTS for cells in CELLS for n in REVIEWS]
    parts = []
    for place, (n, cells, outputs) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        if not number.size:
            continue
        shape = (number.size, cells)
        mu = rng.uniform(0.01, 0.2, (number.size, 1))
        kappa = np.exp(rng.uniform(np.log(5), np.log(500), (number.size, 1)))
        rate = rng.beta(np.broadcast_to(kappa * mu, shape), kappa * (1 - mu))
        found = rng.binomial(n, rate)
        wrong = rng.binomial(outputs, rate)
        reviews = np.full(cells, float(n))
        posteriors = [
            pooled(pool(reviews, each), reviews, each)
            if cells >= MIN_UNITS
            else jeffreys(reviews, each)
            for each in found.astype(np.float64)
        ]
        mean, variance = (
            np.concatenate([getattr(one, part) for one in posteriors])
            for part in ("mean", "variance")
        )
        low, high = beta_binomial_interval(np.full(mean.size, outputs), mean, variance)
        name = f"n={n}, cells={cells}, outputs={outputs}"
        parts.append(held(np.repeat(number, cells), name, (low, high), wrong.ravel()))
    return pl.concat(parts).sort("estate", maintain_order=True)
