"""Everything that life contains is in an estate, counted."""

import csv
import json
from collections import Counter
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.simulate.gpus import BLANK

IS_ROLL_UP = pl.col("operation") == "invoke_agent"
IS_CALL = pl.col("operation") == "chat"


@pytest.fixture(scope="module")
def bill(estate):
    rows = []
    for path in sorted(estate.inbox.glob("billing/*/*.csv")):
        with path.open(newline="") as file:
            rows += [
                row | {"file": str(path.relative_to(estate.inbox))} for row in csv.DictReader(file)
            ]
    return rows


@pytest.fixture(scope="module")
def spans(estate):
    """Return the records of the Parquet half."""
    files = sorted(estate.inbox.glob("tokens/spans/*/*.parquet"))
    return pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in files])


@pytest.fixture(scope="module")
def otlp(estate):
    """Return the spans of the OTLP half as dicts of attributes, and the lines that are broken."""
    good, broken = [], 0
    for path in sorted(estate.inbox.glob("tokens/otlp/spans_*.jsonl")):
        for text in path.read_text().splitlines():
            try:
                resources = json.loads(text)["resourceSpans"]
            except json.JSONDecodeError:
                broken += 1
                continue
            for scope in (one for resource in resources for one in resource["scopeSpans"]):
                for span in scope["spans"]:
                    values = {
                        one["key"]: next(iter(one["value"].values())) for one in span["attributes"]
                    }
                    good.append(span | values | {"scope": scope["scope"]["name"]})
    return good, broken


@pytest.fixture(scope="module")
def tickets(estate):
    pages = sorted(estate.inbox.glob("tickets/zendesk/*/page_????.json"))
    return [ticket for path in pages for ticket in json.loads(path.read_text())["tickets"]]


def test_bills_lag_and_are_restated(estate, bill):
    arrivals = sorted({row["file"].split("/")[1] for row in bill})
    assert len(arrivals) >= 3
    newest_day = max(row["ChargePeriodEnd"] for row in bill)[:10]
    assert newest_day < arrivals[-1]
    amounts = {}
    for row in bill:
        if row["ProviderName"] == "OpenAI LLC":
            key = (row["ChargePeriodStart"], row["SkuId"], row["SkuPriceDetails"])
            amounts.setdefault(key, set()).add(row["BilledCost"])
    assert any(len(values) > 1 for values in amounts.values())
    early = [row for row in bill if row["ChargeDescription"] == "estimated adjustment"]
    assert {row["file"].split("/")[1] for row in early} == {arrivals[0]}


def test_the_bill_has_all_kinds_of_lines(bill):
    corrections = [row for row in bill if row["ChargeClass"] == "Correction"]
    assert corrections
    assert all(row["ChargePeriodEnd"] <= row["BillingPeriodStart"] for row in corrections)
    credits_ = [row for row in bill if row["ChargeCategory"] == "Credit"]
    assert credits_
    assert all(Decimal(row["BilledCost"]) < 0 for row in credits_)
    assert any(row["ServiceName"] == "Office Suite" for row in bill)
    assert any(row["CommitmentDiscountStatus"] == "Unused" for row in bill)
    assert any(
        Decimal(row["EffectiveCost"]) == 0 for row in bill if row["EffectiveCost"] != "#REF!"
    )
    units = {row["ConsumedUnit"] for row in bill}
    assert {"Tokens", "1K Tokens", "1M Tokens", "Requests", "Hours"} <= units
    same = Counter(
        tuple(
            row[name] for name in ("file", "ServiceName", "ChargePeriodStart", "Tags", "BilledCost")
        )
        for row in bill
        if row["ServiceName"] == "Agent Network" and row["Tags"] == "NULL"
    )
    assert max(same.values()) == 2


def test_some_bill_rows_are_malformed(bill):
    assert any(row["BilledCost"] == "#REF!" for row in bill)
    assert any(row["ChargePeriodStart"] == "2026-13-45" for row in bill)


