# ruff: noqa: DTZ001 - bronze times are UTC and have no zone
"""Every rule is broken once, on a row of its own, and seen to fail on exactly that row."""

import importlib
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

import duckdb
import polars as pl
import pytest

from roi_engine import gate
from roi_engine.gate.relation import rules_of
from roi_engine.sources import schema

DAY = date(2026, 3, 2)

BREAKS = {
    "charges": {
        **{
            f"{column}_present": {column: None}
            for column in (
                "line_key",
                "provider_name",
                "billing_account_id",
                "charge_category",
                "billing_period_start",
                "charge_period_start",
                "charge_period_end",
                "billing_currency",
                "billed_cost",
                "effective_cost",
                "list_cost",
            )
        },
        "values_fit_their_types": {"_rejected": '{"billed_cost": "NaN"}'},
        "charge_ends_after_it_starts": {"charge_period_end": datetime(2026, 3, 2)},
        "billing_period_ends_after_it_starts": {"billing_period_end": datetime(2026, 3, 1)},
        "billed_cost_fits_nano_units": {"billed_cost": 9_000_000_001},
        "effective_cost_fits_nano_units": {"effective_cost": -9_000_000_001},
        "list_cost_fits_nano_units": {"list_cost": 9_000_000_001},
        "currency_is_convertible": {"billing_currency": "JPY"},
        "effective_cost_filled": {"effective_cost": 0},
        "charge_category_known": {"charge_category": "Gift"},
        "charge_class_known": {"charge_class": "Mistake"},
        "commitment_discount_status_known": {"commitment_discount_status": "Idle"},
        "charge_starts_in_its_billing_period": {"billing_period_start": datetime(2026, 3, 3)},
    },
    "provider_costs": {
        "values_fit_their_types": {"_rejected": "{}"},
        "amount_present": {"amount": None},
        "amount_plausible": {"amount": -9_000_000_001},
        "currency_is_convertible": {"currency": "JPY"},
    },
    "spans": {
        "values_fit_their_types": {"_rejected": '{"input_tokens": "many"}'},
        "attempt_identified": {"trace_id": None},
        "started_at_present": {"started_at": None},
        "ends_after_it_starts": {"ended_at": datetime(2026, 3, 2, 9)},
        "counts_possible": {"cache_write_5m_tokens": -1},
        "cache_within_input": {"cache_write_1h_tokens": 61},
        "reasoning_within_output": {"reasoning_tokens": 11},
        "latency_us_not_negative": {"latency_us": -1},
        "time_to_first_token_us_not_negative": {"time_to_first_token_us": -1},
        "stated_cost_not_negative": {"stated_cost": Decimal("-0.000000000000000001")},
        "currency_is_convertible": {"stated_cost": 1, "currency": "JPY"},
        "operation_known": {"operation": "hum"},
        "operation_present": {"operation": None},
        "model_call_has_tokens": {"input_tokens": None, "output_tokens": None},
        "tier_known": {"tier": "gold"},
        "initiated_by_known": {"initiated_by": "ghost"},
        "experiment_propensity_possible": {"experiment_propensity": 0.0},
        "cpu_time_us_possible": {"cpu_time_us": -1},
        "peak_memory_bytes_possible": {"peak_memory_bytes": 10**15 + 1},
        "received_bytes_possible": {"received_bytes": -1},
        "sent_bytes_possible": {"sent_bytes": -1},
        "agent_id_present": {"agent_id": None},
    },
    "evaluations": {
        "values_fit_their_types": {"_rejected": "{}"},
        "subject_present": {"trace_id": None},
        "is_hallucination_present": {"is_hallucination": None},
        "reviewed_at_present": {"reviewed_at": None},
        "evaluator_id_present": {"evaluator_id": None},
        "reviewer_kind_known": {"reviewer_kind": "oracle"},
        "sampling_probability_possible": {"sampling_probability": 0.0},
    },
    "tickets": {
        "values_fit_their_types": {"_rejected": "{}"},
        "ticket_id_present": {"ticket_id": None},
        "created_at_present": {"created_at": None},
        "status_present": {"status": None},
        "version_order_present": {"updated_at": None},
        "system_known": {"system": "remedy"},
        "resolved_at_after_creation": {"resolved_at": datetime(2026, 3, 1)},
        "closed_at_after_creation": {"closed_at": datetime(2026, 3, 1)},
        "reopen_count_not_negative": {"reopen_count": -1},
        "reassignment_count_not_negative": {"reassignment_count": -1},
        "reply_count_not_negative": {"reply_count": -1},
        "human_minutes_not_negative": {"human_minutes": -1},
        "sampling_probability_possible": {"sampling_probability": 1.5},
        "human_minutes_plausible": {"human_minutes": 44_641},
        "first_response_at_after_creation": {"first_response_at": datetime(2026, 3, 1)},
        "updated_at_after_creation": {"updated_at": datetime(2026, 3, 1)},
        "status_known": {"status": "-100"},
        "reviewer_kind_known": {"reviewer_kind": "oracle"},
        "initiated_by_known": {"initiated_by": "ghost"},
        "task_type_present": {"task_type": None},
    },
    "samples": {
        "values_fit_their_types": {"_rejected": "{}"},
        "metric_present": {"metric": None},
        "gpu_uuid_present": {"gpu_uuid": None},
        "sampled_at_present": {"sampled_at": None},
        "value_present": {"value": None},
        "utilisation_possible": {"metric": "DCGM_FI_PROF_SM_ACTIVE", "value": 1.01},
        "value_not_blank": {"metric": "DCGM_FI_DEV_FB_USED", "value": 2147483632.0},
        "energy_not_blank": {
            "metric": "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
            "value": 9223372036854775794.0,
        },
        "metric_used": {"metric": "DCGM_FI_DEV_GPU_TEMP"},
    },
    "evaluators": {
        "positives_seen": {"tp": 0, "fn": 0},
        "negatives_seen": {"tn": 0, "fp": 0},
        "better_than_chance": {"tp": 5, "fn": 5, "tn": 5, "fp": 5},
    },
    "agent_transactions": {"two_parties": {"seller_agent_id": "bot"}},
    "allocation_rules": {"shares_within_one": {"share": Decimal("0.6")}},
    "training_runs": {"lifespan_positive": {"lifespan_days": 0}},
    "field_mappings": {"field_is_read": {"field": "agent"}},
    "investments": {"months_positive": {"months": 0}},
    "fx_rates": {
        "rate_positive": {"rate": 0},
        "rate_read_whole": {"rate": Decimal("1.1234567891")},
    },
    "time_entries": {"subject_present": {"task_id": None}},
    "service_hours": {
        "weekday_of_a_week": {"weekday": 8},
        "times_of_day": {"opens_at": "9am"},
        "opens_before_it_closes": {
            "department": "night",
            "opens_at": "22:00",
            "closes_at": "06:00",
        },
        "windows_lie_apart": {"department": None, "opens_at": "16:59", "closes_at": "24:00"},
    },
}
"""Table → rule → the values that break it in an otherwise sound row."""


