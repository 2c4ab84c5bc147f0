"""What did not change is neither written nor read again, and that is never seen from outside."""

import random
from datetime import date, timedelta

import pytest

from roi_engine.warehouse import changes, release
from tests.warehouse.drafting import drafting

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(6)]
DAY1, DAY2, DAY3, *_ = DAYS


@pytest.fixture
def con(tmp_path):
    with drafting(tmp_path) as opened:
        yield opened


def draft(con, *, marts, dims=("a",), tasks=()):
    con.execute("create or replace table draft.fct_task (task_id varchar, day date)")
    con.execute("create or replace table draft.daily_roi (day date, agent_id varchar, n double)")
    con.execute("create or replace table draft.dim_agent (agent_id varchar, tags varchar[])")
    for task in tasks:
        con.execute("insert into draft.fct_task values (?, ?)", task)
    for row in marts:
        con.execute("insert into draft.daily_roi values (?, ?, ?)", row)
    for name in dims:
        con.execute("insert into draft.dim_agent values (?, [?])", [name, name])


def publish(con, days=(DAY1, DAY2)):
    return release.publish(
        con,
        fact_days=days,
        aged=[],
        mart_days=days,
        keys={"fct_task": "task_id"},
        published=[(day, "run", "final") for day in days],
        as_of=days[-1],
        code_version="1",
        settings={},
        message="test",
    )


def written(con, schema, table, kind="insertions"):
    """Return how many rows the last snapshot wrote into a table."""
    (last,) = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    query = f"select count(*) from ducklake_table_{kind}('lake', ?, ?, ?, ?)"
    return con.execute(query, [schema, table, last, last]).fetchone()[0]


@pytest.mark.parametrize(
    ("filed", "built", "expected"),
    [
        pytest.param([(DAY1, "a")], [(DAY1, "a")], {}, id="the same rows"),
        pytest.param([(DAY1, "a")], [(DAY1, "b")], {DAY1: True}, id="another value"),
        pytest.param([(DAY1, "a")], [(DAY1, None)], {DAY1: True}, id="a value that is gone"),
        pytest.param([(DAY1, None)], [(DAY1, None)], {}, id="nothing known, twice"),
        pytest.param([(DAY1, "a")] * 2, [(DAY1, "a")], {DAY1: True}, id="a row fewer of a kind"),
        pytest.param([], [(DAY1, "a")], {DAY1: False}, id="a new day"),
        pytest.param([(DAY1, "a")], [], {DAY1: True}, id="a day without a row now"),
        pytest.param(
            [(DAY1, "a"), (DAY2, "b")],
            [(DAY2, "a"), (DAY1, "b")],
            {DAY1: True, DAY2: True},
            id="rows that changed their day",
        ),
        pytest.param([(DAY3, "a")], [], {}, id="a day that is not replaced"),
    ],
)
def test_days_that_hold_other_rows(con, filed, built, expected):
    for table, rows in (("lake.marts.t", filed), ("draft.t", built)):
        con.execute(f"create table {table} (day date, v varchar)")
        for row in rows:
            con.execute(f"insert into {table} values (?, ?)", row)
    days = [DAY1, DAY2]
    names = ["day", "v"]
    found = changes.against_draft(con, "draft.t", "lake.marts.t", names=names, days=days)
    assert found == expected


def test_only_the_day_that_changed_is_written(con):
    draft(con, marts=[(DAY1, "a", 1), (DAY2, "a", 1), (DAY2, "b", 1)])
    publish(con)
    draft(con, marts=[(DAY1, "a", 1), (DAY2, "a", 2), (DAY2, "b", 1)])
    publish(con)
    assert [written(con, "marts", "daily_roi", kind) for kind in ("insertions", "deletions")] == [
        *(2, 2)
    ]
    assert written(con, "facts", "dim_agent") == 0
    noted = con.execute(
        "select distinct day from lake.ops.replaced_day where release = 2"
        " and table_name = 'daily_roi' order by day"
    ).fetchall()
    assert noted == [(DAY1,), (DAY2,)], "what was made anew is on record, changed or not"


def test_a_table_without_days_is_linked_until_it_changes(con, tmp_path):
    folders = []
    for dims in (["a"], ["a"], ["a", "b"], []):
        draft(con, marts=[(DAY1, "a", 1)], dims=dims)
        publish(con)
        folders.append(release.export_release(con, tmp_path) / "facts/dim_agent/all.parquet")
    first, second, third, fourth = folders
    assert second.samefile(first)
    assert con.execute(f"select agent_id from '{third}' order by 1").fetchall() == [("a",), ("b",)]
    assert con.execute(f"select count(*) from '{fourth}'").fetchone() == (0,)


@pytest.mark.parametrize("seed", range(6))
def test_an_export_that_links_is_the_export_that_does_not(con, tmp_path, seed):
    chance = random.Random(seed)  # noqa: S311 - rows, not secrets
    for turn in range(8):
        days = DAYS[chance.randrange(3) :][: chance.randrange(1, 4)]
        marts = [(day, agent, chance.randrange(2)) for day in days for agent in "ab"]
        marts = [row for row in marts if chance.random() < 0.8]
        tasks = [(f"t{chance.randrange(6)}", day) for day in days if chance.random() < 0.8]
        dims = chance.choice([["a"], ["a"], ["a", "b"], []])
        draft(con, marts=marts, dims=dims, tasks=dict(tasks).items())
        publish(con, days)
        if turn == 4:  # a snapshot between two releases that is gone says nothing
            con.execute("insert into lake.ops.read_day values ('x', ?)", [DAY1])
            (last,) = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
            con.execute("delete from lake.ops.read_day")
            con.execute(f"call ducklake_expire_snapshots('lake', versions => [{last}])")
        if chance.random() < 0.6:
            release.export_release(con, tmp_path)
    linked = release.export_release(con, tmp_path)
    (tmp_path / "anew").mkdir()
    whole = release.export_release(con, tmp_path / "anew")
    names = {path.relative_to(linked) for path in linked.rglob("*.parquet")}
    assert names == {path.relative_to(whole) for path in whole.rglob("*.parquet")}
    for name in sorted(names):
        assert (linked / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_table_made_anew_is_not_taken_for_the_old_one(con):
    draft(con, marts=[(DAY1, "a", 1)])
    publish(con)
    (before,) = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    con.execute("drop table lake.marts.daily_roi")
    con.execute("create table lake.marts.daily_roi (day date, agent_id varchar, n double)")
    (after,) = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    found = changes.between(con, before, after)
    assert ("marts", "daily_roi") not in found
    assert found["facts", "dim_agent"] is changes.Kind.UNTOUCHED


def test_a_log_with_a_gap_says_nothing(con):
    draft(con, marts=[(DAY1, "a", 1)])
    publish(con)
    (before,) = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    for _ in range(2):
        con.execute("insert into lake.ops.read_day values ('x', ?)", [DAY1])
    assert changes.between(con, before, before + 2)["ops", "read_day"] is changes.Kind.GROWN
    con.execute(f"call ducklake_expire_snapshots('lake', versions => [{before + 1}])")
    assert changes.between(con, before, before + 2) == {}
