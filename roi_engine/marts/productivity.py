"""productivity: each agent's time on a case against people's on the same mix of cases."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roi_engine.marts.declared.productivity import MAX_UNCOVERED, PRODUCTIVITY, RANKS
from roi_engine.marts.facts import WINDOW_DAYS, FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, statuses
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_people import WORK_BY_ARM, WORK_BY_GROUP, WORK_BY_STRATUM
from roi_engine.marts.rollout import by_rollout
from roi_engine.marts.windows import over_window
from roi_engine.metrics.productivity import Strata, productivity_delta, standardised_baseline
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (WORK_BY_STRATUM, WORK_BY_ARM, WORK_BY_GROUP, MATURITY, OPEN_COST)
LOW_QUALITY = 100
"""Fewer cases than this on either side: the interval is marked low."""

_MINUTE = 6e7
_STRATUM = ["channel"]
"""Not the department: where a ticket names none it is the agent's own, and people have none."""

_SUMS = ("tasks", "work_microseconds", "work_squared")
_HUMAN = pl.col("handler") == "__human__"


class _Found(NamedTuple):
    """What one kind of baseline says of each row; NaN where it says nothing."""

    figures: dict[str, Floats]
    cases: NDArray[np.int64]
    uncovered: Floats
    experiment: NDArray[np.object_]


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    keys = ["day", "handler", "task_type"]
    work = over_window(answer(WORK_BY_STRATUM, facts), ["handler", "task_type", *_STRATUM], params)
    rows = (
        work.filter(~_HUMAN)
        .group_by(keys)
        .agg(pl.exclude(_STRATUM).sum())
        .filter(pl.col("tasks") > 0)
        .sort(keys)
    )
    arms = over_window(
        answer(WORK_BY_ARM, facts),
        ["handler", "task_type", *_STRATUM, "experiment_id", "arm"],
        params,
    )
    by_people = _against(rows, work.filter(~_HUMAN), work.filter(_HUMAN), MAX_UNCOVERED)
    found = {
        "randomised_holdout": _holdout(rows, arms, params),
        "staggered_rollout": _rolled_out(rows, by_rollout(answer(WORK_BY_GROUP, facts), params)),
        "matched": by_people,
        "assumed": _assumed(rows, by_people.uncovered),
    }
    return (
        rows.pipe(_choose, found)
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .rename({"day": "as_of_day", "handler": "agent_id", "tasks": "cases"})
        .pipe(PRODUCTIVITY.conform)
    )


def _choose(rows: pl.DataFrame, found: dict[str, _Found]) -> pl.DataFrame:
    """Take for each row the best baseline that says something."""
    rank = np.full(rows.height, RANKS[-1], dtype=object)
    figures = {name: np.full(rows.height, np.nan) for name in found["assumed"].figures}
    cases = np.zeros(rows.height, dtype=np.int64)
    uncovered = found["assumed"].uncovered.copy()
    experiment = np.full(rows.height, None, dtype=object)
    for name in reversed(found):
        one = found[name]
        speaks = np.isfinite(one.figures["baseline_minutes"])
        rank[speaks] = name
        for column, values in one.figures.items():
            figures[column][speaks] = values[speaks]
        cases[speaks] = one.cases[speaks]
        uncovered[speaks] = one.uncovered[speaks]
        experiment = np.where(speaks, one.experiment, experiment)
    minutes = ratio(doubles(rows, "work_microseconds", _MINUTE), doubles(rows, "tasks"))
    is_assumed = (pl.col("baseline_rank") == "assumed") | (pl.col("assumed_tasks") > 0)
    return rows.with_columns(
        *(nullable(name, values) for name, values in figures.items()),
        nullable("uncovered_share", uncovered),
        nullable("work_minutes_mean", minutes),
        pl.Series("baseline_cases", cases, dtype=pl.Int64),
        pl.Series("baseline_rank", rank.tolist(), dtype=pl.String),
        pl.Series("experiment_id", experiment.tolist(), dtype=pl.String),
        cost_basis=pl.lit("billed"),
    ).with_columns(
        productivity_delta_reason=pl.when(pl.col("productivity_delta").is_not_null())
        .then(None)
        .when(pl.col("baseline_rank") == "none")
        .then(pl.lit("no_baseline"))
        .otherwise(pl.lit("no_time")),
        interval_quality=pl.when(pl.min_horizontal("tasks", "baseline_cases") < LOW_QUALITY)
        .then(pl.lit("low"))
        .otherwise(pl.lit("normal")),
        evidence=pl.when(is_assumed).then(pl.lit("assumed")).otherwise(pl.lit("measured")),
    )


