"""Whether a cell's hallucination rate moved inside the window: then it is not today's rate."""

from datetime import timedelta

import numpy as np
import polars as pl

from roi_engine.marts.facts import WINDOW_DAYS, Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.queries import REVIEWS
from roi_engine.marts.rates import OWN, people_by_day
from roi_engine.metrics.drift import rate_shift
from roi_engine.metrics.hallucination import Sample, effective_sample

RATE_DRIFT_QUERIES = (REVIEWS,)
HALF_DAYS = WINDOW_DAYS // 2

_WEIGHTS = ("weight", "weight_squared", "weight_found")


def rate_drift(facts: Frames, params: Params) -> pl.DataFrame:
    """Compare the reviews of the last 14 days with those of the 14 before, cell by cell.

    Args:
        facts: Answers to ``RATE_DRIFT_QUERIES``.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The cell, ``is_rate_drifted`` (NULL where a half has no review drawn at random), and the
        effective reviews of the later half, ``recent_reviews`` and ``recent_hallucinations``;
        sorted by cell.

    Source: metrics.md §4; docs/decisions/0032-a-rate-that-moved.md.
    """
    (today,) = params.days
    first, half = (today - timedelta(days=back) for back in (WINDOW_DAYS - 1, HALF_DAYS - 1))
    is_later = pl.col("day") >= half
    cells = (
        people_by_day(answer(REVIEWS, facts))
        .filter(pl.col("day").is_between(first, today))
        .group_by(OWN)
        .agg(
            pl.col(name).filter(when).sum().alias(f"{name}_{word}")
            for name in _WEIGHTS
            for word, when in (("earlier", ~is_later), ("later", is_later))
        )
        .sort(OWN)
    )
    earlier, later = (_sample(cells, word) for word in ("earlier", "later"))
    is_compared = (np.asarray(earlier.reviewed) > 0) & (np.asarray(later.reviewed) > 0)
    tests = cells.select("agent_id", compared=pl.Series(is_compared)).select(
        pl.col("compared").sum().over("agent_id")
    )
    shift = rate_shift(earlier, later, tests.to_series().to_numpy())
    has_moved = pl.Series((shift.low > 0) | (shift.high < 0), dtype=pl.Boolean)
    return cells.select(
        *OWN,
        pl.when(pl.Series(is_compared, dtype=pl.Boolean)).then(has_moved).alias("is_rate_drifted"),
        nullable("recent_reviews", later.reviewed),
        nullable("recent_hallucinations", later.hallucinated),
    )


def _sample(cells: pl.DataFrame, half: str) -> Sample:
    return effective_sample(*(doubles(cells, f"{name}_{half}") for name in _WEIGHTS))
