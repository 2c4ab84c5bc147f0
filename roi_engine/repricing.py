"""Other prices for what has been: shown before and after, and only then taken.

The trial is a whole run on a lake that shares this one's files, so what it shows is what taking
the prices does, to the last digit, and nothing of it is in this lake.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from roi_engine import landing, pipeline
from roi_engine.marts.declare import DECLARED
from roi_engine.settings import Settings
from roi_engine.warehouse import backup, lake, serving
from roi_engine.warehouse.ops import MANIFEST

_CALLS = """
    select day, provider, model, count(*) as calls,
        count(*) filter (where cost_status = 'unpriced') as unpriced,
        sum(priced_cost) as cost
    from facts.fct_agent_action
    where cost_status in ('priced', 'unpriced')
    group by all
"""
_PRICING = ("prices", "model_aliases", "provider_aliases", "fx_rates")
"""Reference tables that decide what a call costs."""
_KEYS = ["day", "provider", "model"]


class NotRepriced(Exception):
    """Nothing was changed; the message says why."""


@dataclass(frozen=True, slots=True)
class OfModel:
    """A model's calls on the days whose prices change; amounts in the reporting currency."""

    provider: str | None
    model: str | None
    days: int
    calls: int
    unpriced_before: int
    unpriced_after: int
    cost_before: Decimal | None
    cost_after: Decimal | None


@dataclass(frozen=True, slots=True)
class OfAgent:
    """An agent's cost and ROI over the days whose prices change."""

    agent_id: str
    total_cost_before: Decimal | None
    total_cost_after: Decimal | None
    roi_before: float | None
    roi_after: float | None


@dataclass(frozen=True, slots=True)
class Repriced:
    """What other prices change; ``applied`` says whether they were taken."""

    applied: bool
    days: tuple[date, ...]
    models: tuple[OfModel, ...]
    agents: tuple[OfAgent, ...]
    report: pipeline.RunReport

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        if not self.days:
            return ["these prices change no released day"]
        said = [
            f"{len(self.days)} days, {self.days[0]} to {self.days[-1]}"
            + ("" if self.applied else " · nothing was changed (--dry-run)")
        ]
        said += [
            f"{one.provider} {one.model}: {one.calls} calls,"
            f" {_money(one.cost_before)} → {_money(one.cost_after)},"
            f" unpriced {one.unpriced_before} → {one.unpriced_after}"
            for one in self.models
        ]
        said += [
            f"{one.agent_id}: cost {_money(one.total_cost_before)} →"
            f" {_money(one.total_cost_after)}, ROI {_ratio(one.roi_before)} →"
            f" {_ratio(one.roi_after)}"
            for one in self.agents
        ]
        if self.applied:
            said.append(self.report.lines()[1] if self.report.release else "")
            said.append("cell by cell, with the load that caused it: roi restatements")
        return said


def reprice(
    settings: Settings,
    *,
    inbox: Path | None,
    first: date,
    last: date,
    reason: str | None = None,
    dry_run: bool = False,
) -> Repriced:
    """Take the reference tables of the inbox, and the package's newest price list, for a range.

    Prices are dated (``valid_from``, ``valid_to``); the range says which days may change. If
    others would too, nothing is taken.

    Args:
        settings: The lake; its catalog must be its own (SQLite).
        inbox: Where ``reference/prices.csv`` lies; None for the package's price list alone.
        first: First day that may change.
        last: Last day that may change.
        reason: Why, for the record; needed unless ``dry_run``.
        dry_run: Show what would change, and change nothing.

    Raises:
        NotRepriced: Days outside the range would change too, the catalog is shared, there is no
            reason, no release, or no price in the inbox.
        pipeline.Failed: The run stopped.
    """
    if not dry_run and not (reason and reason.strip()):
        raise NotRepriced("Say why, for the record: --reason, or --dry-run to look first.")
    if settings.dsn:
        raise NotRepriced(
            "A trial needs a lake with its own catalog: restore a backup into one and try there."
        )
    if not (settings.lake / "release" / "current").exists():
        raise NotRepriced(f"The lake {settings.lake} has no release whose prices could change.")
    before = _figures(settings.lake)
    with tempfile.TemporaryDirectory(dir=landing.scratch(settings.lake)) as folder:
        trial = Path(folder) / "lake"
        backup.link(settings.lake, trial)
        tried = settings.model_copy(update={"lake": trial})
        report = pipeline.run(tried, inbox=inbox, days=[], reprice=reason or "trial")
        shown = _shown(before, _figures(trial), report, applied=False)
        outside = [day for day in shown.days if not first <= day <= last]
        if outside:
            raise NotRepriced(
                f"These prices also change {len(outside)} days outside of {first} to {last}"
                f" ({outside[0]} … {outside[-1]}): widen the range, or date the prices"
                " (valid_from, valid_to)."
            )
        if inbox is not None and not shown.days and not _has_prices(trial, inbox):
            raise NotRepriced(
                f"{inbox} holds no prices: name the folder in which reference/prices.csv lies, or"
                " leave --inbox out for the package's own list."
            )
        if dry_run or not shown.days:
            return shown
    report = pipeline.run(settings, inbox=inbox, days=[], reprice=reason)
    return _shown(before, _figures(settings.lake), report, applied=True)