def reference_breaks(table, shape):
    """Return what breaks the plain rules of a reference table, from the shape that states them."""
    columns = next(each.columns for each in schema.TABLES if each.name == table)
    breaks = {
        "values_fit_their_types": {"_rejected": "{}"},
        "fields_filled": {shape.required[-1]: None},
    }
    if shape.sets:
        breaks["words_known"] = {list(shape.sets)[-1]: "something else"}
    if shape.shares:
        breaks["numbers_possible"] = {shape.shares[-1]: Decimal("1.5")}
    elif shape.at_least_zero:
        breaks["numbers_possible"] = {shape.at_least_zero[-1]: -1}
    for after, before in shape.periods[:1]:
        start = date(2026, 1, 2) if columns[before] == "DATE" else datetime(2026, 1, 2)
        breaks["ends_after_it_starts"] = {before: start, after: start - timedelta(days=1)}
    if shape.money:
        breaks["currency_is_convertible"] = {"currency": "JPY"}
    if shape.key:
        breaks["key_unique"] = {}
    return breaks


def all_breaks():
    reference = importlib.import_module("expectations.reference")
    breaks = {table: dict(rules) for table, rules in BREAKS.items()}
    for table, shape in reference.SHAPES.items():
        breaks.setdefault(table, {}).update(reference_breaks(table, shape))
    return breaks


@cache
def row_checks():
    return [
        check
        for source in schema.SOURCES
        for check in importlib.import_module(f"expectations.{source}").checks()
        if check.query is None
    ]


@cache
def declared():
    return {rule.name: rule for check in row_checks() for rule in rules_of(check)}


@pytest.fixture(scope="module")
def sound(make_bronze):
    bronze = make_bronze("sound")
    bronze.write_sound()
    con = duckdb.connect()
    return gate.check(con, bronze.root, [DAY], ["load1"], run_id="r")


@pytest.fixture(scope="module")
def broken(make_bronze):
    """One sound row first (row 1), then one row a rule, each with a key of its own."""
    bronze = make_bronze("broken")
    reference = importlib.import_module("expectations.reference")
    rows = {}
    for table, rules in all_breaks().items():
        shape = reference.SHAPES.get(table)
        table_rows = [{}]
        for number, (rule, values) in enumerate(rules.items(), start=2):
            own = {}
            if shape and shape.key and rule not in ("key_unique", "shares_within_one"):
                kinds = next(each.columns for each in schema.TABLES if each.name == table)
                own = own_key(shape.key, kinds, number, values)
            table_rows.append({**own, **values})
            rows[table, rule] = number
        bronze.write(table, table_rows)
    con = duckdb.connect()
    result = gate.check(con, bronze.root, [DAY], ["load1"], run_id="r")
    return result, result.quarantine.pl(), rows


