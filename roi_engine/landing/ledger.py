"""What a look at the inbox brought, and how it takes its place in the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from roi_engine.landing.manifest import Entry, Row, chain, newest, newest_reference


class Ledger(Protocol):
    """The two things that landing asks of the lake."""

    def manifest(self) -> Sequence[Row]:
        """Return ``ops.manifest`` in the order of ``seq``."""

    def append(self, rows: Sequence[Row], quarantine: pl.DataFrame) -> None:
        """Append to ``ops.manifest`` and ``ops.quarantine``, in one transaction."""


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


def append(ledger: Ledger, landed: Landed) -> int:
    """Chain the entries to the manifest as it stands now; call it under the lake's lock.

    Entries that another run has appended meanwhile are left out, with their quarantine rows.

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
            is_known = row is not None and row["load_id"] == entry.load_id
        if not is_known:
            entries.append(entry)
    # a load that comes back (a rule was changed and changed back) brings no new refusals
    fresh = {entry.load_id for entry in entries} - known
    if entries:
        quarantine = landed.quarantine.filter(pl.col("_load_id").is_in(fresh))
        ledger.append(chain(rows, entries), quarantine)
    return len(entries)
