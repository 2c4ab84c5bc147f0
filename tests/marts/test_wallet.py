"""A wallet is counted once however many agents share it, and its flags say what they say."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params

MONDAY = date(2026, 3, 2)


def wallets(
    spent, *, day, allowance="70", period_days=7, peak="0", slope=None, earned="0", still=()
):
    """Return the wallet's row of a day; ``spent`` is what each agent spent, day by day.

    Each agent was allocated 10 and earned ``earned`` on the first day; those that are ``still``
    have no row of daily_asr.
    """
    entries, agents = [], []
    lines = [
        {"day": MONDAY, "agent_id": agent, "allocated_cost": "10", "cost_class": "token_api"}
        for agent in spent[0]
    ]
    tasks = [
        {
            "task_id": agent,
            "day": MONDAY,
            "agent_id": agent,
            "outcome_class": "autonomous_success",
            "is_ended": True,
            "is_escalated": False,
            "human_minutes": "0",
            "direct_value": earned,
        }
        for agent in spent[0]
    ]
    shares = [{"task_id": agent, "agent_id": agent, "credit": "1"} for agent in spent[0]]
    for shift, of_day in enumerate(spent):
        at = MONDAY + timedelta(days=shift)
        for agent, amount in sorted(of_day.items()):
            entries.append(
                {
                    "wallet_id": "support",
                    "day": at,
                    "agent_id": agent,
                    "period": "week" if period_days == 7 else "month",
                    "period_start": MONDAY,
                    "period_days": period_days,
                    "allowance": allowance,
                    "slope_limit_per_hour": slope,
                    "spent": amount,
                    "wallet_peak_hour_priced_cost": peak,
                    "is_first_entry": agent == min(of_day),
                }
            )
            if agent in still:
                continue
            agents.append(
                {
                    "day": at,
                    "agent_id": agent,
                    "autonomous_spend": Decimal(amount) / 2,
                    "evidence": "assumed" if agent == "b" else "measured",
                    "cost_basis": "billed",
                }
            )
    schema = DECLARED["daily_asr"].schema
    zeros = {name: Decimal(0) for name, kind in schema.items() if isinstance(kind, pl.Decimal)}
    asr = pl.DataFrame([dict.fromkeys(schema) | zeros | row for row in agents], schema=schema)
    tables = {name: fact(name) for name in FACTS} | {
        "fct_wallet_entry": fact("fct_wallet_entry", entries),
        "fct_cost_allocation": fact("fct_cost_allocation", lines),
        "fct_task": fact("fct_task", tasks),
        "fct_task_credit": fact("fct_task_credit", shares),
    }
    params = Params(days=(day,), as_of=day, transform_run_ids={day: "run"})
    answers = {query.name: run(query, tables, params.days) for query in required("daily_wallet")}
    answers["daily_asr"] = asr.filter(pl.col("day") == day)
    return MARTS["daily_wallet"].build(answers, params).row(0, named=True)


def test_two_agents_share_one_allowance():
    row = wallets([{"a": "6", "b": "4"}] * 3, day=MONDAY + timedelta(days=2))
    assert (row["agents"], row["allowance"], row["day_allowance"]) == (2, Decimal(70), Decimal(10))
    assert (row["spent"], row["spent_to_date"], row["remaining"]) == (10, 30, 40)
    assert row["utilisation"] == pytest.approx(3 / 7)
    # half of what each spent led to goals reached alone
    assert row["asr_allowance"] == pytest.approx(0.5)
    assert row["evidence"] == "assumed"


def test_an_agent_without_a_row_of_the_day_counts_in_the_window():
    spent, day = [{"a": "1", "b": "1"}, {"a": "1", "b": "0"}], MONDAY + timedelta(days=1)
    for still in ((), ("b",)):
        assert wallets(spent, day=day, earned="15", still=still)["asr_value_28d"] == 1.5


def test_the_rate_of_spending_is_carried_to_the_end():
    row = wallets([{"a": "20"}] * 3, day=MONDAY + timedelta(days=2))
    assert row["spend_rate"] == 20
    assert row["projected_spend"] == 60 + 4 * 20
    # 10 are left, at 20 a day: empty on the day after
    assert row["projected_exhaustion_day"] == MONDAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("earned", "flagged"),
    [pytest.param("9", True, id="9 for 10 spent"), pytest.param("10", False, id="10 for 10")],
)
def test_early_exhaustion_counts_only_where_money_does_not_come_back(earned, flagged):
    row = wallets([{"a": "20"}] * 3, day=MONDAY + timedelta(days=2), earned=earned)
    assert row["early_exhaustion_low_yield"] is flagged


def test_a_wallet_that_lasts_has_no_day_on_which_it_is_empty():
    row = wallets([{"a": "10"}] * 7, day=MONDAY + timedelta(days=6))
    assert row["remaining"] == 0
    assert row["over_limit"] is False
    assert row["projected_exhaustion_day"] == MONDAY + timedelta(days=6)
    assert (
        wallets([{"a": "9"}] * 7, day=MONDAY + timedelta(days=6))["projected_exhaustion_day"]
        is None
    )


def test_over_limit_by_a_nano_unit():
    spent = [{"a": "70.000000001"}]
    row = wallets(spent, day=MONDAY)
    assert (row["remaining"], row["over_limit"]) == (Decimal("-0.000000001"), True)


@pytest.mark.parametrize(
    ("peak", "slope", "over"),
    [("25", "25", False), ("25.000000001", "25", True), ("25", None, False)],
)
def test_over_slope_is_exact(peak, slope, over):
    row = wallets([{"a": "1"}], day=MONDAY, peak=peak, slope=slope)
    assert row["over_slope"] is over
    assert (row["slope"] is None) == (slope is None)


def test_hardly_used():
    assert wallets([{"a": "1.99"}], day=MONDAY)["under_used"] is True
    assert wallets([{"a": "2"}], day=MONDAY)["under_used"] is False


def test_the_days_parts_of_a_period_add_up_to_the_nano_unit():
    spent = [{"a": "0"}] * 31
    parts = [
        wallets(spent, day=MONDAY + timedelta(days=n), allowance="0.000000100", period_days=31)[
            "day_allowance"
        ]
        for n in range(31)
    ]
    assert sum(parts) == Decimal("0.000000100")
    assert set(parts) == {Decimal("0.000000003"), Decimal("0.000000004")}
