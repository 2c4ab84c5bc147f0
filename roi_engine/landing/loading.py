"""One file of the vault → its bronze rows, its quarantine rows, its manifest entry."""

import hashlib
import importlib
import json
import shutil
import tempfile
from collections.abc import Callable
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
from roi_engine.sources.base import PARSER_VERSIONS, Context, Load, Parsed, Parser, Unreadable
from roi_engine.sources.schema import UNDATED

_LOW_DISK_BYTES = 64 * 1024 * 1024


class OutOfMemory(Exception):
    """A file that could not be parsed within the memory given; the message is one sentence."""


class _Source(Protocol):
    """A source's module: one function."""

    parse: Parser


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
    except (duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException, ValueError) as error:
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
