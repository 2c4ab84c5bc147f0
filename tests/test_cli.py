"""What the command line answers, and that wrong input is told in one sentence."""

import json
import os
import shutil
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
        con.execute(
            "create table draft.fct_task as select date '2026-03-01' as day, n from range(100) t(n)"
        )
        con.execute("create table draft.fct_ticket as from draft.fct_task")
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


# --------------------------------------------------------------------- one sentence, no traceback


@pytest.fixture
def taken(tmp_path):
    """Return a file that stands where a folder is wanted."""
    file = tmp_path / "taken"
    file.write_text("something else")
    return file


def test_a_folder_with_something_else_is_no_estate(roi, tmp_path, taken):
    (tmp_path / "inbox").mkdir()
    said = refused(roi, "simulate", "--out", tmp_path)
    assert "holds something that is no simulated estate" in said
    assert "name another folder with --out" in refused(roi, "simulate", "--out", taken)


def test_an_export_goes_to_no_file(roi, lake, taken):
    for to in (taken, taken / "below"):
        said = refused(roi, "export", "--to", to, "--lake", lake)
        assert said.endswith("name another folder with --to.\n")


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ROI_COST_MEASURE", "foo", "it should be 'effective' or 'billed'"),
        ("ROI_BLOCK_THRESHOLD", "abc", "it should be a valid decimal (at least 0, at most 1)"),
        ("ROI_BLOCK_THRESHOLD", "2", "it should be less than or equal to 1"),
        ("ROI_REPORTING_CURRENCY", "usd", "three capital letters, such as USD"),
        ("ROI_REPORTING_TIMEZONE", "Mars/Base", "a zone name, such as Europe/Berlin"),
    ],
)
def test_a_setting_that_cannot_be_says_which_it_is_and_what_it_may_be(
    roi, lake, variable, value, allowed
):
    environment = os.environ | {variable: value}
    said = refused(roi, "status", "--lake", lake, code=2, env=environment)
    assert said.startswith(f"roi: {variable} is '{value}': ")
    assert said.endswith(f"{allowed}.\n")


@pytest.mark.parametrize("command", ["status", "verify", "alerts", "quarantine"])
def test_a_damaged_catalog_is_told(roi, lake, tmp_path, command):
    shutil.copytree(lake, tmp_path / "lake", symlinks=True)
    (tmp_path / "lake" / "catalog.sqlite").write_bytes(b"\1" * 5000)
    said = refused(roi, command, "--lake", tmp_path / "lake")
    assert "catalog.sqlite is damaged, put back a backup" in said


def test_what_is_no_lake_stays_none(roi, tmp_path):
    slip = tmp_path / "lkae"
    for command in (("maintain",), ("retract", "a.csv", "--reason", "wrong")):
        assert "There is no lake in" in refused(roi, *command, "--lake", slip)
        assert not slip.exists()


def test_nothing_is_retracted_without_a_reason(roi, lake):
    said = refused(roi, "retract", "a.csv", "--reason", " ", "--lake", lake)
    assert "Say why" in said


@pytest.mark.parametrize("command", [("rollup", "daily_roi"), ("reprice", "--dry-run")])
def test_a_range_that_ends_before_it_begins_is_refused(roi, lake, command):
    days = ("--from", "2026-02-01", "--to", "2026-01-01")
    said = refused(roi, *command, *days, "--lake", lake, code=2)
    assert said == "roi: --to 2026-01-01 lies before --from 2026-02-01.\n"


def test_nothing_to_show_is_said(roi, lake):
    assert roi("alerts", "--lake", lake) == "no alert is open\n"
    said = roi("restatements", "--lake", lake, "--day", "2026-03-01")
    assert said == "no figure of 2026-03-01 has changed since it was first released\n"
    assert roi("restatements", "--lake", lake, "--json") == "[]\n"


def test_a_lake_that_is_a_file_is_no_matter_of_the_disk(roi, tmp_path, taken):
    for root in (taken, taken / "lake"):
        said = refused(roi, "run", "--inbox", tmp_path, "--lake", root)
        assert f"{taken} is a file: name a folder with --lake." in said


def test_a_file_of_the_lake_that_is_gone_or_cut_is_found(roi, lake, tmp_path):
    shutil.copytree(lake, tmp_path / "lake", symlinks=True)
    shutil.rmtree(tmp_path / "lake" / "release")
    claim = "every file that the catalog names is there"

    def told():
        said = roi("verify", "--lake", tmp_path / "lake", code=1).splitlines()
        return next(line for line in said if claim in line)

    files = sorted((tmp_path / "lake" / "data").rglob("*.parquet"))
    assert told() == f"ok   {claim}: {len(files)} files"
    files[0].unlink()
    os.truncate(files[1], 10)
    assert told().startswith(f"FAIL {claim}: ")
    assert f"{files[0].name}, which the catalog names with" in told()
    assert "has 10" in told()
