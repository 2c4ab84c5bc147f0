"""What the command line answers, and that wrong input is told in one sentence."""

import json
from datetime import date

import pytest

from roi_engine.warehouse import release
from tests.warehouse.drafting import drafting

DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a lake with one small release, for commands that only read."""
    root = tmp_path_factory.mktemp("cli") / "lake"
    with drafting(root) as con:
        con.execute(
            "create table draft.daily_roi as select date '2026-03-01' as day, 'ann[b]' as agent_id,"
            " cast(0 as decimal(38,9)) as total_cost, cast(-0.000000829 as decimal(38,9)) as lost"
        )
        release.publish(
            con,
            fact_days=[DAY],
            aged=[],
            mart_days=[DAY],
            keys={},
            published=[(DAY, "run", "final")],
            as_of=DAY,
            code_version="1",
            settings={},
            message="test",
        )
        release.export_release(con, root)
    return root


def refused(roi, *command, code=1, **options):
    """Return the one sentence that a command is refused with."""
    said = roi(*command, code=code, **options)
    assert said.startswith("roi: ")
    assert said.count("\n") == 1, said
    return said


# --------------------------------------------------------------------- roi sql


def test_every_statement_is_answered_under_its_comment(roi, lake):
    query = "-- How many\n-- rows?\nselect count(*) as n from daily_roi; -- And when?\nselect day"
    said = roi("sql", f"{query} from daily_roi;", "--lake", lake).split("\n")
    assert [line.strip() for line in said] == [
        *("", "How many rows?", "n", "1"),
        *("", "And when?", "day", "2026-03-01", ""),
    ]


def test_every_statement_is_a_line_of_json(roi, lake):
    lines = roi("sql", "select 1 as a; select 2 as b", "--lake", lake, "--json").splitlines()
    assert [json.loads(line) for line in lines] == [[{"a": 1}], [{"b": 2}]]


@pytest.mark.parametrize("query", ["", " ; ", "-- nothing but a comment"])
def test_an_empty_query_is_told(roi, lake, query):
    assert "the query is empty" in refused(roi, "sql", query, "--lake", lake, code=2)


def test_cells_are_printed_in_full_and_never_read_as_markup(roi, lake):
    said = roi("sql", "select agent_id, total_cost, lost from daily_roi", "--lake", lake)
    assert said.splitlines()[1].split() == ["ann[b]", "0.000000000", "-0.000000829"]
    nested = roi("sql", "select [total_cost] as costs from daily_roi", "--lake", lake)
    assert nested.split() == ["costs", "[0.000000000]"]


@pytest.mark.parametrize(
    "query",
    [
        "copy daily_roi to '{folder}/other.csv'",
        "explain analyze copy daily_roi to '{folder}/other.csv'",
        "attach '{folder}/other.db'",
        "export database '{folder}/other'",
        "from read_csv('/etc/passwd')",
        "create table stolen as from read_csv('/etc/passwd')",
        "set enable_external_access = true",
    ],
)
def test_a_query_reads_the_release_and_nothing_else(roi, lake, query):
    for folder in (lake / "release" / "current", lake.parent):
        before = sorted(folder.iterdir())
        refused(roi, "sql", query.format(folder=folder.resolve()), "--lake", lake)
        assert sorted(folder.iterdir()) == before
