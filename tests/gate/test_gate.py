"""What the gate decides about days, and what it writes down."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from roi_engine import gate
from roi_engine.gate import predicate, relation

DAY = date(2026, 3, 2)
NEXT = date(2026, 3, 3)
BAD = {"reasoning_tokens": 11}
WARNED = {"tier": "gold"}


def check(con, bronze, days=(DAY,), loads=("load1",), **settings):
    return gate.check(con, bronze.root, days, loads, run_id="r", **settings)


def failures(result):
    failed = result.results.filter(~pl.col("success"), pl.col("day").is_not_null())
    return set(failed.select("rule", "day").rows())


@pytest.mark.parametrize(
    ("bad", "is_blocked"),
    [
        pytest.param(0, False, id="nothing broken"),
        pytest.param(5, False, id="exactly five percent"),
        pytest.param(6, True, id="one row more"),
    ],
)
def test_a_day_is_blocked_over_the_threshold_only(con, bronze, bad, is_blocked):
    bronze.write("spans", [BAD] * bad + [{}] * (100 - bad))
    assert (DAY in check(con, bronze).blocked) is is_blocked


def test_the_reason_names_source_count_and_rule(con, bronze):
    bronze.write("spans", [BAD] * 6 + [{}] * 94)
    assert check(con, bronze).blocked[DAY] == (
        "tokens: 6 of 100 rows (6.0%) break critical rules, more than 5.0%"
        " (spans.reasoning_within_output 6)"
    )


def test_a_row_that_breaks_two_rules_is_one_broken_row(con, bronze):
    twice = {**BAD, "latency_us": -1}
    bronze.write("spans", [twice] * 5 + [{}] * 95)
    result = check(con, bronze)
    assert result.blocked == {}
    assert len(result.quarantine.fetchall()) == 10


def test_the_rows_of_a_source_are_counted_together(con, bronze):
    bronze.write("spans", [BAD] * 6 + [{}] * 94)
    bronze.write("evaluations", [{}] * 20)
    assert check(con, bronze).blocked == {}


def test_one_source_cannot_hide_another(con, bronze):
    bronze.write("spans", [BAD] * 6 + [{}] * 94)
    bronze.write("samples", [{}] * 100)
    assert list(check(con, bronze).blocked) == [DAY]


def test_rows_that_the_parser_rejected_count(con, bronze):
    bronze.write("spans", [{"_rejected": "{}"}] * 6 + [{}] * 94)
    result = check(con, bronze)
    assert "spans.values_fit_their_types 6" in result.blocked[DAY]
    assert result.quarantine.fetchall() == [], "the parser has named them already"


def test_the_threshold_is_a_setting(con, bronze):
    bronze.write("spans", [BAD, {}])
    assert check(con, bronze, block_threshold=Decimal("0.5")).blocked == {}


def test_warnings_never_block(con, bronze):
    bronze.write("spans", [WARNED] * 10)
    result = check(con, bronze)
    assert result.blocked == {}
    assert ("spans.tier_known", DAY) in failures(result)
    assert result.quarantine.fetchall() == []


def test_other_days_go_on(con, bronze):
    bronze.write("spans", [BAD], day=DAY)
    bronze.write("spans", [{}], day=NEXT)
    result = check(con, bronze, days=[DAY, NEXT])
    assert list(result.blocked) == [DAY]
    assert ("spans.reasoning_within_output", DAY) in failures(result)
    assert ("spans.reasoning_within_output", NEXT) not in failures(result)


def test_only_wanted_days_and_active_loads_are_judged(con, bronze):
    bronze.write("spans", [{}])
    bronze.write("spans", [BAD], load="replaced")
    bronze.write("spans", [BAD], day=NEXT)
    result = check(con, bronze)
    assert result.blocked == {}
    assert result.quarantine.fetchall() == []


def test_loads_may_be_a_relation(con, bronze):
    bronze.write("spans", [BAD])
    loads = con.sql("select 'load1' as load_id")
    assert list(check(con, bronze, loads=loads).blocked) == [DAY]


def test_broken_reference_rows_are_quarantined_and_block_no_day(con, bronze):
    bronze.write_sound()
    bronze.write("evaluators", [{"tp": 0, "fn": 0}])
    result = check(con, bronze)
    assert result.blocked == {}
    rules = {(row[1], row[4]) for row in result.quarantine.fetchall()}
    assert rules == {("evaluators.positives_seen", None), ("evaluators.better_than_chance", None)}


def test_a_file_without_a_required_column_blocks_its_day(con, bronze):
    bronze.write("spans", [{}], without=("started_at",))
    bronze.write("spans", [{}], day=NEXT)
    result = check(con, bronze, days=[DAY, NEXT])
    assert list(result.blocked) == [DAY]
    assert "the required column spans.started_at is missing" in result.blocked[DAY]


def test_a_file_without_an_optional_column_warns(con, bronze):
    bronze.write("spans", [{}], without=("tier",))
    result = check(con, bronze)
    assert result.blocked == {}
    assert ("tokens.columns_present", DAY) in failures(result)


def test_a_column_of_another_type_is_cast_and_named(con, bronze):
    bronze.write("spans", [{"input_tokens": "100"}], types={"input_tokens": "VARCHAR"})
    result = check(con, bronze)
    assert result.blocked == {}
    assert ("tokens.types_as_declared", DAY) in failures(result)
    assert ("spans.input_tokens_possible", DAY) not in failures(result)


def test_no_bronze_at_all_warns_that_the_sources_are_missing(con, bronze):
    result = check(con, bronze)
    assert result.blocked == {}
    assert failures(result) == {
        (f"{source}.source_landed", DAY) for source in ("billing", "gpu", "tokens", "tickets")
    }
    assert result.results.filter(rule="spans.attempt_identified")["checked"].to_list() == [0]


def test_no_days_is_no_failure(con, bronze):
    result = check(con, bronze, days=[])
    assert result.blocked == {}
    assert result.results["success"].all()


def test_the_same_input_gives_the_same_result(con, bronze):
    bronze.write_sound()
    bronze.write("spans", [BAD, WARNED, {}, {"stated_cost": -1}])
    first = check(con, bronze)
    rows = first.quarantine.fetchall()
    second = check(con, bronze)
    assert first.results.equals(second.results)
    assert rows == second.quarantine.fetchall()


def test_nothing_of_the_gate_is_left_but_its_quarantine(con, bronze):
    bronze.write_sound()
    check(con, bronze)
    views = con.sql("select view_name from duckdb_views() where not internal").fetchall()
    tables = con.sql("select table_name from duckdb_tables()").fetchall()
    assert (views, tables) == ([], [("gate_quarantine",)])


def test_a_rate_of_the_day_makes_a_currency_convertible(con, bronze):
    bronze.write("fx_rates", [{}])
    bronze.write("charges", [{"billing_currency": "EUR"}, {"billing_currency": "JPY"}])
    bronze.write("charges", [{"billing_currency": "EUR"}], day=NEXT)
    result = check(con, bronze, days=[DAY, NEXT])
    rule = result.results.filter(rule="charges.currency_is_convertible")
    assert rule.select("day", "unexpected").rows() == [(None, 2), (DAY, 1), (NEXT, 1)]


def test_the_reporting_currency_needs_no_rate(con, bronze):
    bronze.write("charges", [{"billing_currency": "EUR"}])
    assert check(con, bronze, reporting_currency="EUR").blocked == {}


def test_plain_usage_without_effective_cost_is_named_row_by_row(con, bronze):
    commitment = {"effective_cost": 0, "commitment_discount_status": "Unused"}
    free = {"effective_cost": 0, "billed_cost": 0}
    bronze.write("charges", [{"effective_cost": 0}, commitment, free, {}])
    rows = check(con, bronze).quarantine.pl()
    assert rows.select("rule", "severity", "_source_row").rows() == [
        ("charges.effective_cost_of_plain_usage_filled", "warning", 1)
    ]


def test_shares_that_never_overlap_may_each_be_whole(con, bronze):
    first = {"valid_from": date(2026, 1, 1), "valid_to": date(2026, 2, 1)}
    bronze.write("allocation_rules", [first, {"valid_from": date(2026, 2, 1), "agent_id": "b"}])
    assert check(con, bronze).quarantine.fetchall() == []


@pytest.mark.parametrize(
    ("tables", "rule", "observed"),
    [
        pytest.param(
            {"spans": [{"request_model": "mystery"}, {"request_model": "mystery"}, {}]},
            "tokens.model_has_a_price",
            "mystery: 2 of 3 model calls",
            id="a model without a price",
        ),
        pytest.param(
            {"spans": [{"request_model": None}]},
            "tokens.model_has_a_price",
            "(no model named): 1 of 1 model calls",
            id="calls that name no model",
        ),
        pytest.param(
            {"spans": [{"agent_id": "stranger"}]},
            "tokens.calling_agent_known",
            "stranger: 1 spans",
            id="an agent that agents.csv lacks",
        ),
        pytest.param(
            {"evaluations": [{"evaluator_id": "new"}]},
            "tokens.evaluator_validated",
            "new: 1 verdicts",
            id="an evaluator without error rates",
        ),
        pytest.param(
            {
                "charges": [{"provider_name": "Anthropic"}],
                "model_aliases": [{"provider": "anthropic"}],
            },
            "billing.billed_provider_has_spans",
            "anthropic: 1 billing lines",
            id="a bill without calls",
        ),
        pytest.param(
            {"tickets": [{"agent_id": "ghost"}]},
            "tickets.handling_agent_has_spans",
            "ghost: 1 tickets",
            id="tickets of an agent without spans",
        ),
        pytest.param(
            {"tickets": [{"task_type": "odd"}]},
            "tickets.task_type_known",
            "odd: 1 tickets",
            id="a task type without a baseline",
        ),
        pytest.param(
            {"samples": [{"gpu_uuid": "GPU-9", "hostname": "far"}]},
            "gpu.gpu_resource_known",
            "GPU-9 on far: 1 samples",
            id="a GPU that no charge knows",
        ),
    ],
)
def test_sources_are_set_against_each_other(con, bronze, tables, rule, observed):
    bronze.write_sound()
    for table, rows in tables.items():
        bronze.write(table, rows)
    result = check(con, bronze)
    found = result.results.filter(pl.col("day") == DAY, rule=rule)
    assert found.select("severity", "observed").rows() == [("warning", observed)]
    assert result.blocked == {}


def test_a_cloud_bill_is_no_reason_to_look_for_calls(con, bronze):
    bronze.write_sound()
    bronze.write("charges", [{"provider_name": "AWS"}])
    assert failures(check(con, bronze)) == set()


@pytest.mark.parametrize(
    ("rows", "is_odd"),
    [
        pytest.param(100, False, id="as usual"),
        pytest.param(50, False, id="half is still usual"),
        pytest.param(49, True, id="under half"),
        pytest.param(201, True, id="over twice"),
    ],
)
def test_volume_is_set_against_the_same_weekday(con, bronze, rows, is_odd):
    for weeks in (1, 2, 3):
        bronze.write("samples", [{}] * 100, day=DAY - timedelta(days=7 * weeks))
        bronze.write("samples", [{}] * 900, day=DAY - timedelta(days=7 * weeks - 1))
    bronze.write("samples", [{}] * rows)
    assert (("gpu.volume_as_usual", DAY) in failures(check(con, bronze))) is is_odd


def test_volume_without_three_weekdays_is_set_against_the_last_seven_days(con, bronze):
    for days in (1, 2, 3):
        bronze.write("samples", [{}] * 100, day=DAY - timedelta(days=days))
    bronze.write("samples", [{}] * 10)
    result = check(con, bronze)
    rule = result.results.filter(pl.col("day") == DAY, rule="gpu.volume_as_usual")
    assert rule["observed"].to_list() == ["10 rows, usually 100"]


def test_a_day_that_ends_early_is_noticed(con, bronze):
    for days in (1, 2, 3):
        late = datetime(2026, 3, 2, 23) - timedelta(days=days)
        bronze.write("samples", [{"sampled_at": late}], day=DAY - timedelta(days=days))
    bronze.write("samples", [{"sampled_at": datetime(2026, 3, 2, 12)}])
    assert ("gpu.reaches_the_end_of_the_day", DAY) in failures(check(con, bronze))


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
    rules = [
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "day"},
            "severity": "critical",
            "notes": "A row of no day is in no report.",
        },
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": ["day", "agent_id"]},
            "severity": "critical",
            "notes": "One row a day and agent.",
        },
    ]
    monkeypatch.setattr(marts.declare, "expectations", lambda mart: rules)
    con.execute(
        "create table built as select date '2026-03-02' as day, 'bot' as agent_id from range(2)"
    )
    results = gate.check_marts(con, {"daily_roi": "built"}, run_id="r")
    assert results.select("rule", "column_name", "success", "unexpected").rows() == [
        ("daily_roi.day.agent_id.unique", "day, agent_id", False, 2),
        ("daily_roi.day.not_be_null", "day", True, 0),
    ]


def test_memory_stays_bounded_when_every_row_is_broken(bronze):
    path = bronze.write("spans", [BAD])
    maker = duckdb.connect()
    maker.execute(f"create table many as select * from '{path}', range(200000)")
    maker.execute(f"alter table many drop range; copy many to '{path}' (format parquet)")
    con = duckdb.connect(config={"memory_limit": "300MB", "threads": "1"})
    result = check(con, bronze)
    assert con.sql("select count(*) from gate_quarantine").fetchone() == (200000,)
    assert list(result.blocked) == [DAY]
