"""Random facts that obey the facts' own laws, and two ways to sum them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pytest

from roi_engine.marts import MARTS, needs, required
from roi_engine.marts.contract import fact
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params
from tests.marts import exposures, people, planning, trading

FIRST = date(2026, 1, 1)
DAYS = 31
AGENTS = ("a1", "a2", "a3", "__human__")
OUTCOMES = (
    "autonomous_success",
    "autonomous_success",
    "assisted_success",
    "failure",
    "unconfirmed",
    "open",
    "unobserved",
)


PRICES = [
    {
        "price_id": f"{model}:{tier}",
        "provider": "p1",
        "model": model,
        "tier": tier,
        "context_from": 0,
        "input_uncached_per_million": rate,
        "cache_read_per_million": "0.3",
        "output_per_million": "15",
        "valid_from": datetime.fromisoformat("0001-01-01"),
    }
    for model, tier, rate in (("m1", "standard", "3"), ("m1", "batch", "1.5"), ("m2", "batch", "1"))
]


def charge_of(line: dict, number: int) -> dict:
    """Return the charge of which an allocation is the whole."""
    cost = line["allocated_cost"]
    return {
        **{name: line[name] for name in ("charge_id", "day", "charge_category", "cost_basis")},
        "provider": "P1" if number % 4 else "p2",
        "model": f"m{number % 3}" if number % 3 else None,
        "origin": "estimate" if line["cost_basis"] == "estimated" else "bill",
        "billing_period_start": datetime.fromisoformat("2026-01-01"),
        "invoice_id": f"invoice-{number % 5}" if number % 5 else None,
        "charge_class": "Correction" if number % 41 == 0 else None,
        "cost_class": line["cost_class"],
        "billed_cost": cost,
        "list_cost": cost if number % 3 else str(2 * Decimal(cost)),
        "cost": cost,
        "currency": "USD",
        "billing_currency": "USD",
    }


def call_of(number: int) -> dict:
    """Return whom a step called, and at which price."""
    model, tier, *_ = ("m1", "batch") if number % 3 else ("m2", "standard")
    return {
        "provider": "p1" if number % 5 else "p2",
        "model": model,
        "tier": tier,
        "price_id": f"{model}:{tier}",
        "price_currency": "USD",
        "cache_read_tokens": 100 * (number % 4),
        "is_error": number % 9 == 0,
    }


def estate(seed: int, tasks: int = 400, days: int = DAYS) -> dict[str, pl.DataFrame]:
    """Return facts of a small random estate."""
    rng = np.random.default_rng(seed)
    # columns that came later draw from a stream of their own
    more = np.random.default_rng([seed, 1])

    def day() -> date:
        return FIRST + timedelta(days=int(rng.integers(days)))

    def money(scale: int, low: int = -(10**4), high: int = 10**6) -> str:
        return str(
            Decimal(int(rng.integers(low, high)) * 10**6 + int(rng.integers(10**6))).scaleb(-scale)
        )

    def cell() -> dict:
        return {
            "agent_id": str(rng.choice(AGENTS)),
            "model_version": str(rng.choice(["m1", "m2"])),
            "task_type": str(rng.choice(["t1", "t2", "novel"])),
            "department": str(rng.choice(["d1", "d2"])),
            "channel": "chat",
        }

    lines, work, shares_of, hours, steps = [], [], [], [], []
    billed = []
    for number in range(tasks):
        name, at, own = f"task-{number}", day(), cell()
        outcome = str(rng.choice(OUTCOMES))
        ended = outcome not in {"open", "unobserved"}
        reviewed = ended and rng.random() < 0.3
        is_random = reviewed and rng.random() < 0.7
        judged = ended and rng.random() < 0.5
        work.append(
            {
                "task_id": name,
                "day": at,
                **own,
                "outcome_class": outcome,
                "is_ended": ended,
                "is_output_delivered": ended and outcome != "unconfirmed",
                "is_escalated": bool(outcome == "assisted_success"),
                "is_mature": ended and bool(rng.random() < 0.95),
                "is_novel": own["task_type"] == "novel",
                "has_speed_value": bool(rng.random() < 0.5),
                "human_equivalent_cost": money(12, low=0),
                "labour_value": money(15),
                "speed_value": money(15) if rng.random() < 0.5 else None,
                "direct_value": money(15) if rng.random() < 0.5 else None,
                "avoided_loss": None,
                "human_cost": money(9, low=0, high=10**4),
                "human_minutes": "3" if outcome == "assisted_success" else "0",
                "is_human_reviewed": reviewed,
                "is_hallucination": reviewed and bool(rng.random() < 0.1),
                "is_random_review": is_random,
                "sampling_probability": float(rng.choice([0.25, 0.5]))
                if reviewed and not is_random and rng.random() < 0.5
                else None,
                "evaluator_id": str(rng.choice(["judge", "coin"])) if judged else None,
                "evaluator_verdict": bool(rng.random() < 0.2) if judged else None,
                "evidence": str(rng.choice(["measured", "published", "assumed"])),
                "failed_by": "rejected" if outcome == "failure" and more.random() < 0.5 else None,
                "failure_reason": "policy_violation" if more.random() < 0.05 else None,
                "is_approved_by_human": bool(more.random() < 0.7) if judged else None,
                "inference_microseconds": int(more.integers(10**8)) if number % 9 else None,
                "priced_cost": str(Decimal(int(more.integers(10**10))).scaleb(-9))
                if number % 8
                else None,
                "tokens": int(more.integers(10**6)),
                "remediation_minutes": "15",
                "hourly_cost": "50",
                "liability_per_hallucination": "2" if own["task_type"] != "t2" else None,
            }
        )
        shares = [Decimal("0.333333334"), Decimal("0.666666666")]
        credited = {own["agent_id"]: Decimal(1)}
        if number % 3 == 0:
            credited = dict(zip(("a1", "a2"), shares, strict=True))
        shares_of += [
            {
                "task_id": name,
                "day": at,
                "agent_id": who,
                "model_version": own["model_version"],
                "credit": share,
            }
            for who, share in credited.items()
        ]
        who = own["agent_id"] if own["agent_id"] != "__human__" else "__unallocated__"
        if number % 25 == 0:
            who = str(rng.choice(["__idle__", "__out_of_scope__", "__deferred__"]))
        lines.append(
            {
                "charge_id": f"charge-{number}",
                "day": at,
                **own,
                "agent_id": who,
                "outcome_class": outcome if who.startswith("a") else "__unknown__",
                "cost_class": "idle"
                if who == "__idle__"
                else str(rng.choice(["token_api", "gpu", "platform", "training", "other"])),
                "charge_category": "Credit" if rng.random() < 0.05 else "Usage",
                "cost_basis": "estimated" if rng.random() < 0.05 else "billed",
                "allocated_cost": money(9, low=-100, high=10**4),
                "reason": "untraced" if number % 3 == 0 else None,
            }
        )
        billed.append(charge_of(lines[-1], number))
        if outcome in {"assisted_success", "failure"}:
            hours.append(
                {
                    "task_id": name,
                    "day": at,
                    **own,
                    "human_cost": money(9, low=0, high=10**4),
                    "basis": str(rng.choice(["logged", "assumed"])),
                }
            )
        steps.append(
            {
                "action_id": f"action-{number}",
                "day": at,
                "agent_id": own["agent_id"],
                "task_id": name if number % 4 else None,
                "model_version": own["model_version"],
                "operation": "chat",
                "tool": str(rng.choice(["search", "sql"])) if number % 5 == 0 else None,
                "is_rollup": number % 7 == 0,
                "initiated_by": str(more.choice(["human", "schedule", "__unknown__"])),
                "is_approved_by_human": bool(more.random() < 0.5) if number % 3 else None,
                # of no task, of one asked for once, of one bought again
                "is_redundant": (None, False, True, False)[number % 4],
                "cost_status": "unpriced" if number % 6 == 0 else "priced",
                "priced_cost": None if number % 6 == 0 else money(9, low=0, high=10**3),
                "input_uncached_tokens": None if number % 7 == 0 else int(rng.integers(10**5)),
                "output_visible_tokens": int(rng.integers(10**4)),
            }
        )
    for number, step in enumerate(steps):
        step.update(call_of(number))
    people.describe(seed, work, steps)
    people.log(seed, hours, FIRST)
    planning.describe(work)
    return {
        "fct_cost_allocation": fact("fct_cost_allocation", lines),
        "fct_charge": fact("fct_charge", billed),
        "fct_gateway_cost": fact(
            "fct_gateway_cost",
            [
                {
                    **{name: step.get(name) for name in ("action_id", "day", "provider")},
                    "priced_cost": step.get("priced_cost"),
                    "logged_cost": "0.25",
                }
                for step in steps[::2]
            ],
        ),
        "fct_provider_report": fact(
            "fct_provider_report",
            [
                {
                    "day": FIRST + timedelta(days=shift),
                    "provider": "p1",
                    "system": "costs",
                    "reported_cost": f"{shift}.25" if shift % 5 else None,
                }
                for shift in range(0, days, 2)
            ],
        ),
        "dim_price": fact("dim_price", PRICES),
        "fct_task": fact("fct_task", work),
        "fct_task_credit": fact("fct_task_credit", shares_of),
        "fct_time_entry": fact("fct_time_entry", hours),
        "fct_agent_action": fact("fct_agent_action", steps),
        "fct_wallet_entry": fact("fct_wallet_entry", wallet_entries(lines)),
        **people.facts(seed, work, FIRST, days),
        **exposures.facts(seed, work, FIRST, days),
        **planning.facts(FIRST, days),
        **trading.facts(seed, work, FIRST, days),
        "dim_task_type": fact(
            "dim_task_type",
            [
                {
                    "task_type": "t1",
                    "realisation_rate": 0.3,
                    "approved_by": "cfo",
                    "baseline_minutes": "14",
                    "low": "10",
                    "high": "20",
                },
                {"task_type": "t2", "realisation_rate": 0.9},
                {"task_type": "novel", "is_novel": True, "valid_from": FIRST},
            ],
        ),
        "dim_policy": fact(
            "dim_policy",
            [
                {"band": "reactive", "decision": "propose_only", "budget_cap": "5"},
                {"band": "assisted", "decision": "execute", "budget_cap": "0.000002"},
                {"band": "insufficient_data", "decision": "propose_only", "budget_cap": "1"},
            ],
        ),
        "fct_quality_review": fact("fct_quality_review", looked_at(work)),
        "dim_evaluator": fact(
            "dim_evaluator",
            [
                {"evaluator_id": "judge", "tp": 80, "fn": 20, "tn": 190, "fp": 10}
                | {"rubric_version": "2"},
                {"evaluator_id": "coin", "tp": 50, "fn": 50, "tn": 50, "fp": 50},
            ],
        ),
    }


def looked_at(work: list[dict]) -> list[dict]:
    """Return the reviews of tasks: people's rubric changes in time, evaluators' by task type."""
    return [
        {
            "review_id": f"{kind}-{task['task_id']}",
            **{name: task[name] for name in ("day", "agent_id", "model_version", "task_type")},
            "reviewer_kind": kind,
            "evaluator_id": task["evaluator_id"] if kind == "evaluator" else None,
            "is_hallucination": task["is_hallucination"]
            if kind == "human"
            else task["evaluator_verdict"],
            "rubric_version": "1" if is_old else "2",
            "is_latest": kind == "human" or not task["is_human_reviewed"],
        }
        for task in work
        for kind, there, is_old in (
            ("human", task["is_human_reviewed"], task["day"] < FIRST + timedelta(days=10)),
            ("evaluator", task["evaluator_id"], task["task_type"] == "novel"),
        )
        if there
    ]


def wallet_entries(lines: list[dict]) -> list[dict]:
    """Return entries of a wallet that a1 and a2 share by the week, and one of a3 by the day."""
    spent: dict[tuple[date, str], Decimal] = {}
    for line in lines:
        key = line["day"], line["agent_id"]
        spent[key] = spent.get(key, Decimal(0)) + Decimal(line["allocated_cost"])
    entries = []
    for shift in range(DAYS):
        day = FIRST + timedelta(days=shift)
        for wallet, agent in (("shared", "a1"), ("shared", "a2"), ("own", "a3")):
            weekly = wallet == "shared"
            monday = day - timedelta(days=day.weekday())
            entries.append(
                {
                    "wallet_id": wallet,
                    "day": day,
                    "agent_id": agent,
                    "period": "week" if weekly else "day",
                    "period_start": monday if weekly else day,
                    "period_days": 7 if weekly else 1,
                    "allowance": "0.100000001",
                    "slope_limit_per_hour": "0.02" if weekly else None,
                    "spent": str(spent.get((day, agent), Decimal(0))),
                    "wallet_peak_hour_priced_cost": "0.03" if shift % 2 else "0.01",
                    "is_first_entry": agent != "a2",
                }
            )
    return entries


def params(*days: date) -> Params:
    """Return a run's choices for some days."""
    return Params(
        days=days,
        as_of=date(2026, 3, 15),
        min_group_size=5,
        transform_run_ids={day: f"run-{day}" for day in days},
    )


