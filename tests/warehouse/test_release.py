"""A release replaces whole days at once, and readers only ever see releases."""

from datetime import date

import duckdb
import pytest

from roi_engine.warehouse import lake, release, serving
from tests.warehouse.drafting import drafting

DAY1, DAY2 = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "lake"


def draft(con, rows, mart_rows):
    con.execute("create or replace table draft.fct_task (task_id varchar, day date, n bigint)")
    con.executemany("insert into draft.fct_task values (?, ?, ?)", rows)
    con.execute("create or replace table draft.daily_roi (day date, total bigint)")
    con.executemany("insert into draft.daily_roi values (?, ?)", mart_rows)


def publish(con, days, **given):
    return release.publish(
        con,
        **{
            "fact_days": days,
            "aged": [],
            "mart_days": days,
            "keys": {"fct_task": "task_id"},
            "published": [(day, "run", "final") for day in days],
            "as_of": DAY2,
            "code_version": "1",
            "settings": {},
            "message": "test",
        }
        | given,
    )


def served(root, query="select task_id, cast(day as varchar), n from fct_task order by all"):
    with serving.connect(root) as con:
        return con.execute(query).fetchall()


def test_a_release_is_one_snapshot(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        before = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()[0]
        assert publish(con, [DAY1]) == 1
        snapshots = con.execute(
            f"select snapshot_id, author from lake.snapshots() where snapshot_id > {before}"
        ).fetchall()
        assert snapshots == [(before + 1, "roi")]
        assert release.current(con) == (1, before + 1)
        release.export_release(con, root)
    assert served(root) == [("a", "2026-03-01", 1)]


def test_a_task_that_changes_its_day_leaves_the_old_one(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1), ("b", DAY1, 1)], [(DAY1, 2)])
        publish(con, [DAY1])
        release.export_release(con, root)
        draft(con, [("a", DAY2, 5)], [(DAY2, 1)])
        publish(con, [DAY2])
        release.export_release(con, root)
    assert served(root) == [("a", "2026-03-02", 5), ("b", "2026-03-01", 1)]


def test_an_unchanged_day_is_linked_and_a_changed_one_written(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1), ("b", DAY2, 1)], [(DAY1, 1), (DAY2, 1)])
        publish(con, [DAY1, DAY2])
        first = release.export_release(con, root)
        draft(con, [("b", DAY2, 2)], [(DAY2, 1)])
        publish(con, [DAY2])
        second = release.export_release(con, root)
    name = "facts/fct_task/day={}/data_0.parquet"
    assert (second / name.format(DAY1)).samefile(first / name.format(DAY1))
    assert not (second / name.format(DAY2)).samefile(first / name.format(DAY2))
    assert served(root) == [("a", "2026-03-01", 1), ("b", "2026-03-02", 2)]


def test_a_table_without_a_row_can_be_asked_and_goes_when_there_are_rows(root):
    query = "select n from fct_task order by n"
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        con.execute("delete from draft.fct_task")
        publish(con, [DAY1])
        release.export_release(con, root)
        assert served(root, query) == []
        draft(con, [("a", DAY1, 7)], [(DAY1, 1)])
        publish(con, [DAY1])
        release.export_release(con, root)
    assert served(root, query) == [(7,)]


def test_a_changed_schema_keeps_the_rows_of_days_that_are_not_rebuilt(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1), ("b", DAY2, 1)], [(DAY1, 1), (DAY2, 1)])
        publish(con, [DAY1, DAY2])
        con.execute(
            "create or replace table draft.fct_task"
            " (task_id varchar, day date, n decimal(38, 9), grade varchar)"
        )
        con.execute("insert into draft.fct_task values ('b', ?, 2.5, 'good')", [DAY2])
        publish(con, [DAY2])
        release.export_release(con, root)
    rows = served(root, "select task_id, cast(n as double), grade from fct_task order by 1")
    assert rows == [("a", 1.0, None), ("b", 2.5, "good")]
    with drafting(root) as con:
        con.execute("create or replace table draft.fct_task (task_id varchar, day date)")
        con.execute("insert into draft.fct_task values ('b', ?)", [DAY2])
        publish(con, [DAY2])
        release.export_release(con, root)
    assert served(root, "from fct_task order by 1") == [("a", DAY1), ("b", DAY2)]


