"""What the gate decides about days, and what it writes down.

Judging costs seconds whatever the data, so one run over many days serves most tests: every
scenario has a day of its own.
"""
# ruff: noqa: DTZ001 - bronze times are UTC and have no zone

from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from roi_engine import gate
from roi_engine.gate import predicate, relation
from roi_engine.sources import schema

DAY = date(2026, 3, 2)
BAD = {"reasoning_tokens": 11}
TWICE = {**BAD, "latency_us": -1}
WARNED = {"tier": "gold"}
REJECTED = {"_rejected": "{}"}

SCENARIOS = {
    "exactly five percent": {"spans": [BAD] * 5 + [{}] * 95},
    "one row more": {"spans": [BAD] * 6 + [{}] * 94},
    "rows that break two rules": {"spans": [TWICE] * 5 + [{}] * 95},
    "two tables of one source": {"spans": [BAD] * 6 + [{}] * 94, "evaluations": [{}] * 20},
    "a clean source beside it": {"spans": [BAD] * 6 + [{}] * 94, "samples": [{}] * 100},
    "rows that the parser rejected": {"spans": [REJECTED] * 6 + [{}] * 94},
    "warnings only": {"spans": [WARNED] * 10},
    "a day without rates": {"charges": [{"billing_currency": "EUR"}]},
    "a bill in two currencies": {
        "charges": [{"billing_currency": "EUR"}, {"billing_currency": "JPY"}]
    },
    "a bill with empty effective costs": {
        "charges": [
            {"effective_cost": 0},
            {"effective_cost": 0, "commitment_discount_status": "Unused"},
            {"effective_cost": 0, "billed_cost": 0},
            {"effective_cost": 0, "charge_category": "Purchase"},
            {},
        ]
    },
    "a model without a price": {"spans": [{"request_model": "mystery"}] * 2 + [{}]},
    "calls that name no model": {"spans": [{"request_model": None}]},
    "an agent that agents.csv lacks": {"spans": [{"agent_id": "stranger"}]},
    "an evaluator without error rates": {"evaluations": [{"evaluator_id": "new"}]},
    "a bill without calls": {"charges": [{}]},
    "a cloud's bill for disks": {"charges": [{"provider_name": "AWS"}]},
    "tickets of an agent without spans": {"tickets": [{"agent_id": "ghost"}]},
    "a task type without a baseline": {"tickets": [{"task_type": "odd"}]},
    "nothing at all": {},
    "a GPU that no charge knows": {"samples": [{"gpu_uuid": "GPU-9", "hostname": "far"}]},
}
# far apart, so that no scenario is another one's "usual"
DAYS = {name: DAY + timedelta(days=50 * place) for place, name in enumerate(SCENARIOS)}


def check(con, bronze, days=(DAY,), loads=("load1",), **settings):
    return gate.check(con, bronze.root, days, loads, run_id="r", **settings)


def failures(result, day=DAY):
    failed = result.results.filter(~pl.col("success"), pl.col("day") == day)
    return set(failed["rule"]) - {
        f"{source}.source_landed" for source in ("billing", "gpu", "tokens", "tickets")
    }


@pytest.fixture(scope="module")
def estate(make_bronze):
    """Return what the gate says of all scenarios at once, and its quarantine as a frame."""
    bronze = make_bronze("estate")
    for table in ("agents", "task_types", "model_aliases", "prices", "evaluators"):
        bronze.write(table, [{}])
    for table in ("gpu_resources", "provider_aliases"):
        bronze.write(table, [{}])
    bronze.write("fx_rates", [{"day": DAYS["a bill in two currencies"]}])
    bronze.write("allocation_rules", [{"share": Decimal("0.6")}, {"agent_id": "b"}])
    for name, tables in SCENARIOS.items():
        for table, rows in tables.items():
            bronze.write(table, rows, day=DAYS[name])
    # neither an inactive load nor a day that nobody asked for is judged
    bronze.write("spans", [BAD], day=DAYS["warnings only"], load="replaced")
    bronze.write("spans", [BAD], day=date(2020, 1, 1))
    con = duckdb.connect(config={"threads": "2"})
    loads = con.sql("select 'load1' as load_id")
    result = check(con, bronze, days=DAYS.values(), loads=loads)
    left = con.sql(
        "select view_name from duckdb_views() where not internal"
        " union all select table_name from duckdb_tables()"
    ).fetchall()
    return result, result.quarantine.pl(), left


