"""The stages in order: land → plan → check → shape → value → publish.

The command line and the DAGs call these and nothing else. A run holds the lake's write lock
from its first write to its release; fetching and parsing happen before, outside the lock.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from roi_engine import dbt, gate, landing, scope, valuing, version
from roi_engine.journal import Journal
from roi_engine.settings import Settings
from roi_engine.warehouse import lake, lock, release

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
    landing.prepare(root)
    landed = None
    if inbox is not None:
        with journal.stage("land"):
            landed = landing.land(inbox, settings=_landing_settings(settings), step=journal.step)
    with (
        lock.writing(root, on_wait=lambda said: journal.step("lock.wait", said=said)) as held,
        lake.connect(
            root, catalog_dsn=dsn, threads=settings.threads, max_memory=settings.max_memory
        ) as con,
    ):
        os.set_inheritable(held, True)
        if landed is not None:
            with journal.stage("manifest"):
                landing.append(con, landed)
        with journal.stage("plan"):
            plan = _plan(con, settings, days)
        if plan is None or not plan.build:
            with journal.stage("export"):
                release.export_release(con, root)
            return _report(con, settings, journal, landed=landed, plan=plan)
        with journal.stage("check"):
            checked = gate.check(
                con,
                bronze=root / "bronze",
                days=plan.build,
                block_threshold=settings.block_threshold,
                run_id=journal.run_id,
                settings=settings.published_choices(),
            )
            passed = _record_gate(con, plan, checked)
        blocked = {day: reason for day, reason in checked.blocked.items() if day in plan.build}
        if passed:
            _shape_value_publish(con, settings, journal, plan=plan, passed=passed, dsn=dsn)
        with journal.stage("export"):
            release.export_release(con, root)
        return _report(
            con, settings, journal, landed=landed, plan=plan, blocked=blocked, checked=checked
        )
