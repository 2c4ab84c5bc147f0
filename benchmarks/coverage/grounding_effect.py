"""Does the interval of the grounding effect hold it (metrics.md §4, two rates, reviews)?

Prior: outputs without retrieval hallucinate at a rate uniform on 1 to 30 %; retrieval shifts it on
the logit scale by Normal(−0.5, 0.8). Strata are reviews with and without retrieval (10 and 10, 10
and 50, 30 and 30, 100 and 30, 300 and 300) by how they were drawn: all alike, or by risk. By risk,
outputs fall into tiers of 70, 20 and 10 % with odds of hallucination 1, 2 and 4 times as high, and
are reviewed with probabilities in the proportion 0.05, 0.2 and 1, so weights run from 1 to 20.
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._rows import ends
from roi_engine.metrics.difference import grounding_effect
from roi_engine.metrics.hallucination import Sample, effective_sample

TITLE = "grounding_effect"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("grounding_effect", "grounding_effect")}

REVIEWS = ((10, 10), (10, 50), (30, 30), (100, 30), (300, 300))
DRAWN = ("alike", "by risk")
_SHARE, _ODDS, _CHANCE = np.array([[0.7, 0.2, 0.1], [1.0, 2.0, 4.0], [0.05, 0.2, 1.0]])


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the difference of the true rates."""
    strata = [(sizes, drawn) for drawn in DRAWN for sizes in REVIEWS]
    parts = []
    for place, ((with_it, without), drawn) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        base = logit(rng.uniform(0.01, 0.3, number.size))
        shifted = base + rng.normal(-0.5, 0.8, number.size)
        grounded, rate = _reviewed(shifted, with_it, drawn, rng)
        ungrounded, other_rate = _reviewed(base, without, drawn, rng)
        found = grounding_effect(grounded, ungrounded, level=NOMINAL)
        truth = rate - other_rate
        parts.append(
            pl.DataFrame(
                {
                    "estate": number,
                    "stratum": [f"n={with_it} and {without}, drawn {drawn}"] * number.size,
                    "has_interval": ~np.isnan(found.low),
                    "held": (found.low <= truth) & (truth <= found.high),
                }
            )
        )
    return pl.concat(parts).sort("estate", maintain_order=True)


def _reviewed(
    centre: np.ndarray, size: int, drawn: str, rng: np.random.Generator
) -> tuple[Sample, np.ndarray]:
    """Review outputs of each estate; return the effective sample and the rate of all outputs."""
    rows = centre.size
    rates = expit(centre[:, None] + np.log(_ODDS))
    truth = (_SHARE * rates).sum(axis=1)
    seen = _SHARE * (_CHANCE if drawn == "by risk" else 1.0)
    tier = rng.choice(_SHARE.size, (rows, size), p=seen / seen.sum())
    hit = rng.random((rows, size)) < rates[np.arange(rows)[:, None], tier]
    weight = 1 / _CHANCE[tier] if drawn == "by risk" else np.ones((rows, size))
    sums = (weight, weight**2, weight * hit)
    return effective_sample(*(part.sum(axis=1) for part in sums)), truth
