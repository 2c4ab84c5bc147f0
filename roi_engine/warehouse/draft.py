"""What dbt and the engine make before a release: a DuckDB database beside the catalog.

It is attached as ``draft`` while a stage needs it, by one process at a time (the write lock), and
ends with the release that takes it. In the lake itself every table that is created costs a reading
of the whole catalog, and stays in it for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

FILE = ".draft.duckdb"
"""In the lake's folder; dotted, since it is passing: no backup holds it."""


def is_there(root: Path) -> bool:
    """Say whether a draft was begun under ``root`` and neither released nor discarded."""
    return (root / FILE).is_file()


def discard(root: Path) -> None:
    """Remove the draft under ``root``; call it while nobody has it open."""
    for name in (FILE, f"{FILE}.wal"):
        (root / name).unlink(missing_ok=True)


@contextmanager
def opened(con: duckdb.DuckDBPyConnection, root: Path) -> Iterator[None]:
    """Attach the draft under ``root``, which is made if there is none, as ``draft``."""
    path = str(root.resolve() / FILE).replace("'", "''")
    con.execute(f"attach '{path}' as draft")
    try:
        yield
    finally:
        con.execute("detach draft")