def test_a_failing_publish_changes_nothing(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
        draft(con, [("a", DAY1, 2)], [(DAY1, 2)])

        def fail_late(step):
            if step == "publish.marts.daily_roi":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            publish(con, [DAY1], step=fail_late)
        assert con.execute("select n from lake.facts.fct_task").fetchall() == [(1,)]
        assert release.current(con)[0] == 1


def test_a_reader_keeps_its_release_while_the_next_is_published(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
        release.export_release(con, root)
        with serving.connect(root) as reader:
            draft(con, [("a", DAY1, 2)], [(DAY1, 1)])
            publish(con, [DAY1])
            release.export_release(con, root)
            assert reader.execute("select n from fct_task").fetchall() == [(1,)]
        assert served(root, "select n from fct_task") == [(2,)]


def test_exports_are_byte_identical_whatever_the_insertion_order(root, tmp_path):
    rows = [(f"t{n}", DAY1, n) for n in range(500)]
    folders = []
    for turn, order in enumerate((rows, rows[::-1])):
        here = tmp_path / f"lake{turn}"
        with drafting(here) as con:
            draft(con, order, [(DAY1, 1)])
            publish(con, [DAY1])
            release.export_release(con, here)
        for kind in ("csv", "parquet"):
            serving.export(here, tmp_path / f"out{turn}", kind=kind, facts=True)
        folders.append(tmp_path / f"out{turn}")
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == ["daily_roi.csv", "daily_roi.parquet", "fct_task.csv", "fct_task.parquet"]
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_a_lake_that_is_not_there_says_how_to_make_one(root):
    with pytest.raises(lake.LakeError, match="roi run --inbox"), lake.connect(root, read_only=True):
        pass
    with pytest.raises(serving.NoRelease, match="roi run --inbox"), serving.connect(root):
        pass


def test_a_folder_in_the_place_of_the_link_is_told(root):
    """As a copy leaves it that knows no links."""
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
        folder = release.export_release(con, root)
        link = root / "release" / "current"
        link.unlink()
        link.mkdir()
        with pytest.raises(lake.LakeError, match="current is not the link to a release"):
            release.export_release(con, root)
        link.rmdir()
        assert release.export_release(con, root) == folder
        assert link.resolve() == folder.resolve()


def test_a_newer_lake_is_refused(root):
    with drafting(root) as con:
        con.execute("update lake.ops.schema_version set version = 99")
    with pytest.raises(lake.LakeError, match="update the engine"), lake.connect(root):
        pass


def test_a_second_reader_does_not_lock_the_writer_out(root):
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
        with lake.connect(root, read_only=True) as reader:
            assert reader.execute("select count(*) from lake.facts.fct_task").fetchone() == (1,)
            with pytest.raises(duckdb.Error):
                reader.execute("delete from lake.facts.fct_task")


def test_a_table_without_a_row_has_statistics_all_the_same(root):
    """DuckLake asks its catalog for missing ones once for every column of every query."""
    with drafting(root) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        con.execute("delete from draft.daily_roi")
        publish(con, [DAY1])
        unknown = con.execute(
            "select table_name from __ducklake_metadata_lake.ducklake_table as made"
            " where end_snapshot is null and not exists (select 1"
            " from __ducklake_metadata_lake.ducklake_table_stats as known"
            " where known.table_id = made.table_id)"
        ).fetchall()
        assert unknown == []
        assert con.execute("from lake.marts.daily_roi").fetchall() == []
