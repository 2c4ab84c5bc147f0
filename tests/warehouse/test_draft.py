"""A draft is a file of its own: it outlives the process, and its loss is seen."""

from datetime import date

import duckdb
import pytest

from roi_engine import building, version
from roi_engine.journal import Journal
from roi_engine.settings import Settings
from roi_engine.warehouse import draft, lake, ops

DAY = date(2026, 3, 1)


def test_a_draft_is_there_until_it_is_discarded(tmp_path):
    with lake.connect(tmp_path) as con:
        assert not draft.is_there(tmp_path)
        with draft.opened(con, tmp_path):
            con.execute("create table draft.fct_task as select 1 as n")
        with pytest.raises(Exception, match="draft"):
            con.execute("from draft.fct_task")
    with lake.connect(tmp_path) as con, draft.opened(con, tmp_path):
        assert con.execute("from draft.fct_task").fetchall() == [(1,)]
    draft.discard(tmp_path)
    assert not draft.is_there(tmp_path)
    draft.discard(tmp_path)


def test_a_draft_is_closed_when_its_stage_fails(tmp_path):
    with lake.connect(tmp_path) as con:
        with (
            pytest.raises(duckdb.Error, match="no_such_table"),
            draft.opened(con, tmp_path),
            lake.transaction(con),
        ):
            con.execute("create table draft.fct_task as select 1 as n; from no_such_table")
        with draft.opened(con, tmp_path):
            made = con.execute(
                "select table_name from duckdb_tables() where database_name = 'draft'"
            )
            assert made.fetchall() == []


@pytest.mark.parametrize(
    ("is_kept", "done"), [(True, ["value"]), (False, ["check", "shape", "value"])]
)
def test_a_draft_whose_file_is_gone_is_built_again(tmp_path, monkeypatch, is_kept, done):
    """As in a lake that was restored from a backup between two stages."""
    seen = []
    settings = Settings(lake=tmp_path)
    made = building.Draft(
        as_of=DAY, runs={DAY: "run"}, aged=frozenset(), blocked={}, requested=frozenset([DAY])
    )
    monkeypatch.setattr(building, "_check", lambda *_, **__: seen.append("check") or ())
    monkeypatch.setattr(building, "_read", lambda _: made)
    monkeypatch.setattr(building, "_shape", lambda *_, **__: seen.append("shape"))
    monkeypatch.setattr(building, "_value", lambda *_: seen.append("value"))
    with lake.connect(tmp_path) as con, Journal(tmp_path) as journal:
        code = version.code_version(settings.published_choices())
        ops.write_draft(con, token="t", stage="shape", as_of=DAY, code_version=code)
        if is_kept:
            with draft.opened(con, tmp_path):
                pass
        bench = building.Bench(settings=settings, journal=journal, con=con, lock=0)
        building.advance(bench, token="t", days=[DAY], to="value")
    assert seen == done
