"""The stages in order: extract → check → shape → value → publish.

The command line and the DAGs call these and nothing else. ``run`` does all of them in one
process and under one hold of the lake's write lock; ``extract`` and ``build`` are the same
stages apart, for a scheduler. Fetching and parsing happen before, outside the lock.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from roi_engine import alerts, building, dbt, disk, intake, landing, valuing
from roi_engine.doors import declared
from roi_engine.doors.declared import Connection
from roi_engine.intake import Intake, Known
from roi_engine.journal import Journal
from roi_engine.settings import Settings
from roi_engine.sources.schema import EXTRACTED
from roi_engine.warehouse import lake, lock, maintenance, release
from roi_engine.warehouse.ops import LakeLedger, missing_extractions, record_extraction


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
    days_aged: int
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
        if self.days_built or self.days_aged:
            aged = f" {self.days_aged} aged," if self.days_aged else ""
            said.append(
                f"release {self.release} (snapshot {self.snapshot}) · as of {self.as_of} ·"
                f" {self.days_built} days built,{aged} marts of {self.mart_days} days{label}"
            )
        elif self.release:
            said.append(f"nothing changed: release {self.release} stands{label}")
        else:
            said.append("nothing to build: no readable row has landed yet")
        said += [f"warning: {line}" for line in self.warnings]
        said += [f"blocked {day}: {reason}" for day, reason in sorted(self.blocked.items())]
        spent = " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        return [*said, spent]


@dataclass(frozen=True, slots=True)
class Extracted:
    """What asking one source for a day brought."""

    source: str
    day: date
    new_loads: int
    unreadable: int
    warnings: list[str] = field(default_factory=list)


def run(
    settings: Settings,
    *,
    inbox: Path | None = None,
    days: Sequence[date] | None = None,
    reprice: str | None = None,
) -> RunReport:
    """Land what inbox and live doors hold, then build and release the days (None: every day).

    A live door that fails is told in the report and by an alert; the others go on. With
    ``reprice``, a reason, only reference tables are taken, the package's newest price list among
    them.

    Raises:
        Failed: A stage stopped. Nothing of it is seen by readers; run again after the cure.
    """
    with _stages(settings, inbox=inbox, days=days) as journal:
        taken = None
        if reprice is not None:
            taken = _take(settings, journal, inbox, sources=(), with_doors=False, takes_prices=True)
        elif inbox is not None or settings.doors is not None:
            taken = _take(settings, journal, inbox)
        with _writing(settings, journal) as bench:
            new = _append(bench, taken)
            draft = building.advance(
                bench, token=journal.run_id, days=days, to="publish", reason=reprice
            )
            with journal.stage("export"):
                release.export_release(bench.con, settings.lake)
            return _report(bench, draft, new=new, taken=taken)


def extract(
    settings: Settings,
    source: str,
    *,
    inbox: Path | None,
    day: date,
    connection: Connection | None = None,
) -> Extracted:
    """Land what inbox and live doors hold of a source, and record that the day was asked for.

    The day is recorded even when nothing is new: no news is an answer, silence is not.

    Args:
        settings: Lake and doors.
        source: billing, gpu, tokens or tickets.
        inbox: The folder of exports, None for none.
        day: The day that is recorded; a door brings all that is new, whatever day it is of.
        connection: Looks up the connections that ``doors.toml`` names (the scheduler's).

    Raises:
        Failed: Landing stopped, or a live door failed. What had landed stays, also of the door;
            ask again after the cure.
    """
    with _stages(settings, inbox=inbox, source=source, day=day) as journal:
        taken = _take(settings, journal, inbox, sources=(source,), connection=connection)
        with _writing(settings, journal) as bench:
            new = _append(bench, taken)
            if taken.fetched.failures:
                message = " ".join(taken.fetched.failures.values())
                raise Failed(message)
            record_extraction(
                bench.con, source=source, day=day, new_loads=new, run_id=journal.run_id
            )
        return Extracted(source, day, new, taken.landed.unreadable, taken.warnings)


def build(
    settings: Settings,
    *,
    token: str,
    to: str,
    inbox: Path | None = None,
    days: Sequence[date] | None = None,
    reason: str | None = None,
) -> RunReport:
    """Bring the build of ``days`` to a stage: ``check``, ``shape``, ``value`` or ``publish``.

    Stages of one token may run in different processes; each does what is missing before it.
    ``check`` takes the newest reference tables from ``inbox`` first, and whatever they ask to
    be read anew.

    Raises:
        Failed: A stage stopped. Nothing of it is seen by readers; run again after the cure.
    """
    with _stages(settings, inbox=inbox, days=days, token=token) as journal:
        taken = None
        if inbox is not None:
            taken = _take(settings, journal, inbox, with_doors=False)
        with _writing(settings, journal) as bench:
            new = _append(bench, taken)
            draft = building.advance(bench, token=token, days=days, to=to, reason=reason)
            if to == "publish":
                with journal.stage("export"):
                    release.export_release(bench.con, settings.lake)
            return _report(bench, draft, new=new, taken=taken)


def retract(settings: Settings, name: str, *, reason: str) -> str:
    """Make a landed file count no more, with a reason; the next run builds its days anew.

    Raises:
        Failed: There is no such file, no lake, or no reason.
    """
    if not reason.strip():
        raise Failed("Say why, for the record: --reason.")
    _find(settings)
    with (
        _stages(settings, inbox=None, retract=name) as journal,
        _writing(settings, journal) as bench,
    ):
        now = datetime.now(UTC).replace(tzinfo=None)
        try:
            row = landing.retract(LakeLedger(bench.con), name, reason=reason, now=now)
        except landing.NoSuchFile as error:
            raise Failed(str(error)) from error
    span = (
        f"{row['interval_start']} to {row['interval_end']}" if row["interval_start"] else "no day"
    )
    return f"{row['uri']} counts no more ({row['rows']} rows, {span}); run again to build its days"


def watch(settings: Settings, *, day: date) -> list[str]:
    """Raise an alert for each source that has not been asked for ``day`` yet; return them."""
    with _reading(settings) as con:
        missing = missing_extractions(con, day, EXTRACTED)
    for source in missing:
        alerts.raise_alert(
            settings.lake,
            "late_day",
            subject=source,
            day=day,
            message=f"{source} has not been extracted for {day}, so the day was not built.",
        )
    return missing


def maintain(settings: Settings) -> maintenance.Maintained:
    """Make the lake smaller under its lock, and prove that no release reads differently.

    Raises:
        Failed: There is no lake, or a release would read differently; nothing was removed.
    """
    _find(settings)
    with (
        _stages(settings, inbox=None) as journal,
        _writing(settings, journal) as bench,
        journal.stage("maintain"),
    ):
        try:
            return maintenance.maintain(
                bench.con, settings.lake, keep_exports=settings.keep_exports, step=journal.step
            )
        except maintenance.Changed as error:
            raise Failed(str(error)) from error


def _find(settings: Settings) -> None:
    """Refuse a lake that is not there, where a writer would make an empty one of a slip."""
    try:
        lake.find(settings.lake, catalog_dsn=settings.dsn)
    except lake.NotReady as error:
        raise Failed(str(error)) from error


@contextmanager
def _stages(settings: Settings, *, inbox: Path | None, **about: object) -> Iterator[Journal]:
    """Keep the log of some stages, and tell every foreseen failure as one sentence."""
    if inbox is not None and not inbox.is_dir():
        message = f"The inbox {inbox} is not a folder: name one with --inbox."
        raise Failed(message)
    try:
        settings.lake.mkdir(parents=True, exist_ok=True)
        opened = Journal(settings.lake, **about)
    except OSError as error:
        raise Failed(disk.not_written(settings.lake, error)) from error
    with opened as journal:
        try:
            yield journal
        except (
            *(lake.LakeError, dbt.DbtFailed, landing.LandingFailed, valuing.MartRefused),
            *(declared.NotDeclared, duckdb.Error, psycopg.Error, OSError),
        ) as error:
            journal.step("failed", error=str(error))
            said = " ".join(str(error).split())
            if isinstance(error, duckdb.Error):
                said = disk.full(said) or said
            message = f"{said} The last release is in place."
            raise Failed(message) from error


@contextmanager
def _writing(settings: Settings, journal: Journal) -> Iterator[building.Bench]:
    """Open the lake to write, alone."""
    root, dsn = settings.lake, settings.dsn
    with (
        lock.writing(
            root, catalog_dsn=dsn, on_wait=lambda said: journal.step("lock.wait", said=said)
        ) as held,
        lake.connect(
            root, catalog_dsn=dsn, threads=settings.threads, max_memory=settings.max_memory
        ) as con,
    ):
        alerts.take_in(con, root)
        yield building.Bench(settings, journal, con, held)


@contextmanager
def _reading(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with lake.connect(
        settings.lake,
        catalog_dsn=settings.dsn,
        read_only=True,
        threads=settings.threads,
        max_memory=settings.max_memory,
    ) as con:
        yield con


def _take(settings: Settings, journal: Journal, inbox: Path | None, **how: Any) -> Intake:
    """Fetch and land; a lake that is not there yet is made first."""
    landing.prepare(settings.lake)
    try:
        with _reading(settings) as con:
            known = Known.of(con)
    except lake.NotReady:
        with _writing(settings, journal) as bench:
            known = Known.of(bench.con)
    return intake.take(settings, journal, inbox=inbox, known=known, **how)


def _append(bench: building.Bench, taken: Intake | None) -> int:
    """Write what came into the manifest; return the number of new loads."""
    with bench.journal.stage("manifest"):
        return taken.append(bench.con, bench.settings.lake) if taken else 0


def _report(
    bench: building.Bench, draft: building.Draft, *, new: int, taken: Intake | None
) -> RunReport:
    con = bench.con
    counted = con.execute("select count(*) from lake.ops.quarantine").fetchone()
    made = release.current(con) or (None, None)
    return RunReport(
        release=made[0],
        snapshot=made[1],
        as_of=draft.as_of,
        new_loads=new,
        unreadable=taken.landed.unreadable if taken else 0,
        quarantined=int(counted[0]) if counted else 0,
        days_built=len(draft.built),
        days_aged=len(draft.aged),
        mart_days=len(building.mart_days(con, draft)) if draft.runs else 0,
        blocked=draft.blocked,
        warnings=[
            *(taken.warnings if taken else ()),
            *(f"nothing has landed for {day}, so it is not built" for day in draft.unseen),
        ],
        seconds=bench.journal.seconds,
        peak_mib=bench.journal.peak_mib,
        is_simulated=(bench.settings.lake / "SIMULATED").exists(),
    )
