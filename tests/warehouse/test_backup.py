"""A backup is a whole lake: what was released can be read, exported and built upon again."""

import shutil
from datetime import date, timedelta

import pytest

from roi_engine.warehouse import backup, lake, lock, maintenance, release, serving
from tests.warehouse.drafting import drafting

DAYS = [date(2026, 3, number) for number in range(1, 4)]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "lake"


def publish(con, day, tag):
    """Release one day: a fact that is a file, and a mart whose row stays in the catalog."""
    con.execute(
        "create or replace table draft.fct_task as"
        f" select '{day}-{tag}-' || n as task_id, date '{day}' as day, n from range(30) r(n)"
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


def rows(con, query):
    return con.execute(query).fetchall()


def released(root):
    """Return every released table at every release."""
    with lake.connect(root, read_only=True) as con:
        made = rows(con, "select distinct release, snapshot_id from lake.ops.published order by 1")
        return {
            (number, table): rows(con, f"from lake.{table} at (version => {snapshot}) order by all")
            for number, snapshot in made
            for table in ("facts.fct_task", "marts.daily_roi", "ops.published", "ops.manifest")
        }


def served(root):
    with serving.connect(root) as con:
        return rows(con, "from fct_task order by all"), rows(con, "from daily_roi order by all")


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def make(root, *days):
    """Make a lake as a run leaves it, one release a day, with something of everything."""
    with lock.writing(root), drafting(root) as con:
        con.execute("insert into lake.ops.manifest (seq, sha256) values (1, 'ab12')")
        for day in days:
            publish(con, day, "a")
            release.export_release(con, root)
    for name, text in {
        "landing/sha256/ab/ab12": "bytes",
        "bronze/tokens/day=2026-03-01/spans-1.parquet": "rows",
        "alerts/open.json": "{}",
        "SIMULATED": "{}",
        ".scratch/4711/draft": "half",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "secrets").mkdir(mode=0o700)
    (root / "secrets" / "hmac.key").write_bytes(b"k" * 32)
    (root / "secrets" / "hmac.key").chmod(0o600)


def test_a_lake_that_is_lost_comes_back_whole(root, tmp_path):
    make(root, *DAYS[:2])
    before, exported = released(root), served(root)
    assert {number for number, _ in before} == {1, 2}
    assert [len(before[number, "facts.fct_task"]) for number in (1, 2)] == [30, 60]

    copied = backup.backup(root, tmp_path / "away" / "monday")
    held = files(tmp_path / "away" / "monday")
    assert copied.files == len(held)
    assert {
        "catalog.sqlite",
        "landing/sha256/ab/ab12",
        "bronze/tokens/day=2026-03-01/spans-1.parquet",
        "alerts/open.json",
        "SIMULATED",
        "secrets/hmac.key",
    } <= held
    assert not any(name.startswith(("release/", ".", "catalog.sqlite-")) for name in held)
    shutil.rmtree(root)

    elsewhere = tmp_path / "other" / "place"
    backup.restore(tmp_path / "away" / "monday", elsewhere)
    assert released(elsewhere) == before
    assert served(elsewhere) == exported
    key = elsewhere / "secrets" / "hmac.key"
    assert (key.read_bytes(), key.stat().st_mode & 0o777) == (b"k" * 32, 0o600)
    assert (elsewhere / "secrets").stat().st_mode & 0o777 == 0o700
    assert files(tmp_path / "away" / "monday") == held
    shutil.rmtree(elsewhere / "release")
    with lock.writing(elsewhere), lake.connect(elsewhere) as con:
        release.export_release(con, elsewhere)
    assert served(elsewhere) == exported


def test_an_older_backup_is_built_upon(root, tmp_path):
    make(root, DAYS[0])
    backup.backup(root, tmp_path / "monday")
    first = released(root)
    with drafting(root) as con:
        publish(con, DAYS[1], "lost")
        release.export_release(con, root)
    shutil.rmtree(root)
    backup.restore(tmp_path / "monday", root)
    with drafting(root) as con:
        # the ids of the lost release are given anew, to other rows
        publish(con, DAYS[1], "again")
        release.export_release(con, root)
        publish(con, DAYS[2], "a")
        release.export_release(con, root)
    after = released(root)
    assert {number for number, _ in after} == {1, 2, 3}
    assert {key: after[key] for key in first} == first
    again = [row[0] for row in after[2, "facts.fct_task"] if row[1] == DAYS[1]]
    assert len(again) == 30
    assert all("-again-" in task for task in again)
    assert served(root) == (after[3, "facts.fct_task"], after[3, "marts.daily_roi"])


def test_a_copy_and_its_lake_are_maintained_apart(root, tmp_path):
    """The catalog still holds the old place; nothing there is touched."""
    make(root, *DAYS[:2])
    backup.backup(root, tmp_path / "monday")
    backup.restore(tmp_path / "monday", tmp_path / "copy")
    before, held = released(root), files(root)
    with lake.connect(tmp_path / "copy") as con:
        done = maintenance.maintain(con, tmp_path / "copy", grace=timedelta(0))
    assert done.files_after < done.files_before
    assert files(root) == held
    assert released(root) == released(tmp_path / "copy") == before


def test_a_backup_while_a_reader_holds_the_lake_is_of_one_moment(root, tmp_path):
    make(root, *DAYS[:2])
    with lake.connect(root, read_only=True) as reader:
        reader.execute("begin")
        reader.execute("from lake.facts.fct_task").fetchall()
        backup.backup(root, tmp_path / "monday")
    backup.restore(tmp_path / "monday", tmp_path / "copy")
    assert released(tmp_path / "copy") == released(root)


def test_what_is_there_is_never_overwritten(root, tmp_path):
    make(root, DAYS[0])
    to = tmp_path / "monday"
    backup.backup(root, to)
    held, lake_held = files(to), files(root)
    with pytest.raises(lake.LakeError, match="monday is not empty, and nothing in it was touched"):
        backup.backup(root, to)
    with pytest.raises(lake.LakeError, match="lake is not empty"):
        backup.restore(to, root)
    with pytest.raises(lake.LakeError, match="lies in"):
        backup.backup(root, root / "backups")
    with pytest.raises(lake.LakeError, match="is not empty"):
        backup.backup(root, to / "catalog.sqlite")
    assert (files(to), files(root)) == (held, lake_held)


def test_a_folder_that_is_no_backup_is_refused(root, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(lake.LakeError, match=r"no catalog\.sqlite in .*photos"):
        backup.restore(tmp_path / "photos", root)
    with pytest.raises(lake.LakeError, match=r"no catalog\.sqlite in .*typo"):
        backup.backup(tmp_path / "typo", tmp_path / "monday")
    assert not root.exists()
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("harm", ["missing", "cut"])
def test_a_backup_that_lost_a_file_is_not_restored(root, tmp_path, harm):
    make(root, DAYS[0])
    backup.backup(root, tmp_path / "monday")
    (file,) = (tmp_path / "monday" / "data" / "facts").rglob("*.parquet")
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(lake.LakeError, match=r"is missing|has \d+"):
        backup.restore(tmp_path / "monday", tmp_path / "copy")
    assert not (tmp_path / "copy" / "catalog.sqlite").exists()


def test_a_damaged_catalog_is_not_restored(root, tmp_path):
    make(root, DAYS[0])
    backup.backup(root, tmp_path / "monday")
    path = tmp_path / "monday" / "catalog.sqlite"
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xff" * (40960 - 8192)
    path.write_bytes(content)
    with pytest.raises(lake.LakeError, match="is damaged"):
        backup.restore(tmp_path / "monday", tmp_path / "copy")
    assert not (tmp_path / "copy" / "catalog.sqlite").exists()


def test_a_copy_that_was_killed_is_no_backup(root, tmp_path, monkeypatch):
    make(root, DAYS[0])

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(backup, "_check_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        backup.backup(root, tmp_path / "monday")
    monkeypatch.undo()
    with pytest.raises(lake.LakeError, match="no whole backup"):
        backup.restore(tmp_path / "monday", tmp_path / "copy")


def test_a_backup_waits_for_the_run_that_writes(root, tmp_path, monkeypatch):
    make(root, DAYS[0])
    holds = []
    copy = backup._copy

    def watched(source, target):
        with lock.writing(source, on_wait=lambda _: holds.append("held") or stop()):
            pass
        return copy(source, target)

    def stop():
        raise TimeoutError

    monkeypatch.setattr(backup, "_copy", watched)
    with pytest.raises(TimeoutError):
        backup.backup(root, tmp_path / "monday")
    assert holds == ["held"]
