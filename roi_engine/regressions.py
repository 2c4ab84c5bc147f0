"""Agents whose newer model version is worse than the one before it, KPI by KPI."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from roi_engine.marts.queries import ENDED, SUCCESS
from roi_engine.metrics.drift import MATERIAL_CHANGE
from roi_engine.metrics.productivity import Strata
from roi_engine.metrics.regression import (
    KPI_LEVEL,
    Change,
    Spending,
    Worse,
    cost_change,
    rate_change,
    regressed,
    time_change,
)

Rows = Callable[..., pl.DataFrame]
"""Answers a query; ``{s}`` in it is the schema of the facts, the rest fills its ``?``."""


class Regression(NamedTuple):
    """One KPI in which an agent's newer version is worse than the one before it."""

    agent_id: str
    kpi: str
    version: str
    since: date
    """First day of the newer version."""
    before: str
    """The version that it is compared with."""
    first: date
    """First day of either version that is compared."""
    change: float
    """New minus old for a rate, new over old minus 1 for money and time."""
    least: float
    """What the change must come to, at least, to matter."""
    message: str
    """Both figures, the version to roll back to, and what each version ran with."""
    parts: str
    """Columns of an SQL query of ``fct_task`` that show where the figures come from."""


def find(
    rows: Rows, *, newest: date, window_days: int, min_group_size: int
) -> Iterator[Regression]:
    """Compare each agent's newest model version with the one before it, kind by kind of task.

    The one before it is the version of the same model (``dim_model``) that it followed, or where
    there is none the version whose last day lies nearest its first: what runs beside it for other
    work was not replaced.

    Args:
        rows: Answers queries of the facts as they will stand.
        newest: The last day.
        window_days: How many days of each version are compared: the newer one's last days of the
            release, the older one's last days of its own.
        min_group_size: Fewer tasks than this on either side decide nothing.

    Yields:
        What is worse beyond doubt, in the order of the KPIs, then of the agents.
    """
    found = _versions_side_by_side(rows, newest, window_days)
    pairs = found.select(
        "agent_id", "new_version", "old_version", "since", "last", *_SERVED
    ).unique(maintain_order=True)
    index = found.join(
        pairs.with_row_index("pair"), on="agent_id", how="left", maintain_order="left"
    )["pair"]
    for kpi, compared in _compared(found, index).items():
        change, is_lower = compared.change, compared.worse == "lower"
        worse = pairs.with_columns(
            pl.Series("difference", change.difference.estimate),
            pl.Series("near", change.difference.high if is_lower else change.difference.low),
            pl.Series("new", change.new),
            pl.Series("old", change.old),
        ).filter(pl.Series(regressed(change, min_group_size, compared.worse)))
        for row in worse.iter_rows(named=True):
            version, before, since = row["new_version"], row["old_version"], row["since"]
            yield Regression(
                row["agent_id"],
                kpi,
                version,
                since,
                before,
                min(since, row["last"] + timedelta(days=1)) - timedelta(days=window_days),
                row["difference"],
                (-1 if is_lower else 1) * MATERIAL_CHANGE * (row["old"] if compared.is_rate else 1),
                f"Since {since} {version} {compared.says} {compared.unit(row['new'])} on the same"
                f" work where {before} had {compared.unit(row['old'])} (at least"
                f" {abs(row['near']):.1%} {'less' if is_lower else 'more'}): roll back to"
                f" {before}."
                + ran_with(version, [row[f"new_{name}"] for name in VERSIONS])
                + ran_with(before, [row[f"old_{name}"] for name in VERSIONS]),
                compared.parts,
            )


def ran_with(who: str, versions: Sequence[str | None]) -> str:
    """Say what served someone, ``versions`` in the order of ``VERSIONS``; nothing where none is.

    Examples:
        >>> ran_with("m-2", ["7, 8", None])
        ' m-2 ran with model registry version 7, 8.'
        >>> ran_with("m-2", [None, None])
        ''
    """
    said = [
        f"{words} {version}"
        for words, version in zip(VERSIONS.values(), versions, strict=True)
        if version is not None
    ]
    return f" {who} ran with {' and '.join(said)}." if said else ""


class _Compared(NamedTuple):
    """How one KPI of two versions is told."""

    change: Change
    worse: Worse
    is_rate: bool
    unit: Callable[[float], str]
    says: str
    parts: str


COLUMNS = (
    *("day", "agent_id", "model_version", "task_type", "is_ended", "outcome_class"),
    *("is_escalated", "is_human_reviewed", "is_random_review", "is_hallucination"),
    *("priced_cost", "inference_microseconds", "model_registry_version", "feature_version"),
)
VERSIONS = {
    "model_registry_version": "model registry version",
    "feature_version": "feature version",
}
"""Version behind a model's name → how it is told."""

_SERVED = tuple(f"{side}_{name}" for side in ("new", "old") for name in VERSIONS)
_NANO = "cast(cast(priced_cost as decimal(38, 9)) * 1000000000 as hugeint)"
_MICROSECONDS = "cast(inference_microseconds as hugeint)"
_SUMS = {
    "tasks": "count(*)",
    "won": "count(*) filter (where outcome_class = 'autonomous_success')",
    "escalated": "count(*) filter (where is_escalated)",
    "reviewed": "count(*) filter (where is_human_reviewed and is_random_review)",
    "hallucinated": "count(*) filter (where is_human_reviewed and is_random_review"
    " and is_hallucination)",
    "priced": "count(priced_cost)",
    "cost": f"sum({_NANO})",
    "cost_squared": f"sum({_NANO} * {_NANO})",
    "priced_won": f"count(priced_cost) filter (where {SUCCESS})",
    "cost_won": f"sum({_NANO}) filter (where {SUCCESS})",
    "timed": "count(inference_microseconds)",
    "seconds": f"sum({_MICROSECONDS})",
    "seconds_squared": f"sum({_MICROSECONDS} * {_MICROSECONDS})",
}
"""Column → its sum over the ended tasks of one version and kind of work: whole numbers, exact."""