def history(facts: dict[str, pl.DataFrame], mart: str, given: Params) -> dict[str, pl.DataFrame]:
    """Return the facts, and for a standing mart the daily marts that it reads, of every day."""
    if not DECLARED[mart].standing:
        return facts
    days = sorted({day for name in facts if "day" in facts[name] for day in facts[name]["day"]})
    runs = {day: f"run-{day}" for day in days}
    every_day = replace(given, days=tuple(days), transform_run_ids=runs)
    read = {table for query in required(mart) for table in query.tables if table in DECLARED}
    return facts | {name: _every_day(facts, name, every_day) for name in sorted(read)}


_BUILT: dict[tuple, tuple[dict[str, pl.DataFrame], pl.DataFrame]] = {}


def _every_day(facts: dict[str, pl.DataFrame], mart: str, given: Params) -> pl.DataFrame:
    """Build a daily mart of many days once for the same facts; they are kept, so ids hold."""
    key = (mart, given.days, given.as_of, *(id(facts[name]) for name in sorted(facts)))
    if key not in _BUILT:
        _BUILT[key] = facts, build(facts, mart, given)
    return _BUILT[key][1]


def asked_of_polars(facts: dict[str, pl.DataFrame], mart: str, given: Params) -> dict:
    """Answer a mart's queries in Polars."""
    tables = history(facts, mart, given)
    answers = {query.name: run(query, tables, given.days) for query in required(mart)}
    return answers | {name: build(facts, name, given) for name in needs(mart)}


