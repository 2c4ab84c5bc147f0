"""Maintenance makes a lake smaller; every release reads the same, or nothing was done."""

import os
import sqlite3
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from roi_engine.warehouse import lake, maintenance, release, serving
from tests.warehouse.drafting import drafting

DAYS = [date(2026, 3, number) for number in range(1, 6)]
NOW = timedelta(0)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "lake"


@pytest.fixture
def con(root):
    with drafting(root) as connection:
        yield connection


def publish(con, day, tag, *, tasks=30):
    """Release one day; 30 tasks are a file, and fewer than ten rows stay inlined in the catalog."""
    con.execute(
        "create or replace table draft.fct_task as"
        f" select '{day}-{tag}-' || n as task_id, date '{day}' as day, n from range({tasks}) r(n)"
    )
    con.execute(
        "create or replace table draft.daily_roi as select day, sum(n)::bigint as total"
        " from draft.fct_task group by all"
    )
    release.publish(
        con,
        fact_days=[day],
        aged=[],
        mart_days=[day],
        keys={"fct_task": "task_id"},
        published=[(day, "run", "final")],
        as_of=day,
        code_version="1",
        settings={},
        message="test",
    )
    return release.current(con)[1]


def rows(con, query, *values):
    return con.execute(query, values).fetchall()


def snapshots(con):
    return [row[0] for row in rows(con, "select snapshot_id from lake.snapshots() order by 1")]


def contents(con, at):
    return {
        (snapshot, table): rows(
            con, f"select * from lake.{table} at (version => {snapshot}) order by all"
        )
        for snapshot in at
        for table in ("facts.fct_task", "marts.daily_roi", "ops.published")
    }


def parquet(root):
    return {path.relative_to(root) for path in (root / "data").rglob("*.parquet")}


def orphan(root, *, hours_old):
    """Leave what a killed process leaves: a Parquet file that no snapshot names."""
    path = root / "data" / "facts" / "fct_task" / "ducklake-of-a-killed-process.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql("select 1 as task_id").write_parquet(str(path))
    then = time.time() - hours_old * 3600
    os.utime(path, (then, then))
    return path


def test_the_lake_is_smaller_and_every_release_reads_the_same(con, root):
    made = [publish(con, day, "a") for day in DAYS]
    made += [publish(con, DAYS[1], "b"), publish(con, DAYS[2], "c", tasks=3)]
    before, files = contents(con, made), parquet(root)
    counted = [len(before[snapshot, "facts.fct_task"]) for snapshot in made]
    assert counted == [30, 60, 90, 120, 150, 150, 123]
    done = maintenance.maintain(con, root, grace=NOW)
    assert contents(con, made) == before
    assert done.releases_proven == 7
    assert (done.files_before, done.files_after) == (len(files), len(parquet(root)))
    assert done.files_after < done.files_before
    assert done.bytes_after == sum((root / path).stat().st_size for path in parquet(root))
    with lake.connect(root, read_only=True) as reader:
        assert contents(reader, made) == before


def test_only_what_is_no_release_expires_and_never_the_newest(con, root):
    made = [publish(con, day, "a") for day in DAYS[:2]]
    con.execute("insert into lake.ops.draft (token) values ('a run that failed')")
    before, newest = snapshots(con), snapshots(con)[-1]
    assert newest not in made
    done = maintenance.maintain(con, root, grace=NOW)
    # merging leaves a snapshot of its own
    assert set(snapshots(con)) == {*made, newest, newest + 1}
    assert done.snapshots_expired == len(set(before) - set(snapshots(con)))
    assert rows(con, "select token from lake.ops.draft") == [("a run that failed",)]


def test_a_second_time_there_is_nothing_to_do(con, root):
    for day in DAYS[:3]:
        publish(con, day, "a")
    maintenance.maintain(con, root, grace=NOW)
    first = maintenance.maintain(con, root, grace=NOW)
    before = snapshots(con), parquet(root)
    second = maintenance.maintain(con, root, grace=NOW)
    assert (snapshots(con), parquet(root)) == before
    assert second.files_before == second.files_after == first.files_after
    assert second.snapshots_expired == 0


def test_a_lake_without_a_release_is_left_with_its_newest_snapshot(con, root):
    con.execute("insert into lake.ops.read_day values ('tokens', date '2026-03-01')")
    done = maintenance.maintain(con, root, grace=NOW)
    assert done.releases_proven == 0
    assert rows(con, "select source from lake.ops.read_day") == [("tokens",)]
    assert snapshots(con)


