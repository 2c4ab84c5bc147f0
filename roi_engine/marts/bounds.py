"""bounds: what holds of each agent without any assumption about what nobody saw."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.sensitivity import BOUNDS
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_planning import (
    ADJUSTED_CELLS,
    AGENT_VALUE,
    LOSSES,
    OUTCOMES,
    TRUST,
    UNSEEN_VALUE,
)
from roi_engine.metrics import bounds
from roi_engine.metrics.hallucination import loss_per_hallucination
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (AGENT_VALUE, ADJUSTED_CELLS, LOSSES, OUTCOMES, UNSEEN_VALUE)

_STATES = ("succeeded", "failed", "unseen")


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
        _money(facts)
        .join(_outputs(facts), on="agent_id", how="left", validate="1:1")
        .join(_losses(facts), on="agent_id", how="left", validate="1:1")
        .join(_outcomes(facts), on="agent_id", how="left", validate="1:1")
        .with_columns(pl.col("outputs", "reviewed", "hallucinated", "unverified").fill_null(0))
        .with_columns(pl.col(*_STATES, *(f"people_{state}" for state in _STATES)).fill_null(0))
        .filter(pl.sum_horizontal("outputs", *_STATES) > 0)
        .with_columns(
            known_right=pl.col("reviewed") - pl.col("hallucinated"),
            known_wrong=pl.col("hallucinated"),
            unreviewed=pl.col("unverified"),
            people_tasks=pl.sum_horizontal(f"people_{state}" for state in _STATES),
        )
        .sort("agent_id")
    )
    return (
        rows.with_columns(*_bounds(rows), day=pl.lit(today))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(BOUNDS.conform)
    )


def _bounds(rows: pl.DataFrame) -> list[pl.Series]:
    share = bounds.success_share_bounds(
        *(doubles(rows, name) for name in ("known_right", "known_wrong", "unreviewed"))
    )
    value, gain = units(rows, "unseen_value"), units(rows, "unseen_gain")
    # outputs without a review and no loss known of any: their cost has no bound
    each = np.where(doubles(rows, "unreviewed") > 0, doubles(rows, "loss_each"), 0.0)
    adjusted = bounds.adjusted_bounds(
        units(rows, "gross_value") - value,
        units(rows, "total_cost"),
        doubles(rows, "unreviewed"),
        gain,
        each,
        unknown_loss=value - gain,
    )
    mine, people = (
        [doubles(rows, f"{prefix}{state}") for state in _STATES] for prefix in ("", "people_")
    )
    effect = bounds.effect_bounds(
        *mine, human_good=people[0], human_bad=people[1], human_unknown=people[2]
    )
    found = {
        "right_share": share,
        "adjusted_value": adjusted.value,
        "adjusted_cost": adjusted.cost,
        "adjusted_roi": adjusted.roi,
        "effect": effect,
    }
    return [
        nullable(f"{stem}_at_{end}", side)
        for stem, both in found.items()
        for end, side in (("least", both.low), ("most", both.high))
    ]


def _money(facts: Frames) -> pl.DataFrame:
    """Return each agent's value and cost, and the value that no person verified."""
    unseen = (
        answer(UNSEEN_VALUE, facts)
        # nine decimals are enough for a bound
        .with_columns(pl.col("value", "gain") // 10**18)
        .select("agent_id", unseen_value="value", unseen_gain="gain")
    )
    return (
        answer(AGENT_VALUE, facts)
        .group_by("agent_id")
        .agg(pl.col("gross_value", "total_cost").sum(), *(weakest(name) for name in TRUST))
        .join(unseen, on="agent_id", how="left", validate="1:1")
        .with_columns(pl.col("unseen_value", "unseen_gain").fill_null(0))
    )


def _outputs(facts: Frames) -> pl.DataFrame:
    counts = ("outputs", "reviewed", "hallucinated", "unverified")
    return (
        answer(ADJUSTED_CELLS, facts)
        .group_by("agent_id")
        .agg(pl.col(name).sum().cast(pl.Int64) for name in counts)
    )


def _losses(facts: Frames) -> pl.DataFrame:
    """Return what one of the unreviewed outputs would cost on the mean, were all of them wrong."""
    rows = (
        answer(LOSSES, facts)
        .filter(~pl.col("is_reviewed").cast(pl.Boolean))
        .sort(
            *("agent_id", "day", "task_type", "liability", "remediation_minutes", "hourly_cost"),
            "later_detected",
        )
    )
    each = loss_per_hallucination(
        *(
            doubles(rows, name)
            for name in ("liability", "later_detected", "remediation_minutes", "hourly_cost")
        )
    )
    weighed: Floats = each * doubles(rows, "outputs")
    sums = (
        rows.select("agent_id", "outputs", pl.Series("loss", weighed))
        .group_by("agent_id", maintain_order=True)
        # one unknown loss makes the sum unknown: NaN stays
        .agg(pl.col("loss").sum(), pl.col("outputs").sum())
    )
    return sums.select(
        "agent_id", nullable("loss_each", ratio(doubles(sums, "loss"), doubles(sums, "outputs")))
    )


def _outcomes(facts: Frames) -> pl.DataFrame:
    """Set each agent's tasks beside people's tasks of the same kinds."""
    tasks = answer(OUTCOMES, facts)
    people = tasks.filter(pl.col("agent_id") == "__human__").select(
        "task_type", *(pl.col(state).alias(f"people_{state}") for state in _STATES)
    )
    return (
        tasks.filter(~pl.col("agent_id").str.starts_with("__"))
        .join(people, on="task_type", how="left", validate="m:1")
        .group_by("agent_id")
        .agg(pl.col(*_STATES, *(f"people_{state}" for state in _STATES)).sum())
    )