def test_more_is_billed_than_traced_and_the_last_days_are_estimates(estate):
    ledger, charges = estate.truth("ledger"), estate.truth("charges")
    untraced = ledger.filter(pl.col("reason") == "untraced")["allocated_nano"].sum()
    assert untraced > 0
    estimated = charges.filter(pl.col("charge_key").str.starts_with("estimate:anthropic"))
    assert sorted(estimated["day"].dt.day().unique()) == [27, 28]


def test_both_forms_of_spans_are_well_formed(spans, otlp):
    good, broken = otlp
    assert broken == 1
    assert len(good) > 1000
    assert spans.height > 1000
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in good)
    assert (spans["trace_id"].str.len_bytes() == 32).all()
    assert spans["started_at"].dtype == pl.Datetime("us")
    assert (spans["ended_at"] >= spans["started_at"]).all()


@pytest.mark.parametrize(
    ("phenomenon", "condition"),
    [
        ("roll-ups that repeat tokens", IS_ROLL_UP & pl.col("input_tokens").is_not_null()),
        ("roll-ups that do not", IS_ROLL_UP & pl.col("input_tokens").is_null()),
        ("nested roll-ups", IS_ROLL_UP & pl.col("parent_span_id").is_not_null()),
        ("billed retries", pl.col("is_error") & (pl.col("input_tokens") > 0)),
        ("cached tokens", pl.col("cache_read_tokens") > 0),
        ("cache writes", pl.col("cache_write_tokens") > 0),
        ("reasoning", pl.col("reasoning_tokens") > 0),
        ("input counted without cache", ~pl.col("input_includes_cache")),
        ("batch tier", pl.col("tier") == "batch"),
        ("an unpriced model", pl.col("request_model") == "sim-beta-0"),
        ("gateways that hide the model", IS_CALL & pl.col("response_model").is_null()),
        ("tools with a price", pl.col("stated_cost").is_not_null()),
        ("retrieval", pl.col("operation") == "retrieval"),
        ("overhead without a task", pl.col("conversation_id").is_null()),
        ("overhead inside a task", pl.col("is_overhead") & pl.col("conversation_id").is_not_null()),
        ("work approved by a person", pl.col("is_approved_by_human")),
        ("impossible counts", pl.col("cache_read_tokens") > pl.col("input_tokens")),
        ("work across midnight", pl.col("started_at").dt.date() < pl.col("ended_at").dt.date()),
    ],
)  # fmt: skip
def test_spans_hold(spans, phenomenon, condition):
    if phenomenon == "impossible counts":
        condition &= pl.col("input_includes_cache")
    assert spans.filter(condition).height > 0, phenomenon


def test_records_are_delivered_again_in_the_same_and_in_later_files(estate, spans):
    assert spans.height > spans.select("trace_id", "span_id").unique().height
    late = [
        pl.read_parquet(path, hive_partitioning=False).filter(
            pl.col("started_at").dt.date().cast(pl.String) < path.parent.name.removeprefix("day=")
        )
        for path in estate.inbox.glob("tokens/spans/*/*.parquet")
    ]
    assert sum(frame.height for frame in late) > 0
    assert estate.summary.span_records > estate.summary.spans


def test_calls_run_in_parallel_and_several_agents_share_a_task(spans):
    calls = spans.filter(pl.col("operation") == "chat", pl.col("conversation_id").is_not_null())
    unique = calls.unique(["trace_id", "span_id"]).sort("conversation_id", "started_at")
    overlaps = (pl.col("started_at") < pl.col("ended_at").shift(1)).over("conversation_id")
    assert unique.filter(overlaps).height > 0
    team = unique.group_by("conversation_id").agg(pl.col("agent_id").n_unique())
    assert team.filter(pl.col("agent_id") > 1).height > 0


