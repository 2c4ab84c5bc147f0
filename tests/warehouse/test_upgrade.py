"""A lake of an older engine goes forward in one transaction; one of a newer is refused."""

import pytest

from roi_engine.warehouse import lake, release
from tests.warehouse.test_release import DAY1, draft, publish, served


@pytest.fixture
def first_version(tmp_path):
    """Return a lake with a release, as schema version 1 had it."""
    with lake.connect(tmp_path) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
        for table in ("draft", "extraction", "alert", "replaced_day"):
            con.execute(f"drop table lake.ops.{table}")
        con.execute("update lake.ops.schema_version set version = 1")
    return tmp_path


def tables(con):
    return {
        row[0]
        for row in con.execute(
            "select table_name from information_schema.tables"
            " where table_catalog = 'lake' and table_schema = 'ops'"
        ).fetchall()
    }


def test_a_reader_is_told_who_brings_it_forward(first_version):
    reading = lake.connect(first_version, read_only=True)
    with pytest.raises(lake.NotReady, match="next `roi run` brings it forward"), reading:
        pass


def test_the_next_writer_brings_it_forward_and_keeps_its_releases(first_version):
    with lake.connect(first_version) as con:
        assert tables(con) == set(lake.OPS_TABLES)
        versions = con.execute("select version from lake.ops.schema_version order by 1").fetchall()
        assert versions == [(1,), (lake.SCHEMA_VERSION,)]
        assert con.execute("select n from lake.facts.fct_task").fetchall() == [(1,)]
        draft(con, [("a", DAY1, 2)], [(DAY1, 2)])
        assert publish(con, [DAY1]) == 2
    with lake.connect(first_version, read_only=True):
        pass


def test_a_migration_that_fails_changes_nothing(first_version, monkeypatch):
    broken = {lake.SCHEMA_VERSION: (*lake.MIGRATIONS[lake.SCHEMA_VERSION], "select no_such_thing")}
    monkeypatch.setattr(lake, "MIGRATIONS", broken)
    with pytest.raises(Exception, match="no_such_thing"), lake.connect(first_version):
        pass
    monkeypatch.undo()
    with lake.connect(first_version) as con:
        assert tables(con) == set(lake.OPS_TABLES)


def test_every_version_has_its_migration():
    assert sorted(lake.MIGRATIONS) == list(range(2, lake.SCHEMA_VERSION + 1))


def test_an_upgraded_lake_serves_its_old_export(first_version):
    with lake.connect(first_version) as con:
        release.export_release(con, first_version)
    assert served(first_version) == [("a", "2026-03-01", 1)]
