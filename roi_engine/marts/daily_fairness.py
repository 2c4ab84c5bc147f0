"""daily_fairness: success and escalation of each group of users against the largest one."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.daily_fairness import DAILY_FAIRNESS
from roi_engine.marts.facts import WINDOW_DAYS, FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import evidence, stamp, statuses
from roi_engine.marts.queries import MATURITY, OPEN_COST, UNKNOWN
from roi_engine.marts.queries_people import SERVED
from roi_engine.marts.windows import day_by_day, over_window
from roi_engine.metrics.fairness import four_fifths, selection_ratio_by_day
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

QUERIES: tuple[FactQuery, ...] = (SERVED, MATURITY, OPEN_COST)

_KEYS = ["day", "task_type", "user_group"]
_PARTS = {"success": "successes", "escalation": "escalated_tasks"}
_COUNTS = ("ended_tasks", "successes", "escalated_tasks")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    daily = answer(SERVED, facts)
    groups = over_window(daily, _KEYS[1:], params).filter(pl.col("ended_tasks") > 0)
    rows = groups.join(_reference(groups), on=["day", "task_type"], how="left", validate="m:1")
    rows = rows.sort(_KEYS)
    own = day_by_day(rows, daily, _KEYS[1:])
    reference = rows.select("day", "task_type", user_group="reference_group")
    against = day_by_day(reference, daily, _KEYS[1:])
    is_small = pl.col("ended_tasks") < params.min_group_size
    return (
        rows.with_columns(
            *_judge(rows, own, against, "success", params),
            *_judge(rows, own, against, "escalation", params),
            evidence(pl.col("assumed_tasks"), pl.col("published_tasks")),
            cost_basis=pl.lit("billed"),
            suppressed_reason=pl.when(is_small).then(pl.lit("small_group")),
            is_reference=pl.col("user_group") == pl.col("reference_group"),
        )
        .with_columns(
            # the name of a small group is no secret, its numbers are
            pl.when(pl.col("reference_ended_tasks") >= params.min_group_size)
            .then("reference_group")
            .alias("reference_group"),
            *(pl.when(~is_small).then(name).alias(f"{name}_28d") for name in _COUNTS),
        )
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(DAILY_FAIRNESS.conform)
    )


def _reference(groups: pl.DataFrame) -> pl.DataFrame:
    """Return the largest group of each task type, and its counts."""
    return (
        groups.sort(
            "day",
            "task_type",
            pl.col("user_group") == UNKNOWN,
            "ended_tasks",
            "user_group",
            descending=[False, False, False, True, False],
        )
        .unique(["day", "task_type"], keep="first", maintain_order=True)
        .select(
            "day",
            "task_type",
            pl.col("user_group").alias("reference_group"),
            *(pl.col(name).alias(f"reference_{name}") for name in _COUNTS),
        )
    )


def _judge(
    rows: pl.DataFrame, days: pl.DataFrame, against: pl.DataFrame, name: str, params: Params
) -> list[pl.Series]:
    """Return rate, ratio, interval and verdict of one outcome; nothing for small groups."""
    part = _PARTS[name]
    k, n, k_ref, n_ref = (
        rows[column].to_numpy()
        for column in (part, "ended_tasks", f"reference_{part}", "reference_ended_tasks")
    )
    enough = (n >= params.min_group_size) & (n_ref >= params.min_group_size)
    shape = (rows.height, WINDOW_DAYS)

    def laid_out(side: pl.DataFrame, column: str) -> Floats:
        return np.nan_to_num(doubles(side, column)).reshape(shape)

    mine, theirs = (
        (laid_out(side, part), laid_out(side, "ended_tasks")) for side in (days, against)
    )
    # the reference differs from itself by nothing, and by no chance either
    itself = (rows["user_group"] == rows["reference_group"]).to_numpy()
    found, turned = (
        Interval(
            one.estimate,
            *(
                np.where(itself & np.isfinite(end), one.estimate, end)
                for end in (one.low, one.high)
            ),
        )
        for one in (selection_ratio_by_day(mine, theirs), selection_ratio_by_day(theirs, mine))
    )
    # what harms is judged the other way round: does the reference suffer it so much less?
    is_harm = name == "escalation"
    judged = four_fifths(
        *(((k_ref, n_ref), (k, n)) if is_harm else ((k, n), (k_ref, n_ref))),
        min_group_size=params.min_group_size,
        interval=turned if is_harm else found,
    )

    def shown(values: Floats) -> Floats:
        return np.where(enough, values, np.nan)

    verdict = judged.verdict
    if is_harm:
        # nobody of the group was handed over: there is no harm to hold against anything
        verdict = np.where(enough & (k == 0), "within", verdict)
    own = np.where(n >= params.min_group_size, ratio(k, n), np.nan)
    return [
        nullable(f"{name}_rate_28d", own),
        nullable(f"{name}_ratio_28d", shown(found.estimate)),
        nullable(f"{name}_ratio_low_28d", shown(found.low)),
        nullable(f"{name}_ratio_high_28d", shown(found.high)),
        pl.Series(f"{name}_verdict", verdict.tolist(), dtype=pl.String),
        pl.Series(f"{name}_is_certain", judged.is_certain.tolist(), dtype=pl.Boolean),
    ]
