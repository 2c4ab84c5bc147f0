"""A lake with an empty draft open, for tests that release tables of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from roi_engine.warehouse import lake


@contextmanager
def drafting(root: Path, **options: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the lake under ``root`` with a draft that ends with the connection."""
    with lake.connect(root, **options) as con:
        con.execute("attach ':memory:' as draft")
        yield con