def asked_of_duckdb(facts: dict[str, pl.DataFrame], mart: str, given: Params) -> dict:
    """Answer a mart's queries in DuckDB, as the warehouse does."""
    with duckdb.connect(config={"threads": 2}) as con:
        for table, frame in history(facts, mart, given).items():
            con.register("frame", frame)
            con.execute(f"create table {table} as from frame")
        answers = {
            query.name: pl.from_arrow(con.execute(query.sql("main", given.days)).to_arrow_table())
            for query in required(mart)
        }
    return answers | {name: build(facts, name, given) for name in needs(mart)}


def build(facts: dict[str, pl.DataFrame], mart: str, given: Params) -> pl.DataFrame:
    """Build a mart from facts."""
    return MARTS[mart].build(asked_of_polars(facts, mart, given), given)


@pytest.fixture(scope="session")
def facts() -> dict[str, pl.DataFrame]:
    return estate(seed=1)


@pytest.fixture(scope="session")
def make_estate() -> Callable[..., dict[str, pl.DataFrame]]:
    return estate


@pytest.fixture(scope="session")
def make_params() -> Callable[..., Params]:
    return params


@pytest.fixture(scope="session")
def build_mart() -> Callable[..., pl.DataFrame]:
    return build


@pytest.fixture(scope="session")
def polars_answers() -> Callable[..., dict]:
    return asked_of_polars


@pytest.fixture(scope="session")
def duckdb_answers() -> Callable[..., dict]:
    return asked_of_duckdb
