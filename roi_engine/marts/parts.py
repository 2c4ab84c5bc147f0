"""What every mart does alike: put cells together, say how far a row can be trusted."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from roi_engine.marts.facts import Frames, answer
from roi_engine.marts.params import Params
from roi_engine.marts.queries import MATURITY, OPEN_COST, TASK_TYPES

EVIDENCE = ("measured", "published", "assumed")
"""Strongest first; a row is as strong as its weakest part."""
COST_BASIS = ("billed", "estimated", "mixed")
STATUS = ("final", "provisional")


def together(keys: Sequence[str], *frames: pl.DataFrame) -> pl.DataFrame:
    """Add up frames that share keys; a key that only one of them has is kept, with 0 elsewhere.

    Examples:
        >>> left = pl.DataFrame({"k": ["a"], "x": [1]})
        >>> right = pl.DataFrame({"k": ["a", "b"], "y": [2, 3]})
        >>> together(["k"], left, right).rows()
        [('a', 1, 2), ('b', 0, 3)]
    """
    stacked = pl.concat(frames, how="diagonal")
    values = [column for column in stacked.columns if column not in keys]
    return stacked.group_by(keys).agg(pl.col(values).sum()).sort(keys)


def requested(frame: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Keep the rows of the days that are built."""
    return frame.filter(pl.col("day").is_in(list(params.days)))


def evidence(assumed: pl.Expr, published: pl.Expr) -> pl.Expr:
    """Name the weakest evidence among counted parts; a row without any is measured."""
    return (
        pl.when(assumed > 0)
        .then(pl.lit("assumed"))
        .when(published > 0)
        .then(pl.lit("published"))
        .otherwise(pl.lit("measured"))
        .alias("evidence")
    )


def weakest(column: str) -> pl.Expr:
    """Return the weakest ``evidence``, ``cost_basis`` or ``status`` of a group of mart rows.

    Examples:
        >>> rows = pl.DataFrame({"evidence": ["measured", "assumed", None]})
        >>> rows.select(weakest("evidence")).item()
        'assumed'
    """
    words = {"evidence": EVIDENCE, "cost_basis": COST_BASIS, "status": STATUS}[column]
    rank = {word: place for place, word in enumerate(words)}
    place = pl.col(column).replace_strict(rank, default=0, return_dtype=pl.Int64).max()
    if column == "cost_basis":
        # bills and estimates together are mixed
        kinds = pl.col(column).drop_nulls().n_unique()
        place = pl.when(kinds > 1).then(len(words) - 1).otherwise(place)
    return (
        place.fill_null(0)
        .replace_strict(dict(enumerate(words)), return_dtype=pl.String)
        .alias(column)
    )


def cost_basis() -> pl.Expr:
    """Tell bills from estimates; a row without any cost line is billed."""
    estimated, billed = pl.col("estimated_lines") > 0, pl.col("billed_lines") > 0
    return (
        pl.when(estimated & billed)
        .then(pl.lit("mixed"))
        .when(estimated)
        .then(pl.lit("estimated"))
        .otherwise(pl.lit("billed"))
        .alias("cost_basis")
    )


def period_end(day: date) -> date:
    """Return the first day after the billing period (the calendar month) of a day.

    Examples:
        >>> period_end(date(2026, 12, 31))
        datetime.date(2027, 1, 1)
    """
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def statuses(facts: Frames, params: Params, window_days: int = 1) -> pl.DataFrame:
    """Say of each requested day whether it is final, or weaker: the weakest day of its window.

    A day is final when ``as_of`` ≥ the end of its billing period + billing_close_days +
    the reopen window, all its tasks are mature, and it paid for no task that is still open.

    Args:
        facts: Answers to ``MATURITY`` and ``OPEN_COST``.
        params: The run's choices.
        window_days: 1 for a figure of the day, 28 for a figure of the window.

    Returns:
        Columns day and status.

    Source: metrics.md §0.
    """
    pending = together(["day"], answer(MATURITY, facts), answer(OPEN_COST, facts)).filter(
        (pl.col("immature_tasks") > 0) | (pl.col("open_lines") > 0)
    )
    unsettled = set(pending["day"])
    wait = timedelta(days=params.billing_close_days + params.reopen_window_days)

    def is_final(day: date) -> bool:
        # the youngest day has the latest period end
        return params.as_of >= period_end(day) + wait and not any(
            day - timedelta(days=back) in unsettled for back in range(window_days)
        )

    days = sorted(set(params.days))
    return pl.DataFrame(
        {"day": days, "status": ["final" if is_final(day) else "provisional" for day in days]},
        schema={"day": pl.Date, "status": pl.String},
    )


def task_types(facts: Frames, keys: pl.DataFrame) -> pl.DataFrame:
    """Look up task types as they were on a day: is_novel and the signed-off realisation rate.

    A type without a valid row is not novel; a rate that nobody signed off counts as 0.

    Args:
        facts: Answer to ``TASK_TYPES``.
        keys: Columns day and task_type.

    Returns:
        One row for each distinct day and task_type asked for.
    """
    dated = answer(TASK_TYPES, facts).with_columns(
        pl.col("valid_from", "valid_to").cast(pl.Date), pl.col("approved_by").cast(pl.String)
    )
    wanted = keys.select("day", "task_type").unique()
    found = (
        wanted.join(dated, on="task_type", how="inner")
        .filter(
            (pl.col("valid_from").is_null() | (pl.col("day") >= pl.col("valid_from")))
            & (pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to")))
        )
        .sort("day", "task_type", "valid_from", nulls_last=False)
        .unique(["day", "task_type"], keep="last", maintain_order=True)
        .select(
            "day",
            "task_type",
            pl.col("is_novel").cast(pl.Boolean),
            pl.when(pl.col("approved_by").fill_null("") != "")
            .then(pl.col("realisation_rate").cast(pl.Float64))
            .alias("realisation_rate"),
        )
    )
    return (
        wanted.join(found, on=["day", "task_type"], how="left", validate="1:1")
        .with_columns(pl.col("is_novel").fill_null(False), pl.col("realisation_rate").fill_null(0))
        .sort("day", "task_type")
    )


def stamp(frame: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Add currency and the transform run that each day's rows came from."""
    runs = pl.DataFrame(
        {
            "day": list(params.transform_run_ids),
            "_transform_run_id": list(params.transform_run_ids.values()),
        },
        schema={"day": pl.Date, "_transform_run_id": pl.String},
    )
    return frame.with_columns(currency=pl.lit(params.currency)).join(
        runs, on="day", how="left", validate="m:1"
    )