def test_days_are_blocked_over_the_threshold_only(estate):
    result, _, _ = estate
    names = {day: name for name, day in DAYS.items()}
    assert {names[day] for day in result.blocked} == {
        "one row more",
        "a clean source beside it",
        "rows that the parser rejected",
        "a day without rates",
        "a bill in two currencies",
    }


def test_the_reason_names_source_count_and_rule(estate):
    result, _, _ = estate
    assert result.blocked[DAYS["one row more"]] == (
        "tokens: 6 of 100 rows (6.0%) break critical rules, more than 5.0%"
        " (spans.reasoning_within_output 6)"
    )


def test_a_row_that_breaks_two_rules_is_quarantined_for_each(estate):
    _, quarantine, _ = estate
    assert quarantine.filter(day=DAYS["rows that break two rules"])["rule"].to_list() == (
        ["spans.latency_us_not_negative"] * 5 + ["spans.reasoning_within_output"] * 5
    )


def test_rejected_rows_count_but_are_not_named_again(estate):
    result, quarantine, _ = estate
    day = DAYS["rows that the parser rejected"]
    assert "spans.values_fit_their_types 6" in result.blocked[day]
    assert quarantine.filter(day=day).is_empty()


def test_warnings_are_recorded_and_nothing_more(estate):
    result, quarantine, _ = estate
    day = DAYS["warnings only"]
    assert failures(result, day) == {"spans.tier_known"}
    assert quarantine.filter(day=day).is_empty()


def test_a_failing_rule_has_one_row_in_all_and_one_a_day(estate):
    result, _, _ = estate
    rule = result.results.filter(rule="spans.reasoning_within_output")
    broken = {
        name: sum(row in (BAD, TWICE) for row in tables.get("spans", []))
        for name, tables in SCENARIOS.items()
    }
    by_day = dict(rule.select("day", "unexpected").rows())
    assert by_day.pop(None) == sum(broken.values())
    assert by_day == {DAYS[name]: count for name, count in broken.items() if count}


def test_a_rate_holds_for_its_own_day_only(estate):
    result, _, _ = estate
    rule = result.results.filter(rule="charges.currency_is_convertible")
    assert rule.select("day", "unexpected").rows() == [
        (None, 2),
        (DAYS["a day without rates"], 1),
        (DAYS["a bill in two currencies"], 1),
    ]


def test_a_billed_line_without_effective_cost_is_named(estate):
    _, quarantine, _ = estate
    rows = quarantine.filter(day=DAYS["a bill with empty effective costs"])
    assert rows.select("rule", "severity", "_source_row").rows() == [
        ("charges.effective_cost_filled", "warning", 1)
    ]


def test_broken_reference_rows_are_quarantined_without_a_day(estate):
    _, quarantine, _ = estate
    rows = quarantine.filter(pl.col("day").is_null())
    assert rows.select("source", "rule", "_source_row").rows() == [
        ("reference", "allocation_rules.shares_within_one", 1),
        ("reference", "allocation_rules.shares_within_one", 2),
    ]


@pytest.mark.parametrize(
    ("name", "rule", "observed"),
    [
        ("a model without a price", "tokens.model_has_a_price", "mystery: 2 of 3 model calls"),
        (
            "calls that name no model",
            "tokens.model_has_a_price",
            "(no model named): 1 of 1 model calls",
        ),
        (
            "an agent that agents.csv lacks",
            "tokens.calling_agent_known",
            "stranger: 1 spans",
        ),
        ("an evaluator without error rates", "tokens.evaluator_validated", "new: 1 verdicts"),
        ("a bill without calls", "billing.billed_provider_has_spans", "openai: 1 billing lines"),
        (
            "tickets of an agent without spans",
            "tickets.handling_agent_has_spans",
            "ghost: 1 tickets",
        ),
        ("a task type without a baseline", "tickets.task_type_known", "odd: 1 tickets"),
        ("a GPU that no charge knows", "gpu.gpu_resource_known", "GPU-9 on far: 1 samples"),
        ("nothing at all", "tokens.source_landed", "0 rows"),
    ],
)
def test_sources_are_set_against_each_other(estate, name, rule, observed):
    result, _, _ = estate
    found = result.results.filter(pl.col("day") == DAYS[name], rule=rule)
    assert found.select("severity", "observed").rows() == [("warning", observed)]


