"""One file of the vault → its bronze rows, its quarantine rows, its manifest entry."""

import hashlib
import importlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

import duckdb
import polars as pl
import pyarrow as pa

from roi_engine.landing import vault
from roi_engine.landing.manifest import Entry
from roi_engine.sources import bronze
from roi_engine.sources.base import (
    PARSER_VERSIONS,
    Context,
    File,
    Load,
    Parsed,
    Parser,
    Unreadable,
)
from roi_engine.sources.schema import UNDATED

_LOW_DISK_BYTES = 64 * 1024 * 1024
_TOGETHER_BYTES = 32 * 1024 * 1024
"""Small files are parsed together up to this size, which keeps them far from the memory's end."""

_DAMAGES = (duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException, ValueError)
"""What the readers raise at bytes that are not what they should be."""


class OutOfMemory(Exception):
    """A file that could not be parsed within the memory given; the message is one sentence."""


class _Source(Protocol):
    """A source's module: one function."""

    parse: Parser


class _Together(_Source, Protocol):
    """A source's module whose files may be parsed several at a time: its systems ``TOGETHER``."""

    TOGETHER: frozenset[str]

    def parse_each(self, pages: Sequence[File], *, context: Context) -> list[Parsed]:
        """Parse files of one system."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file that is to be parsed: where its bytes are and how its rows will name them."""

    kept: vault.Kept
    load: Load
    extractor_version: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file."""

    entry: Entry
    quarantine: pl.DataFrame


def extractor_version(source: str, system: str, context: Context) -> str:
    """Return what the rows of a file depend on beside its bytes, in one line.

    The parser's version, the system's field mappings and zone, and (tickets) who is an agent:
    when one of them changes, the file is parsed again under a new load id.
    """
    knows: dict[str, object] = {}
    if mapped := context.mapped(source, system):
        knows["mappings"] = mapped
    if zone := context.timezones.get(system):
        knows["zone"] = zone
    if source == "tickets":
        knows["agents"] = sorted(context.agent_ids)
    version = f"{source}-{PARSER_VERSIONS[source]}" + (f"/{system}" if system else "")
    if not knows:
        return version
    digest = hashlib.sha256(json.dumps(knows, sort_keys=True).encode()).hexdigest()
    return f"{version}/{digest[:12]}"


def load_id(source: str, sha256: str, version: str) -> str:
    """Return the id under which a file's rows stand: sha256 of the three, 32 hex digits."""
    return hashlib.sha256("\n".join([source, sha256, version]).encode()).hexdigest()[:32]


def load_file(item: Item, *, root: Path, context: Context, clock: Callable[[], datetime]) -> Loaded:
    """Parse one file and move its rows to bronze; whatever the file holds, it has an entry.

    Rows are written to a scratch folder of the lake and renamed file by file when all of them
    are there. The files are named by the load, which no reader knows before its manifest entry
    stands: a crash in between leaves nothing that counts, and the next run writes the same.

    Raises:
        OutOfMemory: The context's memory is not enough for this file.
        OSError: The lake's disk is full or broken.
    """
    temp = Path(tempfile.mkdtemp(dir=vault.scratch(root), prefix=f"{item.load.load_id}-"))
    try:
        out = temp / "out"
        parsed = _parse(item, replace(context, temp=temp), out)
        if isinstance(parsed, Unreadable):
            return _unreadable(item, parsed, clock())
        _move(out, root, item.load)
        return _landed(item, parsed, clock())
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def load_files(
    items: Sequence[Item], *, root: Path, context: Context, clock: Callable[[], datetime]
) -> list[Loaded]:
    """Parse files that are ``together``; give what ``load_file`` gives of each.

    A file that cannot be read keeps none of the others: they are parsed again by halves.

    Raises:
        OutOfMemory: The context's memory is not enough for one of the files.
        OSError: The lake's disk is full or broken.
    """
    if len(items) == 1:
        return [load_file(items[0], root=root, context=context, clock=clock)]
    temp = Path(tempfile.mkdtemp(dir=vault.scratch(root), prefix=f"{items[0].load.load_id}-"))
    try:
        pages = [File(item.kept.path, item.load, temp / item.load.load_id) for item in items]
        for page in pages:
            page.out.mkdir()
        module = cast(_Together, _module(items[0].load.source))
        parsed = module.parse_each(pages, context=replace(context, temp=temp))
        for page in pages:
            _move(page.out, root, page.load)
        return [_landed(item, one, clock()) for item, one in zip(items, parsed, strict=True)]
    except (Unreadable, MemoryError, *_DAMAGES):
        pass  # which of them it is, the halves show
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    middle = len(items) // 2
    return [
        loaded
        for half in (items[:middle], items[middle:])
        for loaded in load_files(half, root=root, context=context, clock=clock)
    ]