def test_a_file_without_a_name_goes_after_its_grace_and_not_before(con, root):
    publish(con, DAYS[0], "a")
    left = orphan(root, hours_old=30)
    maintenance.maintain(con, root, grace=timedelta(days=2))
    assert left.exists()
    maintenance.maintain(con, root)
    assert not left.exists()


def test_a_reader_that_attached_before_still_finds_its_files(con, root):
    made = [publish(con, day, "a") for day in DAYS[:3]]
    con.execute("insert into lake.ops.read_day values ('tokens', date '2026-03-01')")
    files = parquet(root)
    with lake.connect(root, read_only=True) as reader:
        reader.execute("begin")
        before = contents(reader, made)
        maintenance.maintain(con, root)
        assert files <= parquet(root)
        assert contents(reader, made) == before
        assert rows(reader, "select source from lake.ops.read_day") == [("tokens",)]
    maintenance.maintain(con, root, grace=NOW)
    assert not files <= parquet(root)


def test_only_old_exports_and_drafts_are_dropped(con, root):
    made = []
    for day in DAYS[:4]:
        made.append(publish(con, day, "a"))
        release.export_release(con, root)
    home = root / "release"
    (home / ".draft-99").mkdir()
    done = maintenance.maintain(con, root, keep_exports=2)
    assert sorted(path.name for path in home.iterdir()) == sorted([*map(str, made[2:]), "current"])
    assert done.exports_dropped == 2
    # rolled back by hand: current is older than what is kept
    publish(con, DAYS[0], "b")
    release.export_release(con, root)
    (home / "current").unlink()
    (home / "current").symlink_to(str(made[2]))
    assert maintenance.maintain(con, root, keep_exports=1).exports_dropped == 1
    with serving.connect(root) as reader:
        assert rows(reader, "select count(*) from fct_task") == [(90,)]


def going_wrong(monkeypatch, statement):
    """Make the step that expires snapshots go wrong: it changes the catalog too."""
    expire = maintenance._expire

    def wrong(con, step):
        expired = expire(con, step)
        con.execute(statement)
        return expired

    monkeypatch.setattr(maintenance, "_expire", wrong)


META = "__ducklake_metadata_lake"


@pytest.mark.parametrize("whole", [30, 0])
def test_a_release_that_lost_rows_is_found_and_the_catalog_put_back(con, root, monkeypatch, whole):
    made = [publish(con, day, "a") for day in DAYS[:3]]
    before, files, ids = contents(con, made), parquet(root), snapshots(con)
    going_wrong(  # as if the first release's rows began with the second
        monkeypatch,
        f"update {META}.ducklake_data_file set begin_snapshot = {made[1]}"
        f" where begin_snapshot = {made[0]}",
    )
    with pytest.raises(maintenance.Changed, match=r"^facts\.fct_task of release 1 reads differ"):
        maintenance.maintain(con, root, grace=NOW, hashed_whole=whole)
    with drafting(root) as fresh:
        assert snapshots(fresh) == ids
        assert contents(fresh, made) == before
    assert files <= parquet(root)
    assert not list(root.glob(".catalog*"))


def test_a_release_that_is_gone_is_found(con, root, monkeypatch):
    made = [publish(con, day, "a") for day in DAYS[:2]]
    going_wrong(monkeypatch, f"delete from {META}.ducklake_snapshot where snapshot_id = {made[0]}")
    with pytest.raises(maintenance.Changed, match="of release 1 reads differently"):
        maintenance.maintain(con, root, grace=NOW)
    with lake.connect(root, read_only=True) as fresh:
        assert set(made) <= set(snapshots(fresh))


def test_a_table_at_work_that_changes_is_found(con, root, monkeypatch):
    con.execute("insert into lake.ops.manifest (seq) select * from range(20)")
    publish(con, DAYS[0], "a")
    going_wrong(
        monkeypatch,
        f"update {META}.ducklake_data_file set end_snapshot = 1 where record_count = 20",
    )
    with pytest.raises(maintenance.Changed, match=r"ops\.manifest of the newest snapshot"):
        maintenance.maintain(con, root, grace=NOW)
    with lake.connect(root, read_only=True) as fresh:
        assert rows(fresh, "select count(*) from lake.ops.manifest") == [(20,)]


def test_a_disk_that_is_full_changes_nothing(con, root, monkeypatch):
    made = [publish(con, day, "a") for day in DAYS[:2]]
    before, ids = contents(con, made), snapshots(con)

    def full(con, step):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(maintenance, "_expire", full)
    with pytest.raises(OSError, match="No space"):
        maintenance.maintain(con, root, grace=NOW)
    monkeypatch.undo()
    with drafting(root) as fresh:
        assert (contents(fresh, made), snapshots(fresh)) == (before, ids)
        assert maintenance.maintain(fresh, root, grace=NOW).releases_proven == 2