def _has_prices(root: Path, inbox: Path) -> bool:
    """Return whether an inbox has a table that prices are made of, as the lake has read it."""
    uris = [file.uri for file in landing.scan(inbox).files if file.source == "reference"]
    with lake.connect(root, read_only=True) as con:
        found = con.execute(
            f"select 1 from {MANIFEST} where status = 'landed' and source = 'reference'"
            " and uri in (select unnest(?::varchar[]))"
            " and tables in (select unnest(?::varchar[])) limit 1",
            [uris, list(_PRICING)],
        ).fetchone()
    return found is not None


@dataclass(frozen=True, slots=True)
class _Figures:
    calls: pl.DataFrame
    agents: pl.DataFrame


def _figures(root: Path) -> _Figures:
    with serving.connect(root) as con:
        return _Figures(con.sql(_CALLS).pl(), con.sql("from marts.daily_roi").pl())


def _shown(
    before: _Figures, after: _Figures, report: pipeline.RunReport, *, applied: bool
) -> Repriced:
    both = before.calls.join(
        after.calls, on=_KEYS, how="full", coalesce=True, nulls_equal=True, suffix="_after"
    )
    changed = both.filter(
        pl.col("cost").ne_missing(pl.col("cost_after"))
        | pl.col("unpriced").ne_missing(pl.col("unpriced_after"))
    )
    days = tuple(changed["day"].unique().sort())
    models = (
        changed.group_by("provider", "model")
        .agg(
            days=pl.col("day").n_unique(),
            calls=pl.max_horizontal("calls", "calls_after").sum(),
            unpriced_before=pl.col("unpriced").sum(),
            unpriced_after=pl.col("unpriced_after").sum(),
            cost_before=_sum("cost"),
            cost_after=_sum("cost_after"),
        )
        .sort("provider", "model")
    )
    agents = _agents(before, days).join(
        _agents(after, days), on="agent_id", how="full", coalesce=True, suffix="_after"
    )
    moved = agents.filter(pl.col("total_cost").ne_missing(pl.col("total_cost_after")))
    return Repriced(
        applied=applied,
        days=days,
        models=tuple(OfModel(*row) for row in models.iter_rows()),
        agents=tuple(
            OfAgent(row["agent_id"], row["total_cost"], row["total_cost_after"], *rois)
            for row in moved.sort("agent_id").iter_rows(named=True)
            for rois in [(row["roi"], row["roi_after"])]
        ),
        report=report,
    )


def _agents(figures: _Figures, days: Sequence[date]) -> pl.DataFrame:
    """Return cost and ROI of each agent over some days; ROI as its declaration says."""
    roi = DECLARED["daily_roi"].column("roi").aggregate
    rows = figures.agents.filter(pl.col("day").is_in(list(days)))
    return rows.sql(
        f"select agent_id, sum(total_cost) as total_cost, {roi} as roi from self group by agent_id"
    )


def _sum(name: str) -> pl.Expr:
    """Return a sum that is unknown where every part is."""
    return pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum())


def _money(value: Decimal | None) -> str:
    return "not known" if value is None else f"{value:,.6f}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
