"""The ledger balances, and small cases worked out by hand come out of it."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from roi_engine.simulate import roster
from roi_engine.simulate.bill import PROVIDERS, UNIT, Line
from roi_engine.simulate.cells import Use, overhead
from roi_engine.simulate.charges import Charge, billed_charges
from roi_engine.simulate.exports import Billed
from roi_engine.simulate.gpus import Reading, fleet
from roi_engine.simulate.horizon import DAY_US, HOUR_US, micros
from roi_engine.simulate.ledger import Ledger
from roi_engine.simulate.reference import allocation_rules

DAY = date(2026, 1, 1)
CREW = roster.agents(6)
START = micros(DAY)
BY_NAME = {one.provider: one for one in PROVIDERS}


def line(provider="anthropic", **fields):
    one = BY_NAME[provider]
    blank = Line("line", one, one.service, "AI", START, START + DAY_US, 0, 0, 0)
    return Line(**({name: getattr(blank, name) for name in Line.__dataclass_fields__} | fields))


def use(agent="support-triage", task_type="question", **fields):
    cell = (agent, "m", task_type, "support", "chat", "autonomous_success")
    amounts = {
        "priced_nano": 0,
        "tokens": 0,
        "inference_us": 0,
        "unpriced_calls": 0,
        "stated_nano": 0,
    }
    return Use(cell, **({"provider": "anthropic", "model": "sim-haiku"} | amounts | fields))


def allocate(charges, uses, readings=()):
    by_resource = {}
    for reading in readings:
        by_resource.setdefault((reading.gpu.resource_id, DAY), []).append(reading)
    ledger = Ledger(CREW, allocation_rules(CREW), {DAY: uses}, charges, by_resource)
    return {
        (entry.cell[0], entry.cell[2], entry.cost_class, entry.reason): entry.nano
        for entry in ledger.allocate()
    }


def charge(of, nano, cost_class="token_api", **fields):
    return Charge("c", DAY, cost_class, nano, START, START + DAY_US, of, **fields)


def test_every_charge_of_every_day_balances(estate):
    ledger = estate.truth("ledger").group_by("charge_key", "day").agg(pl.sum("allocated_nano"))
    both = estate.truth("charges").join(ledger, on=["charge_key", "day"], how="full")
    assert both.null_count()["allocated_nano"].item() == 0
    assert both.filter(pl.col("allocated_nano") != pl.col("nano")).height == 0


def test_no_reserved_member_is_missing(estate):
    members = set(estate.truth("ledger")["agent_id"])
    assert {"__unallocated__", "__out_of_scope__", "__deferred__", "__idle__"} <= members
    reasons = set(estate.truth("ledger")["reason"])
    assert {
        "untraced", "not_sampled", "no_rule", "zero_amount", "shared_idle", "dedicated_idle",
        "unused_commitment", "written_off",
    } <= reasons  # fmt: skip


def test_totals_by_agent_are_the_ledger(estate):
    table = pl.read_csv(
        estate.folder / "truth/ledger_by_agent.csv", schema_overrides={"total": pl.Decimal(38, 9)}
    )
    ledger = estate.truth("ledger")
    assert table["total"].sum() * 10**9 == ledger["allocated_nano"].sum()


def test_only_the_traced_share_of_a_bill_reaches_cells():
    billed = line(model="sim-haiku", quantity=150 * UNIT, unit="Tokens", effective=1)
    shared = allocate(
        [charge(billed, 3_000)],
        [use(tokens=60, priced_nano=10), use(agent="sre-oncall", tokens=40, priced_nano=30)],
    )
    assert shared == {
        ("__unallocated__", "__unknown__", "token_api", "untraced"): 1_000,
        ("support-triage", "question", "token_api", None): 500,
        ("sre-oncall", "question", "token_api", None): 1_500,
    }


def test_traces_above_the_bill_explain_all_of_it():
    billed = line(model="sim-haiku", quantity=50 * UNIT // 1000, unit="1K Tokens")
    shared = allocate([charge(billed, 10)], [use(tokens=60, priced_nano=1)])
    assert shared == {("support-triage", "question", "token_api", None): 10}


def test_without_tokens_on_the_bill_its_list_cost_tells_the_share():
    billed = line("google", model="sim-flash", quantity=9 * UNIT, unit="Requests", list_cost=UNIT)
    used = [use(provider="google", model="sim-flash", tokens=5, priced_nano=250_000_000)]
    shared = allocate([charge(billed, 8)], used)
    assert shared["__unallocated__", "__unknown__", "token_api", "untraced"] == 6
    assert shared["support-triage", "question", "token_api", None] == 2


def test_one_unpriced_call_makes_tokens_the_weight_of_its_group():
    billed = line("mistral", quantity=100 * UNIT // 1000, unit="1K Tokens")
    used = [
        use(provider="mistral", model="sim-large", tokens=75, priced_nano=999),
        use(agent="sre-oncall", provider="mistral", model="sim-beta", tokens=25, unpriced_calls=1),
    ]
    shared = allocate([charge(billed, 1_000)], used)
    assert shared["support-triage", "question", "token_api", None] == 750
    assert shared["sre-oncall", "question", "token_api", None] == 250


def test_a_rule_leaves_what_it_does_not_give():
    tagged = line(service="Agent Object Storage", tags={" agent ": "common"})
    shared = allocate([charge(tagged, 1_000, "storage")], [use(inference_us=5)])
    assert shared == {
        ("support-triage", "question", "storage", None): 500,
        ("research-writer", "__unknown__", "storage", None): 250,
        ("__unallocated__", "__unknown__", "storage", "no_rule"): 250,
    }


def test_a_gpu_is_busy_idle_or_not_measured():
    gpu = next(one for one in fleet(CREW) if one.dedicated_to is not None)
    # an hour of samples, a quarter of it busy; 23 hours without
    reading = Reading(
        gpu, 0, START + np.arange(12) * (HOUR_US // 12), np.full(12, HOUR_US // 12),
        np.full((1, 12), HOUR_US // 48),
    )  # fmt: skip
    agent = CREW[gpu.dedicated_to]
    billed = line(service="GPU Instances", resource_id=gpu.resource_id)
    shared = allocate([charge(billed, 24_000, "gpu")], [], [reading])
    cell = overhead(agent)
    assert shared == {
        (agent.agent_id, cell[2], "gpu", None): 250,
        (agent.agent_id, cell[2], "idle", "dedicated_idle"): 750,
        ("__unallocated__", "__unknown__", "gpu", "not_sampled"): 23_000,
    }


@pytest.mark.parametrize("effective", [10**15 + 1, -(10**15) - 7, 333_333_333])
def test_a_long_charge_is_split_by_time_and_loses_nothing(effective):
    long = line(start_us=START + 6 * HOUR_US, end_us=START + 54 * HOUR_US, effective=effective)
    charges = billed_charges([Billed(long, DAY, DAY, DAY)])
    assert [one.day.day for one in charges] == [1, 2, 3]
    total = sum(one.nano for one in charges)
    assert abs(total * 10**6 - effective) <= 5 * 10**5
    assert abs(charges[1].nano) >= max(abs(charges[0].nano), abs(charges[2].nano))


def test_training_comes_back_to_the_nano_unit(estate):
    charges = estate.truth("charges")
    deferred = charges.filter(pl.col("description") == "training run-2026-a")["nano"].sum()
    back = charges.filter(pl.col("charge_key") == "training:run-2026-a")
    assert back.height == 9
    assert back["nano"].sum() == deferred
    assert back["nano"].unique().len() <= 2
