"""What an agent may do follows from proven share, safety and money, and from nothing else."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params

TODAY = date(2026, 3, 31)
CELL = {"model_version": "m", "task_type": "refund"}
CAPS = {"reactive": "5", "assisted": "10", "transitional": "20", "self_directed": "40"}


def mart_rows(mart: str, rows: list[dict]) -> pl.DataFrame:
    """Return rows of a mart; what a row does not say is NULL, or nothing for a sum."""
    schema = DECLARED[mart].schema
    blank = {
        name: Decimal(0) if isinstance(dtype, pl.Decimal) else 0 if dtype == pl.Int64 else None
        for name, dtype in schema.items()
    }
    return pl.DataFrame([blank | row for row in rows], schema=schema)


def decided(
    *,
    low=0.55,
    value_low=3.0,
    spend="10",
    successes=(10, 10),
    violations=0,
    lost=0.0,
    rate_low=0.0,
    remaining="100",
    history=28,
    mature_until=TODAY,
    reviews=(),
    ended=300,
    still=0,
    min_group_size=30,
):
    """Return the policy of one agent after days that are all alike, and ``still`` ones without."""
    days = [TODAY - timedelta(days=still + back) for back in range(history)]
    agent = {"agent_id": "triage", "evidence": "measured", "cost_basis": "billed"}
    asr = [
        agent
        | {
            "day": day,
            "status": "final",
            "asr_spend_low_28d": low,
            "asr_value_low_28d": value_low,
            "cost_per_action_28d": 0.5,
            "days_28d": 28,
            "violations_28d": violations,
            "actions_28d": 1000,
            "ended_tasks_28d": ended,
            "spend": Decimal(spend),
            "spend_28d": 28 * Decimal(spend),
            "autonomous_successes": successes[day > TODAY - timedelta(days=14)],
        }
        for day in days
    ]
    adjusted = [
        agent
        | {
            "day": day,
            **CELL,
            "gross_value": Decimal(50),
            "adjusted_value": 50.0 - lost,
            "hallucination_cost": 0.0,
            "hallucination_rate_low": rate_low,
        }
        for day in days
    ]
    wallet = {"day": TODAY, "wallet_id": "support", "remaining": Decimal(remaining)}
    tables = {name: fact(name) for name in FACTS} | {
        "daily_asr": mart_rows("daily_asr", asr),
        "daily_hallucination_adjusted_cost": mart_rows(
            "daily_hallucination_adjusted_cost", adjusted
        ),
        "daily_wallet": mart_rows("daily_wallet", [wallet]),
        "fct_task": fact("fct_task", list(reviews)),
        "fct_wallet_entry": fact(
            "fct_wallet_entry", [{"wallet_id": "support", "day": TODAY, "agent_id": "triage"}]
        ),
        "dim_policy": fact(
            "dim_policy",
            [
                {
                    "band": band,
                    "decision": "execute"
                    if band in {"transitional", "self_directed"}
                    else "propose_only",
                    "budget_cap": cap,
                    "approval": "lead",
                }
                for band, cap in CAPS.items()
            ],
        ),
    }
    params = Params(
        days=(TODAY,),
        as_of=mature_until + timedelta(days=7),
        min_group_size=min_group_size,
        transform_run_ids={TODAY: "run"},
    )
    answers = {query.name: run(query, tables, params.days) for query in required("policies")}
    return MARTS["policies"].build(answers, params).row(0, named=True)


def test_a_proven_agent_that_earns_its_money_gets_the_band_s_budget():
    row = decided()
    assert (row["proven_band"], row["mode"], row["mode_reason"]) == (
        "transitional",
        "execute",
        "band",
    )
    assert (row["budget_cap"], row["budget_reason"]) == (Decimal(20), "policy")
    # 20 of the cap, though the wallet has 100, at 0.5 an action
    assert (row["money_left"], row["calls_left"]) == (Decimal(100), 40)


@pytest.mark.parametrize(
    ("low", "band", "mode"),
    [
        (0.19, "reactive", "propose_only"),
        (0.49, "assisted", "propose_only"),
        (0.6, "transitional", "execute"),
        (0.61, "self_directed", "execute"),
        (None, "insufficient_data", "propose_only"),
    ],
)
def test_the_band_is_that_of_the_lower_end(low, band, mode):
    row = decided(low=low)
    assert (row["proven_band"], row["mode"]) == (band, mode)


def test_a_band_without_a_policy_gives_no_money():
    row = decided(low=None)
    assert (row["mode_reason"], row["budget_reason"]) == ("no_policy", "no_policy")
    assert row["budget_cap"] is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"violations": 2}, "violations", id="two violations in 1000 actions"),
        pytest.param({"rate_low": 0.25}, "hallucinations", id="a quarter is certainly wrong"),
    ],
)
def test_safety_comes_before_the_band(given, reason):
    row = decided(low=0.9, **given)
    assert (row["proven_band"], row["mode"], row["mode_reason"]) == (
        "self_directed",
        "propose_only",
        reason,
    )


def test_value_that_does_not_survive_verification_earns_no_more():
    # 28 days lose 25 each: 700 of 280 spent is 2.5, so 3.0 is certainly worth 0.5
    row = decided(lost=25.0)
    assert row["verified_asr_value_low"] == pytest.approx(0.5)
    assert (row["budget_reason"], row["budget_cap"]) == ("not_verified", Decimal(10))


def test_an_agent_that_is_still_is_verified_by_the_window_of_its_last_day():
    row = decided(lost=25.0, still=20)
    assert row["verified_asr_value_low"] == pytest.approx(0.5)


def test_too_few_ended_tasks_prove_nothing():
    assert decided(low=0.9, ended=30)["proven_band"] == "self_directed"
    few = decided(low=0.9, ended=29)
    assert (few["proven_band"], few["mode"]) == ("insufficient_data", "propose_only")
    assert decided(low=0.9, ended=29, min_group_size=29)["proven_band"] == "self_directed"


@pytest.mark.parametrize(
    ("spend", "mean"), [("0.000000001", "0.000000001"), ("-0.5", "-0.5"), ("10", "10")]
)
def test_the_mean_spend_of_a_day_is_rounded(spend, mean):
    assert decided(spend=spend)["present_spend"] == Decimal(mean)


def test_a_dearer_success_earns_no_more():
    row = decided(successes=(10, 8))
    assert row["cost_per_success_change"] == pytest.approx(0.25)
    assert (row["budget_reason"], row["budget_cap"]) == ("cost_rises", Decimal(10))


def test_without_a_time_before_nothing_is_earned():
    assert decided(history=14)["budget_reason"] == "not_verified"


def test_days_whose_tasks_may_still_be_reopened_prove_nothing():
    row = decided(mature_until=TODAY - timedelta(days=22))
    assert (row["mature_days"], row["proven_band"]) == (6, "insufficient_data")
    assert decided(mature_until=TODAY - timedelta(days=21))["proven_band"] == "transitional"


def test_an_empty_wallet_stops_every_call():
    row = decided(remaining="-1")
    assert (row["is_wallet_empty"], row["calls_left"]) == (True, 0)


def seen(back: int, number: int, wrong: int, **columns) -> list[dict]:
    """Return reviewed outputs of one day, the first of them hallucinated."""
    return [
        {
            "task_id": f"{back}-{at}-{columns.get('task_type')}",
            "day": TODAY - timedelta(days=back),
            "agent_id": "triage",
            **CELL,
            "is_output_delivered": True,
            "is_human_reviewed": True,
            "is_hallucination": at < wrong,
            "is_random_review": True,
        }
        | columns
        for at in range(number)
    ]


@pytest.mark.parametrize(
    ("reviews", "is_drifted", "reason"),
    [
        # 0.06 → 0.30: Wilson's [0.0206, 0.1622] and [0.1910, 0.4375], 0.24 − 0.1494 > 0
        pytest.param(seen(14, 50, 3) + seen(13, 50, 15), True, "rate_drifted", id="rose"),
        pytest.param(seen(14, 50, 15) + seen(13, 50, 3), True, "rate_drifted", id="fell"),
        # 0.06 → 0.16: 0.10 − 0.1277 < 0
        pytest.param(seen(14, 50, 3) + seen(13, 50, 8), False, "policy", id="chance"),
        pytest.param(seen(13, 50, 3) + seen(12, 50, 15), None, "policy", id="one half only"),
        pytest.param(seen(28, 50, 3) + seen(0, 50, 15), None, "policy", id="before the window"),
        pytest.param([], None, "policy", id="no review"),
        pytest.param(
            seen(14, 50, 3) + seen(13, 50, 15, is_random_review=False),
            None,
            "policy",
            id="reviewed for a reason",
        ),
    ],
)
def test_a_rate_that_moved_inside_the_window_earns_no_more(reviews, is_drifted, reason):
    row = decided(reviews=reviews)
    assert (row["is_rate_drifted"], row["budget_reason"]) == (is_drifted, reason)
    assert row["budget_cap"] == (Decimal(10) if is_drifted else Decimal(20))
    assert row["mode"] == "execute"


def test_an_agent_with_many_kinds_of_work_is_not_flagged_by_chance():
    # 0.06 → 0.20 is 0.14 − 0.1346 > 0 alone, and at 1 − 0.05/2 it is 0.14 − 0.1533 < 0
    one = seen(14, 50, 3) + seen(13, 50, 10)
    other = seen(14, 50, 3, task_type="invoice") + seen(13, 50, 3, task_type="invoice")
    assert decided(reviews=one)["is_rate_drifted"]
    assert not decided(reviews=one + other)["is_rate_drifted"]


def test_a_drifted_rate_loosens_no_brake():
    reviews = seen(14, 50, 3) + seen(13, 50, 15)
    row = decided(low=0.9, rate_low=0.25, reviews=reviews)
    assert (row["mode"], row["mode_reason"]) == ("propose_only", "hallucinations")
