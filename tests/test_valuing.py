"""What a run was told reaches the builders, and what they ask often is near."""

from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest

from roi_engine import valuing
from roi_engine.marts.facts import FactQuery, Join
from roi_engine.marts.params import Params
from roi_engine.settings import Settings
from roi_engine.warehouse import reading
from tests.warehouse.drafting import drafting

DAY = date(2026, 3, 31)
OTHERS = {
    "maturity_scale": "five",
    "min_group_size": 7,
    "billing_close_days": 6,
    "reopen_window_days": 8,
    "open_timeout_days": 31,
    "reconciliation_tolerance": Decimal("0.02"),
    "reconciliation_tolerance_amount": Decimal("0.03"),
    "plan_budget": Decimal(9),
    "review_minutes": 61.0,
    "minutes_per_review": 6.0,
    "discount_rate": 0.2,
}


def test_every_choice_of_the_builders_comes_from_its_setting():
    settings = Settings(**OTHERS)
    made = valuing.params(settings, days=[DAY], as_of=DAY, newest=DAY, runs={DAY: "run"})
    shared = {field.name for field in fields(Params)} & {*Settings.model_fields} - {"as_of"}
    assert shared == {*OTHERS}
    assert {name: getattr(made, name) for name in shared} == OTHERS
    assert shared <= {*settings.published_choices()}


@pytest.fixture
def window(tmp_path):
    """Open a lake whose window shows three days of tasks."""
    with drafting(tmp_path) as con:
        con.execute(
            "create temp view fct_task as select day, day_name, 1 as unasked from (values"
            " (date '2026-03-29', 'a'), (date '2026-03-30', 'b'), (date '2026-03-31', 'c'))"
            " as rows (day, day_name)"
        )
        yield con


def test_a_copy_holds_the_last_days_and_what_is_asked(window):
    asked = {"fct_task": "select day, day_name from memory.near.fct_task"}
    with reading.near(window, asked, first=DAY - timedelta(days=1)) as copied:
        assert copied == {"fct_task"}
        rows = window.execute("from memory.near.fct_task order by day").fetchall()
        assert rows == [(DAY - timedelta(days=1), "b"), (DAY, "c")]
    with pytest.raises(duckdb.CatalogException):
        window.execute("from memory.near.fct_task")


def test_many_rows_are_read_where_they_are(window, monkeypatch):
    monkeypatch.setattr(reading, "_MOST_ROWS", 2)
    asked = {"fct_task": "day"}
    with reading.near(window, asked, first=DAY - timedelta(days=2)) as copied:
        assert copied == frozenset()
    with reading.near(window, asked, first=DAY - timedelta(days=1)) as copied:
        assert copied == {"fct_task"}


def test_a_copy_reaches_as_far_as_any_query_that_it_answers():
    made = valuing.params(Settings(), days=[DAY], as_of=DAY, newest=DAY, runs={DAY: "run"})
    questions = valuing._near_questions(made, DAY + timedelta(days=3))
    asked, since = valuing._wanted(questions)
    assert len(questions) > len(asked) > 1
    for query, days in questions:
        assert query.days(days)[0] >= since, query.name
        assert {*query.tables} <= asked.keys(), query.name


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, True, id="a fact of its days"),
        pytest.param({"reaches_back": 55}, True, id="two windows"),
        pytest.param({"reaches_back": 56}, False, id="more than two windows"),
        pytest.param({"reaches_back": None}, False, id="the whole table"),
        pytest.param({"table": "daily_roi"}, False, id="a mart"),
        pytest.param({"join": Join("fct_task", ("day",), ())}, True, id="joined by the day"),
        pytest.param({"join": Join("fct_task", ("id",), ())}, False, id="joined to the whole"),
        pytest.param(
            {"join": Join("fct_task", ("id",), (), same_days=True)}, True, id="to its days"
        ),
    ],
)
def test_what_a_copy_can_answer(query, expected):
    asked = FactQuery(**{"name": "q", "table": "fct_ticket", "by": (("day", "day"),)} | query)
    assert valuing._is_near(asked) is expected
