"""The stages in order: land → plan → check → shape → value → publish.

The command line and the DAGs call these and nothing else. A run holds the lake's write lock
from its first write to its release; fetching and parsing happen before, outside the lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from roi_engine import dbt, gate, landing, scope, valuing, version
from roi_engine.journal import Journal
from roi_engine.marts.params import Params
from roi_engine.settings import Settings
from roi_engine.sources.schema import UNDATED
from roi_engine.warehouse import lake, lock, release
from roi_engine.warehouse.ops import LakeLedger, activate_loads, record_days

FACT_KEYS = {
    "fct_task": "task_id",
    "fct_task_credit": "task_id",
    "fct_ticket": "ticket_id",
    "fct_quality_review": "review_id",
}
"""Facts whose rows can move from one day to another, with the key by which they are found."""


class Failed(Exception):
    """A stage stopped; the message is for the operator. The last good release is in place."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, in figures."""

    release: int | None
    snapshot: int | None
    as_of: date | None
    new_loads: int
    unreadable: int
    quarantined: int
    days_built: int
    mart_days: int
    blocked: dict[date, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    is_simulated: bool = False

    def lines(self) -> list[str]:
        """Return the report as lines for a terminal."""
        label = " · SIMULATED DATA" if self.is_simulated else ""
        said = [
            f"{self.new_loads} new files, {self.unreadable} unreadable,"
            f" {self.quarantined} rows in quarantine"
        ]
        if self.days_built:
            said.append(
                f"release {self.release} (snapshot {self.snapshot}) · as of {self.as_of} ·"
                f" {self.days_built} days built, marts of {self.mart_days} days{label}"
            )
        elif self.release:
            said.append(f"nothing changed: release {self.release} stands{label}")
        else:
            said.append("nothing to build: no readable row has landed yet")
        said += [f"warning: {line}" for line in self.warnings]
        said += [f"blocked {day}: {reason}" for day, reason in sorted(self.blocked.items())]
        spent = " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        return [*said, spent]


def run(
    settings: Settings, *, inbox: Path | None = None, days: Sequence[date] | None = None
) -> RunReport:
    """Land what the inbox holds, then build and release the days asked for (None: every day).

    Raises:
        Failed: A stage stopped. Nothing of it is seen by readers; run again after the cure.
    """
    root = settings.lake
    root.mkdir(parents=True, exist_ok=True)
    if inbox is not None and not inbox.is_dir():
        message = f"The inbox {inbox} is not a folder: name one with --inbox."
        raise Failed(message)
    with Journal(root) as journal:
        try:
            return _run(settings, journal, inbox, days)
        except (
            *(lake.LakeError, dbt.DbtFailed, landing.LandingFailed, valuing.MartRefused),
            *(duckdb.Error, OSError),
        ) as error:
            journal.step("failed", error=str(error))
            message = f"{' '.join(str(error).split())} The last release is in place."
            raise Failed(message) from error


def _run(
    settings: Settings, journal: Journal, inbox: Path | None, days: Sequence[date] | None
) -> RunReport:
    root = settings.lake
    dsn = settings.catalog_dsn.get_secret_value() if settings.catalog_dsn else None
    opened = partial(
        lake.connect,
        root,
        catalog_dsn=dsn,
        threads=settings.threads,
        max_memory=settings.max_memory,
    )
    landing.prepare(root)
    landed = None
    if inbox is not None:
        with journal.stage("land"):
            landed = _land(settings, journal, inbox, opened)
    with (
        lock.writing(root, on_wait=lambda said: journal.step("lock.wait", said=said)) as held,
        opened() as con,
    ):
        with journal.stage("manifest"):
            new = landing.append(LakeLedger(con), landed) if landed else 0
            activate_loads(con)
        with journal.stage("plan"):
            plan = _plan(con, settings, days)
        report = partial(_report, con, settings, journal, new=new, landed=landed)
        if plan is None or not plan.build:
            with journal.stage("export"):
                release.export_release(con, root)
            return report(plan=plan, built=[], mart_days=[], blocked={})
        with journal.stage("check"):
            blocked = _check(con, settings, journal, plan)
        built = [day for day in plan.build if day not in blocked]
        mart_days = scope.following(built, {*_built_before(con), *built})
        if built:
            with journal.stage("shape"):
                nodes = dbt.build(
                    lake=root,
                    variables=_variables(con, settings, plan),
                    catalog_dsn=dsn,
                    threads=settings.threads,
                    max_memory=settings.max_memory,
                    inherit=(held,),
                )
                journal.step("shape.nodes", seconds=nodes)
            with journal.stage("value"):
                _value(con, settings, journal, plan=plan, built=built, mart_days=mart_days)
            with journal.stage("publish"):
                _publish(con, settings, journal, plan=plan, built=built, mart_days=mart_days)
        with journal.stage("export"):
            release.export_release(con, root)
        return report(plan=plan, built=built, mart_days=mart_days, blocked=blocked)


def _land(settings: Settings, journal: Journal, inbox: Path, opened: partial) -> landing.Landed:
    with opened() as con:
        manifest = LakeLedger(con).manifest()
    key = settings.hmac_key.get_secret_value() if settings.hmac_key else None
    options = landing.Options(
        root=settings.lake,
        hmac_key=key,
        memory_limit=settings.max_memory,
        threads=settings.threads,
    )
    marker = inbox / "SIMULATED.json"
    if marker.is_file():
        (settings.lake / "SIMULATED").write_bytes(marker.read_bytes())
    return landing.land(inbox, options=options, manifest=manifest, step=journal.step)


def _plan(
    con: duckdb.DuckDBPyConnection, settings: Settings, days: Sequence[date] | None
) -> scope.Plan | None:
    """Return what to build; None when nothing that has a day has landed yet."""
    scope.read_links(
        con,
        bronze=str(settings.lake.resolve() / "bronze"),
        timezone=settings.reporting_timezone,
        reopen_window_days=settings.reopen_window_days,
    )
    as_of = settings.as_of or scope.newest_event_day(con)
    if as_of is None:
        return None
    plan = scope.plan(
        con,
        requested=days,
        as_of=as_of,
        code_version=version.code_version(settings.published_choices()),
    )
    scope.write_read_days(con, plan.build, reopen_window_days=settings.reopen_window_days)
    return plan


def _check(
    con: duckdb.DuckDBPyConnection, settings: Settings, journal: Journal, plan: scope.Plan
) -> dict[date, str]:
    """Judge every day that is read, record it, and return the days that are blocked.

    Days that are only read (neighbours, other days of a task) are judged too, so that their
    broken rows are kept out of this build as they are out of their own.
    """
    read = [
        row[0]
        for row in con.execute(
            "select distinct day from lake.ops.read_day where day > ? order by 1", [UNDATED]
        ).fetchall()
    ]
    result = gate.check(
        con,
        settings.lake / "bronze",
        sorted({*read, *plan.build}),
        con.sql("select load_id from lake.ops.active_load"),
        run_id=journal.run_id,
        reporting_currency=settings.reporting_currency,
        block_threshold=settings.block_threshold,
    )
    blocked = {day: why for day, why in result.blocked.items() if day in plan.build}
    record_days(
        con,
        days=[
            (
                day,
                "blocked" if day in blocked else "passed",
                blocked.get(day),
                plan.transform_run_ids[day],
                day in plan.requested,
            )
            for day in plan.build
        ],
        results=result.results,
        quarantine=result.quarantine,
        checked_days=sorted({*read, *plan.build}),
    )
    return blocked


def _variables(
    con: duckdb.DuckDBPyConnection, settings: Settings, plan: scope.Plan
) -> dict[str, object]:
    span = con.execute(
        "select cast(min(day) as varchar), cast(max(day) as varchar) from lake.ops.read_day"
    ).fetchone() or ("", "")
    return settings.published_choices() | {
        "as_of": plan.as_of.isoformat(),
        "read_from": span[0],
        "read_to": span[1],
    }


def _value(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    journal: Journal,
    *,
    plan: scope.Plan,
    built: list[date],
    mart_days: list[date],
) -> None:
    runs = _built_before(con) | {day: plan.transform_run_ids[day] for day in built}
    params = Params(
        days=tuple(mart_days),
        as_of=plan.as_of,
        currency=settings.reporting_currency,
        min_group_size=settings.min_group_size,
        billing_close_days=settings.billing_close_days,
        reopen_window_days=settings.reopen_window_days,
        transform_run_ids=scope.window_run_ids(mart_days, runs),
    )
    valuing.build(con, params, run_id=journal.run_id, step=journal.step)


def _publish(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    journal: Journal,
    *,
    plan: scope.Plan,
    built: list[date],
    mart_days: list[date],
) -> None:
    statuses = dict(
        con.execute(
            "select day, case when bool_and(status = 'final') then 'final' else 'provisional' end"
            " from lake.build.daily_roi group by day"
        ).fetchall()
    )
    choices = settings.published_choices()
    release.publish(
        con,
        fact_days=built,
        mart_days=mart_days,
        keys=FACT_KEYS,
        published=[
            (day, plan.transform_run_ids[day], statuses.get(day, "provisional")) for day in built
        ],
        as_of=plan.as_of,
        code_version=version.code_version(choices),
        settings=choices,
        message=f"{len(built)} days built, {built[0]} to {built[-1]}",
        step=journal.step,
    )


def _built_before(con: duckdb.DuckDBPyConnection) -> dict[date, str]:
    """Return released day → the transformation that made it."""
    return {day: run_id for day, (run_id, _, _) in scope.published(con).items()}


def _report(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    journal: Journal,
    *,
    new: int,
    landed: landing.Landed | None,
    plan: scope.Plan | None,
    built: list[date],
    mart_days: list[date],
    blocked: dict[date, str],
) -> RunReport:
    counted = con.execute("select count(*) from lake.ops.quarantine").fetchone()
    made = release.current(con) or (None, None)
    return RunReport(
        release=made[0],
        snapshot=made[1],
        as_of=plan.as_of if plan else None,
        new_loads=new,
        unreadable=landed.unreadable if landed else 0,
        quarantined=int(counted[0]) if counted else 0,
        days_built=len(built),
        mart_days=len(mart_days),
        blocked=blocked,
        warnings=list(landed.warnings) if landed else [],
        seconds=journal.seconds,
        peak_mib=journal.peak_mib,
        is_simulated=(settings.lake / "SIMULATED").exists(),
    )
