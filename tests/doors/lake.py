"""What a lake's bronze holds, without where it came from."""

import os
from contextlib import contextmanager
from datetime import date

import duckdb

from roi_engine import pipeline
from roi_engine.settings import Settings
from roi_engine.warehouse import lake
from roi_engine.warehouse.ops import activate_loads

LINEAGE = ("_load_id", "_source_file", "_source_row")
KEY = "one key for both lakes, since ids are hashed with it"


def settings(root, doors=None):
    """Return the settings of a lake whose hashed ids can be compared with another's."""
    return Settings(lake=root, doors=doors, hmac_key=KEY)


def extract(root, source, *, inbox=None, doors=None, day="2026-01-01"):
    """Take what is there of a source; return how many of its documents were parsed anew."""
    before = _entries(root, source)
    pipeline.extract(settings(root, doors), source, inbox=inbox, day=date.fromisoformat(day))
    return _entries(root, source) - before


def _entries(root, source):
    if not (root / "catalog.sqlite").exists():
        return 0
    with lake.connect(root, read_only=True) as con:
        (count,) = con.execute(
            "select count(*) from lake.ops.manifest"
            " where source = ? and status in ('landed', 'unreadable')",
            [source],
        ).fetchone()
    return count


def bronze(root, source, table):
    """Return the distinct rows of a bronze table that count, lineage left out, in order."""
    with lake.connect(root) as con:
        activate_loads(con)
        loads = con.execute("select load_id from lake.ops.active_load").fetchall()
    with duckdb.connect() as con:
        con.execute("create table active (load_id varchar)")
        con.executemany("insert into active values (?)", loads)
        found = con.sql(
            f"select * from read_parquet('{root}/bronze/{source}/**/{table}-*.parquet',"
            " union_by_name = true, hive_partitioning = true)"
            " where _load_id in (select load_id from active)"
        )
        columns = [name for name in found.columns if name not in LINEAGE]
        own = ", ".join(f'"{name}"' for name in columns)
        rows = con.sql(f"select distinct {own} from found order by all").fetchall()
    assert rows, f"{table} has no row: equal to nothing says nothing"
    return rows


def loads(root):
    """Return (uri, status) of the newest entry of each landed document."""
    with lake.connect(root, read_only=True) as con:
        return con.execute(
            "select uri, status from lake.ops.manifest where source <> 'reference'"
            " qualify row_number() over (partition by source, sha256 order by seq desc) = 1"
            " order by uri"
        ).fetchall()


@contextmanager
def environment(**values):
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