def test_a_model_is_replaced_and_its_price_falls_at_noon(estate, otlp, spans):
    early = {span.get("gen_ai.response.model") for span in otlp[0]}
    assert "sim-sonnet-20251001" in early
    assert "sim-sonnet-20260110" in set(spans["response_model"])
    with (estate.inbox / "reference/prices.csv").open() as file:
        dated = [row for row in csv.DictReader(file) if row["model"] == "sim-sonnet"]
    assert {row["valid_from"] for row in dated} == {"2025-01-01T00:00:00Z", "2026-01-15T12:00:00Z"}


def _field(ticket, number):
    return next((one["value"] for one in ticket["custom_fields"] if one["id"] == number), None)


def test_tickets_change_late_reopen_and_are_followed_up(estate, tickets):
    versions = Counter(ticket["id"] for ticket in tickets)
    assert max(versions.values()) >= 3
    order = {}
    late = 0
    for ticket in tickets:  # in order of arrival
        late += ticket["updated_at"] < order.get(ticket["id"], "")
        order[ticket["id"]] = max(order.get(ticket["id"], ""), ticket["updated_at"])
    assert late > 0
    assert any(ticket["via"]["source"]["rel"] == "follow_up" for ticket in tickets)
    pages = sorted(estate.inbox.glob("tickets/zendesk/*/page_????.json"))
    metrics = [one for path in pages for one in json.loads(path.read_text())["metric_sets"]]
    assert any(one["reopens"] for one in metrics)
    seen_by = Counter(
        (t["requester_id"], _field(t, 360000000001)) for t in {t["id"]: t for t in tickets}.values()
    )
    assert max(seen_by.values()) > 1
    assert len(list(estate.inbox.glob("tickets/zendesk/*/*_broken.json"))) == 1


def test_some_ask_two_agents_at_once_and_some_incidents_have_no_caller(estate, tickets):
    newest = {ticket["id"]: ticket for ticket in tickets}
    asked = {}
    for ticket in sorted(newest.values(), key=lambda one: one["created_at"]):
        asked.setdefault((ticket["requester_id"], _field(ticket, 360000000001)), []).append(ticket)
    pairs = [pair for pair in asked.values() if len(pair) > 1]
    assert any(
        first["status"] == "open" or second["created_at"] < first["updated_at"]
        for first, second in pairs
    )
    truth = estate.truth("tasks")
    assert set(truth["is_redundant"]) == {True, False, None}
    # who asks the same agent again, or a person, buys nothing twice of another
    assert truth["is_redundant"].sum() < len(pairs)
    incidents = truth.filter(pl.col("system") == "servicenow")
    assert 0 < incidents["is_redundant"].null_count() < incidents.height


def test_reviews_are_random_or_triggered(tickets):
    reviewed = [ticket for ticket in tickets if _field(ticket, 360000000009) == "human"]
    random = [ticket for ticket in reviewed if _field(ticket, 360000000011)]
    assert random
    assert all(_field(ticket, 360000000012) is not None for ticket in random)
    triggered = [ticket for ticket in reviewed if not _field(ticket, 360000000011)]
    assert triggered
    assert all(_field(ticket, 360000000012) is None for ticket in triggered)


def test_capital_is_lost_and_won(tickets):
    gains = [Decimal(value) for value in (_field(t, 360000000014) for t in tickets) if value]
    assert min(gains) < 0 < max(gains)
    assert any(_field(ticket, 360000000015) for ticket in tickets)


def test_people_have_a_queue_and_harder_cases(estate):
    tasks = estate.truth("tasks")
    hard = {
        is_human: tasks.filter((pl.col("agent_id") == "__human__") == is_human)["is_hard"].mean()
        for is_human in (True, False)
    }
    assert hard[True] > 2 * hard[False]
    assert tasks["logged_minutes"].count() > 0
    assert (estate.inbox / "reference/time_entries.csv").read_text().endswith(",abc,review\n")


