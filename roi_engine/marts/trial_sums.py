"""What each arm's units add up to: x, y, and what of both there was before the experiment."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roi_engine.marts.facts import Frames, answer
from roi_engine.marts.money import NANO, doubles, to_nano
from roi_engine.marts.queries_trials import (
    METRICS,
    PRE_PERIOD_DAYS,
    TASKS_OF_AGENTS,
    TASKS_OF_GROUPS,
    TRIALS,
    Metric,
)
from roi_engine.marts.rates import UNIT_WEIGHT
from roi_engine.marts.trials import Trials
from roi_engine.metrics.experiment import COLUMNS, Sums, sum_units
from roi_engine.metrics.roi import Floats

_ARM = ["experiment_id", "arm"]
_PARTS = [f"{metric.name}_{end}" for metric in METRICS for end in ("x", "y")]
_UNIT = ["experiment_id", "arm", "unit_id"]
_PENDING = ("open_tasks", "immature_tasks")
_QUERIES = {"agent": TASKS_OF_AGENTS, "user_group": TASKS_OF_GROUPS}


@dataclass(frozen=True, slots=True)
class Measured:
    """Sums of each metric in the order of the arms, by metric.

    ``exact`` has numerator and denominator in nano-units, one row an arm, named like the sums
    that they come from; ``sums`` are what comparisons are made of, weighted where ``is_weighted``.
    """

    exact: pl.DataFrame
    sums: dict[str, Sums]
    is_weighted: dict[str, np.ndarray]
    has_past: np.ndarray


def measure(trials: Trials, facts: Frames) -> Measured:
    """Add up x and y of every metric over the units of each arm.

    Where propensities varied, a unit weighs 1 / propensity: else an arm that was favoured on good
    days would look good. A unit without one is then left out. Sums of weighted products exist for
    shares of tasks, and for units that are no tasks; other metrics cannot be compared then.

    Args:
        trials: Experiments and arms.
        facts: Answers to ``TRIAL_QUERIES``.

    Returns:
        Exact sums and sums for comparison.

    Source: metrics.md §8.
    """
    arms = trials.arms
    tasks = _per_arm(trials, facts)
    units = _per_unit(trials, facts)
    of_units = units.filter(~pl.col("is_past")).group_by(_ARM).agg(pl.col(_PARTS).sum())
    exact = (
        pl.concat([tasks.select(*_ARM, *_PARTS), of_units.select(*_ARM, *_PARTS)])
        .group_by(_ARM)
        .agg(pl.col(_PARTS).sum())
    )
    exact = arms.select(_ARM).join(exact, on=_ARM, how="left", maintain_order="left")
    exact = exact.with_columns(pl.col(_PARTS).fill_null(0))
    pending = units.filter(~pl.col("is_past")).group_by(_ARM).agg(pl.col(_PENDING).sum())
    pending = arms.select(_ARM).join(pending, on=_ARM, how="left", maintain_order="left")

    tasks = arms.select(_ARM).join(tasks, on=_ARM, how="left", maintain_order="left")
    tasks = tasks.with_columns(pl.exclude(_ARM).fill_null(0))
    is_adaptive = arms["is_adaptive"].to_numpy()
    is_task = _is_task(trials)
    wide = _wide(trials, units)
    sums, is_weighted = {}, {}
    for metric in METRICS:
        is_weighted[metric.name] = is_adaptive & (metric.is_share | ~is_task)
        of_tasks = _task_sums(tasks, metric, is_weighted[metric.name], arms)
        sums[metric.name] = Sums(
            *(a + b for a, b in zip(of_tasks, _unit_sums(wide, metric, arms.height), strict=True))
        )
    shown = exact.with_columns(
        *(to_nano(f"{m.name}_x", m.scale) for m in METRICS if m.scale > NANO),
        *(
            pl.col(f"{m.name}_{end}") * pl.lit(10**NANO, dtype=pl.Int128)
            for m in METRICS
            for end in ("x", "y")
            if m.is_share or (end == "y" and not m.per)
        ),
    )
    return Measured(
        shown.with_columns(pending.select(pl.exclude(_ARM).fill_null(0))),
        sums,
        is_weighted,
        ~is_task,
    )


def _is_task(trials: Trials) -> np.ndarray:
    """Say of each arm whether its units are tasks."""
    unit = (trials.plans["unit"].fill_null("task") == "task").to_numpy()
    return np.asarray(unit[trials.arms["at"].to_numpy()], dtype=bool)


def _per_arm(trials: Trials, facts: Frames) -> pl.DataFrame:
    """Add up the tasks of each arm over its days."""
    rows = answer(TRIALS, facts).filter(~pl.col("is_crossed_over"))
    rows = rows.join(trials.arms.select(_ARM), on=_ARM, how="semi")
    values = [c for c in rows.columns if c not in {*_ARM, "day", "is_crossed_over", "is_logged"}]
    return (
        rows.group_by(_ARM).agg(pl.col(values).sum()).with_columns(pl.col(_PARTS).cast(pl.Int128))
    )


def _per_unit(trials: Trials, facts: Frames) -> pl.DataFrame:
    """Add up the tasks of each agent or group: begun under the arm, and ended before the start.

    A task counts for the arm if it was begun from the unit's first day under it on, and before
    the experiment's end; what was begun earlier was not treated.
    """
    dates = trials.plans.select("experiment_id", "starts_on", "ends_on")
    placed = trials.units.select(*_UNIT, "unit", "weight", first="day").join(
        dates, on="experiment_id", how="left", validate="m:1"
    )
    found = []
    for unit, query in _QUERIES.items():
        tasks = answer(query, facts).with_columns(pl.col("created_day").cast(pl.Date))
        found.append(
            placed.filter(pl.col("unit") == unit).join(
                tasks.with_columns(pl.col(_PARTS).cast(pl.Int128)), on="unit_id", how="inner"
            )
        )
    begun = pl.col("created_day")
    treated = (begun >= pl.col("first")) & (begun < pl.col("ends_on")).fill_null(True)
    start = pl.col("starts_on")
    past = (
        (begun >= start - pl.duration(days=PRE_PERIOD_DAYS))
        & (begun < start)
        & (pl.col("day") < start)
    )
    rows = pl.concat(found).with_columns(is_past=past).filter(treated | past)
    return rows.group_by(*_UNIT, "is_past").agg(pl.col(*_PARTS, *_PENDING).sum())


def _task_sums(
    tasks: pl.DataFrame, metric: Metric, weighted: np.ndarray, arms: pl.DataFrame
) -> Sums:
    """Turn the sums of arms whose units are tasks into those that comparisons want."""

    def column(end: str, per: float = 1.0) -> Floats:
        return doubles(tasks, f"{metric.name}_{end}", per)

    n = doubles(tasks, "units")
    x = column("x", 10.0**metric.scale)
    y = column("y", 1e9 if metric.per else 1.0)
    if metric.is_share:
        heavy, unit = np.asarray(weighted, dtype=bool), float(UNIT_WEIGHT)
        n = np.where(heavy & (n > 0), doubles(arms, "logged_units"), n)
        xx = np.where(heavy, column("weight_squared_x", unit**2), x)
        yy = np.where(heavy, column("weight_squared_y", unit**2), y)
        x = np.where(heavy, column("weight_x", unit), x)
        y = np.where(heavy, column("weight_y", unit), y)
        xy = xx
    else:
        xx = column("xx", 1e18)
        xy, yy = (column("xy", 1e18), column("yy", 1e18)) if metric.per else (x, y)
    sums, products = np.zeros((n.size, COLUMNS)), np.zeros((n.size, COLUMNS, COLUMNS))
    sums[:, 0], sums[:, 1] = x, y
    products[:, 0, 0], products[:, 1, 1] = xx, yy
    products[:, 0, 1] = products[:, 1, 0] = xy
    return Sums(n, sums, products)


def _wide(trials: Trials, units: pl.DataFrame) -> pl.DataFrame:
    """Put each unit's sums and its past beside the row of its arm; without tasks all are 0."""
    now = units.filter(~pl.col("is_past")).select(*_UNIT, *_PARTS)
    past = units.filter("is_past").select(*_UNIT, pl.col(_PARTS).name.suffix("_past"))
    arms = trials.arms.with_row_index("row").select("row", *_ARM, is_heavy="is_adaptive")
    return (
        trials.units.select(*_UNIT, "weight")
        .join(arms, on=_ARM, how="inner", validate="m:1")
        .join(now, on=_UNIT, how="left", validate="1:1")
        .join(past, on=_UNIT, how="left", validate="1:1")
        .with_columns(pl.col(_PARTS + [f"{part}_past" for part in _PARTS]).fill_null(0))
        .filter(~pl.col("is_heavy") | (pl.col("weight") > 0))
        .sort("row", "unit_id")
    )


def _unit_sums(wide: pl.DataFrame, metric: Metric, rows: int) -> Sums:
    """Sum units that are no tasks; a past of which y is 0 adjusts nothing."""
    weight = np.where(wide["is_heavy"].to_numpy(), doubles(wide, "weight", UNIT_WEIGHT), 1.0)
    scales = {"x": 10.0**metric.scale, "y": 1e9 if metric.per else 1.0}
    x, y, x_past, y_past = (
        weight * doubles(wide, f"{metric.name}_{end}{when}", scales[end])
        for when in ("", "_past")
        for end in ("x", "y")
    )
    return sum_units(wide["row"].to_numpy(), rows, x, y, (x_past, y_past))
