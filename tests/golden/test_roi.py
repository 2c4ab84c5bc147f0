"""metrics.md §3: 100 successes of 12 minutes at 50 an hour, 6 s of model time each, 400 spent."""

from decimal import Decimal

import pytest

from roi_engine.metrics.roi import ratio
from roi_engine.metrics.rounding import half_away
from roi_engine.metrics.value import ATTO, human_equivalent_cost, labour_value


def test_kernels_give_the_golden_values():
    person = 100 * human_equivalent_cost([12 * ATTO], [50 * ATTO])[0]
    labour = 100 * labour_value([12 * ATTO], [6_000_000], [50 * ATTO])[0]
    assert person == 1000 * ATTO
    nano = half_away([labour], 10**9)[0]
    assert nano == 991_666_666_667
    net = nano - 400 * 10**9
    assert net == 591_666_666_667
    assert ratio([net / 1e9], [400.0])[0] == pytest.approx(1.479166, abs=1e-6)


def test_the_mart_gives_the_golden_row(estate):
    task = labour_value([12 * ATTO], [6_000_000], [50 * ATTO])[0]
    for _ in range(100):
        estate.task(human_equivalent_cost="10", labour_value=str(Decimal(task).scaleb(-18)))
    estate.spend("400")
    row = estate.row("daily_roi")
    assert row["human_equivalent_cost"] == Decimal("1000.000000000")
    assert row["labour_value"] == Decimal("991.666666667")
    assert row["gross_value"] == Decimal("991.666666667")
    assert row["total_cost"] == row["token_cost"] == Decimal("400.000000000")
    assert row["net_value"] == Decimal("591.666666667")
    assert row["roi"] == pytest.approx(1.4791666666675)
    assert row["successes"] == row["autonomous_successes"] == 100
    assert row["cost_ratio"] == pytest.approx(0.4)
