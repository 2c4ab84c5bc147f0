"""Does an experiment's confidence sequence hold the true effect at every look (metrics.md §8)?

Prior: two arms of independent units, 10 to 60 new ones an evening, looked at 60 evenings from the
day on which 50 units are there; a unit's value is log-normal (σ 0.3 mild, 1 heavy) with mean 1, the
treatment multiplies it by exp(Normal(0, 0.2)), the control has 30 to 70 % of the units. The plan is
0.5 to 2 times the units that come. It holds if the true difference is in all of its intervals.

The promise is *at least* 95 % whenever one stops, for ever: 60 evenings use up a part of it.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends, held
from roi_engine.metrics.experiment import Sums, compare
from roi_engine.metrics.sequential import Sequence, confidence_sequence, over_looks

TITLE = "confidence_sequence"
AT_LEAST = (TITLE,)
COLUMNS = {
    TITLE: (
        *ends("experiment_readout", "sequence"),
        "experiment_readout.sequence_p_value",
    )
}

EVENINGS = 60
SKEWNESS = (("mild", 0.3), ("heavy", 1.0))
ARRIVE = ((10, 20), (20, 60))


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the true effect is in the intervals of all evenings."""
    strata = [(skew, arrive) for skew in SKEWNESS for arrive in ARRIVE]
    parts = []
    for place, ((name, sigma), (least, most)) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        size = number.size
        daily = rng.integers(least, most + 1, size)
        share, factor = rng.uniform(0.3, 0.7, size), np.exp(rng.normal(0, 0.2, size))
        planned = EVENINGS * daily * rng.uniform(0.5, 2, size)
        arms = [np.zeros((size, 3)), np.zeros((size, 3))]
        looks = []
        for _ in range(EVENINGS):
            treated = rng.binomial(daily, 1 - share)
            for arm, (count, mean) in enumerate(((treated, factor), (daily - treated, 1.0))):
                row = np.repeat(np.arange(size), count)
                value = np.exp(rng.normal(-(sigma**2) / 2, sigma, row.size))
                value *= np.broadcast_to(mean, size)[row]
                for column, part in enumerate((np.ones_like(value), value, value**2)):
                    arms[arm][:, column] += np.bincount(row, weights=part, minlength=size)
            read = compare(*(_sums(arm) for arm in arms))
            units = arms[0][:, 0] + arms[1][:, 0]
            looks.append(
                confidence_sequence(read.difference, read.standard_error, units, units / planned)
            )
        together = over_looks(
            Sequence(*(np.stack(part, axis=-1) for part in zip(*looks, strict=True)))
        )
        found = together.low[:, -1], together.high[:, -1]
        parts.append(held(number, f"{least} to {most} units a day, {name}", found, factor - 1))
    return pl.concat(parts).sort("estate", maintain_order=True)


def _sums(arm: np.ndarray) -> Sums:
    """Lay out count, Σx and Σx² as the sums of a mean over units."""
    n, x, xx = arm.T
    blank = np.zeros_like(n)
    products = np.zeros((n.size, 4, 4))
    products[:, 0, 0], products[:, 1, 1] = xx, n
    products[:, 0, 1] = products[:, 1, 0] = x
    return Sums(n, np.stack([x, n, blank, blank], axis=-1), products)