def test_a_catalog_that_cannot_be_put_back_is_kept_beside_it(con, root, monkeypatch):
    publish(con, DAYS[0], "a")
    going_wrong(monkeypatch, "call ducklake_merge_adjacent_files('no such lake')")
    real = sqlite3.connect

    def connect(path):
        if Path(path).name == "catalog.sqlite" and (root / ".catalog-before-maintenance").exists():
            raise sqlite3.OperationalError("database or disk is full")
        return real(path)

    copy = maintenance.digests(con, hashed_whole=1)
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(lake.LakeError, match=r"put back \(database or disk is full\): stop all"):
        maintenance.maintain(con, root)
    monkeypatch.undo()
    for part in root.glob("catalog.sqlite*"):
        part.unlink()
    (root / ".catalog-before-maintenance").rename(root / "catalog.sqlite")
    with drafting(root) as fresh:
        assert maintenance.digests(fresh, hashed_whole=1) == copy


def test_a_file_that_a_release_names_is_never_removed(con, root):
    """A catalog that schedules a named file for deletion is not obeyed."""
    made = [publish(con, day, "a") for day in DAYS[:2]]
    maintenance.maintain(con, root, grace=NOW)
    before, files = contents(con, made), parquet(root)
    with sqlite3.connect(root / "catalog.sqlite") as catalog:
        catalog.execute(
            "insert into ducklake_files_scheduled_for_deletion"
            " select data_file_id, 'facts/fct_task/' || path, 1, '2026-01-01 00:00:00+00'"
            " from ducklake_data_file where record_count = 60"
        )
    with pytest.raises(maintenance.Changed, match="which a snapshot names: no file of its list"):
        maintenance.maintain(con, root, grace=NOW)
    assert (contents(con, made), parquet(root)) == (before, files)


def test_the_hash_sees_rows_columns_and_types_but_not_order():
    def digest(select):
        with duckdb.connect() as con:
            con.execute("attach ':memory:' as lake; create schema lake.facts")
            con.execute(f"create table lake.facts.t as {select}")
            return maintenance.digest(con, "lake.facts.t", whole=True)

    base = digest("select * from (values (1, 'a'), (2, null)) v(n, s)")
    assert digest("select * from (values (2, null), (1, 'a')) v(n, s)") == base
    for other in (
        "select * from (values (1, 'a'), (2, '')) v(n, s)",
        "select * from (values (1, null), (2, 'a')) v(n, s)",
        "select * from (values (1, 'a'), (2, null), (2, null)) v(n, s)",
        "select * from (values (1, 'a'), (2, null)) v(n, other)",
        "select * from (values (1::bigint, 'a'), (2, null)) v(n, s)",
    ):
        assert digest(other) != base, other


def exported(folder: Path, day: date) -> Path:
    return folder / f"facts/fct_task/day={day}/data_0.parquet"


def test_after_maintenance_an_export_still_links_what_did_not_change(con, root):
    publish(con, DAYS[0], "a")
    publish(con, DAYS[1], "a")
    first = release.export_release(con, root)
    # a run that failed: snapshots after the release, which are not kept
    for token in ("one", "two"):
        con.execute("insert into lake.ops.draft (token) values (?)", [token])
    maintenance.maintain(con, root, grace=NOW)
    assert int(first.name) + 1 not in snapshots(con)
    publish(con, DAYS[1], "b")
    second = release.export_release(con, root)
    assert exported(second, DAYS[0]).samefile(exported(first, DAYS[0]))
    assert not exported(second, DAYS[1]).samefile(exported(first, DAYS[1]))
    with serving.connect(root) as reader:
        assert rows(reader, "from fct_task order by all") == rows(
            con, "from lake.facts.fct_task order by all"
        )
        assert rows(reader, "select day, count(*) from fct_task group by 1 order by 1") == [
            (DAYS[0], 30),
            (DAYS[1], 30),
        ]


def test_an_export_over_a_release_that_was_never_exported_takes_its_changes_too(con, root):
    for day in DAYS[:3]:
        publish(con, day, "a")
    first = release.export_release(con, root)
    publish(con, DAYS[0], "b", tasks=5)  # released, and the process dies before its export
    maintenance.maintain(con, root, grace=NOW)
    publish(con, DAYS[1], "b", tasks=5)
    maintenance.maintain(con, root, grace=NOW)
    second = release.export_release(con, root)
    linked = [exported(second, day).samefile(exported(first, day)) for day in DAYS[:3]]
    assert linked == [False, False, True]
    with serving.connect(root) as reader:
        counted = rows(reader, "select count(*) from fct_task group by day order by day")
        assert counted == [(5,), (5,), (30,)]
