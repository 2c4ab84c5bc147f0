"""One look at the inbox: what is new, in the order in which it can be read."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from roi_engine.landing import names, vault
from roi_engine.landing.inbox import Found, Scan, scan
from roi_engine.landing.ledger import Landed
from roi_engine.landing.loading import (
    Item,
    Loaded,
    OutOfMemory,
    bronze_path,
    extractor_version,
    load_file,
    load_files,
    load_id,
    together,
)
from roi_engine.landing.manifest import Entry, Row, newest, newest_reference
from roi_engine.landing.secret import hmac_key
from roi_engine.sources import reference
from roi_engine.sources.base import QUARANTINE_SCHEMA, Context, Load

_MAX_PARSERS = 2
"""Files parsed at once; each has its own database and its part of the memory."""

_GENERATED = ("price_book", "model_names")

Step = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Options:
    """What landing needs to know; ``root`` is the lake, ``hmac_key`` None means the lake's own."""

    root: Path
    hmac_key: str | None = None
    timezones: dict[str, str] | None = None
    memory_limit: str = "2GB"
    threads: int = 2
    takes_prices: bool = False
    """Take the price list of a newer release of its package; else the one in force stays."""


class Look:
    """One look at the inbox; ``take`` it once, then ask what has ``landed``."""

    def __init__(
        self,
        options: Options,
        manifest: Sequence[Row],
        step: Step,
        *,
        sources: Collection[str] | None = None,
    ) -> None:
        self.sources = sources
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

    def take(self, inbox: Path | None, fetched: Sequence[Found] = ()) -> None:
        """Take reference tables, then what they say how to read, then model names."""
        found = scan(inbox) if inbox is not None else Scan((), ())
        self.warnings += found.warnings
        kept: list[tuple[Load, vault.Kept]] = []
        for file in (*found.files, *fetched):
            if not self._takes(file.source):
                continue
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
            if row is not None and row["status"] == "retracted":
                continue
            if row is None or row["extractor_version"] != version:
                entry = self._one(load, file, version)
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
        self._again(fresh, {load.sha256 for load, _ in files}, version)
        for table, places in holds.items():
            shas = {load.sha256 for _, load, _ in places}
            if table not in fresh and self.active[table]["sha256"] not in shas:
                _, load, file = max(places, key=lambda place: place[0])
                self._one(load, file, version)

    def _again(self, fresh: Iterable[str], present: set[str], version: str) -> None:
        """Parse the tables that count once more, where their parser is a newer one."""
        for table, row in self.active.items():
            sha256 = str(row["sha256"])
            is_current = row["extractor_version"] == version or sha256 in present
            if is_current or table in fresh or table in _GENERATED:
                continue
            load = Load("", "reference", "", sha256, str(row["uri"]))
            file = _kept(self.root, row)
            if file.path.exists():
                self._one(load, file, version)

    def _book(self) -> None:
        """Load the package's price list the first time, and a newer release when asked to.

        A dependency that is updated must not change what was published: that is `roi reprice`.
        """
        row, release, installed = self.active.get("price_book"), self._release(), names.release()
        version = f"{names.VERSION}/{release}"
        if release != installed:
            self.warnings.append(
                f"The installed price list ({installed}) is not the one in force ({release}):"
                " `roi reprice` shows what it changes, and takes it."
            )
        if row is None or row["extractor_version"] != version:
            file = (
                vault.put(names.book(), self.root)
                if row is None or release == installed
                else _kept(self.root, row)
            )
            self._one(Load("", "reference", "price_book", file.sha256, release), file, version)

    def _release(self) -> str:
        """Return the release of the price list that is in force from now on."""
        row = self.active.get("price_book")
        return names.release() if row is None or self.options.takes_prices else str(row["uri"])

    def _model_names(self) -> None:
        """Name the models of every raw name seen, as the package knows them."""
        release = self._release()
        version = f"{names.VERSION}/{release}"
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
            load = Load("", "reference", "model_names", file.sha256, release)
            self._one(load, file, version)

    def _events(self, files: Sequence[tuple[Load, vault.Kept]]) -> None:
        """Parse what is new, two files at a time."""
        items = []
        for load, file in _distinct(files):
            version = self._version(load.source, load.system)
            row = self.latest.get((load.source, load.system, load.sha256))
            if row is not None and row["status"] == "retracted":
                continue
            # a document that was replaced counts again when its door brings it again
            is_back = row is not None and row["status"] == "superseded"
            if row is None or is_back or row["extractor_version"] != version:
                items.append(self._item(load, file, version))
        batches = together(items)
        workers = max(1, min(_MAX_PARSERS, self.options.threads, len(batches)))
        context = replace(
            self.context,
            threads=max(1, self.options.threads // workers),
            memory_limit=_share(self.options.memory_limit, workers),
        )
        with ThreadPoolExecutor(workers) as pool:
            # the largest first, so that it is not alone at the end
            largest = sorted(range(len(batches)), key=lambda place: -_size(batches[place]))
            running = {
                place: pool.submit(self._load_batch, batches[place], context) for place in largest
            }
            # results come in the order of the items, whichever is ready first
            for place in range(len(batches)):
                self.loaded += running[place].result()

    def _earlier(self, present: set[str]) -> list[tuple[Load, vault.Kept]]:
        """Return the files that landed before and stand in the inbox no more."""
        earlier = []
        for (source, system, sha256), row in self.latest.items():
            file = _kept(self.root, row)
            is_taken = source != "reference" and self._takes(source)
            is_taken = is_taken and row["status"] != "superseded"
            if is_taken and sha256 not in present and file.path.exists():
                earlier.append((Load("", source, system, sha256, str(row["uri"])), file))
        return earlier

    def _takes(self, source: str) -> bool:
        return self.sources is None or source == "reference" or source in self.sources

    def _version(self, source: str, system: str) -> str:
        """Return the extractor version of a door, once computed."""
        if (source, system) not in self.versions:
            self.versions[source, system] = extractor_version(source, system, self.context)
        return self.versions[source, system]

    def _one(self, load: Load, file: vault.Kept, version: str) -> Entry | None:
        loaded = self._load(self._item(load, file, version), self.context)
        if loaded is None:
            return None
        self.loaded.append(loaded)
        return loaded.entry

    def _item(self, load: Load, file: vault.Kept, version: str) -> Item:
        own = load_id(load.source, load.sha256, version)
        return Item(file, replace(load, load_id=own), version)

    def _load_batch(self, items: Sequence[Item], context: Context) -> list[Loaded]:
        if len(items) > 1:
            for item in items:
                self.step("land.parse", uri=item.load.uri, load=item.load.load_id)
            try:
                return load_files(items, root=self.root, context=context, clock=_now)
            except OutOfMemory:
                pass  # one by one, so that the others land
        return [loaded for item in items if (loaded := self._load(item, context)) is not None]

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


def _size(items: Iterable[Item]) -> int:
    return sum(item.kept.size for item in items)


def _kept(root: Path, row: Row) -> vault.Kept:
    """Return where the bytes of a landed file lie."""
    sha256 = str(row["sha256"])
    return vault.Kept(vault.place(root, sha256), sha256, int(str(row["bytes"])))


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
