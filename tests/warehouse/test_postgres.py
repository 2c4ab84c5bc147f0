"""A lake whose catalog is a real Postgres: made, locked, published and read as one on SQLite."""

import threading
import time

import pytest

from roi_engine.warehouse import lake, lock, release
from tests.warehouse.drafting import drafting
from tests.warehouse.test_release import DAY1, DAY2, draft, publish, served


@pytest.fixture
def dsn(postgres, request):
    name = request.node.name.lower()[:40].replace("[", "_").replace("]", "")
    return "postgres:" + postgres.database(name)


def test_a_release_on_postgres_is_one_snapshot(dsn, tmp_path):
    with drafting(tmp_path, catalog_dsn=dsn) as con:
        draft(con, [("a", DAY1, 1), ("b", DAY2, 1)], [(DAY1, 1), (DAY2, 1)])
        publish(con, [DAY1, DAY2])
        draft(con, [("b", DAY2, 5)], [(DAY2, 5)])
        publish(con, [DAY2])
        release.export_release(con, tmp_path)
        first = con.execute(
            "select snapshot_id from lake.ops.published where release = 1 limit 1"
        ).fetchone()[0]
        old = f"select n from lake.facts.fct_task at (version => {first}) order by all"
        assert con.execute(old).fetchall() == [(1,), (1,)]
    assert served(tmp_path) == [("a", "2026-03-01", 1), ("b", "2026-03-02", 5)]
    assert not (tmp_path / "catalog.sqlite").exists()


def test_an_empty_catalog_is_told_as_no_lake(dsn, tmp_path):
    reading = lake.connect(tmp_path, catalog_dsn=dsn, read_only=True)
    with pytest.raises(lake.NotReady, match="roi run --inbox"), reading:
        pass


def test_a_server_that_is_down_is_named_without_the_password(tmp_path):
    dsn = "postgres:dbname=x host=127.0.0.1 port=1 user=roi password=hush"
    with (
        pytest.raises(lake.LakeError, match="catalog") as told,
        lake.connect(tmp_path, catalog_dsn=dsn),
    ):
        pass
    assert "hush" not in str(told.value)


def test_writers_on_two_machines_wait_for_each_other(dsn, tmp_path):
    """Two folders stand for two machines: no common file lock, one catalog."""
    order, waits = [], []

    def second():
        with lock.writing(tmp_path / "b", catalog_dsn=dsn, on_wait=waits.append):
            order.append("second")

    with lock.writing(tmp_path / "a", catalog_dsn=dsn):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(1.5)
        order.append("first")
    thread.join(timeout=30)
    assert order == ["first", "second"]
    assert waits == ["another machine writes this lake; waiting"]


def test_a_reader_on_postgres_keeps_its_snapshot(dsn, tmp_path):
    with drafting(tmp_path, catalog_dsn=dsn) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
    with (
        lake.connect(tmp_path, catalog_dsn=dsn, read_only=True) as reader,
        drafting(tmp_path, catalog_dsn=dsn) as writer,
    ):
        reader.execute("begin")
        assert reader.execute("select n from lake.facts.fct_task").fetchall() == [(1,)]
        draft(writer, [("a", DAY1, 2)], [(DAY1, 2)])
        publish(writer, [DAY1])
        assert reader.execute("select n from lake.facts.fct_task").fetchall() == [(1,)]
        reader.execute("commit")
        assert reader.execute("select n from lake.facts.fct_task").fetchall() == [(2,)]