@pytest.mark.parametrize(
    ("threshold", "is_blocked"), [(None, False), ("0.667", False), ("0.6", True)]
)
def test_a_day_may_be_blocked_for_what_has_no_price(make_bronze, threshold, is_blocked):
    """Two of three calls have none."""
    bronze = make_bronze("unpriced")
    for table in ("prices", "model_aliases"):
        bronze.write(table, [{}])
    bronze.write("spans", [{"request_model": "mystery"}] * 2 + [{}], day=DAY)
    limit = None if threshold is None else Decimal(threshold)
    result = check(duckdb.connect(), bronze, unpriced_threshold=limit)
    said = "tokens: 2 of 3 model calls (66.7%) have no price, more than 60.0%: add them"
    assert [said in why for why in result.blocked.values()] == [True] * is_blocked


def test_a_cloud_bill_is_no_reason_to_look_for_calls(estate):
    result, _, _ = estate
    assert failures(result, DAYS["a cloud's bill for disks"]) == set()


def test_nothing_of_the_gate_is_left_but_its_quarantine(estate):
    _, _, left = estate
    assert left == [("gate_quarantine",)]


def test_a_source_is_missing_between_its_first_day_and_the_newest_of_all(con, bronze):
    days = [DAY + timedelta(days=shift) for shift in range(-2, 4)]
    bronze.write("spans", [{}], day=days[1])
    bronze.write("samples", [{}], day=days[4])
    bronze.write("samples", [{}], day=days[0], load="replaced")
    # neither a provider's own report nor a row without a day makes a day of the estate
    bronze.write("provider_costs", [{}], day=days[0])
    bronze.write("spans", [{}], day=schema.UNDATED)
    result = check(con, bronze, days=days)
    missing = result.results.filter(
        ~pl.col("success"), pl.col("day").is_not_null(), pl.col("rule").str.ends_with("landed")
    )
    assert missing.select("rule", "day", "observed").rows() == [
        ("tokens.source_landed", day, "0 rows") for day in days[2:5]
    ]


def test_no_bronze_is_no_failure(con, bronze):
    result = check(con, bronze)
    assert result.blocked == {}
    assert result.results["success"].all()
    assert result.results.filter(rule="spans.attempt_identified")["checked"].to_list() == [0]


def test_no_days_is_no_failure(con, bronze):
    result = check(con, bronze, days=[])
    assert result.blocked == {}
    assert result.results["success"].all()


def test_the_same_input_gives_the_same_result_and_settings_decide(con, bronze):
    bronze.write("spans", [BAD, WARNED, {}, {"stated_cost": -1, "currency": "EUR"}])
    first = check(con, bronze)
    rows = first.quarantine.fetchall()
    assert list(first.blocked) == [DAY]
    second = check(
        con, bronze, block_threshold=Decimal("0.5"), reporting_currency="USD", loads=["load1"]
    )
    assert first.results.equals(second.results)
    assert rows == second.quarantine.fetchall()
    assert second.blocked == {}
    euro = check(con, bronze, reporting_currency="EUR")
    assert "spans.currency_is_convertible" in failures(second)
    assert "spans.currency_is_convertible" not in failures(euro)


def test_many_rows_are_judged_like_few(con, bronze, monkeypatch):
    bronze.write("spans", [BAD, WARNED, {}, {"request_model": "mystery"}])
    few = check(con, bronze)
    rows = few.quarantine.fetchall()
    monkeypatch.setattr(relation, "_FEW_ROWS", 0)
    many = check(con, bronze)
    assert few.results.equals(many.results)
    assert rows == many.quarantine.fetchall()


def test_files_that_lack_columns(con, bronze):
    late, odd = DAY + timedelta(days=1), DAY + timedelta(days=2)
    bronze.write("spans", [{}], without=("started_at",))
    bronze.write("spans", [{}], without=("tier",), day=late)
    bronze.write("spans", [{"input_tokens": "100"}], types={"input_tokens": "VARCHAR"}, day=odd)
    result = check(con, bronze, days=[DAY, late, odd])
    assert list(result.blocked) == [DAY]
    assert "the required column spans.started_at is missing" in result.blocked[DAY]
    assert "tokens.columns_present" in failures(result, late)
    assert "tokens.types_as_declared" in failures(result, odd)
    assert "spans.counts_possible" not in failures(result, odd)


