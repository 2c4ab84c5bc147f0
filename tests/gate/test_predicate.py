# ruff: noqa: DTZ001 - bronze times are UTC and have no zone
"""The query form of a rule counts what Great Expectations counts, whatever the data."""

from datetime import datetime
from decimal import Decimal

import duckdb
import great_expectations as gx
import great_expectations.expectations as gxe
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from roi_engine.gate.count import count_days
from roi_engine.gate.judge import Unjudged, judge
from roi_engine.gate.predicate import Untranslatable, broken
from roi_engine.gate.rules import Rule

PAIR = {"column_A": "a", "column_B": "b", "ignore_row_if": "either_value_is_missing"}
COLUMNS = {
    "a": ("bigint", st.integers(-3, 3)),
    "b": ("bigint", st.integers(-3, 3)),
    "money": (
        "decimal(38,18)",
        st.decimals(-2, 2, places=18) | st.sampled_from([Decimal(0), Decimal("-1E-18")]),
    ),
    "real": ("double", st.floats() | st.sampled_from([0.0, 1.0])),
    "word": ("varchar", st.sampled_from(["usd", "it's", "", "é", "batch", '"'])),
    "flag": ("boolean", st.booleans()),
    "since": ("timestamp", st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3))),
    "until": ("timestamp", st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3))),
}
ROWS = st.lists(st.tuples(*(st.none() | strategy for _, strategy in COLUMNS.values())), max_size=30)


def named(expectations):
    for number, expectation in enumerate(expectations):
        expectation.meta = {"rule": f"rule_{number}"}
        expectation.severity = "critical"
    return expectations


def rules(low, high):
    low, high = sorted((low, high))
    return named(
        [
            *(gxe.ExpectColumnValuesToNotBeNull(column=column) for column in COLUMNS),
            gxe.ExpectColumnValuesToBeNull(column="word"),
            gxe.ExpectColumnValuesToBeBetween(column="a", min_value=low, max_value=high),
            gxe.ExpectColumnValuesToBeBetween(column="a", min_value=low, strict_min=True),
            gxe.ExpectColumnValuesToBeBetween(column="money", max_value=high, strict_max=True),
            gxe.ExpectColumnValuesToBeBetween(column="money", min_value=0),
            gxe.ExpectColumnValuesToBeBetween(column="real", min_value=0, max_value=1),
            gxe.ExpectColumnValuesToBeInSet(column="word", value_set=["usd", "it's"]),
            gxe.ExpectColumnValuesToNotBeInSet(column="word", value_set=["usd", '"']),
            gxe.ExpectColumnValuesToNotBeInSet(column="money", value_set=[0]),
            gxe.ExpectColumnValuesToBeInSet(column="flag", value_set=[True]),
            gxe.ExpectColumnValueLengthsToEqual(column="word", value=3),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(**PAIR),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(**PAIR, or_equal=True),
            gxe.ExpectColumnPairValuesToBeEqual(**PAIR),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                **{**PAIR, "column_A": "until", "column_B": "since"}
            ),
        ]
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS, low=st.integers(-3, 3), high=st.integers(-3, 3))
def test_both_count_the_same(rows, low, high):
    con = duckdb.connect()
    fields = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    con.execute(f"create table judged ({fields})")
    for row in rows:
        con.execute(f"insert into judged values ({', '.join('?' * len(row))})", row)
    expectations = rules(low, high)
    verdicts = judge(con, "judged", gx.ExpectationSuite(name="s", expectations=expectations))
    forms = [Rule.of("judged", each, has_rows=True) for each in expectations]
    counted = count_days(con, "judged", forms, has_days=False)
    ours = counted[0].broken if counted else (0,) * len(forms)
    theirs = tuple(verdict.unexpected for verdict in verdicts)
    assert dict(zip([form.predicate for form in forms], ours, strict=True)) == dict(
        zip([form.predicate for form in forms], theirs, strict=True)
    )
    assert [verdict.success for verdict in verdicts] == [count == 0 for count in theirs]


@pytest.mark.parametrize(
    ("expectation", "kwargs"),
    [
        pytest.param("expect_column_values_to_match_regex", {"column": "a"}, id="unknown type"),
        pytest.param(
            "expect_column_values_to_not_be_null", {"column": "a", "mostly": 0.9}, id="mostly"
        ),
        pytest.param(
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": 0, "row_condition": "b > 1"},
            id="a row condition",
        ),
        pytest.param(
            "expect_column_pair_values_to_be_equal",
            {"column_A": "a", "column_B": "b"},
            id="a pair that does not say what NULL means",
        ),
        pytest.param(
            "expect_column_values_to_be_in_set", {"column": "a", "value_set": [b"x"]}, id="bytes"
        ),
    ],
)
def test_what_cannot_be_translated_is_refused(expectation, kwargs):
    with pytest.raises(Untranslatable):
        broken(expectation, kwargs)


def test_names_and_values_are_quoted(bronze):
    kwargs = {"column": 'a"b', "value_set": ["it's"]}
    assert broken("expect_column_values_to_be_in_set", kwargs) == "(\"a\"\"b\" not in ('it''s'))"


def test_a_rule_that_cannot_be_evaluated_is_no_pass(con):
    con.execute("create table judged as select 1 as a")
    suite = gx.ExpectationSuite(
        name="s", expectations=named([gxe.ExpectColumnValuesToNotBeNull(column="absent")])
    )
    with pytest.raises(Unjudged, match="absent"):
        judge(con, "judged", suite)
