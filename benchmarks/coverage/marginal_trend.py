"""Does the interval of a trend over token deciles hold it (metrics.md §5, marginal_ev)?

Prior: value for a thousand tokens is a straight line over the deciles, its slope Normal(0, 1), plus
independent noise. Strata are how the noise of a decile changes with its number (alike, growing,
falling as for values divided by few tokens, falling steeply), its shape (normal, log-normal with a
long tail), and whether all ten deciles are there or six of them.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends
from roi_engine.metrics.marginal import DECILES, trend

TITLE = "marginal_trend"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("marginal_ev", "trend_per_decile")}

_AT = np.arange(DECILES)
NOISE = {
    "alike": np.ones(DECILES),
    "growing": 1 + _AT / 3,
    "falling": 3 / (1 + _AT),
    "falling steeply": 10 / (1 + _AT) ** 2.0,
}
SHAPES = ("normal", "log-normal")
KNOWN = (10, 6)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the true slope."""
    strata = [(noise, shape, known) for noise in NOISE for shape in SHAPES for known in KNOWN]
    parts = []
    for place, (noise, shape, known) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        size = (number.size, DECILES)
        if shape == "normal":
            error = rng.normal(size=size)
        else:
            error = rng.lognormal(size=size) - np.exp(0.5)
        slope = rng.normal(size=number.size)
        values = slope[:, None] * _AT + NOISE[noise] * error
        missing = rng.permuted(np.tile(_AT, (number.size, 1)), axis=1)[:, : DECILES - known]
        np.put_along_axis(values, missing, np.nan, axis=1)
        found = trend(values)
        parts.append(
            pl.DataFrame(
                {
                    "estate": number,
                    "stratum": [f"{noise}, {shape}, {known} deciles"] * number.size,
                    "has_interval": ~np.isnan(found.low),
                    "held": (found.low <= slope) & (slope <= found.high),
                }
            )
        )
    return pl.concat(parts).sort("estate", maintain_order=True)
