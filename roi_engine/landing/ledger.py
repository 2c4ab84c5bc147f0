"""What a look at the inbox brought, and how it takes its place in the manifest."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Protocol

import polars as pl

from roi_engine.landing.manifest import Entry, Row, chain, newest, newest_reference
from roi_engine.sources import bronze
from roi_engine.sources.base import Load


class NoSuchFile(Exception):
    """No file, or more than one, is what was named; the message is one sentence."""


class Ledger(Protocol):
    """The two things that landing asks of the lake."""

    def manifest(self) -> Sequence[Row]:
        """Return ``ops.manifest`` in the order of ``seq``."""

    def append(
        self, rows: Sequence[Row], quarantine: pl.DataFrame, marks: Mapping[str, str]
    ) -> None:
        """Append to ``ops.manifest``, ``ops.quarantine`` and ``ops.mark``, in one transaction."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What one look at the inbox brought: entries in order of arrival, and what was refused.

    ``warnings`` are sentences about files that could not be taken; they are looked at again
    with the next run.
    """

    entries: tuple[Entry, ...]
    quarantine: pl.DataFrame
    warnings: tuple[str, ...]
    named_after: str | None = None
    """Load id of the model names that this look's own are built on."""

    @property
    def unreadable(self) -> int:
        """Return how many of the new files could not be read."""
        return sum(entry.status == "unreadable" for entry in self.entries)


def append(
    ledger: Ledger,
    landed: Landed,
    *,
    marks: Mapping[str, str] | None = None,
    replaced: Collection[tuple[str, str]] = (),
) -> int:
    """Chain the entries to the manifest as it stands now; call it under the lake's lock.

    Entries that another run has appended meanwhile are left out, with their quarantine rows.

    Args:
        ledger: The lake's manifest.
        landed: What a look has brought.
        marks: Live door → where it goes on, written together with what it brought.
        replaced: (source, sha256) of documents that count no more, since these stand in their
            place.

    Returns:
        The number of entries appended.
    """
    rows = ledger.manifest()
    latest = newest(rows)
    known = {str(row["load_id"]) for row in rows}
    references = newest_reference(rows)
    active = {str(row["load_id"]) for row in references.values()}
    names_base = references.get("model_names", {}).get("load_id")
    entries = []
    for entry in landed.entries:
        if entry.tables == "model_names" and names_base != landed.named_after:
            continue  # another run has named its models meanwhile; the next run names all
        if entry.source == "reference" and entry.status == "landed":
            is_known = entry.load_id in active
        else:
            row = latest.get(entry.key)
            is_known = (
                row is not None
                and row["load_id"] == entry.load_id
                and row["status"] != "superseded"
            )
        if not is_known:
            entries.append(entry)
    # a load that comes back (a rule was changed and changed back) brings no new refusals
    fresh = {entry.load_id for entry in entries} - known
    superseded = [
        _again(row, status="superseded", now=datetime.now(UTC).replace(tzinfo=None))
        for (source, _, sha256), row in latest.items()
        if (source, sha256) in replaced and row["status"] in {"landed", "unreadable"}
    ]
    if entries or superseded or marks:
        quarantine = landed.quarantine.filter(pl.col("_load_id").is_in(fresh))
        ledger.append(chain(rows, [*superseded, *entries]), quarantine, marks or {})
    return len(entries)


def _again(row: Row, *, status: str, now: datetime) -> Entry:
    """Return a file's entry once more, with what is said of it now."""
    known = {field.name: row[field.name] for field in fields(Entry)}
    return Entry(**known | {"status": status, "fetched_at": now})  # type: ignore[arg-type]


def retract(ledger: Ledger, name: str, *, reason: str, now: datetime) -> Row:
    """Make a landed file count no more; call it under the lake's lock.

    Nothing is removed: bytes and bronze stay, the manifest gets an entry that says so, and
    quarantine the reason. The days that were made of the file are stale from now on.

    Args:
        ledger: The lake's manifest.
        name: The file's path below the inbox, or the first digits of its SHA-256.
        reason: Why it is wrong.
        now: The moment, in UTC without a zone.

    Returns:
        The file's row in the manifest.

    Raises:
        NoSuchFile: The name fits no landed file, or several.
    """
    rows = ledger.manifest()
    events = [row for row in newest(rows).values() if row["source"] != "reference"]
    counting = [row for row in events if row["status"] == "landed"]
    counting += newest_reference(rows).values()
    fits = [
        row
        for row in counting
        if row["uri"] == name or (len(name) >= 8 and str(row["sha256"]).startswith(name))
    ]
    if len(fits) != 1:
        found = ", ".join(sorted(f"{row['uri']} ({str(row['sha256'])[:12]})" for row in fits))
        raise NoSuchFile(
            f"{name} is the name of several landed files: {found}; name one by its SHA-256."
            if fits
            else f"No file that counts has landed as {name}: `roi sql` on ops.manifest lists them."
        )
    (row,) = fits
    entry = _again(row, status="retracted", now=now)
    load = Load(entry.load_id, entry.source, entry.system, entry.sha256, entry.uri)
    record = json.dumps({"uri": entry.uri})
    refused = bronze.refuse(load, [(0, "retracted", "warning", reason, record)])
    ledger.append(chain(rows, [entry]), refused, {})
    return row
