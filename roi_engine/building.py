"""Build a release in four stages: check → shape → value → publish.

Each stage begins where the one before it stopped, in this process or in another: what has been
reached stands in ``ops.draft``, under the token of who asked. A stage whose draft is gone
(another build has begun since, the code changed, a process was killed) does the stages before
it again. So a stage can be retried, cleared or run twice, and the release is the same.

Every function here runs under the lake's write lock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import duckdb

from roi_engine import (
    alerts,
    conditions,
    dbt,
    gate,
    links,
    partitions,
    scope,
    valuing,
    version,
)
from roi_engine.journal import Journal
from roi_engine.marts.columns import COUNT, MONEY
from roi_engine.marts.declare import DECLARED
from roi_engine.settings import Settings
from roi_engine.sources.schema import UNDATED
from roi_engine.warehouse import draft as drafts, lake, reading, release
from roi_engine.warehouse.ops import (
    activate_loads,
    drop_draft,
    finish_draft,
    read_draft,
    record_days,
    write_draft,
)

STAGES = ("check", "shape", "value", "publish")

FACT_KEYS = {
    "fct_task": "task_id",
    "fct_task_credit": "task_id",
    "fct_ticket": "ticket_id",
    "fct_quality_review": "review_id",
}
"""Facts whose rows can move from one day to another, with the key by which they are found."""

RESTATED = {
    name: tuple(c.name for c in mart.columns if c.additive and c.type in {MONEY, COUNT})
    for name, mart in DECLARED.items()
    if not mart.standing and {"day", "agent_id"} <= set(mart.grain)
}
"""Daily mart → the exact figures of a day and agent of which every change is kept."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a build works: the settings, the log, the open lake and its held lock."""

    settings: Settings
    journal: Journal
    con: duckdb.DuckDBPyConnection
    lock: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What a build is about: the days that passed the gate and those that it blocked.

    Attributes:
        as_of: Decides maturity; None when nothing that has a day has landed yet.
        runs: Day that passed or aged → the id of its transformation, in the order of days.
        aged: The days of these of which only the maturity is new.
        blocked: Blocked day → the reason.
        requested: The days of these that were asked for.
        unseen: Days that were asked for and of which nothing has landed (told by ``check``).
    """

    as_of: date | None
    runs: dict[date, str]
    aged: frozenset[date]
    blocked: dict[date, str]
    requested: frozenset[date]
    unseen: tuple[date, ...] = ()

    @property
    def built(self) -> list[date]:
        """Return the days whose facts are built from bronze."""
        return [day for day in self.runs if day not in self.aged]


def advance(
    bench: Bench,
    *,
    token: str,
    days: Sequence[date] | None,
    to: str,
    reason: str | None = None,
) -> Draft:
    """Bring the build of ``days`` to a stage, from wherever its draft stands.

    Args:
        bench: Where to work.
        token: Names who asks; the same token finds its own draft again.
        days: The days asked for; None for every day seen.
        to: One of ``STAGES``. ``check`` always begins anew.
        reason: Why, for the release's own record.
    """
    with _dbt(bench) as shaper:
        return _advance(bench, shaper, token=token, days=days, to=to, reason=reason)


def _advance(
    bench: Bench,
    shaper: dbt.Process,
    *,
    token: str,
    days: Sequence[date] | None,
    to: str,
    reason: str | None,
) -> Draft:
    code = version.code_version(bench.settings.published_choices())
    reached = read_draft(bench.con, token=token, code_version=code)
    unseen: tuple[date, ...] = ()
    is_lost = reached in {"shape", "value"} and not drafts.is_there(bench.settings.lake)
    if to == "check" or reached is None or is_lost:
        reached = "check"
        unseen = _check(bench, None if to == "check" else shaper, token=token, code=code, days=days)
    draft = replace(_read(bench.con), unseen=unseen)
    stages: dict[str, Callable[[Bench, Draft], None]] = {
        "shape": partial(_shape, shaper=shaper),
        "value": _value,
        "publish": partial(_publish, reason=reason),
    }
    for stage in STAGES[STAGES.index(reached) + 1 : STAGES.index(to) + 1]:
        if draft.runs:
            with bench.journal.stage(stage):
                stages[stage](bench, draft)
        if stage == "publish" and not draft.runs:
            # nothing has changed: what stands is as new as what has landed
            alerts.resolve(bench.con, [])
        if stage != "publish" or not draft.runs:
            write_draft(bench.con, token=token, stage=stage, as_of=draft.as_of, code_version=code)
    return draft


def mart_days(con: duckdb.DuckDBPyConnection, draft: Draft) -> list[date]:
    """Return the days whose marts a build replaces: each built day and the 30 after it."""
    return scope.following(draft.runs, {*_released(con), *draft.runs})


def _read(con: duckdb.DuckDBPyConnection) -> Draft:
    row = con.execute("select as_of from lake.ops.draft").fetchone()
    days = con.execute(
        "select day, status, reason, transform_run_id, is_requested from lake.ops.run_day"
        " order by day"
    ).fetchall()
    return Draft(
        as_of=row[0] if row else None,
        runs={day: run_id for day, status, _, run_id, _ in days if status != "blocked"},
        aged=frozenset(day for day, status, *_ in days if status == "aged"),
        blocked={day: reason for day, status, reason, _, _ in days if status == "blocked"},
        requested=frozenset(day for day, *_, is_requested in days if is_requested),
    )


def _check(
    bench: Bench,
    shaper: dbt.Process | None,
    *,
    token: str,
    code: str,
    days: Sequence[date] | None,
) -> tuple[date, ...]:
    """Plan the build, judge every day that it reads, write its draft; return the unseen days.

    Days that are only read (neighbours, other days of a task) are judged too, so that their
    broken rows are kept out of this build as they are out of their own. dbt (None where no facts
    are to be built next) parses meanwhile.
    """
    con, settings = bench.con, bench.settings
    drop_draft(con)
    with bench.journal.stage("plan"):
        activate_loads(con)
        links.read(
            con,
            settings.lake,
            timezone=settings.reporting_timezone,
            window_days=settings.reopen_window_days,
        )
        as_of = settings.as_of or scope.newest_event_day(con)
        plan = None
        if as_of is not None:
            waits = scope.Waits(
                reopen_window_days=settings.reopen_window_days,
                open_timeout_days=settings.open_timeout_days,
                billing_close_days=settings.billing_close_days,
            )
            plan = scope.plan(con, requested=days, as_of=as_of, code_version=code, waits=waits)
        if plan is not None:
            scope.write_read_days(con, plan.build, reopen_window_days=settings.reopen_window_days)
    with bench.journal.stage("check"):
        if plan is not None and (plan.build or plan.aged):
            if shaper is not None and plan.build:
                shaper.begin()
            _judge(bench, plan)
        else:
            con.execute("delete from lake.ops.run_day")
        write_draft(con, token=token, stage="check", as_of=as_of, code_version=code)
    return tuple(sorted(set(days or ()) - (plan.requested if plan else set())))


def _judge(bench: Bench, plan: scope.Plan) -> None:
    con, settings = bench.con, bench.settings
    read = [
        row[0]
        for row in con.execute(
            "select distinct day from lake.ops.read_day where source <> 'charges' and day > ?"
            " order by 1",
            [UNDATED],
        ).fetchall()
    ]
    judged = sorted({*read, *plan.build})
    with lake.transaction(con):
        result = gate.check(
            con,
            settings.lake / "bronze",
            judged,
            con.sql("select load_id from lake.ops.active_load order by seq"),
            run_id=bench.journal.run_id,
            charge_days=scope.days_of_periods(con, judged),
            reporting_currency=settings.reporting_currency,
            reporting_timezone=settings.reporting_timezone,
            block_threshold=settings.block_threshold,
            unpriced_threshold=settings.unpriced_block_threshold,
        )
    blocked = {day: why for day, why in result.blocked.items() if day in plan.build}
    statuses = dict.fromkeys(plan.aged, "aged") | dict.fromkeys(plan.build, "passed")
    statuses |= dict.fromkeys(blocked, "blocked")
    record_days(
        con,
        days=[
            (
                day,
                status,
                blocked.get(day),
                plan.transform_run_ids[day],
                day in plan.requested,
            )
            for day, status in sorted(statuses.items())
        ],
        results=result.results,
        quarantine=result.quarantine,
        checked_days=judged,
    )
    for day, reason in blocked.items():
        alerts.raise_alert(settings.lake, "blocked_day", subject="gate", message=reason, day=day)


def _dbt(bench: Bench) -> dbt.Process:
    settings = bench.settings
    return dbt.Process(
        lake=settings.lake,
        variables=settings.published_choices(),
        catalog_dsn=settings.dsn,
        threads=settings.threads,
        max_memory=settings.max_memory,
        inherit=(bench.lock,),
    )


def _shape(bench: Bench, draft: Draft, *, shaper: dbt.Process) -> None:
    drafts.discard(bench.settings.lake)
    if draft.built:
        _build_facts(bench, draft, shaper=shaper)
    if draft.aged:
        with drafts.opened(bench.con, bench.settings.lake):
            drafts.carry_over(
                bench.con,
                sorted(draft.aged),
                as_of=_dated(draft),
                reopen_window_days=bench.settings.reopen_window_days,
            )


def _build_facts(bench: Bench, draft: Draft, *, shaper: dbt.Process) -> None:
    con, root = bench.con, bench.settings.lake
    days: dict[str, list[date]] = {}
    for source, day in con.execute("select source, day from lake.ops.read_day").fetchall():
        days.setdefault(source, []).append(day)
    loads = [row[0] for row in con.execute("select load_id from lake.ops.active_load").fetchall()]
    with drafts.opened(con, root):
        partitions.show(con, root / "bronze", days, loads)
    nodes = shaper.build({"as_of": draft.as_of})
    bench.journal.step("shape.nodes", seconds=nodes)
    with drafts.opened(con, root):
        partitions.hide(con)


def _value(bench: Bench, draft: Draft) -> None:
    days = mart_days(bench.con, draft)
    runs = _released(bench.con) | draft.runs
    newest = max(runs)
    params = valuing.params(
        bench.settings, days=days, as_of=_dated(draft), newest=newest, runs=runs
    )
    with drafts.opened(bench.con, bench.settings.lake):
        valuing.build(
            bench.con, params, newest=newest, run_id=bench.journal.run_id, step=bench.journal.step
        )


def _publish(bench: Bench, draft: Draft, *, reason: str | None) -> None:
    with drafts.opened(bench.con, bench.settings.lake):
        _release(bench, draft, reason=reason)
    drafts.discard(bench.settings.lake)


def _release(bench: Bench, draft: Draft, *, reason: str | None) -> None:
    con = bench.con
    with lake.transaction(con):
        days = mart_days(con, draft)
        newest = max(_released(con) | draft.runs)
        window = reading.open_window(con, mart_days=days)
        found, rules = conditions.find(con, window, newest=newest, settings=bench.settings)
        statuses = dict(
            con.execute(
                "select day, case when bool_and(status = 'final') then 'final' else 'provisional'"
                " end from draft.daily_roi group by day"
            ).fetchall()
        )
        published = _published(con, draft, statuses)

    def also() -> None:
        finish_draft(con)
        alerts.resolve(con, draft.built)
        alerts.settle(con, found, rules=rules)

    choices = bench.settings.published_choices()
    release.publish(
        con,
        fact_days=draft.built,
        aged=sorted(draft.aged),
        mart_days=days,
        keys=FACT_KEYS,
        published=published,
        as_of=_dated(draft),
        code_version=version.code_version(choices),
        settings=choices,
        message=f"{len(draft.built)} days built, {len(draft.aged)} aged,"
        f" {min(draft.runs)} to {max(draft.runs)}" + (f": {reason}" if reason else ""),
        metrics=RESTATED,
        also=also,
        step=bench.journal.step,
    )


def _published(
    con: duckdb.DuckDBPyConnection, draft: Draft, statuses: dict[date, str]
) -> list[tuple[date, str, str]]:
    """Return what stands of each day that was built, and of each whose status came out new."""
    said = {
        day: (run_id, statuses.get(day, status))
        for day, (run_id, status, _) in scope.published(con).items()
        if statuses.get(day, status) != status
    }
    said |= {day: (run_id, statuses.get(day, "provisional")) for day, run_id in draft.runs.items()}
    return [(day, *said[day]) for day in sorted(said)]


def _dated(draft: Draft) -> date:
    if draft.as_of is None:
        message = "a draft with days has an as_of"
        raise ValueError(message)
    return draft.as_of


def _released(con: duckdb.DuckDBPyConnection) -> dict[date, str]:
    """Return released day → the transformation that made it."""
    return {day: run_id for day, (run_id, _, _) in scope.published(con).items()}
