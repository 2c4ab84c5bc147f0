"""The manifest: one entry for each file that landed, chained by hash so that an edit shows."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

GENESIS = "0" * 64
"""The ``previous_hash`` of the first entry."""

Row = Mapping[str, object]
"""An entry as it stands in ``ops.manifest``: column → value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known about one load before it takes its place in the chain.

    ``tables`` are the bronze tables with rows of it, comma-separated; a reference load has just
    one, which is also its ``system``. ``status`` is ``landed``, ``unreadable``,
    ``retracted`` (a file that had landed and must count no more) or ``superseded`` (its live door
    has brought what stands in its place; it is taken again if the door brings it again).
    """

    load_id: str
    source: str
    system: str
    tables: str
    uri: str
    sha256: str
    bytes: int
    rows: int
    fetched_at: datetime
    interval_start: date | None
    interval_end: date | None
    extractor_version: str
    status: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what the entry is an entry of; see ``key_of``."""
        return key_of(asdict(self))


def key_of(row: Row) -> tuple[str, str, str]:
    """Return which file of which door a row is about: (source, system, sha256).

    The system of a reference file follows from its bytes, so it is no part of its key.
    """
    source = str(row["source"])
    return source, "" if source == "reference" else str(row["system"]), str(row["sha256"])


def newest(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    """Return the last row of each file; ``rows`` are in the order of ``seq``."""
    return {key_of(row): row for row in rows}


def newest_reference(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the load that counts for each reference table: the last that landed and stands."""
    known = list(rows)
    last = newest(known)
    return {
        str(row["tables"]): row
        for row in known
        if row["source"] == "reference"
        and row["status"] == "landed"
        and last[key_of(row)]["status"] == "landed"
    }


def chain(rows: Sequence[Row], entries: Iterable[Entry]) -> list[dict[str, object]]:
    """Return ``entries`` as rows that continue ``rows``, with seq and hashes.

        row_hash = sha256(JSON of all other columns, previous_hash among them)

    Args:
        rows: The manifest as it stands, in the order of ``seq``; only the last row matters.
        entries: What comes behind it, in its order.
    """
    last = rows[-1] if rows else {"seq": 0, "row_hash": GENESIS}
    seq, previous = int(str(last["seq"])), str(last["row_hash"])
    chained = []
    for entry in entries:
        seq += 1
        row: dict[str, object] = {"seq": seq, **asdict(entry), "previous_hash": previous}
        previous = row["row_hash"] = row_hash(row)
        chained.append(row)
    return chained


def row_hash(row: Row) -> str:
    """Return the hash of a row: all its columns but ``row_hash`` itself."""
    content = {name: _as_text(value) for name, value in row.items() if name != "row_hash"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify_chain(rows: Iterable[Row]) -> str | None:
    """Return None if the chain is whole, else a sentence that names the first entry that is not.

    An entry that was edited, removed, added or moved is found. The end of the chain cannot
    know what was cut off behind it: keep the last ``row_hash`` elsewhere to prove that too.

    Args:
        rows: The manifest in the order of ``seq``.
    """
    previous, expected = GENESIS, 1
    for row in rows:
        seq = row["seq"]
        if seq != expected:
            return f"entry {expected} is missing: entry {seq} stands in its place"
        if row["previous_hash"] != previous:
            return f"entry {seq} does not continue the entry before it"
        if row["row_hash"] != row_hash(row):
            return f"entry {seq} ({row['uri']}) was changed after it was written"
        previous, expected = str(row["row_hash"]), expected + 1
    return None


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return str(value)
