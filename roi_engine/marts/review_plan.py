"""review_plan: reviews by cell that narrow adjusted ROI most within the minutes that there are."""

import numpy as np
import polars as pl
from scipy.special import ndtri

from roi_engine.marts.declared.review_plan import REVIEW_PLAN
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_planning import ADJUSTED_CELLS, TRUST
from roi_engine.marts.rate_drift import RATE_DRIFT_QUERIES, rate_drift
from roi_engine.metrics.hallucination import jeffreys
from roi_engine.metrics.review_plan import (
    Cells,
    Posterior,
    beta_from_moments,
    expected_variance,
    plan_reviews,
)
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (ADJUSTED_CELLS, *RATE_DRIFT_QUERIES)
REACH = 2 * float(ndtri(0.975))
"""Width of a 95 % interval in standard deviations."""

_KEYS = ["agent_id", "model_version", "task_type"]
_LATEST = (
    *("hallucination_rate", "hallucination_rate_low", "hallucination_rate_high", "rate_basis"),
    *("window_effective_reviews", "window_effective_hallucinations", "evaluator_seen"),
)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    rows = (
        _window(answer(ADJUSTED_CELLS, facts))
        .pipe(_as_of_late, rate_drift(facts, params))
        .pipe(_stakes)
    )
    known, cost = _cells(rows, params), doubles(rows, "adjusted_cost", 1e9)
    plan = plan_reviews(known, params.review_minutes)
    before, after = expected_variance(known, 0.0), expected_variance(known, plan.reviews)
    counted = np.isfinite(before) & (cost > 0)
    whole = np.full(rows.height, cost[counted].sum())
    widths = {
        "roi_width_before": ratio(REACH * np.sqrt(before), cost),
        "roi_width_expected": ratio(REACH * np.sqrt(after), cost),
        "all_roi_width_before": ratio(REACH * np.sqrt(before[counted].sum()), whole),
        "all_roi_width_expected": ratio(REACH * np.sqrt(after[counted].sum()), whole),
    }
    reason = (
        pl.when(pl.col("unverified") == 0)
        .then(pl.lit("nothing_left"))
        .when(pl.col("hallucination_rate").is_null())
        .then(pl.lit("no_rate"))
        .when(pl.col("gain_per_minute").is_null())
        .then(pl.lit("no_loss"))
    )
    return (
        rows.with_columns(
            pl.Series("reviews", plan.reviews, dtype=pl.Int64),
            nullable("minutes", plan.reviews * params.minutes_per_review),
            nullable("gain_per_minute", plan.gain_per_minute),
            *(nullable(name, width) for name, width in widths.items()),
            day=pl.lit(today),
        )
        .with_columns(
            review_reason=reason,
            review_rank=pl.col("gain_per_minute").rank("ordinal", descending=True).cast(pl.Int64),
        )
        .with_columns(*as_decimal("adjusted_cost"))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(REVIEW_PLAN.conform)
    )


def _window(days: pl.DataFrame) -> pl.DataFrame:
    """Add up each cell's days; its rate is that of its latest day with one."""
    counts = ("outputs", "unverified")
    undetected = pl.col("expected_undetected")
    lost = pl.col("gross_value").cast(pl.Float64) / 1e9 - pl.col("adjusted_value")
    has_rate = pl.col("hallucination_rate").is_not_null()
    worth, loss = pl.col("adjusted_value").is_not_null(), pl.col("hallucination_cost").is_not_null()
    return (
        days.with_columns(
            pl.col("expected_undetected", "hallucination_cost", "adjusted_value").cast(pl.Float64)
        )
        .sort(*_KEYS, "day")
        .group_by(_KEYS, maintain_order=True)
        .agg(
            *(pl.col(name).sum().cast(pl.Int64) for name in counts),
            *(pl.col(name).filter(has_rate).last() for name in _LATEST),
            *(weakest(name) for name in TRUST),
            lost=lost.filter(worth).sum(),
            lost_of=undetected.filter(worth).sum(),
            loss=pl.col("hallucination_cost").filter(loss).sum(),
            loss_of=undetected.filter(loss).sum(),
            total_cost=pl.col("total_cost").sum(),
        )
        .filter(pl.col("outputs") > 0)
        .with_columns(
            # a window of NULLs only has no type
            pl.col(name).cast(pl.Float64)
            for name in _LATEST
            if name != "rate_basis"
        )
    )


def _as_of_late(rows: pl.DataFrame, drift: pl.DataFrame) -> pl.DataFrame:
    """Go by the later half's reviews alone where the rate moved inside the window."""
    rows = rows.join(drift, on=_KEYS, how="left", validate="1:1", maintain_order="left")
    late = jeffreys(doubles(rows, "recent_reviews"), doubles(rows, "recent_hallucinations"))
    known: dict[str, pl.Expr | pl.Series] = {
        "hallucination_rate": nullable("x", late.mean),
        "hallucination_rate_low": nullable("x", late.low),
        "hallucination_rate_high": nullable("x", late.high),
        "rate_basis": pl.lit("reviewed"),
        "window_effective_reviews": pl.col("recent_reviews"),
        "window_effective_hallucinations": pl.col("recent_hallucinations"),
        "evaluator_seen": pl.lit(0.0),
    }
    return rows.with_columns(
        pl.when(pl.col("is_rate_drifted")).then(value).otherwise(name).alias(name)
        for name, value in known.items()
    )


def _stakes(rows: pl.DataFrame) -> pl.DataFrame:
    value = ratio(doubles(rows, "lost"), doubles(rows, "lost_of"))
    loss = ratio(doubles(rows, "loss"), doubles(rows, "loss_of"))
    expected = doubles(rows, "unverified") * doubles(rows, "hallucination_rate") * loss
    return rows.with_columns(
        nullable("value_per_output", value),
        nullable("loss_per_hallucination", loss),
        (pl.col("total_cost") + (nullable("x", expected) * 1e9).round().cast(pl.Int128)).alias(
            "adjusted_cost"
        ),
    )


def _cells(rows: pl.DataFrame, params: Params) -> Cells:
    posterior = _posterior(rows)
    return Cells(
        posterior.a,
        posterior.b,
        doubles(rows, "unverified"),
        doubles(rows, "value_per_output"),
        doubles(rows, "loss_per_hallucination"),
        np.full(rows.height, params.minutes_per_review),
    )


def _posterior(rows: pl.DataFrame) -> Posterior:
    """Return the exact posterior where a cell's own reviews made it, else one of its width."""
    n, h = (doubles(rows, f"window_effective_{name}") for name in ("reviews", "hallucinations"))
    alone = (rows["rate_basis"] == "reviewed").fill_null(False).to_numpy()
    alone &= doubles(rows, "evaluator_seen") == 0
    width: Floats = doubles(rows, "hallucination_rate_high")
    width = width - doubles(rows, "hallucination_rate_low")
    like = beta_from_moments(doubles(rows, "hallucination_rate"), (width / REACH) ** 2)
    return Posterior(np.where(alone, 0.5 + h, like.a), np.where(alone, 0.5 + n - h, like.b))