_UNITS = {
    "cost": 1e9,
    "cost_squared": 1e18,
    "cost_won": 1e9,
    "seconds": 1e6,
    "seconds_squared": 1e12,
}


def _versions_side_by_side(rows: Rows, newest: date, window_days: int) -> pl.DataFrame:
    """Return each agent's newest version and the one before it, by kind of work: sums of both."""
    sums = ", ".join(
        f"coalesce(sum({name}) filter (where model_version = {side}_version), 0)::double"
        f" / {_UNITS.get(name, 1)} as {side}_{name}"
        for side in ("new", "old")
        for name in _SUMS
    )
    served = ", ".join(
        f"string_agg(distinct {name}, ', ' order by {name})"
        f" filter (where model_version = {side}_version) as {side}_{name}"
        for side in ("new", "old")
        for name in VERSIONS
    )
    first = newest - timedelta(days=window_days - 1)
    # a version that was replaced is remembered for two windows
    return rows(
        f"""
        with work as (
            select agent_id, model_version, task_type, day, {", ".join(VERSIONS)},
                {", ".join(f"{value} as {name}" for name, value in _SUMS.items())}
            from {{s}}.fct_task
            where day between ? and ? and {ENDED}
                and not starts_with(agent_id, '__') and model_version <> '__unknown__'
            group by all
        ),
        versions as (
            select agent_id, model_version, min(day) as since, max(day) as last
            from work group by all
        ),
        named as (
            select versions.*, coalesce(model, model_version) as model
            from versions
            left join (
                select model_version, max_by(model, (valid_from, model)) as model
                from {{s}}.dim_model group by all
            ) using (model_version)
        ),
        pairs as (
            select newer.agent_id, newer.model_version as new_version,
                older.model_version as old_version, newer.since, older.last
            from (
                from named qualify row_number() over (
                    partition by agent_id order by since desc, last desc, model_version desc
                ) = 1
            ) as newer
            inner join named as older
                on newer.agent_id = older.agent_id and older.since < newer.since
            where newer.last >= ?
            qualify row_number() over (
                partition by newer.agent_id
                order by older.model = newer.model desc, abs(older.last - newer.since),
                    older.since desc, older.model_version desc
            ) = 1
        ),
        compared as (
            select pairs.*, work.* exclude (agent_id, day)
            from pairs
            inner join work on work.agent_id = pairs.agent_id
                and (
                    (model_version = new_version and day >= ?)
                    or (model_version = old_version and day > pairs.last - ?)
                )
        ),
        served as (
            select agent_id, {served} from compared group by all
        )
        select agent_id, new_version, old_version, since, last, task_type,
            {", ".join(_SERVED)}, {sums}
        from compared inner join served using (agent_id)
        group by all
        order by all
        """,
        newest - timedelta(days=2 * window_days - 1),
        newest,
        first,
        first,
        window_days,
    )


def _compared(rows: pl.DataFrame, pair: pl.Series) -> dict[str, _Compared]:
    """Compare every pair of versions by each KPI."""

    def rate(part: str, whole: str) -> Change:
        names = (f"new_{part}", f"new_{whole}", f"old_{part}", f"old_{whole}")
        return rate_change(pair, *(rows[name] for name in names), level=KPI_LEVEL)

    def of(side: str, *names: str) -> list[pl.Series]:
        return [rows[f"{side}_{name}"] for name in names]

    spent = ("priced", "cost", "cost_squared", "priced_won", "cost_won")
    timed = ("timed", "seconds", "seconds_squared")
    return {
        "win_rate": _Compared(
            rate("won", "tasks"),
            "lower",
            True,
            "{:.1%}".format,
            "finishes alone",
            f"{_SUMS['won']} as won, {_SUMS['tasks']} as ended",
        ),
        "escalation_rate": _Compared(
            rate("escalated", "tasks"),
            "higher",
            True,
            "{:.1%}".format,
            "hands over",
            f"{_SUMS['escalated']} as escalated, {_SUMS['tasks']} as ended",
        ),
        "hallucination_rate": _Compared(
            rate("hallucinated", "reviewed"),
            "higher",
            True,
            "{:.1%}".format,
            "is found to hallucinate in",
            f"{_SUMS['hallucinated']} as hallucinated, {_SUMS['reviewed']} as reviewed",
        ),
        "cost_per_success": _Compared(
            cost_change(
                pair, Spending(*of("new", *spent)), Spending(*of("old", *spent)), level=KPI_LEVEL
            ),
            "higher",
            False,
            "{:.4g}".format,
            "costs per success",
            f"sum(priced_cost) as cost, {_SUMS['priced_won']} as successes",
        ),
        "inference_time": _Compared(
            time_change(
                pair, Strata(*of("new", *timed)), Strata(*of("old", *timed)), level=KPI_LEVEL
            ),
            "higher",
            False,
            "{:.3g} s".format,
            "takes for a task",
            f"sum(inference_microseconds) / 1e6 as seconds, {_SUMS['timed']} as tasks",
        ),
    }
