"""daily_roi: cost and value of each cell, added up exactly, and the return on it."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.daily_roi import COST_PARTS, DAILY_ROI, VALUE_PARTS
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import (
    CREDITED_SCALE,
    as_decimal,
    nullable,
    to_nano,
    units,
    whole,
)
from roi_engine.marts.params import Params
from roi_engine.marts.parts import (
    cost_basis,
    evidence,
    requested,
    stamp,
    statuses,
    task_types,
    together,
)
from roi_engine.marts.queries import (
    COST_BY_CELL,
    HUMAN_BY_CELL,
    MATURITY,
    OPEN_COST,
    TASK_TYPES,
    TASKS_BY_CELL,
    UNPRICED,
    VALUE_BY_CELL,
)
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (
    COST_BY_CELL,
    HUMAN_BY_CELL,
    VALUE_BY_CELL,
    TASKS_BY_CELL,
    UNPRICED,
    MATURITY,
    OPEN_COST,
    TASK_TYPES,
)
RATE_SCALE = 10**9
"""A realisation rate counts to the ninth decimal; the product with money is rounded once."""

CLASSES = {"token_api": "token_cost"} | {
    name: f"{name}_cost"
    for name in ("gpu", "storage", "network", "platform", "training", "other", "idle")
}
"""Cost class → the column that it is added up in."""

BOOKED = (
    "case agent_id when '__idle__' then 'idle' when '__out_of_scope__' then 'other'"
    " else cost_class end"
)
"""The class by which ``costs`` puts a row into its column, in SQL."""

_MONEY = (*COST_PARTS, "total_cost", "human_equivalent_cost", *VALUE_PARTS)
_DERIVED = (
    *("gross_value", "net_value", "cash_saving", "capacity_freed", "assumed_value"),
    *("comparable_inference_cost", "comparable_human_cost"),
)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.

    Raises:
        ValueError: A cost class is not known, or an answer does not fit its query.
    """
    grain = list(DAILY_ROI.grain)
    cells = together(
        grain,
        requested(answer(TASKS_BY_CELL, facts), params),
        requested(costs(answer(COST_BY_CELL, facts)), params),
        requested(answer(HUMAN_BY_CELL, facts), params),
        requested(_values(answer(VALUE_BY_CELL, facts)), params),
        requested(answer(UNPRICED, facts), params),
    )
    cells = cells.join(
        task_types(facts, cells), on=["day", "task_type"], how="left", validate="m:1"
    )
    return (
        cells.pipe(_add_up)
        .pipe(_ratios)
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(
            evidence(
                pl.col("assumed_credits") + pl.col("assumed_entries"), pl.col("published_credits")
            ),
            cost_basis(),
            *as_decimal(*_MONEY, *_DERIVED),
        )
        .pipe(stamp, params)
        .pipe(DAILY_ROI.conform)
    )


def costs(lines: pl.DataFrame) -> pl.DataFrame:
    """Put each cost class into its own column; every cost of a cell goes into exactly one.

    Raises:
        ValueError: A cost class is not known.
    """
    unknown = set(lines["cost_class"].unique()) - set(CLASSES)
    if unknown:
        raise ValueError(f"fct_cost_allocation has unknown cost classes: {sorted(unknown)}")
    # the pool's idle rows fill idle_cost only, what is out of scope fills other_cost only
    column = (
        pl.when(pl.col("agent_id") == "__idle__")
        .then(pl.lit("idle_cost"))
        .when(pl.col("agent_id") == "__out_of_scope__")
        .then(pl.lit("other_cost"))
        .otherwise(pl.col("cost_class").replace_strict(CLASSES, return_dtype=pl.String))
    )
    return lines.select(
        pl.exclude("cost_class", "cost"),
        *(
            pl.when(column == name).then(pl.col("cost")).otherwise(whole(0)).alias(name)
            for name in CLASSES.values()
        ),
    )


def _values(credited: pl.DataFrame) -> pl.DataFrame:
    """Keep the assumed part of each value, and count what evidence it rests on."""
    assumed = pl.col("evidence") == "assumed"
    return credited.select(
        pl.exclude("evidence", "is_alone", "credited_tasks"),
        pl.when(assumed)
        .then(pl.sum_horizontal(VALUE_PARTS))
        .otherwise(whole(0))
        .alias("assumed_value"),
        pl.when(assumed).then("credited_tasks").otherwise(0).alias("assumed_credits"),
        pl.when(pl.col("evidence") == "published")
        .then("credited_tasks")
        .otherwise(0)
        .alias("published_credits"),
    )


def _add_up(cells: pl.DataFrame) -> pl.DataFrame:
    """Round each part once, then add the rounded parts."""
    parts = ("human_equivalent_cost", *VALUE_PARTS)
    rate = (pl.col("realisation_rate") * RATE_SCALE).round().cast(pl.Int128)
    return (
        cells.with_columns(
            total_cost=pl.sum_horizontal(COST_PARTS),
            **{part: to_nano(part, CREDITED_SCALE) for part in (*parts, "assumed_value")},
        )
        .with_columns(gross_value=pl.sum_horizontal(VALUE_PARTS))
        .with_columns(
            net_value=pl.col("gross_value") - pl.col("total_cost"),
            cash_saving=pl.col("labour_value") * rate,
        )
        .with_columns(cash_saving=to_nano("cash_saving", 18))
        .with_columns(
            capacity_freed=pl.col("labour_value") - pl.col("cash_saving"),
            comparable_inference_cost=pl.when("is_novel")
            .then(whole(0))
            .otherwise(pl.col("token_cost") + pl.col("gpu_cost")),
            comparable_human_cost=pl.when("is_novel")
            .then(whole(0))
            .otherwise("human_equivalent_cost"),
        )
    )


def _ratios(cells: pl.DataFrame) -> pl.DataFrame:
    """Take ratios of the sums; NULL where a denominator says nothing."""
    cash = cells.select(
        x=pl.col("cash_saving")
        + pl.col("direct_value")
        + pl.col("avoided_loss")
        - pl.col("total_cost")
    )
    total = units(cells, "total_cost")
    assumed = np.abs(units(cells, "assumed_value"))
    rest = np.abs(units(cells.select(x=pl.col("gross_value") - pl.col("assumed_value")), "x"))
    return cells.with_columns(
        nullable("roi", ratio(units(cells, "net_value"), total)),
        nullable("roi_cash", ratio(units(cash, "x"), total)),
        nullable(
            "cost_ratio",
            ratio(units(cells, "comparable_inference_cost"), units(cells, "comparable_human_cost")),
        ),
        nullable("assumed_value_share", ratio(assumed, assumed + rest)),
        pl.when(pl.col("total_cost") == 0)
        .then(pl.lit("no_cost"))
        .when(pl.col("total_cost") < 0)
        .then(pl.lit("negative_cost"))
        .alias("roi_reason"),
    )
