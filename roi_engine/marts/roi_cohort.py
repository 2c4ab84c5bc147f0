"""roi_cohort: return and success of each week's tasks, as of the newest day."""

from datetime import timedelta

import numpy as np
import polars as pl

from roi_engine.marts.declared.daily_cohort import CLASSES
from roi_engine.marts.declared.roi_cohort import ROI_COHORT
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_people import COHORT_AGES, COHORT_DAYS, COHORT_TO_DATE
from roi_engine.metrics.cohort import Incidence, cumulative_incidence
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (COHORT_TO_DATE, COHORT_AGES)
LOW_QUALITY = 100
"""Fewer settled tasks than this: the interval is marked low."""

_KEYS = ["cohort_week", "agent_id"]
_MONEY = ("spend", "human_cost", "gross_value")
_COUNTS = ("tasks", *CLASSES)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    (newest,) = params.days
    first = newest - timedelta(days=COHORT_DAYS - 1)
    rows = (
        answer(COHORT_TO_DATE, facts)
        .with_columns(pl.col("cohort_week").cast(pl.Date))
        # a week of which the first days are out of reach would not be whole
        .filter(pl.col("cohort_week") >= first)
        .group_by(_KEYS)
        .agg(
            pl.col(*_MONEY, *_COUNTS).sum(),
            weakest("evidence"),
            weakest("cost_basis"),
            weakest("status"),
        )
        .sort(_KEYS)
    )
    cost = pl.col("spend") + pl.col("human_cost")
    return (
        rows.pipe(_follow, facts, params)
        .with_columns(
            *(pl.col(name).cast(pl.Int64) for name in _COUNTS),
            *as_decimal(*_MONEY),
            day=pl.lit(newest),
            cohort_roi_reason=pl.when(cost == 0)
            .then(pl.lit("no_cost"))
            .when(cost < 0)
            .then(pl.lit("negative_cost")),
            interval_quality=pl.when(pl.col("settled_tasks") < LOW_QUALITY)
            .then(pl.lit("low"))
            .otherwise(pl.lit("normal")),
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(ROI_COHORT.conform)
    )


def _follow(rows: pl.DataFrame, facts: Frames, params: Params) -> pl.DataFrame:
    """Add returns, and what the tasks of each row come to at the horizon."""
    horizon = params.open_timeout_days + params.reopen_window_days
    ages = _ages(rows, facts, params, horizon)
    shape = (rows.height, horizon + 2)
    left_open = _laid_out(ages.filter(~pl.col("is_settled")), shape)
    alone, helped, other = (
        _laid_out(ages.filter(pl.col("is_settled") & chosen), shape)
        for chosen in (
            pl.col("outcome_class") == "autonomous_success",
            pl.col("outcome_class") == "assisted_success",
            ~pl.col("outcome_class").is_in(["autonomous_success", "assisted_success"]),
        )
    )
    found = {
        "autonomous_success": _share(alone, helped + other, left_open, horizon),
        "success": _share(alone + helped, other, left_open, horizon),
    }
    settled = (alone + helped + other).sum(axis=1)
    followed = settled + left_open.sum(axis=1)
    total = units(rows, "spend") + units(rows, "human_cost")
    seen = doubles(rows, "tasks") - doubles(rows, "unobserved_tasks")
    is_unknown = pl.Series(np.isnan(found["success"].estimate[:, 0]))
    return rows.with_columns(
        nullable("cohort_roi", ratio(units(rows, "gross_value") - total, total)),
        nullable("open_share", ratio(doubles(rows, "open_tasks"), seen)),
        pl.lit(horizon, dtype=pl.Int64).alias("horizon_days"),
        pl.Series("followed_tasks", followed.astype(np.int64)),
        pl.Series("settled_tasks", settled.astype(np.int64)),
        *(
            nullable(f"{name}_share{end}", values[:, 0])
            for name, incidence in found.items()
            for end, values in zip(("", "_low", "_high"), incidence[:3], strict=True)
        ),
        pl.when(pl.Series(followed == 0))
        .then(pl.lit("no_tasks"))
        .when(is_unknown)
        .then(pl.lit("not_followed"))
        .alias("success_share_reason"),
    )


def _ages(rows: pl.DataFrame, facts: Frames, params: Params, horizon: int) -> pl.DataFrame:
    """Return tasks by row and by the age at which they were settled, or are now.

    Ages over the horizon stand behind it, where nobody asks how far.
    """
    wait = pl.duration(days=params.reopen_window_days)
    timeout = pl.col("created_day") + pl.duration(days=params.open_timeout_days)
    ended = pl.col("outcome_class") != "open"
    settles = pl.when("is_timed_out").then(timeout).otherwise(pl.col("resolved_day")) + wait
    today = pl.lit(params.as_of)
    numbered = rows.select(_KEYS).with_row_index("row")
    return (
        answer(COHORT_AGES, facts)
        .with_columns(
            pl.col("created_day", "resolved_day").cast(pl.Date),
            pl.col("is_timed_out").cast(pl.Boolean),
            cohort_week=pl.col("created_day").cast(pl.Date).dt.truncate("1w"),
        )
        .join(numbered, on=_KEYS, how="inner", validate="m:1")
        .with_columns(settles=pl.when(ended).then(settles))
        # an ended task of no known day was never seen to end, nor to stay open
        .filter(~ended | pl.col("settles").is_not_null())
        .with_columns(is_settled=(pl.col("settles") <= today).fill_null(value=False))
        .with_columns(
            age=(pl.when("is_settled").then("settles").otherwise(today) - pl.col("created_day"))
            .dt.total_days()
            .clip(0, horizon + 1)
        )
        .sort("row", "age", "outcome_class")
    )


def _laid_out(tasks: pl.DataFrame, shape: tuple[int, int]) -> Floats:
    """Return the number of tasks as rows × ages."""
    counted = tasks.group_by("row", "age").agg(pl.col("tasks").sum())
    laid_out = np.zeros(shape)
    laid_out[counted["row"].to_numpy(), counted["age"].to_numpy()] = counted["tasks"].to_numpy()
    return laid_out


def _share(won: Floats, lost: Floats, left_open: Floats, horizon: int) -> Incidence:
    return cumulative_incidence(np.stack([won, lost], axis=2), left_open, horizon)