def test_volume_is_set_against_what_is_usual(con, bronze):
    usual, half, much, early = (DAY + timedelta(days=place) for place in range(4))
    for day, rows in ((usual, 50), (half, 49), (much, 201), (early, 100)):
        for weeks in (1, 2, 3):
            last = datetime(2026, 3, 1, 23)
            bronze.write(
                "samples",
                [{"sampled_at": last}] * 100,
                day=day - timedelta(days=7 * weeks),
                load=f"w{day.day}{weeks}",
            )
        hour = 12 if day == early else 23
        at = datetime(day.year, day.month, day.day, hour)
        bronze.write("samples", [{"sampled_at": at}] * rows, day=day)
    loads = {
        "load1",
        *(f"w{day.day}{weeks}" for day in (usual, half, much, early) for weeks in (1, 2, 3)),
    }
    result = check(con, bronze, days=[usual, half, much, early], loads=loads)
    odd = "gpu.volume_as_usual"
    assert {day for day in (usual, half, much, early) if odd in failures(result, day)} == {
        half,
        much,
    }


def test_a_wrong_translation_stops_the_gate(con, bronze, monkeypatch):
    bronze.write("spans", [BAD])
    monkeypatch.setitem(
        predicate._TRANSLATORS,
        "expect_column_pair_values_a_to_be_greater_than_b",
        lambda _: "false",
    )
    with pytest.raises(relation.Disagreement, match=r"spans\.reasoning_within_output"):
        check(con, bronze)


def test_marts_are_judged_by_their_declared_rules(con, monkeypatch):
    marts = pytest.importorskip("expectations.marts")
    common = {"severity": "critical", "notes": "One row a day and agent."}
    columns = ["day", "agent_id"]
    rules = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "day"}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": columns}},
        {"type": "expect_table_columns_to_match_ordered_list", "kwargs": {"column_list": columns}},
    ]
    monkeypatch.setattr(
        marts.declare, "expectations", lambda _: [{**rule, **common} for rule in rules]
    )
    con.execute(
        "create table built as select date '2026-03-02' as day, 'bot' as agent_id from range(2)"
    )
    results = gate.check_marts(con, {"daily_roi": "built"}, run_id="r")
    assert results.select("rule", "column_name", "success", "unexpected").rows() == [
        ("daily_roi.day.agent_id.be_unique", "day, agent_id", False, 2),
        ("daily_roi.day.not_be_null", "day", True, 0),
        ("daily_roi.match_ordered_list", None, True, 0),
    ]


ONE_OF_EACH = [
    ("expect_column_values_to_not_be_null", {"column": "share"}),
    ("expect_column_values_to_be_in_set", {"column": "band", "value_set": ["low", "high"]}),
    ("expect_column_values_to_be_between", {"column": "share", "min_value": 0, "max_value": 1}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {
            "column_A": "top",
            "column_B": "share",
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    ),
]


@pytest.fixture
def a_broken_mart(con, monkeypatch):
    marts = pytest.importorskip("expectations.marts")
    rules = [
        {"type": kind, "kwargs": kwargs, "severity": "critical", "notes": "Why."}
        for kind, kwargs in ONE_OF_EACH
    ]
    monkeypatch.setattr(marts.declare, "expectations", lambda _: rules)
    con.execute(
        "create table built as select * from (values (null, 'low', 0.5), (1.5, 'middle', 2.0),"
        " (-0.5, 'high', null), (0.5, null, 0.4)) as rows(share, band, top)"
    )
    return con


def test_great_expectations_agrees_with_what_the_query_form_finds_broken(a_broken_mart):
    results = gate.check_marts(a_broken_mart, {"daily_roi": "built"}, run_id="r")
    assert dict(results.select("expectation", "unexpected").rows()) == {
        "expect_column_values_to_not_be_null": 1,
        "expect_column_values_to_be_in_set": 1,
        "expect_column_values_to_be_between": 2,
        "expect_column_pair_values_a_to_be_greater_than_b": 1,
    }


def test_marts_are_not_released_where_the_two_disagree(a_broken_mart, monkeypatch):
    monkeypatch.setattr(gate.count, "count_marts", lambda *_: (4, [0, 1, 0, 1]))
    with pytest.raises(relation.Disagreement, match=r"daily_roi\.share\.not_be_null"):
        gate.check_marts(a_broken_mart, {"daily_roi": "built"}, run_id="r")


def test_memory_stays_bounded_when_every_row_is_broken(bronze):
    path = bronze.write("spans", [BAD])
    maker = duckdb.connect()
    maker.execute(f"create table many as select spans.* from '{path}' as spans, range(200000)")
    maker.execute(f"copy many to '{path}' (format parquet)")
    con = duckdb.connect(config={"memory_limit": "300MB", "threads": "1"})
    result = check(con, bronze)
    assert con.sql("select count(*) from gate_quarantine").fetchone() == (200000,)
    assert list(result.blocked) == [DAY]