def _against(
    rows: pl.DataFrame, agents: pl.DataFrame, people: pl.DataFrame, max_uncovered: float
) -> _Found:
    """Hold each row's cases against people's, stratum by stratum."""
    strata = pl.concat([frame.select(_STRATUM) for frame in (agents, people)]).unique()
    strata = strata.sort(_STRATUM).with_row_index("stratum")
    numbered = rows.select("day", "handler", "task_type").with_row_index("row")
    own = _laid_out(agents.join(numbered, on=["day", "handler", "task_type"]), numbered, strata)
    theirs = _laid_out(
        people.drop("handler").join(numbered, on=["day", "task_type"]), numbered, strata
    )
    baseline = standardised_baseline(own.cases, theirs, max_uncovered)
    delta = productivity_delta(own, theirs, max_uncovered)
    cases = np.where(np.asarray(own.cases) > 0, theirs.cases, 0.0).sum(axis=1)
    return _Found(
        {
            "baseline_minutes": baseline.estimate,
            "baseline_minutes_low": baseline.low,
            "baseline_minutes_high": baseline.high,
            "productivity_delta": delta.estimate,
            "productivity_delta_low": delta.low,
            "productivity_delta_high": delta.high,
        },
        cases.astype(np.int64),
        baseline.uncovered,
        np.full(rows.height, None, dtype=object),
    )


def _laid_out(frame: pl.DataFrame, rows: pl.DataFrame, strata: pl.DataFrame) -> Strata:
    """Return the sums as rows × strata, in minutes."""
    shape = (rows.height, max(strata.height, 1))
    placed = (
        frame.join(strata, on=_STRATUM)
        .group_by("row", "stratum")
        .agg(pl.col(_SUMS).sum())
        .sort("row", "stratum")
    )
    at = placed["row"].to_numpy(), placed["stratum"].to_numpy()
    parts = []
    for name, unit in zip(_SUMS, (1.0, _MINUTE, _MINUTE**2), strict=True):
        part = np.zeros(shape)
        part[at] = doubles(placed, name, unit)
        parts.append(part)
    return Strata(*parts)


def _holdout(rows: pl.DataFrame, arms: pl.DataFrame, params: Params) -> _Found:
    """Hold an experiment's agent cases against the arm that was left to people.

    Of several experiments the one with the most cases of the agent counts.
    """
    left = (
        arms.group_by("day", "experiment_id", "arm")
        .agg(is_holdout=_HUMAN.all())
        .join(arms, on=["day", "experiment_id", "arm"], how="left", validate="1:m")
    )
    people = left.filter("is_holdout")
    agents = left.filter(~pl.col("is_holdout") & ~_HUMAN)
    cell = ["day", "experiment_id", "task_type"]
    enough = pl.col("tasks") >= params.min_group_size
    chosen = (
        agents.group_by(*cell, "handler")
        .agg(pl.col("tasks").sum())
        .filter(enough)
        .join(people.group_by(cell).agg(pl.col("tasks").sum()).filter(enough), on=cell, how="semi")
        .sort("tasks", "experiment_id", descending=[True, False])
        .unique(["day", "handler", "task_type"], keep="first", maintain_order=True)
    )
    found = _nothing(rows)
    named = rows.join(
        chosen.select("day", "handler", "task_type", "experiment_id"),
        on=["day", "handler", "task_type"],
        how="left",
        validate="1:1",
        maintain_order="left",
    )["experiment_id"].to_list()
    for one in sorted({name for name in named if name is not None}):
        mine = pl.col("experiment_id") == one
        against = _against(rows, agents.filter(mine), people.filter(mine), MAX_UNCOVERED)
        is_its = np.array([name == one for name in named], dtype=bool)
        for column, values in found.figures.items():
            values[is_its] = against.figures[column][is_its]
        found.cases[is_its] = against.cases[is_its]
        found.uncovered[is_its] = against.uncovered[is_its]
    return found._replace(experiment=np.array(named, dtype=object).reshape(-1))


def _rolled_out(rows: pl.DataFrame, found: pl.DataFrame) -> _Found:
    """Lay the baselines of a roll-out beside the rows that have one."""
    told = rows.select("handler", "task_type").join(
        found, on=["handler", "task_type"], how="left", validate="1:1", maintain_order="left"
    )
    nothing = _nothing(rows)
    return nothing._replace(
        figures={name: doubles(told, name) for name in nothing.figures},
        cases=told["baseline_cases"].fill_null(0).to_numpy(),
        uncovered=doubles(told, "uncovered_share"),
    )


def _assumed(rows: pl.DataFrame, uncovered: Floats) -> _Found:
    """Hold each row against the minutes that the reference data assume for it."""
    baseline = ratio(doubles(rows, "baseline_microminutes", 1e6), doubles(rows, "baseline_tasks"))
    own = ratio(doubles(rows, "work_microseconds", _MINUTE), doubles(rows, "tasks"))
    found = _nothing(rows)
    found.figures["baseline_minutes"][:] = baseline
    found.figures["productivity_delta"][:] = ratio(baseline, own) - 1
    return found._replace(uncovered=uncovered)


def _nothing(rows: pl.DataFrame) -> _Found:
    names = [
        f"{name}{end}"
        for name in ("baseline_minutes", "productivity_delta")
        for end in ("", "_low", "_high")
    ]
    return _Found(
        {name: np.full(rows.height, np.nan) for name in names},
        np.zeros(rows.height, dtype=np.int64),
        np.full(rows.height, np.nan),
        np.full(rows.height, None, dtype=object),
    )
