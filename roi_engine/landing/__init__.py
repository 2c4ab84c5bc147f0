"""Landing: the inbox's bytes, kept once and for ever, and their rows as bronze Parquet.

``land`` looks at the whole inbox and parses what is new, outside any lock; ``append`` then
writes the manifest entries and the quarantine rows, under the lake's lock. Between the two
nothing of a load counts, so a crash at any point leaves nothing half.

Reference tables come first, because they say how the others are read (``field_mappings.csv``,
``agents.csv``). When such a rule or a parser changes, every file that landed under the old one
is parsed again from its kept bytes, whether it still stands in the inbox or not: so the order
in which files and rules arrived never shows.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from roi_engine.landing import names, vault
from roi_engine.landing.inbox import scan
from roi_engine.landing.loading import (
    Item,
    Loaded,
    OutOfMemory,
    bronze_path,
    extractor_version,
    load_file,
    load_id,
)
from roi_engine.landing.manifest import (
    Entry,
    Row,
    chain,
    newest,
    newest_reference,
    row_hash,
    verify_chain,
)
from roi_engine.landing.prepared import prepare
from roi_engine.sources import reference
from roi_engine.sources.base import QUARANTINE_SCHEMA, Context, Load

__all__ = [
    "Entry",
    "Landed",
    "LandingFailed",
    "Ledger",
    "Options",
    "append",
    "chain",
    "hmac_key",
    "land",
    "prepare",
    "row_hash",
    "scan",
    "verify_chain",
]

_KEY_BYTES = 32
_MAX_PARSERS = 2
"""Files parsed at once; each has its own database and its part of the memory."""

Step = Callable[..., None]


class LandingFailed(Exception):
    """Landing stopped for a reason that is not one file's; the message is one sentence."""


class Ledger(Protocol):
    """The two things that landing asks of the lake."""

    def manifest(self) -> Sequence[Row]:
        """Return ``ops.manifest`` in the order of ``seq``."""

    def append(self, rows: Sequence[Row], quarantine: pl.DataFrame) -> None:
        """Append to ``ops.manifest`` and ``ops.quarantine``, in one transaction."""


@dataclass(frozen=True, slots=True)
class Options:
    """What landing needs to know; ``root`` is the lake, ``hmac_key`` None means the lake's own."""

    root: Path
    hmac_key: str | None = None
    timezones: dict[str, str] | None = None
    memory_limit: str = "2GB"
    threads: int = 2


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


def land(
    inbox: Path,
    *,
    options: Options,
    manifest: Sequence[Row],
    step: Step = lambda name, **facts: None,  # noqa: ARG005 - the names are the caller's
) -> Landed:
    """Keep the bytes of every new file of the inbox and write its rows to bronze.

    Args:
        inbox: The folder with ``billing/``, ``gpu/``, ``tokens/``, ``tickets/``, ``reference/``.
        options: The lake and the limits.
        manifest: ``ops.manifest`` in the order of ``seq``; what stands there is not done again.
        step: Called with the name of each step and facts about it, for the log.

    Raises:
        LandingFailed: The lake's disk or key cannot be used.
    """
    try:
        run = _Run(options, manifest, step)
        run.look(inbox)
    except OSError as error:
        raise LandingFailed(f"The lake cannot be written ({error}): free its disk.") from error
    return run.landed()


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


def hmac_key(root: Path, given: str | None = None) -> bytes:
    """Return the key that hashes ids of persons: ``given``, else the lake's own.

    The lake's own key is made once: 32 random bytes in ``secrets/hmac.key``, for its owner only.

    Raises:
        LandingFailed: The key file is there and is not a key.
    """
    if given:
        return given.encode()
    path = root / "secrets" / "hmac.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = vault.scratch(root) / "hmac.key"
        draft.touch(mode=0o600)
        draft.write_bytes(os.urandom(_KEY_BYTES))
        try:
            os.link(draft, path)  # fails where another run was first: its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise LandingFailed(f"{path} does not hold {_KEY_BYTES} bytes: put the lost key back.")
    return key


