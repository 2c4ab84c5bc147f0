"""A roll-out that reached groups of cases at different times, read from who ended them when.

A group is a channel and a user group of one task type. It is taken over when an agent ends at least
80 % of its cases in the window and none was ended by an agent in the 28 days before its first one;
groups that no agent has reached yet say how times would have moved without it.
"""

from datetime import timedelta

import polars as pl

from roi_engine.marts.declared.productivity import MAX_UNCOVERED
from roi_engine.marts.facts import WINDOW_DAYS
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.metrics.productivity import Strata
from roi_engine.metrics.rollout import MIN_CONTROLS, Periods, staggered_rollout

GROUP = ["task_type", "channel", "user_group"]
_SUMS = ("tasks", "work_microseconds", "work_squared")
_SCALES = (1.0, 6e7, 6e7**2)
_HUMAN = pl.col("handler") == "__human__"


def by_rollout(days: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Hold what each agent took over against people before it, moved as the others moved.

    Args:
        days: The answer to ``WORK_BY_GROUP``.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        One row an agent (``handler``) and task type with such a baseline: ``baseline_minutes``,
        ``productivity_delta``, each with ``_low`` and ``_high``; ``baseline_cases`` (people's, of
        both kinds of groups); ``uncovered_share`` of the agent's cases that the groups leave out.
    """
    (newest,) = params.days
    first = newest - timedelta(days=WINDOW_DAYS - 1)
    enough = pl.col("tasks") >= params.min_group_size
    now = _added(days.filter(pl.col("day") >= first), GROUP).filter(enough)
    came = days.filter(~_HUMAN).group_by(GROUP).agg(came=pl.col("day").min())
    before = (
        days.join(came, on=GROUP)
        .filter(pl.col("day") < pl.col("came"))
        .filter(pl.col("day") >= pl.col("came") - pl.duration(days=WINDOW_DAYS))
        .pipe(_added, GROUP)
        .filter(enough)
    )
    taken = (
        _holders(days.filter(pl.col("day") >= first))
        .join(came.filter(pl.col("came") <= first), on=GROUP)
        .join(before, on=GROUP)
        .join(now, on=GROUP, suffix="_now")
        .sort("handler", *GROUP)
        .with_row_index("group")
    )
    controls = (
        days.join(came, on=GROUP, how="anti")
        .join(now, on=GROUP, how="semi")
        .rename({"channel": "of_channel", "user_group": "of_user_group"})
    )
    pairs = (
        taken.select("group", "task_type", "came")
        .join(controls, on="task_type")
        .filter(pl.col("day") < pl.col("came"))
        .filter(pl.col("day") >= pl.col("came") - pl.duration(days=WINDOW_DAYS))
        .pipe(_added, ["group", "task_type", "of_channel", "of_user_group"])
        .filter(enough)
        .join(
            now.rename({"channel": "of_channel", "user_group": "of_user_group"}),
            on=["task_type", "of_channel", "of_user_group"],
            suffix="_now",
        )
    )
    told = pairs.group_by("group").agg(
        controls=pl.len(), control_cases=(pl.col("tasks") + pl.col("tasks_now")).sum()
    )
    groups = taken.join(told.filter(pl.col("controls") >= MIN_CONTROLS), on="group").sort("group")
    return _compared(groups, pairs, _covered(days.filter(pl.col("day") >= first), groups))


def _added(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return rows.group_by(keys).agg(pl.col(_SUMS).sum())


def _holders(window: pl.DataFrame) -> pl.DataFrame:
    """Return the groups in which one agent ends nearly all cases, and which agent that is."""
    ended = window.group_by(*GROUP, "handler").agg(pl.col("ended_tasks", "tasks").sum())
    return (
        ended.with_columns(share=pl.col("ended_tasks") / pl.col("ended_tasks").sum().over(GROUP))
        .filter(~_HUMAN & (pl.col("share") >= 1 - MAX_UNCOVERED))
        .select(*GROUP, "handler", pl.col("tasks").alias("own_tasks"))
    )


def _covered(window: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Return the agents of whose cases the groups hold enough, and the share that they do not."""
    keys = ["handler", "task_type"]
    whole = window.filter(~_HUMAN).group_by(keys).agg(pl.col("tasks").sum().alias("all_tasks"))
    return (
        groups.group_by(keys)
        .agg(pl.col("own_tasks", "control_cases", "tasks").sum())
        .join(whole, on=keys)
        .with_columns(uncovered_share=1 - pl.col("own_tasks") / pl.col("all_tasks"))
        .filter(pl.col("uncovered_share") <= MAX_UNCOVERED)
        .sort(keys)
        .with_row_index("row")
        .select(
            "row",
            *keys,
            "uncovered_share",
            baseline_cases=(pl.col("tasks") + pl.col("control_cases")).cast(pl.Int64),
        )
    )


def _compared(groups: pl.DataFrame, pairs: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    groups = (
        groups.join(rows.select("row", "handler", "task_type"), on=["handler", "task_type"])
        .sort("group")
        .with_row_index("place")
    )
    pairs = pairs.join(groups.select("group", "place"), on="group").sort(
        "place", "of_channel", "of_user_group"
    )
    found = staggered_rollout(
        groups["row"],
        Periods(_strata(groups), _strata(groups, "_now")),
        pairs["place"],
        Periods(_strata(pairs), _strata(pairs, "_now")),
    )
    return rows.with_columns(
        nullable(f"{name}{end}", values)
        for name, interval in (
            ("baseline_minutes", found.baseline),
            ("productivity_delta", found.delta),
        )
        for end, values in zip(("", "_low", "_high"), interval, strict=True)
    ).drop("row")


def _strata(rows: pl.DataFrame, end: str = "") -> Strata:
    return Strata(
        *(doubles(rows, f"{name}{end}", scale) for name, scale in zip(_SUMS, _SCALES, strict=True))
    )