def together(items: Sequence[Item]) -> list[list[Item]]:
    """Return the items in their order, those in one list that are parsed together."""
    batches: list[list[Item]] = []
    size = 0
    for item in items:
        load = item.load
        may_join = load.system in getattr(_module(load.source), "TOGETHER", ())
        size += item.kept.size
        last = batches[-1][-1].load if batches else None
        is_same = last is not None and (last.source, last.system) == (load.source, load.system)
        if may_join and is_same and size <= _TOGETHER_BYTES:
            batches[-1].append(item)
        else:
            batches.append([item])
            size = item.kept.size
    return batches


def bronze_path(root: Path, source: str, table: str, load_id: str, day: str | None) -> Path:
    """Return where the rows of a load lie; ``day`` is None for a reference table."""
    folder = root / "bronze" / source
    return (folder / f"day={day}" if day else folder) / f"{table}-{load_id}.parquet"


def _module(source: str) -> _Source:
    # imported with the first file of its source: a run on bills needs no ticket parser
    return cast(_Source, importlib.import_module(f"roi_engine.sources.{source}"))


def _parse(item: Item, context: Context, out: Path) -> Parsed | Unreadable:
    out.mkdir()
    try:
        return _module(item.load.source).parse(
            item.kept.path, load=item.load, context=context, out=out
        )
    except Unreadable as error:
        return error
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise OutOfMemory(
            f"needs more than {context.memory_limit} of memory: raise ROI_MAX_MEMORY."
        ) from error
    except _DAMAGES as error:
        if shutil.disk_usage(context.temp).free < _LOW_DISK_BYTES:
            raise OSError(f"The disk of the lake is full ({context.temp}).") from error
        problem = " ".join(str(error).split())[:160]
        return Unreadable(f"The file is damaged, or is not what its folder says ({problem}).")


def _move(out: Path, root: Path, load: Load) -> None:
    for draft in sorted(out.glob("*/**/*.parquet")):
        table, *day = draft.relative_to(out).parent.parts
        partition = day[0].removeprefix("day=") if day else None
        vault.move(draft, bronze_path(root, load.source, table, load.load_id, partition))


def _landed(item: Item, parsed: Parsed, now: datetime) -> Loaded:
    days = sorted(parsed.days - {UNDATED})
    tables = ",".join(sorted(parsed.rows))
    entry = Entry(
        load_id=item.load.load_id,
        source=item.load.source,
        system=tables if item.load.source == "reference" else item.load.system,
        tables=tables,
        uri=item.load.uri,
        sha256=item.kept.sha256,
        bytes=item.kept.size,
        rows=sum(parsed.rows.values()),
        fetched_at=now,
        interval_start=days[0] if days else None,
        interval_end=days[-1] if days else None,
        extractor_version=item.extractor_version,
        status="landed",
    )
    return Loaded(entry, parsed.quarantine)


def _unreadable(item: Item, error: Unreadable, now: datetime) -> Loaded:
    record = json.dumps({"uri": item.load.uri})
    entry = Entry(
        load_id=item.load.load_id,
        source=item.load.source,
        system=item.load.system,
        tables="",
        uri=item.load.uri,
        sha256=item.kept.sha256,
        bytes=item.kept.size,
        rows=0,
        fetched_at=now,
        interval_start=None,
        interval_end=None,
        extractor_version=item.extractor_version,
        status="unreadable",
    )
    return Loaded(
        entry, bronze.refuse(item.load, [(0, error.rule, "critical", str(error), record)])
    )
