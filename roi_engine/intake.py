"""What comes in, from the inbox and from live doors: fetched, kept, parsed, outside any lock.

``take`` does the long part; ``Intake.append`` then writes manifest, quarantine and the doors'
marks in one transaction, under the lake's lock. Before that nothing counts.
"""

import json
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from roi_engine import alerts, landing
from roi_engine.doors import declared
from roi_engine.doors.declared import Connection
from roi_engine.doors.fetching import Fetched, fetch
from roi_engine.journal import Journal
from roi_engine.settings import Settings
from roi_engine.warehouse.ops import LakeLedger, cured_files


@dataclass(frozen=True, slots=True)
class Known:
    """What the lake has already: its manifest, and where each live door goes on."""

    manifest: Sequence[landing.Row]
    marks: Mapping[str, str]

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection) -> "Known":
        """Read both from a lake."""
        ledger = LakeLedger(con)
        return cls(ledger.manifest(), ledger.marks())


@dataclass(frozen=True, slots=True)
class Intake:
    """What a look at inbox and live doors brought; nothing of it counts before ``append``."""

    landed: landing.Landed
    fetched: Fetched
    asked: tuple[str, ...]
    """The live doors that were asked."""

    @property
    def warnings(self) -> list[str]:
        """Return a sentence for each file and each door that could not be taken."""
        return [*self.landed.warnings, *self.fetched.failures.values()]

    def append(self, con: duckdb.DuckDBPyConnection, root: Path) -> int:
        """Write what came into manifest, quarantine and marks; return the number of new loads.

        Files that could not be read and doors that failed become alerts. A file's alert ends when
        one that can be read has come in its place, a door's when it answers again.
        """
        for entry in self.landed.entries:
            if entry.status == "unreadable":
                alerts.raise_alert(
                    root,
                    "unreadable_file",
                    subject=entry.uri,
                    message=f"{entry.uri} could not be read and is in quarantine with its reason.",
                )
        failed = [
            alerts.make("door_failed", subject=door, message=message, about=[door])
            for door, message in self.fetched.failures.items()
        ]
        if self.asked:
            alerts.settle(con, failed, rules=["door_failed"], subjects=self.asked)
        marks = {
            door: json.dumps(mark, sort_keys=True) for door, mark in self.fetched.marks.items()
        }
        unreadable = {entry.uri for entry in self.landed.entries if entry.status == "unreadable"}
        replaced = {
            (each.source, sha256)
            for each in self.fetched.replacements
            # a bill that cannot be read does not take the place of one that could
            if not each.uris & unreadable
            for sha256 in each.sha256s
        }
        new = landing.append(LakeLedger(con), self.landed, marks=marks, replaced=replaced)
        alerts.settle(con, [], rules=["unreadable_file"], subjects=cured_files(con))
        return new


def take(
    settings: Settings,
    journal: Journal,
    *,
    inbox: Path | None,
    known: Known,
    sources: Collection[str] | None = None,
    with_doors: bool = True,
    connection: Connection | None = None,
    takes_prices: bool = False,
) -> Intake:
    """Fetch what live doors have, and land it with what is new in the inbox.

    Args:
        settings: The lake, the doors, the limits.
        journal: The run's log.
        inbox: The folder of exports; None for none.
        known: What the lake has already.
        sources: Take only these sources, and the reference tables; None for all.
        with_doors: Ask the live doors too.
        connection: Looks up the connections that ``doors.toml`` names.
        takes_prices: Take a newer release of the package's price list.

    Raises:
        NotDeclared: ``doors.toml`` cannot be used.
        LandingFailed: The lake's disk or key cannot be used.
    """
    file = _doors_file(settings, inbox) if with_doors else None
    doors = (
        declared.read(file, environment=os.environ, connection=connection, sources=sources)
        if file is not None
        else []
    )
    fetched = Fetched()
    with tempfile.TemporaryDirectory(dir=landing.scratch(settings.lake)) as folder:
        if doors:
            with journal.stage("fetch"):
                fetched = fetch(
                    doors,
                    {door: json.loads(mark) for door, mark in known.marks.items()},
                    until=datetime.now(UTC),
                    out=Path(folder),
                    step=journal.step,
                )
        with journal.stage("land"):
            options = landing.Options(
                root=settings.lake,
                hmac_key=settings.hmac_key.get_secret_value() if settings.hmac_key else None,
                memory_limit=settings.max_memory,
                threads=settings.threads,
                takes_prices=takes_prices,
            )
            marker = inbox / "SIMULATED.json" if inbox is not None else None
            if marker is not None and marker.is_file():
                (settings.lake / "SIMULATED").write_bytes(marker.read_bytes())
            landed = landing.land(
                inbox,
                options=options,
                manifest=known.manifest,
                sources=sources,
                fetched=fetched.documents,
                step=journal.step,
            )
    return Intake(landed, fetched, tuple(door.name for door in doors))


def _doors_file(settings: Settings, inbox: Path | None) -> Path | None:
    """Return where live doors are declared: as set, else beside the inbox's folders."""
    if settings.doors is not None or inbox is None:
        return settings.doors
    beside = inbox / "doors.toml"
    return beside if beside.is_file() else None