class _Run:
    """One look at the inbox."""

    def __init__(self, options: Options, manifest: Sequence[Row], step: Step) -> None:
        self.root = options.root
        self.step = step
        self.options = options
        self.latest = newest(manifest)
        self.active = newest_reference(manifest)
        self.manifest = manifest
        self.versions: dict[tuple[str, str], str] = {}
        self.loaded: list[Loaded] = []
        self.warnings: list[str] = []
        vault.sweep(self.root)
        self.context = Context(
            hmac_key=hmac_key(self.root, options.hmac_key),
            temp=vault.scratch(self.root),
            timezones=dict(options.timezones or {}),
            memory_limit=options.memory_limit,
            threads=options.threads,
        )

    def landed(self) -> Landed:
        """Return what the look brought."""
        frames = [loaded.quarantine for loaded in self.loaded]
        quarantine = pl.concat([pl.DataFrame(schema=QUARANTINE_SCHEMA), *frames])
        entries = tuple(loaded.entry for loaded in self.loaded)
        base = self.active.get("model_names")
        return Landed(
            entries, quarantine, tuple(self.warnings), str(base["load_id"]) if base else None
        )

    def look(self, inbox: Path) -> None:
        """Take the inbox: reference tables, then what they say how to read, then model names."""
        found = scan(inbox)
        self.warnings += found.warnings
        kept: list[tuple[Load, vault.Kept]] = []
        for file in found.files:
            self.step("land.keep", uri=file.uri)
            try:
                bytes_ = vault.keep(file.path, self.root)
            except vault.Unkept as error:
                self.warnings.append(f"{file.uri} {error}")
                continue
            kept.append((Load("", file.source, file.system, bytes_.sha256, file.uri), bytes_))
        self._reference([(load, file) for load, file in kept if load.source == "reference"])
        self._book()
        known = reference.known(*(self._bronze(name) for name in ("field_mappings", "agents")))
        self.context = replace(self.context, mappings=known.mappings, agent_ids=known.agent_ids)
        events = [(load, file) for load, file in kept if load.source != "reference"]
        self._events([*events, *self._earlier({load.sha256 for load, _ in events})])
        self._model_names()

    def _reference(self, files: Sequence[tuple[Load, vault.Kept]]) -> None:
        """Load the new tables; where the file that counts is gone, an older one counts again."""
        version = self._version("reference", "")
        holds: dict[str, list[tuple[int, Load, vault.Kept]]] = {}
        fresh: dict[str, list[str]] = {}
        for load, file in _distinct(files):
            row = self.latest.get(("reference", "", load.sha256))
            if row is None or row["extractor_version"] != version:
                entry = self._take(load, file, version)
                if entry is not None and entry.status == "landed":
                    fresh.setdefault(entry.tables, []).append(load.uri)
            elif row["status"] == "landed":
                place = (int(str(row["seq"])), load, file)
                holds.setdefault(str(row["tables"]), []).append(place)
        for table, uris in fresh.items():
            if len(uris) > 1:
                self.warnings.append(
                    f"{', '.join(uris)} are all {table}: only the last counts; make them one file."
                )
        for table, places in holds.items():
            shas = {load.sha256 for _, load, _ in places}
            if table not in fresh and self.active[table]["sha256"] not in shas:
                _, load, file = max(places, key=lambda place: place[0])
                self._take(load, file, version)

    def _book(self) -> None:
        """Load the price list of the installed package, once for each release of it."""
        version = f"{names.VERSION}/{names.release()}"
        row = self.active.get("price_book")
        if row is None or row["extractor_version"] != version:
            file = vault.put(names.book(), self.root)
            load = Load("", "reference", "price_book", file.sha256, names.release())
            self._take(load, file, version)

    def _model_names(self) -> None:
        """Name the models of every raw name seen, as the package knows them."""
        version = f"{names.VERSION}/{names.release()}"
        row = self.active.get("model_names")
        since = int(str(row["seq"])) if row else 0
        loads = [
            str(known["load_id"])
            for known in self.manifest
            if known["source"] == "tokens" and int(str(known["seq"])) > since
        ]
        loads += [one.entry.load_id for one in self.loaded if one.entry.source == "tokens"]
        tokens = self.root / "bronze" / "tokens"
        spans = [
            path for own in loads for path in sorted(tokens.glob(f"day=*/spans-{own}.parquet"))
        ]
        seen = names.seen(self._bronze("model_names"), spans)
        if seen.is_new or (row is not None and row["extractor_version"] != version):
            file = vault.put(names.model_names(seen.names), self.root)
            load = Load("", "reference", "model_names", file.sha256, names.release())
            self._take(load, file, version)

    def _events(self, files: Sequence[tuple[Load, vault.Kept]]) -> None:
        """Parse what is new, two files at a time."""
        items = []
        for load, file in _distinct(files):
            version = self._version(load.source, load.system)
            row = self.latest.get((load.source, load.system, load.sha256))
            if row is None or row["extractor_version"] != version:
                items.append(self._item(load, file, version))
        workers = max(1, min(_MAX_PARSERS, self.options.threads, len(items)))
        context = replace(
            self.context,
            threads=max(1, self.options.threads // workers),
            memory_limit=_share(self.options.memory_limit, workers),
        )
        with ThreadPoolExecutor(workers) as pool:
            # results come in the order of the items, whichever is ready first
            for loaded in pool.map(lambda item: self._load(item, context), items):
                if loaded is not None:
                    self.loaded.append(loaded)

    def _earlier(self, present: set[str]) -> list[tuple[Load, vault.Kept]]:
        """Return the files that landed before and stand in the inbox no more."""
        earlier = []
        for (source, system, sha256), row in self.latest.items():
            path = vault.place(self.root, sha256)
            if source != "reference" and sha256 not in present and path.exists():
                load = Load("", source, system, sha256, str(row["uri"]))
                earlier.append((load, vault.Kept(path, sha256, int(str(row["bytes"])))))
        return earlier

    def _version(self, source: str, system: str) -> str:
        """Return the extractor version of a door, once computed."""
        if (source, system) not in self.versions:
            self.versions[source, system] = extractor_version(source, system, self.context)
        return self.versions[source, system]

    def _take(self, load: Load, file: vault.Kept, version: str) -> Entry | None:
        loaded = self._load(self._item(load, file, version), self.context)
        if loaded is None:
            return None
        self.loaded.append(loaded)
        return loaded.entry

    def _item(self, load: Load, file: vault.Kept, version: str) -> Item:
        own = load_id(load.source, load.sha256, version)
        return Item(file, replace(load, load_id=own), version)

    def _load(self, item: Item, context: Context) -> Loaded | None:
        self.step("land.parse", uri=item.load.uri, load=item.load.load_id)
        try:
            return load_file(item, root=self.root, context=context, clock=_now)
        except OutOfMemory as error:
            self.warnings.append(f"{item.load.uri} {error}")
            return None

    def _bronze(self, table: str) -> Path | None:
        """Return the bronze file that counts for a reference table, this run's included."""
        current = {name: str(row["load_id"]) for name, row in self.active.items()}
        for loaded in self.loaded:
            if loaded.entry.source == "reference" and loaded.entry.status == "landed":
                current[loaded.entry.tables] = loaded.entry.load_id
        if table not in current:
            return None
        path = bronze_path(self.root, "reference", table, current[table], None)
        return path if path.exists() else None  # a table without rows has no file


def _now() -> datetime:
    # bronze and ops keep UTC without a zone
    return datetime.now(UTC).replace(tzinfo=None)


def _distinct(files: Iterable[tuple[Load, vault.Kept]]) -> list[tuple[Load, vault.Kept]]:
    """Return the files without those that repeat another's bytes in the same door."""
    first: dict[tuple[str, str, str], tuple[Load, vault.Kept]] = {}
    for load, file in files:
        first.setdefault((load.source, load.system, load.sha256), (load, file))
    return list(first.values())


def _share(memory: str, parts: int) -> str:
    """Return a part of a memory size.

    Examples:
        >>> _share("3GB", 2)
        '1.5GB'
    """
    match = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT])(i?B)\s*", memory)
    if match is None:
        return memory
    number, unit, rest = match.groups()
    return f"{float(number) / parts:g}{unit}{rest}"
