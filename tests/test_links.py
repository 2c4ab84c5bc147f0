"""What loads touch is kept beside the lake, is read once, and can be thrown away."""

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from roi_engine import landing, links, partitions
from roi_engine.sources import schema
from roi_engine.warehouse import draft, lake

DAY = date(2026, 3, 1)


@pytest.fixture
def root(tmp_path):
    landing.prepare(tmp_path)
    with lake.connect(tmp_path) as con:
        span(con, tmp_path, "a", DAY, conversation_id="t", started_at=f"{DAY} 12:00:00")
    return tmp_path


def span(con, root, load, day, **row):
    write(con, root, schema.SPANS, load, day, row)
    con.execute("insert into lake.ops.active_load values (?, 'tokens', 0)", [load])


def write(con, root, table, load, day, row):
    folder = root / "bronze" / table.source
    folder = folder if table.day_from is None else folder / f"day={day}"
    folder.mkdir(parents=True, exist_ok=True)
    given = row | {"_load_id": load}
    cells = ", ".join(
        f'{partitions.quoted(given[name]) if name in given else "null"}::{kind} as "{name}"'
        for name, kind in table.all_columns.items()
    )
    path = folder / f"{table.name}-{load}.parquet"
    con.execute(f"copy (select {cells}) to '{path}' (format parquet)")
    return path


def read(con, root, timezone="UTC"):
    links.read(con, root, timezone=timezone, window_days=7)
    return con.execute("select task_id, day, load_id from task_row order by all").fetchall()


def test_a_load_is_read_once(root):
    """Its file may even be gone: what it touches does not change."""
    with lake.connect(root) as con:
        assert read(con, root) == [("t", DAY, "a")]
        (root / f"bronze/tokens/day={DAY}/spans-a.parquet").unlink()
        span(con, root, "b", DAY, conversation_id="u", started_at=f"{DAY} 13:00:00")
        assert read(con, root) == [("t", DAY, "a"), ("u", DAY, "b")]


def test_a_load_that_counts_no_more_touches_nothing(root):
    with lake.connect(root) as con:
        read(con, root)
        con.execute("delete from lake.ops.active_load")
        assert read(con, root) == []


@pytest.mark.parametrize("broken", [b"", b"no database at all", None])
def test_a_database_that_is_broken_or_gone_is_made_anew(root, broken):
    with lake.connect(root) as con:
        wanted = read(con, root)
        (root / links.FILE).unlink()
        if broken is not None:
            (root / links.FILE).write_bytes(broken)
        assert read(con, root) == wanted


class Killed:
    """A connection whose process is killed when it is about to run a statement."""

    def __init__(self, con, before):
        self.con, self.before = con, before

    def execute(self, query, *given):
        """Run a statement, or die of it."""
        if " ".join(query.split()).startswith(self.before):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.con.execute(query, *given)


@pytest.mark.parametrize(
    "before",
    [
        *("create table links.about", "create table links.charge ", "insert into links.about"),
        *("begin", "insert into links.task_day", "insert into links.kept", "commit"),
        *("detach links", "insert into task_row"),
    ],
)
def test_a_kill_while_it_is_written_costs_nothing(root, before):
    """Of what was not committed nothing is known, and the load is read again."""
    killed = subprocess.run(
        [sys.executable, "-m", "tests.test_links", str(root), before],
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with lake.connect(root) as con:
        if before in {"detach links", "insert into task_row"}:
            # it was committed, and is not read again
            (root / f"bronze/tokens/day={DAY}/spans-a.parquet").unlink()
        assert read(con, root) == [("t", DAY, "a")]


def test_days_are_those_of_the_time_zone_that_is_asked_for(root):
    with lake.connect(root) as con:
        assert read(con, root) == [("t", DAY, "a")]
        assert read(con, root, timezone="Pacific/Kiritimati") == [("t", date(2026, 3, 2), "a")]


def test_what_another_code_has_read_is_read_anew(root, monkeypatch):
    with lake.connect(root) as con:
        read(con, root)
        with duckdb.connect(root / links.FILE) as kept:
            kept.execute("delete from task_day")
        assert read(con, root) == []
        monkeypatch.setattr(links.version, "source_hash", lambda: "another")
        assert read(con, root) == [("t", DAY, "a")]


@pytest.mark.parametrize(
    ("pattern", "line", "is_found"),
    [
        ("train-*", {"resource_id": "train-7"}, True),
        ("train-*-eu", {"tags": '{"job": "train-7-eu"}'}, True),
        ('a "quoted" name', {"tags": r'{"job": "a \\"quoted\\" name"}'}, True),
        ("*", {"resource_id": "anything"}, True),
        ("train-*", {"resource_id": "serve-7"}, False),
    ],
)
def test_a_training_run_finds_the_periods_that_it_may_be_charged_in(root, pattern, line, is_found):
    """None is missed that dbt could match: a star stands for any text, and JSON is escaped."""
    with lake.connect(root) as con:
        month = {"billing_period_start": "2026-03-01", "provider_name": "p"}
        charge = {"charge_period_start": "2026-03-02", "charge_period_end": "2026-03-03"}
        write(con, root, schema.CHARGES, "bill", date(2026, 3, 2), line | month | charge)
        run = {"match_key": "resource", "match_value": pattern, "completed_on": "2026-03-10"}
        table = schema.REFERENCE["training_runs"]
        write(con, root, table, "runs", None, run | {"lifespan_days": "30"})
        con.execute(
            "insert into lake.ops.active_load values"
            " ('bill', 'billing', 1), ('runs', 'reference', 2)"
        )
        read(con, root)
        found = con.execute("select load_id from training_period").fetchall()
        assert found == ([("bill",)] if is_found else [])


def test_dbt_is_shown_the_files_of_active_loads_on_the_days_read(root):
    with lake.connect(root) as con:
        for load, day in (("b", DAY), ("old", DAY), ("c", date(2026, 3, 2))):
            span(con, root, load, day, conversation_id=load)
        with draft.opened(con, root):
            partitions.show(con, root / "bronze", {"tokens": [DAY]}, {"a", "b", "c"})
            seen = con.sql("select conversation_id, day from draft.bronze.spans order by 1").pl()
            assert seen.rows() == [("b", DAY), ("t", DAY)]
            # a table of which nothing is read has its columns all the same
            assert con.sql("from draft.bronze.tickets").pl().schema["day"] == pl.Date
            partitions.hide(con)
            assert (
                con.execute("select 1 from duckdb_views() where database_name = 'draft'").fetchall()
                == []
            )


if __name__ == "__main__":
    place, statement = Path(sys.argv[1]), sys.argv[2]
    with lake.connect(place) as opened:
        read(Killed(opened, statement), place)
