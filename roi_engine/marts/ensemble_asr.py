"""ensemble_asr: agents on one task; its value counts once, its actions in full."""

import polars as pl

from roi_engine.marts.declared.ensemble_asr import ENSEMBLE_ASR
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import (
    VALUE_SCALE,
    as_decimal,
    doubles,
    nullable,
    to_nano,
    units,
)
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, statuses, weakest
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_planning import ENSEMBLES
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (ENSEMBLES, MATURITY, OPEN_COST)

_KEYS = ["day", "ensemble_id"]
_WORTH = ("won", "direct", "won_alone", "direct_alone")
_COUNTS = ("tasks", "ended_tasks", "autonomous_successes", "unpriced_tasks")
_MONEY = tuple(c.name for c in ENSEMBLE_ASR.columns if c.type == "DECIMAL(38,9)")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    rows = (
        answer(ENSEMBLES, facts)
        .group_by(_KEYS)
        .agg(pl.col(*_WORTH, "spend", "human_cost", *_COUNTS).sum(), weakest("evidence"))
        .sort(_KEYS)
        .with_columns(
            gross_value=pl.col("won") + pl.col("direct"),
            autonomous_value=pl.col("won_alone") + pl.col("direct_alone"),
        )
        .with_columns(to_nano(name, VALUE_SCALE) for name in ("gross_value", "autonomous_value"))
    )
    alone = ratio(units(rows, "autonomous_value"), units(rows, "spend"))
    share = ratio(doubles(rows, "autonomous_successes"), doubles(rows, "ended_tasks"))
    return (
        rows.with_columns(
            nullable("asr_value", alone),
            nullable("success_share", share),
            # a list price is an estimate of what the bill will say
            cost_basis=pl.lit("estimated"),
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(*as_decimal(*_MONEY))
        .pipe(stamp, params)
        .pipe(ENSEMBLE_ASR.conform)
    )
