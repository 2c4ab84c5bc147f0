"""A lake of a few rows, through dbt, in New York's time."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from roi_engine import dbt, landing, partitions
from roi_engine.landing.loading import bronze_path
from roi_engine.sources.schema import SOURCES, Table
from roi_engine.warehouse import draft, lake

Row = dict[str, object]


def _write_bronze(con: duckdb.DuckDBPyConnection, root: Path, table: Table, rows: list[Row]) -> str:
    load_id = f"load_of_{table.name}"
    given = pl.DataFrame(
        [row | {"_source_row": number} for number, row in enumerate(rows, start=1)],
        infer_schema_length=None,
    ).with_columns(_load_id=pl.lit(load_id), _source_file=pl.lit("file"))
    con.register("given", given.to_arrow())
    places = {name: f'"{name}"' if name in given.columns else "null" for name in table.all_columns}
    columns = ", ".join(
        f'{places[name]}::{kind} as "{name}"' for name, kind in table.all_columns.items()
    )
    moments = given[table.day_from].str.slice(0, 10).unique() if table.day_from else [None]
    for day in moments:
        target = bronze_path(root, table.source, table.name, load_id, day)
        target.parent.mkdir(parents=True, exist_ok=True)
        only = f"where {table.day_from}::date = '{day}'" if day else ""
        con.execute(f"copy (select {columns} from given {only}) to '{target}' (format parquet)")
    con.unregister("given")
    return load_id


def _run_dbt(root: Path, facts: Sequence[str]) -> None:
    """Run the models of the facts and no others: the rest of the project has its own tests."""
    variables = {"as_of": "2026-03-20", "reporting_timezone": "America/New_York"}
    command = [
        *(str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "run"),
        *("--project-dir", str(dbt.PROJECT), "--profiles-dir", str(dbt.PROJECT)),
        *("--target-path", str(root / "target"), "--log-path", str(root / "target")),
        *("--vars", json.dumps(variables)),
        *("--select", *(f"+{fact}" for fact in facts)),
    ]
    environment = os.environ | {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    done = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def empty_lake(root: Path) -> None:
    """Make a lake in which nothing has landed, with what dbt reads of it."""
    landing.prepare(root)
    with lake.connect(root) as con, draft.opened(con, root):
        partitions.show(con, root / "bronze", {}, ())


def facts_of(
    root: Path, rows: list[tuple[Table, list[Row]]], days: Sequence[str], facts: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Return the facts that dbt makes of bronze rows, every day of which is read and built."""
    landing.prepare(root)
    with lake.connect(root) as con:
        for table, given in rows:
            load_id = _write_bronze(con, root, table, given)
            con.execute("insert into ops.active_load values (?, ?, 1)", [load_id, table.source])
        for day in days:
            con.execute("insert into ops.run_day values (?, 'passed', null, 'run', true)", [day])
        read = dict.fromkeys(SOURCES, tuple(date.fromisoformat(day) for day in days))
        loads = {f"load_of_{table.name}" for table, _ in rows}
        with draft.opened(con, root):
            partitions.show(con, root / "bronze", read, loads)
    _run_dbt(root, facts)
    with lake.connect(root, read_only=True) as con, draft.opened(con, root):
        return {fact: con.execute(f"from draft.{fact}").pl() for fact in facts}
