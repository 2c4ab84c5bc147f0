"""daily_latency: how long model calls took, counted in buckets."""

import polars as pl

from roi_engine.marts.declared.daily_latency import DAILY_LATENCY
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.params import Params
from roi_engine.marts.parts import requested, stamp, statuses
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_operations import LATENCIES

QUERIES: tuple[FactQuery, ...] = (*LATENCIES.values(), MATURITY, OPEN_COST)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    counted = pl.concat(
        requested(answer(query, facts), params).with_columns(
            measure=pl.lit(measure), bucket=pl.col("bucket").cast(pl.Int64)
        )
        for measure, query in LATENCIES.items()
    )
    return (
        counted.with_columns(evidence=pl.lit("measured"), cost_basis=pl.lit("billed"))
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(DAILY_LATENCY.conform)
    )
