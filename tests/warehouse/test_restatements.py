"""A release keeps what it changes: from what, to what, and because of what."""

from datetime import date
from decimal import Decimal

import pytest

from roi_engine import restatements
from roi_engine.warehouse import release
from tests.conftest import PROJECT
from tests.warehouse.drafting import drafting

DAY1, DAY2 = date(2026, 3, 1), date(2026, 3, 2)
METRICS = {"daily_roi": ("spend", "tasks")}


@pytest.fixture
def con(tmp_path):
    with drafting(tmp_path) as opened:
        yield opened


def land(con, seq, load, source="billing", day=DAY1):
    con.execute("insert into lake.ops.active_load values (?, ?, ?)", [load, source, seq])
    con.execute(
        "insert into lake.ops.manifest by name select ? as seq, ? as load_id, ? as source,"
        " ?::date as interval_start, ?::date as interval_end, 'landed' as status",
        [seq, load, source, day, day],
    )


def publish(con, *rows, status="provisional", code="1", days=(DAY1, DAY2)):
    """Release rows of (day, agent, spend, tasks)."""
    con.execute(
        "create or replace table draft.daily_roi (day date, agent_id varchar,"
        " task_type varchar, spend decimal(38, 9), tasks bigint, _transform_run_id varchar)"
    )
    for day, agent, spend, tasks in rows:
        con.execute(
            "insert into draft.daily_roi values (?, ?, 't', ?, ?, ?)",
            [day, agent, spend, tasks, f"run-{code}-{spend}"],
        )
    return release.publish(
        con,
        fact_days=days,
        aged=[],
        mart_days=days,
        keys={},
        published=[(day, "run", status) for day in days],
        as_of=DAY2,
        code_version=code,
        settings={},
        message="test",
        metrics=METRICS,
    )


def restated(con):
    return con.execute(
        "select release, day, agent_id, metric, old, new, was_final, cause, loads"
        " from lake.ops.restatement order by all"
    ).fetchall()


def test_what_is_new_is_not_restated(con):
    publish(con, (DAY1, "a", "1", 1), days=[DAY1])
    publish(con, (DAY2, "a", "1", 1), days=[DAY2])
    assert restated(con) == []


def test_what_is_built_again_the_same_is_not_restated(con):
    for _ in range(2):
        publish(con, (DAY1, "a", "1.5", 2), (DAY1, "a", "0.5", 1))
    assert restated(con) == []


def test_a_changed_figure_is_kept_with_the_load_that_changed_it(con):
    land(con, 1, "first")
    publish(con, (DAY1, "a", "1", 1), (DAY2, "a", "7", 1))
    land(con, 2, "second")
    publish(con, (DAY1, "a", "1.25", 1), (DAY2, "a", "7", 1), status="final")
    expected = (2, DAY1, "a", "spend", 1, Decimal("1.25"), False, "loads", "second")
    assert restated(con) == [expected]
    assert con.execute(
        "select old_transform_run_id, new_transform_run_id from lake.ops.restatement"
    ).fetchall() == [("run-1-1", "run-1-1.25")]


def test_a_closed_book_that_changes_says_so(con):
    publish(con, (DAY1, "a", "1", 1), status="final")
    publish(con, (DAY1, "a", "2", 1), code="2")
    publish(con, (DAY1, "a", "3", 1), code="2")
    assert [row[4:] for row in restated(con)] == [
        (1, 2, True, "code", None),
        (2, 3, False, "as_of", None),
    ]


def test_an_agent_that_comes_or_goes_stands_at_nothing(con):
    publish(con, (DAY1, "a", "1", 1))
    publish(con, (DAY1, "b", "1", 1))
    found = {(row[2], row[3]): (row[4], row[5]) for row in restated(con)}
    assert found == {
        ("a", "spend"): (1, 0),
        ("a", "tasks"): (1, 0),
        ("b", "spend"): (0, 1),
        ("b", "tasks"): (0, 1),
    }


def test_a_load_that_counts_no_more_is_a_cause_and_a_later_one_of_another_day_is_not(con):
    land(con, 1, "wrong")
    publish(con, (DAY1, "a", "1", 1))
    con.execute("delete from lake.ops.active_load")
    land(con, 2, "old", day=date(2025, 12, 1))
    publish(con, (DAY1, "a", "2", 1))
    assert [row[7:] for row in restated(con)] == [("loads", "wrong")]


def test_a_release_that_fails_restates_nothing(con):
    publish(con, (DAY1, "a", "1", 1))

    def fail(step):
        if step == "publish.commit":
            raise KeyboardInterrupt

    con.execute(
        "create or replace table draft.daily_roi as select * replace (2 as spend)"
        " from lake.marts.daily_roi"
    )
    with pytest.raises(KeyboardInterrupt):
        release.publish(
            con,
            fact_days=[DAY1],
            aged=[],
            mart_days=[DAY1],
            keys={},
            published=[(DAY1, "r", "final")],
            as_of=DAY2,
            code_version="1",
            settings={},
            message="",
            metrics=METRICS,
            step=fail,
        )
    assert restated(con) == []


def test_as_filed_is_the_first_released_value_and_as_restated_the_newest(con, tmp_path):
    for spend in ("1", "2", "5"):
        publish(con, (DAY1, "a", spend, 1), (DAY2, "a", "7", 1))
    release.export_release(con, tmp_path)
    (found,) = restatements.read(tmp_path)
    assert (found.as_filed, found.as_restated, found.restatements) == (1, 5, 2)
    assert restatements.read(tmp_path, day=DAY2) == []
    table = restatements.as_filed(tmp_path, mart="daily_roi", metric="spend")
    assert [row[-2:] for row in table] == [(Decimal(8), Decimal(12))]


def test_the_runbook_has_the_query_that_is_run():
    text = (PROJECT / "docs/runbooks/restatements.md").read_text()
    asked = restatements.AS_FILED.format(mart="daily_roi", metric="total_cost").strip()
    assert asked in text
