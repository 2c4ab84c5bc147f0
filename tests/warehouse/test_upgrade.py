"""A lake of an older engine goes forward in one transaction; one of a newer is refused."""

import pytest

from roi_engine import alerts
from roi_engine.warehouse import lake, release
from tests.warehouse.drafting import drafting
from tests.warehouse.test_release import DAY1, draft, publish, served

VERSION_2_ALERT = """
    alert_id VARCHAR, rule VARCHAR, severity VARCHAR, day DATE, subject VARCHAR,
    message VARCHAR, runbook VARCHAR, raised_at TIMESTAMP, resolved_at TIMESTAMP
"""


@pytest.fixture
def first_version(tmp_path):
    """Return a lake with a release, as schema version 1 had it."""
    with drafting(tmp_path) as con:
        draft(con, [("a", DAY1, 1)], [(DAY1, 1)])
        publish(con, [DAY1])
        con.execute("create schema lake.build")
        con.execute("create table lake.build.fct_task as from draft.fct_task")
        for table in ("draft", "extraction", "alert", "replaced_day", "restatement", "mark"):
            con.execute(f"drop table lake.ops.{table}")
        con.execute("update lake.ops.schema_version set version = 1")
    return tmp_path


@pytest.fixture
def second_version(tmp_path):
    """Return a lake with an open alert, as schema version 2 had it."""
    with lake.connect(tmp_path) as con:
        for table in ("restatement", "alert", "mark"):
            con.execute(f"drop table lake.ops.{table}")
        con.execute(f"create table lake.ops.alert ({VERSION_2_ALERT})")
        con.execute(
            "insert into lake.ops.alert values ('1', 'late_day', 'critical', ?, 'gpu', 'not there',"
            " 'docs/runbooks/late_day.md', timestamp '2026-03-02 06:00:00', null)",
            [DAY1],
        )
        con.execute("update lake.ops.schema_version set version = 2")
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
    with drafting(first_version) as con:
        assert tables(con) == set(lake.OPS_TABLES)
        made = con.execute(
            "select distinct schema_name from duckdb_tables() where database_name = 'lake'"
        ).fetchall()
        assert sorted(made) == [("facts",), ("marts",), ("ops",)]
        versions = con.execute("select version from lake.ops.schema_version order by 1").fetchall()
        assert versions == [(1,), (lake.SCHEMA_VERSION,)]
        assert con.execute("select n from lake.facts.fct_task").fetchall() == [(1,)]
        draft(con, [("a", DAY1, 2)], [(DAY1, 2)])
        assert publish(con, [DAY1]) == 2
    with lake.connect(first_version, read_only=True):
        pass


def test_a_migration_that_fails_changes_nothing(first_version, monkeypatch):
    last = (*lake.MIGRATIONS[lake.SCHEMA_VERSION], "select no_such_thing")
    broken = lake.MIGRATIONS | {lake.SCHEMA_VERSION: last}
    monkeypatch.setattr(lake, "MIGRATIONS", broken)
    with pytest.raises(Exception, match="no_such_thing"), lake.connect(first_version):
        pass
    monkeypatch.undo()
    with drafting(first_version) as con:
        assert tables(con) == set(lake.OPS_TABLES)
        made = con.execute(
            "select distinct schema_name from duckdb_tables() where database_name = 'lake'"
        ).fetchall()
        assert sorted(made) == [("facts",), ("marts",), ("ops",)]


def test_the_second_version_keeps_its_open_alerts(second_version):
    with lake.connect(second_version) as con:
        assert tables(con) == set(lake.OPS_TABLES)
        (alert,) = alerts.unresolved(con, second_version)
        assert (alert.subject, alert.raised_at) == ("gpu", "2026-03-02T06:00:00")
        assert (alert.acknowledged_by, alert.until, alert.value) == (None, None, None)
        alerts.acknowledge(con, second_version, "1", by="ann")
        alerts.take_in(con, second_version)
        assert alerts.unresolved(con, second_version)[0].acknowledged_by == "ann"


def test_a_brought_forward_table_has_the_columns_of_a_new_one(second_version, tmp_path_factory):
    def described(root):
        with lake.connect(root) as con:
            return con.execute(
                "select table_name, column_name, data_type from information_schema.columns"
                " where table_catalog = 'lake' and table_schema = 'ops'"
                " order by table_name, ordinal_position"
            ).fetchall()

    assert described(second_version) == described(tmp_path_factory.mktemp("new"))


def test_every_version_has_its_migration():
    assert sorted(lake.MIGRATIONS) == list(range(2, lake.SCHEMA_VERSION + 1))


def test_an_upgraded_lake_serves_its_old_export(first_version):
    with lake.connect(first_version) as con:
        release.export_release(con, first_version)
    assert served(first_version) == [("a", "2026-03-01", 1)]
