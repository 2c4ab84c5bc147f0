"""Every rule has a name, a severity and a reason, and can name the rows that break it."""

import importlib
from functools import cache

import pytest

from roi_engine.gate.relation import rules_of
from roi_engine.sources import schema


@cache
def checks():
    return [
        check
        for source in schema.SOURCES
        for check in importlib.import_module(f"expectations.{source}").checks()
    ]


def rules():
    return [rule for check in checks() for rule in rules_of(check)]


def test_no_name_is_used_twice():
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))


def test_every_rule_is_critical_or_a_warning():
    assert {rule.severity for rule in rules()} == {"critical", "warning"}


def test_every_reason_is_a_sentence():
    wrong = [
        rule.name for rule in rules() if not (rule.reason[0].isalnum() and rule.reason[-1] == ".")
    ]
    assert wrong == []


def test_every_bronze_table_has_a_suite():
    judged = {(check.source, check.name) for check in checks() if check.query is None}
    assert judged == {(table.source, table.name) for table in schema.TABLES}


def test_rules_about_groups_only_warn():
    critical = [
        rule.name
        for check in checks()
        if check.query is not None and check.name != "schema"
        for rule in rules_of(check)
        if rule.severity == "critical"
    ]
    assert critical == []


def test_a_mart_rule_without_a_reason_is_refused():
    marts = pytest.importorskip("expectations.marts")
    rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "day"}}
    with pytest.raises(ValueError, match="needs a severity and a reason"):
        marts.of("daily_roi", [rule])