def test_every_outcome_class_occurs(estate):
    assert set(estate.truth("tasks")["outcome_class"]) == {
        "autonomous_success", "assisted_success", "failure", "open", "unconfirmed", "unobserved",
    }  # fmt: skip


def test_what_is_settled_stays_so_and_what_is_open_ends(estate):
    tasks = estate.truth("tasks")
    assert set(tasks["eventual_class"]) == {
        "autonomous_success", "assisted_success", "failure", "unconfirmed", "unobserved",
    }  # fmt: skip
    failed = tasks.filter(pl.col("outcome_class") == "failure")
    assert set(failed["eventual_class"]) == {"failure"}


def test_the_incident_log_is_versioned_and_has_a_malformed_row(estate):
    rows = [
        row
        for path in sorted(estate.inbox.glob("tickets/servicenow/*/*.csv"))
        for row in csv.DictReader(path.open(newline=""))
    ]
    assert max(Counter(row["number"] for row in rows).values()) >= 2
    assert sum(row["opened_at"].startswith("99/") for row in rows) == 1
    assert {row["incident_state"] for row in rows} >= {"New", "Active", "Resolved"}


def test_the_evaluator_errs_as_often_as_it_should(estate):
    rates = json.loads((estate.folder / "truth/rates.json").read_text())["evaluator"]
    validation = rates["validation"]
    assert rates["sensitivity"] == validation["tp"] / (validation["tp"] + validation["fn"])
    assert rates["specificity"] == validation["tn"] / (validation["tn"] + validation["fp"])
    files = list(estate.inbox.glob("tokens/otlp/evaluations_*.jsonl"))
    lines = [json.loads(text) for path in files for text in path.read_text().splitlines()]
    assert len(lines) == estate.summary.evaluations > 100
    logs = [line["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0] for line in lines]
    assert {log["eventName"] for log in logs} == {"gen_ai.evaluation.result"}


def test_gpus_are_shared_dedicated_idle_and_sometimes_unseen(estate):
    days = [json.loads(path.read_text()) for path in sorted(estate.inbox.glob("gpu/*.json"))]
    assert len(days) == 28
    series = [one for day in days for one in day["data"]["result"]]
    util = [one for one in series if one["metric"]["__name__"] == "DCGM_FI_DEV_GPU_UTIL"]
    pods = {}
    for one in util:
        pods.setdefault(one["metric"]["UUID"], set()).add(one["metric"]["pod"])
    assert max(map(len, pods.values())) == 2
    assert any(value == BLANK for one in util for _, value in one["values"])
    assert any(value == "153" for one in util for _, value in one["values"])
    assert any(len(one["values"]) < 288 for one in util)
    assert any(one["metric"]["__name__"] == "DCGM_FI_PROF_SM_ACTIVE" for one in series)
    with (estate.inbox / "reference/gpu_resources.csv").open() as file:
        assert any(row["dedicated_agent_id"] for row in csv.DictReader(file))


def test_the_first_agent_drifts(estate):
    rates = estate.truth("rates").filter(pl.col("agent_id") == "support-triage").sort("day")
    one = rates.filter(pl.col("task_type") == "question")
    first, last = one["hallucination_probability"][0], one["hallucination_probability"][-1]
    assert last == pytest.approx(2.5 * first)
    assert one["success_probability"][-1] < one["success_probability"][0]


def test_hours_are_kept_in_windows_around_the_clock_and_for_all_others(estate):
    lines = pl.read_csv(estate.inbox / "reference/service_hours.csv", infer_schema=False)
    windows = lines.group_by("department", "weekday").len()
    assert windows.filter(department="support", weekday="1")["len"].to_list() == [2]
    assert windows.filter(department="support", weekday="7").is_empty()
    around_the_clock = lines.filter(department="operations")
    assert set(around_the_clock["closes_at"]) == {"24:00"}
    assert around_the_clock["people"].is_null().all()
    assert lines["department"].is_null().sum() == 5
