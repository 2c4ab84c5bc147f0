"""metrics.md §3, §4, §5 and §9: worked examples of what planning is made of."""

from decimal import Decimal

import pytest

from tests.golden.conftest import DAY

GOLDEN_TASKS = 100


def spend_and_succeed(estate, successes: int = GOLDEN_TASKS) -> None:
    """Add §3's example: 12 minutes at 50 an hour, 6 s of inference each, 400 in all."""
    estate.spend("400")
    for _ in range(successes):
        estate.task(
            baseline_minutes="12",
            hourly_cost="50",
            human_equivalent_cost="10",
            labour_value="9.916666666666666667",
        )


def test_thirty_per_cent_of_reports_for_a_tenth_of_the_money(estate):
    estate.spend("100000")
    for number in range(100):
        by_agent = number < 30
        estate.task(agent_id="triage" if by_agent else "__human__", credit={"triage": "1"})
    estate.rows["fct_time_entry"].append(
        {
            "task_id": "task-99",
            "day": DAY,
            "agent_id": "__human__",
            "department": "support",
            "human_cost": "900000",
            "basis": "logged",
        }
    )
    (row,) = estate.build("daily_function").to_dicts()
    assert (row["autonomous_outputs"], row["outputs"]) == (30, 100)
    assert row["autonomy_share"] == 0.3
    assert row["function_spend"] == 1_000_000
    assert row["treasury_share"] == 0.1


def test_an_ensemble_counts_value_once_and_spend_in_full(estate):
    # half a unit for all actions together, 500 of value credited to two agents
    credit = {"triage": "0.5", "closer": "0.5"}
    estate.task(ensemble_id="closer+triage", direct_value="500", priced_cost="0.50", credit=credit)
    estate.task(direct_value="7", priced_cost="3")
    # what a failure would have saved is no value
    failed = {"outcome_class": "failure", "labour_value": "9"}
    estate.task(ensemble_id="closer+triage", priced_cost="0", credit=credit, **failed)
    (row,) = estate.build("ensemble_asr").to_dicts()
    assert row["autonomous_value"] == row["gross_value"] == 500
    assert row["spend"] == Decimal("0.5")
    assert row["asr_value"] == 1000


def test_the_return_of_the_example_breaks_even_at_4_9_minutes(estate):
    spend_and_succeed(estate)
    rows = {row["input"]: row for row in estate.build("sensitivity").to_dicts()}
    minutes = rows["baseline_minutes"]
    assert minutes["roi"] == pytest.approx(1.479166666, abs=1e-9)
    assert minutes["assumed"] == 12
    assert minutes["break_even"] == pytest.approx(4.9)
    assert rows["hourly_cost"]["assumed"] == pytest.approx(50)
    assert rows["hourly_cost"]["break_even"] == pytest.approx(400 / 991.666666667 * 50)
    # 25 % of 12 minutes are 3 at 50 an hour, a hundred times, over 400
    assert minutes["swing"] == pytest.approx(2 * 100 * 3 / 60 * 50 / 400)
    assert minutes["range_basis"] == "plus_minus_25"
    assert {row["evidence"] for row in rows.values()} == {"assumed"}


def test_what_the_example_of_hallucinations_holds_without_any_rate(estate):
    estate.spend("400")
    loss = {
        "remediation_minutes": "15",
        "hourly_cost": "50",
        "liability_per_hallucination": "2",
        "later_detected_probability": 1.0,
    }
    for number in range(1000):
        seen, wrong = number < 50, number < 3
        estate.task(
            outcome_class="failure" if wrong else "autonomous_success",
            is_human_reviewed=seen,
            is_hallucination=wrong,
            is_random_review=seen,
            labour_value="0" if wrong else "1",
            **loss,
        )
    (row,) = estate.build("bounds").to_dicts()
    assert (row["known_right"], row["known_wrong"], row["unreviewed"]) == (47, 3, 950)
    assert (row["right_share_at_least"], row["right_share_at_most"]) == (0.047, 0.997)
    assert (row["adjusted_value_at_least"], row["adjusted_value_at_most"]) == (47, 997)
    # each of the 950 costs 2 + 15/60 · 50
    assert row["adjusted_cost_at_most"] == pytest.approx(400 + 950 * 14.5)
    assert row["adjusted_roi_at_least"] == pytest.approx(47 / 14175 - 1)
    assert row["adjusted_roi_at_most"] == pytest.approx(997 / 400 - 1)


def test_what_was_built_is_spread_over_its_months_to_the_last_billionth(estate):
    spend_and_succeed(estate)
    cost = {"agent_id": "triage", "starts_on": DAY.replace(day=4), "cost": "100.000000001"}
    estate.rows["dim_investment"].append(
        cost | {"ends_on": DAY.replace(month=2, day=3), "approved_by": "cfo"}
    )
    # that day was built, and others worked on it
    estate.spend("1", day=DAY.replace(day=4), agent_id="other")
    (row,) = estate.build("daily_portfolio").filter(agent_id="triage").to_dicts()
    # 30 days of 3.333333333 and a last one with the remainder; 28 of them are in the window
    assert row["build_cost_28d"] == 28 * Decimal("3.333333333")
    assert row["build_cost_left"] == Decimal("100.000000001") - row["build_cost_28d"]
    assert row["roi_with_build_28d"] == pytest.approx((591.6666667 - 93.3333333) / 493.3333333)
    # nothing came in before the last day, then 591.67 at once: paid back on day 28
    assert row["payback_days"] == 28
    assert row["is_payback_projected"] is False
