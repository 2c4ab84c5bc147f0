"""The folders of a lake, and a file without rows for every bronze table.

Whoever reads some files of a table then always has one, and always knows the table's columns.
"""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from roi_engine.landing import vault
from roi_engine.landing.loading import bronze_path
from roi_engine.partitions import NO_LOAD
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.schema import TABLES, UNDATED


def prepare(root: Path) -> None:
    """Make the folders of landing and bronze, and each table's empty file, where missing."""
    (root / "landing" / "sha256").mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        for table in TABLES:
            day = UNDATED.isoformat() if table.day_from else None
            target = bronze_path(root, table.source, table.name, NO_LOAD, day)
            if target.exists() and pq.read_schema(target).names == list(table.all_columns):
                continue
            draft = vault.scratch(root) / target.name
            columns = ", ".join(
                f"null::{kind} as {identifier(name)}" for name, kind in table.all_columns.items()
            )
            con.execute(f"copy (select {columns} limit 0) to {quoted(draft)} (format parquet)")
            vault.move(draft, target)
