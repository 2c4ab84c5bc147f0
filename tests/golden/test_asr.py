"""metrics.md §5: the examples of the sources, through kernels and through the mart."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from roi_engine.metrics.break_even import break_even_success_rate
from roi_engine.metrics.roi import ratio
from roi_engine.metrics.wallet import is_over_slope, mandate_score
from tests.golden.conftest import DAY


def test_profit_on_capital_is_capital_roi_and_not_spend(estate):
    estate.task(direct_value="200000", capital_allocated="1000000")
    row = estate.row("daily_asr")
    assert row["capital_roi"] == 0.2
    assert row["spend"] == 0
    assert row["asr_value"] is None


@pytest.mark.parametrize(
    ("spend", "value", "column", "expected"),
    [
        pytest.param("1000000", "200000", "direct_value", 0.2, id="a million entered as spend"),
        pytest.param("0.50", "500", "direct_value", 1000.0, id="half a unit brought 500"),
        pytest.param("10", "50", "direct_value", 5.0, id="10 spent, 50 made"),
        pytest.param("100", "1000", "labour_value", 10.0, id="100 spent, 1000 of labour"),
    ],
)
def test_asr_value(estate, spend, value, column, expected):
    assert ratio([float(value)], [float(spend)])[0] == expected
    estate.spend(spend)
    estate.task(**{column: value})
    row = estate.row("daily_asr")
    assert row["asr_value"] == row["asr_value_28d"] == expected
    assert row["autonomous_roi"] == pytest.approx(expected - 1)


@pytest.mark.parametrize(
    ("alone", "band", "three", "five"),
    [
        ("199", "reactive", 1, 1),
        ("499", "assisted", 2, 2),
        ("500", "transitional", 2, 3),
        ("600", "transitional", 2, 3),
        ("800", "self_directed", 3, 4),
        ("800.000000001", "self_directed", 3, 5),
    ],
)
def test_the_scale_chooses_the_level_and_not_the_band(estate, alone, band, three, five):
    estate.spend(alone)
    estate.spend(str(Decimal(1000) - Decimal(alone)), outcome_class="failure")
    estate.task()
    for scale, level in (("three", three), ("five", five)):
        (row,) = estate.build("daily_asr", maturity_scale=scale, min_group_size=1).to_dicts()
        assert (row["band"], row["band_level"]) == (band, level)


def test_without_a_band_there_is_no_level(estate):
    estate.spend("1")
    estate.task()
    for scale in ("three", "five"):
        (row,) = estate.build("daily_asr", maturity_scale=scale).to_dicts()
        assert (row["band"], row["band_level"]) == ("insufficient_data", None)


def test_break_even_at_fifteen_to_a_hundred(estate):
    assert break_even_success_rate([15.0], [100.0], [0.0])[0] == 0.15
    estate.spend("15")
    estate.task(human_equivalent_cost="100")
    row = estate.row("daily_asr")
    assert row["break_even_success_rate"] == row["break_even_success_rate_28d"] == 0.15


def test_a_mandate_scores_when_reached_within_its_limit():
    assert mandate_score([True, False], [180, 180], [200, 200]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("spent", "reached_on", "score"),
    [
        pytest.param("180", DAY, 1, id="reached at 180 of 200"),
        pytest.param("180", None, 0, id="missed"),
        pytest.param("200", DAY, 1, id="reached at the limit"),
        pytest.param("200.000000001", DAY, 0, id="reached a billionth over it"),
    ],
)
def test_a_mandate_in_the_mart(estate, spent, reached_on, score):
    estate.spend(spent)
    estate.rows["dim_mandate"].append(
        {
            "mandate_id": "m",
            "agent_id": "triage",
            "goal": "Answer every open ticket.",
            "limit_amount": "200",
            "valid_from": DAY,
            "valid_to": DAY + timedelta(days=1),
            "reached_on": reached_on,
        }
    )
    row = estate.row("mandates")
    assert (row["score"], row["score_reason"], row["is_open"]) == (score, None, False)
    assert row["spent"] == Decimal(spent)
    assert row["utilisation"] == pytest.approx(float(spent) / 200)


def test_what_was_bought_again_of_another_agent(estate):
    """docs/decisions/0029: asked of triage twice, then of billing; the last one stands."""
    estate.spend("40")
    estate.action(priced_cost="0.30", is_redundant=True)
    estate.action(priced_cost="0.20", is_redundant=True)
    estate.action(agent_id="billing", priced_cost="0.50", is_redundant=False)
    estate.spend("0.50", agent_id="billing")
    estate.action(priced_cost="1.00", is_redundant=False)
    # nobody knows who asked, and a call without a price: neither in the part nor in the whole
    estate.action(priced_cost="9.00", is_redundant=None)
    estate.action(priced_cost=None, is_redundant=True)
    triage, billing = estate.row("daily_asr"), estate.row("daily_asr", "billing")
    assert (triage["redundant_cost"], triage["comparable_cost"]) == (Decimal("0.5"), Decimal("1.5"))
    assert triage["redundant_spend_share"] == triage["redundant_spend_share_28d"] == 0.5 / 1.5
    assert billing["redundant_spend_share"] == billing["redundant_spend_share_28d"] == 0


def test_who_asked_is_known_of_nothing_so_nothing_is_said(estate):
    estate.spend("40")
    estate.action(priced_cost="9.00", is_redundant=None)
    row = estate.row("daily_asr")
    assert row["comparable_cost"] == row["redundant_cost"] == 0
    assert row["redundant_spend_share"] is row["redundant_spend_share_28d"] is None


def test_what_changes_hands_for_a_unit_of_spend(estate):
    estate.spend("0.50")
    trade = {"day": DAY, "exchange": "market", "is_autonomous": True, "evidence": "measured"}
    estate.rows["fct_transaction"] += [
        trade | {"transaction_id": "x1", "buyer_agent_id": "triage", "value": "500"},
        trade | {"transaction_id": "x2", "seller_agent_id": "triage", "value": "25"},
        trade
        | {"transaction_id": "x3", "seller_agent_id": "triage", "value": "75"}
        | {"is_autonomous": False},
    ]
    row = estate.row("daily_exchange")
    assert (row["exchange_asr_buyer"], row["exchange_asr_seller"]) == (1000, 50)
    assert (row["transaction_value_buyer"], row["transaction_value_seller"]) == (500, 100)
    assert row["spend"] == row["spend_buyer"] == row["spend_seller"] == Decimal("0.5")


def test_thirty_per_cent_of_reports_for_a_tenth_of_the_money():
    assert ratio([30], [100])[0] == 0.3
    assert ratio([100_000], [1_000_000])[0] == 0.1


def test_the_tool_behind_a_cheap_model_call_shows(estate):
    estate.spend("2")
    estate.spend("1200", cost_class="platform")
    estate.action(priced_cost="2")
    estate.action(operation="execute_tool", tool="registry_search", priced_cost="1200")
    steps = json.loads(estate.row("daily_asr")["cost_per_action_by_step"])
    assert [(s["step"], s["cost_per_action"]) for s in steps] == [
        ("chat", 2.0),
        ("registry_search", 1200.0),
    ]
    assert Decimal(steps[1]["priced_cost"]) == 1200
    # 1202 within half an hour, under a slope limit of 1000 an hour
    assert is_over_slope([1202], [1_800_000_000], [1000]).tolist() == [True]