def own_key(key, kinds, number, values):
    """Return a value of its own for the first column of ``key`` that the break leaves alone."""
    for column in key:
        if column in values or column in ("source", "bucket", "tier", "cost_class"):
            continue
        if kinds[column] == "VARCHAR":
            return {column: f"own-{number}"}
        if kinds[column] == "BIGINT":
            return {column: number}
        if kinds[column] == "DATE":
            return {column: date(2026, 1, 1) + timedelta(days=number)}
    return {}


def test_sound_rows_break_no_rule(sound):
    failed = sound.results.filter(~pl.col("success"))
    assert failed.select("rule", "observed").rows() == []
    assert sound.quarantine.fetchall() == []
    assert sound.blocked == {}


@pytest.mark.parametrize(
    ("table", "rule"),
    [(table, rule) for table, rules in all_breaks().items() for rule in rules],
)
def test_a_broken_rule_fails_on_its_own_row(broken, table, rule):
    result, quarantine, rows = broken
    overall = result.results.filter(pl.col("day").is_null(), rule=f"{table}.{rule}")
    assert overall["success"].to_list() == [False]
    named = quarantine.filter(rule=f"{table}.{rule}")
    if declared()[f"{table}.{rule}"].quarantines:
        assert rows[table, rule] in named["_source_row"]
        assert named.height == overall["unexpected"][0]
    else:
        assert named.is_empty()


def test_a_goal_is_reached_on_the_first_day_at_the_earliest(make_bronze):
    bronze = make_bronze("mandates")
    first = date(2026, 1, 1)
    reached = {"early": first - timedelta(days=1), "at once": first, "never": None}
    bronze.write_sound()
    bronze.write(
        "mandates", [{"mandate_id": name, "reached_on": day} for name, day in reached.items()]
    )
    result = gate.check(duckdb.connect(), bronze.root, [DAY], ["load1"], run_id="r")
    named = result.quarantine.pl().filter(rule="mandates.ends_after_it_starts")
    assert named["_source_row"].to_list() == [1]


def test_windows_may_touch_and_other_departments_days_and_times_lie_apart(make_bronze):
    bronze = make_bronze("service_hours")
    bronze.write_sound()
    lines = [
        {"opens_at": "09:00", "closes_at": "12:00"},
        {"opens_at": "12:00", "closes_at": "24:00"},
        {"weekday": 2, "opens_at": "00:00", "closes_at": "10:00"},
        {"department": "claims", "opens_at": "08:00", "closes_at": "20:00", "people": None},
        {"valid_from": date(2026, 3, 1), "opens_at": "10:00", "closes_at": "14:00"},
        {"department": "night", "opens_at": "01:00", "closes_at": "03:00"},
        {"department": "night", "opens_at": "02:59", "closes_at": "04:00"},
        {"department": "day", "opens_at": "24:00", "closes_at": "24:00"},
        {"department": "day", "opens_at": "9:00", "closes_at": "10:00"},
    ]
    bronze.write("service_hours", lines)
    result = gate.check(duckdb.connect(), bronze.root, [DAY], ["load1"], run_id="r")
    named = result.quarantine.pl().filter(source="reference").sort("_source_row", "rule")
    assert named.select("_source_row", "rule").rows() == [
        (6, "service_hours.windows_lie_apart"),
        (7, "service_hours.windows_lie_apart"),
        (8, "service_hours.opens_before_it_closes"),
        (9, "service_hours.times_of_day"),
    ]


def test_every_row_rule_has_a_break():
    assert set(declared()) == {
        f"{table}.{rule}" for table, rules in all_breaks().items() for rule in rules
    }


def test_quarantined_rows_say_where_they_come_from(broken):
    _, quarantine, rows = broken
    row = quarantine.filter(rule="spans.reasoning_within_output").row(0, named=True)
    assert row["source"] == "tokens"
    assert row["stage"] == "gate"
    assert row["severity"] == "critical"
    assert row["day"] == DAY
    assert (row["_load_id"], row["_source_file"]) == ("load1", "sha-spans")
    assert row["_source_row"] == rows["spans", "reasoning_within_output"]
    assert '"reasoning_tokens":11' in row["record"]
    money = quarantine.filter(rule="spans.stated_cost_not_negative").row(0, named=True)
    assert '"stated_cost":"-0.000000000000000001"' in money["record"]
    assert "_load_id" not in row["record"]
    assert "null" not in row["record"]
