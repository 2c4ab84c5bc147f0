"""Bytes as they came → bytes that a reader can read, and the database that reads them.

A file's name means nothing: compression, Parquet and encoding are told by its bytes. What
cannot be read raises ``Unreadable`` with one sentence. The other steps of a parser have their
own modules: ``delimited`` (CSV → text cells), ``cells`` (text → typed columns) and ``bronze``
(typed columns → Parquet by day, and what was refused).
"""

import codecs
import gzip
import shutil
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import duckdb
import pyarrow as pa

from roi_engine.sources.base import Context, Unreadable

Connection: TypeAlias = duckdb.DuckDBPyConnection

CHUNK = 4 * 1024 * 1024

_ARCHIVES = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf": "7-Zip"}
_PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")
_BOMS = {
    # UTF-32 little endian begins like UTF-16 little endian: the longer mark goes first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}


@dataclass(frozen=True, slots=True)
class Plain:
    """A file without its wrapping: Parquet, or text in UTF-8 without a byte order mark."""

    path: Path
    is_parquet: bool


def unpack(raw: Path, *, temp: Path) -> Plain:
    """Return the file as a reader needs it: decompressed, and if it is text then UTF-8.

    Every byte is looked at once, in chunks: a truncated archive, an HTML page, a NUL byte or
    a byte that is no UTF-8 is found here, not half way through a parse. Text in UTF-16 or
    UTF-32 with a byte order mark is rewritten. A plain file is returned as it is; whatever had
    to be rewritten lies in ``temp``, which the caller removes.

    Raises:
        Unreadable: The file is empty, cut, an archive, a page, binary or wrongly encoded.
    """
    head = _head(raw)
    if not head:
        raise Unreadable("The file is empty: export it again.")
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            raise Unreadable(f"The file is a {name} archive: unpack it, or compress it with gzip.")
    path = raw
    if _is_compressed(head):
        path = temp / f"{raw.name}.unpacked"
        _decompress(raw, path)
        head = _head(path)
        if not head:
            raise Unreadable("The file is compressed and empty: export it again.")
        if _is_compressed(head):
            raise Unreadable("The file is compressed twice: unpack it once.")
    if head.startswith(b"PAR1"):
        _check_parquet(path)
        return Plain(path, is_parquet=True)
    return Plain(_as_utf8(path, head, temp), is_parquet=False)


@contextmanager
def connect(context: Context) -> Iterator[Connection]:
    """Yield an in-memory DuckDB within the context's memory and threads, in UTC.

    Rows keep the order of the file, so ``row_number() over ()`` on a reader counts records.
    Nothing is downloaded: extensions that are not installed stay away.
    """
    spill = context.temp / "spill"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": context.threads,
        "memory_limit": context.memory_limit,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "preserve_insertion_order": True,
    }
    with closing(duckdb.connect(":memory:", config=settings)) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        # a list of five words or more becomes a join: 10 ms each, dozens of times in a small file
        con.execute("set disabled_optimizers = 'in_clause'")
        yield con


def quoted(text: object) -> str:
    """Return ``text`` as an SQL string literal.

    Examples:
        >>> quoted("it's")
        "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return ``name`` as an SQL identifier.

    Examples:
        >>> identifier("order")
        '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4096)


def _is_compressed(head: bytes) -> bool:
    return head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))


def _decompress(raw: Path, target: Path) -> None:
    try:
        if _head(raw).startswith(b"\x1f\x8b"):
            with gzip.open(raw) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
        else:
            with (
                pa.CompressedInputStream(pa.OSFile(str(raw), "rb"), "zstd") as source,
                target.open("wb") as sink,
            ):
                shutil.copyfileobj(source, sink, CHUNK)
    except EOFError as error:
        raise Unreadable("The gzip file ends too early: fetch it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(f"The gzip file is damaged ({error}): fetch it again.") from error
    except pa.ArrowException as error:
        raise Unreadable(f"The zstd file is damaged ({error}): fetch it again.") from error
    except OSError as error:
        if error.errno is not None:  # the disk, not the file
            raise
        raise Unreadable(f"The zstd file is damaged ({error}): fetch it again.") from error


def _check_parquet(path: Path) -> None:
    with path.open("rb") as stream:
        stream.seek(-min(4, path.stat().st_size), 2)
        if stream.read() != b"PAR1" or path.stat().st_size < 12:
            raise Unreadable("The Parquet file ends too early: fetch it again.")


def _as_utf8(path: Path, head: bytes, temp: Path) -> Path:
    encoding = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "utf-8")
    if encoding == "utf-8":
        with path.open("rb") as source:
            _transcode(source, None, encoding)
        return path
    target = temp / f"{path.name}.utf8"
    with path.open("rb") as source, target.open("wb") as sink:
        _transcode(source, sink, encoding)
    return target


def _transcode(source: BinaryIO, sink: BinaryIO | None, encoding: str) -> None:
    """Check that ``source`` is text in ``encoding``; write it to ``sink`` as UTF-8, if given."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset = 0
    is_blank = True
    try:
        while chunk := source.read(CHUNK):
            text = decoder.decode(chunk)
            if "\0" in text:
                raise Unreadable(
                    f"The file holds a NUL byte after byte {offset}: it is binary, or was cut"
                    " while it was written; fetch it again."
                )
            if is_blank and text.strip():
                is_blank = False
                _refuse_page(text)
            if sink is not None:
                sink.write(text.encode())
            offset += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        raise Unreadable(
            f"The file is not {name} (after byte {offset}: {error.reason}): export it as UTF-8."
        ) from error
    if is_blank:
        raise Unreadable("The file holds nothing but white space: export it again.")


def _refuse_page(text: str) -> None:
    if text.lstrip()[:32].lower().encode().startswith(_PAGES):
        raise Unreadable(
            "The file is an HTML or XML page, not an export: fetch it again, logged in."
        )
