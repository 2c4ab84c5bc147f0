"""mandates: one goal, one limit each; what was spent on it, and whether it was reached within."""

from datetime import timedelta

import polars as pl

from roi_engine.marts.declared.mandates import MANDATES
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_trade import MANDATE_DAYS, MANDATE_ROWS
from roi_engine.metrics.roi import ratio
from roi_engine.metrics.wallet import mandate_score

QUERIES: tuple[FactQuery, ...] = (MANDATE_ROWS, MANDATE_DAYS)

_KEY = "mandate_id"
_DATES = ("valid_from", "valid_to", "reached_on")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    days = answer(MANDATE_DAYS, facts)
    rows = _begun(facts, params)
    return (
        rows.join(_spent(rows, days), on=_KEY, how="left", validate="1:1")
        .join(_seen(rows, days), on=_KEY, how="left", validate="1:1")
        .join(_overlapping(rows), on=_KEY, how="left", validate="1:1")
        .sort(_KEY)
        .pipe(_judge)
        .with_columns(*as_decimal("limit_amount", "spent"), day=pl.lit(today))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(MANDATES.conform)
    )


def _begun(facts: Frames, params: Params) -> pl.DataFrame:
    """Return the mandates that have begun, and ``until``, the last day that counts for each.

    A goal that is said to be reached after the newest day is not reached yet.
    """
    (today,) = params.days
    last = pl.col("valid_to") - timedelta(days=1)
    is_reached = (pl.col("reached_on") <= today).fill_null(False) & (
        pl.col("reached_on") <= last
    ).fill_null(pl.col("valid_to").is_null())
    return (
        answer(MANDATE_ROWS, facts)
        .with_columns(
            pl.col(_KEY, "agent_id", "goal").cast(pl.String),
            pl.col(*_DATES).cast(pl.Date),
            pl.col("is_approved").cast(pl.Boolean),
        )
        # its limit has no rate before as_of
        .filter(pl.col("valid_from") <= min(today, params.as_of))
        .with_columns(
            is_reached=is_reached,
            until=pl.min_horizontal("reached_on", last, pl.lit(today)),
            is_open=~is_reached & (pl.lit(today) < last).fill_null(True),
        )
        .with_columns(days=_length())
    )


def _length() -> pl.Expr:
    return (pl.col("until") - pl.col("valid_from")).dt.total_days() + 1


def _spent(rows: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Add up what each mandate's agent cost on its days; no row where the agent has none."""
    return (
        rows.select(_KEY, "agent_id", "valid_from", "until")
        .join(days.drop("status"), on="agent_id", how="inner")
        .filter(pl.col("day").is_between("valid_from", "until"))
        .group_by(_KEY)
        .agg(spent=pl.col("spend").sum(), cost_basis=weakest("cost_basis"))
    )


def _seen(rows: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Say of how many days of each mandate anybody's cost is known, and how final they are."""
    known = days.group_by("day").agg(weakest("status"))
    return (
        rows.select(_KEY, "valid_from", "until")
        .join(known, how="cross")
        .filter(pl.col("day").is_between("valid_from", "until"))
        .group_by(_KEY)
        .agg(pl.len().cast(pl.Int64).alias("days_seen"), weakest("status"))
    )


def _overlapping(rows: pl.DataFrame) -> pl.DataFrame:
    """Count the agent's other mandates whose days so far share one with each mandate's."""
    other = rows.select("agent_id", other=_KEY, begins="valid_from", ends="until")
    return (
        rows.select(_KEY, "agent_id", "valid_from", "until")
        .join(other, on="agent_id", how="inner")
        .filter(
            (pl.col(_KEY) != pl.col("other"))
            & (pl.col("begins") <= pl.col("until"))
            & (pl.col("ends") >= pl.col("valid_from"))
        )
        .group_by(_KEY)
        .agg(pl.len().cast(pl.Int64).alias("overlapping_mandates"))
    )


def _judge(rows: pl.DataFrame) -> pl.DataFrame:
    """Score each mandate as soon as it is decided, and say why where it is not."""
    rows = rows.with_columns(
        pl.col("overlapping_mandates").fill_null(0),
        pl.col("cost_basis").fill_null("billed"),
        days_missing=pl.col("days") - pl.col("days_seen").fill_null(0),
        evidence=pl.when("is_approved").then(pl.lit("measured")).otherwise(pl.lit("assumed")),
    )
    within = mandate_score(
        rows["is_reached"].to_numpy(),
        rows["spent"].fill_null(0).to_list(),
        rows["limit_amount"].to_list(),
    )
    passed = (pl.col("spent") > pl.col("limit_amount")).fill_null(False)
    reason = (
        # what is over its limit, or out of time without its goal, cannot come back
        pl.when(passed | ~(pl.col("is_open") | pl.col("is_reached")))
        .then(None)
        .when("is_open")
        .then(pl.lit("open"))
        .when(pl.col("days_missing") > 0)
        .then(pl.lit("days_missing"))
        .when(pl.col("spent").is_null())
        .then(pl.lit("agent_unseen"))
    )
    unsettled = (
        pl.col("is_open")
        | (pl.col("days_missing") > 0)
        | (pl.col("status").fill_null("provisional") == "provisional")
    )
    share = ratio(units(rows, "spent"), units(rows, "limit_amount"))
    return rows.with_columns(
        nullable("utilisation", share),
        pl.Series("score", within),
        score_reason=reason,
        status=pl.when(unsettled).then(pl.lit("provisional")).otherwise(pl.lit("final")),
    ).with_columns(pl.when(pl.col("score_reason").is_null()).then("score").alias("score"))
