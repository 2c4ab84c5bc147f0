"""Copy a lake whole, and put it back: one moment's catalog with every file that it names.

A backup is a lake without what is derived (``release/``) or passing (dotted names). It shares no
file with the lake: what happens to one cannot reach the other. Its catalog is written last, so a
folder that a killed copy left behind is no backup and is refused as one.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from roi_engine.warehouse import lake, lock, release

CATALOG = "catalog.sqlite"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup or a restored lake holds."""

    folder: Path
    files: int
    bytes: int

    def lines(self) -> list[str]:
        """Return it as lines for a terminal.

        Examples:
            >>> Copied(Path("/backup/monday"), 412, 9_500_000).lines()
            ['/backup/monday: 412 files (9.5 MB), with every file that the catalog names']
        """
        size = f"{self.files} files ({self.bytes / 1e6:.1f} MB)"
        return [f"{self.folder}: {size}, with every file that the catalog names"]


def backup(root: Path, to: Path, *, on_wait: Callable[[str], None] = lambda _: None) -> Copied:
    """Copy the lake under ``root`` into the new folder ``to``, alone with it.

    Holds the lake's write lock, so call it without; readers are not disturbed.

    Raises:
        LakeError: There is no lake with a SQLite catalog, ``to`` is in use, or a file is missing.
    """
    _check_source(root)
    _check_target(to, apart_from=root)
    with lock.writing(root, on_wait=on_wait):
        return _copy(root, to)


def restore(from_: Path, root: Path) -> Copied:
    """Make the lake under ``root`` from a backup, and export its newest release for readers.

    Raises:
        LakeError: ``from_`` is no whole backup, or ``root`` is in use.
    """
    _check_source(from_)
    _check_target(root, apart_from=from_)
    with lock.writing(root):
        copied = _copy(from_, root)
        with lake.connect(root) as con:
            release.export_release(con, root)
        return copied


def link(root: Path, to: Path) -> None:
    """Make a lake in the new folder ``to`` that shares the unchangeable files of ``root``.

    Landed bytes, bronze and data are never written again, so what a run does in the one is not
    seen in the other; the rest is copied. For a trial run, not for a backup: it shares the disk.

    Raises:
        LakeError: There is no lake with a SQLite catalog.
    """
    _check_source(root)
    with lock.writing(root):
        for name in ("landing", "bronze", "data"):
            shutil.copytree(root / name, to / name, copy_function=os.link)
        former = os.umask(0o077)
        try:
            if (root / "secrets").is_dir():
                shutil.copytree(root / "secrets", to / "secrets")
            if (root / "SIMULATED").is_file():
                shutil.copy2(root / "SIMULATED", to / "SIMULATED")
            copy_catalog(root / CATALOG, to / CATALOG)
        finally:
            os.umask(former)


def copy_catalog(source: Path, target: Path) -> None:
    """Copy a SQLite catalog as of one moment, whoever reads or writes it meanwhile."""
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


@contextmanager
def undone_if_it_fails(con: duckdb.DuckDBPyConnection, root: Path) -> Iterator[None]:
    """Put a catalog in SQLite back as it was if anything fails; no other run writes meanwhile."""
    place = con.execute("select path from duckdb_databases() where database_name = 'lake'")
    ((path,),) = place.fetchall()
    if not path.startswith("sqlite:"):
        yield
        return
    catalog, kept = Path(path.removeprefix("sqlite:")), root / ".catalog-before-maintenance"
    copy_catalog(catalog, kept)
    try:
        yield
    except BaseException:
        try:
            with closing(sqlite3.connect(kept)) as here, closing(sqlite3.connect(catalog)) as there:
                here.backup(there)
        except sqlite3.Error as error:
            message = (
                f"{catalog} could not be put back ({error}): stop all runs, copy {kept} to it."
            )
            raise lake.LakeError(message) from error
        kept.unlink()
        raise
    kept.unlink()


def _check_source(folder: Path) -> None:
    if not (folder / CATALOG).is_file():
        message = (
            f"There is no {CATALOG} in {folder}: it is no lake and no whole backup, or its catalog"
            " is in Postgres; see docs/runbooks/backup.md."
        )
        raise lake.LakeError(message)


def _check_target(folder: Path, *, apart_from: Path) -> None:
    if folder.resolve().is_relative_to(apart_from.resolve()):
        message = f"{folder} lies in {apart_from}: name a folder outside of it."
        raise lake.LakeError(message)
    # the lock of a lake that was moved away holds nothing
    if folder.exists() and (not folder.is_dir() or {*os.listdir(folder)} - {".lock"}):
        message = f"{folder} is not empty, and nothing in it was touched: name a new folder."
        raise lake.LakeError(message)


def _copy(source: Path, target: Path) -> Copied:
    """Copy everything but what is derived or passing; the catalog, and so the copy, comes last."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        is_top = Path(folder) == source
        return [
            name
            for name in names
            if name.startswith(".") or (is_top and (name == "release" or name.startswith(CATALOG)))
        ]

    draft = target / f".{CATALOG}"
    former = os.umask(0o077)  # the key of the hashed ids is nobody else's, not for a moment
    try:
        shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)
        copy_catalog(source / CATALOG, draft)
        shutil.copymode(source / CATALOG, draft)
        _check_whole(target, draft)
    except sqlite3.DatabaseError as error:
        message = f"{source / CATALOG} is damaged ({error}): {target} is not whole."
        raise lake.LakeError(message) from error
    finally:
        os.umask(former)
    draft.rename(target / CATALOG)
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    return Copied(target, len(sizes), sum(sizes))


def differing(folder: Path, named: Iterable[tuple[str, int]]) -> list[str]:
    """Return a clause for each file that a lake's catalog names and ``folder`` does not hold so.

    Args:
        folder: The lake, or a copy of it.
        named: Path and size of each file that the catalog names.
    """
    there = {path.name: path.stat().st_size for path in (folder / "data").rglob("*.parquet")}
    clauses = []
    for path, size in named:
        found = there.get(Path(path).name)
        if found != size:
            is_so = "is missing" if found is None else f"has {found}"
            clauses.append(f"{path}, which the catalog names with {size} bytes, {is_so}")
    return clauses


def _check_whole(folder: Path, catalog: Path) -> None:
    """Find every file that a catalog names under ``folder``.

    Raises:
        LakeError: A file is missing or of another size.
        DatabaseError: The catalog is damaged.
    """
    with closing(sqlite3.connect(catalog)) as con:
        ((verdict,),) = con.execute("pragma quick_check(1)").fetchall()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        named = con.execute(
            "select path, file_size_bytes from ducklake_data_file"
            " union all select path, file_size_bytes from ducklake_delete_file"
        ).fetchall()
    if gone := differing(folder, named):
        message = f"{gone[0]}: {folder} is not whole."
        raise lake.LakeError(message)
