"""metrics.md §4: 3 of 50 reviews hallucinated; 1,000 outputs, 950 of them seen by nobody."""

from decimal import Decimal

import numpy as np
import pytest

from roi_engine.metrics.hallucination import jeffreys, loss_per_hallucination


def test_kernels_give_the_golden_values():
    rate = jeffreys([50], [3])
    np.testing.assert_allclose(rate.mean, 0.068627, atol=5e-7)
    np.testing.assert_allclose([rate.low[0], rate.high[0]], [0.017187, 0.151533], atol=5e-7)
    undetected = 950 * rate.mean[0]
    assert undetected == pytest.approx(65.196078, abs=5e-7)
    loss = loss_per_hallucination([2], [1], [15], [50])[0]
    assert undetected * loss == pytest.approx(945.343137, abs=5e-7)


def test_the_mart_gives_the_golden_row(estate):
    assumptions = {
        "remediation_minutes": "15",
        "hourly_cost": "50",
        "liability_per_hallucination": "2",
        "later_detected_probability": 1.0,
    }
    for number in range(1000):
        reviewed, found = number < 50, number < 3
        estate.task(
            **assumptions,
            outcome_class="failure" if found else "autonomous_success",
            is_human_reviewed=reviewed,
            is_hallucination=found,
            is_random_review=reviewed,
        )
    estate.spend("400")
    row = estate.row("daily_hallucination_adjusted_cost")
    assert (row["outputs"], row["reviewed"], row["hallucinated"]) == (1000, 50, 3)
    assert (row["window_reviewed"], row["window_hallucinated"]) == (50, 3)
    assert row["rate_basis"] == "reviewed"
    assert row["hallucination_rate"] == pytest.approx(0.068627, abs=5e-7)
    assert row["hallucination_rate_low"] == pytest.approx(0.017187, abs=5e-7)
    assert row["hallucination_rate_high"] == pytest.approx(0.151533, abs=5e-7)
    assert row["expected_undetected"] == pytest.approx(65.196078, abs=5e-7)
    assert row["hallucination_cost"] == pytest.approx(945.343137, abs=5e-7)
    assert row["total_cost"] == Decimal("400.000000000")
    assert row["hallucination_adjusted_cost"] == pytest.approx(1345.343137, abs=5e-7)
    assert row["verified_outputs"] == pytest.approx(1000 - 3 - 65.196078, abs=5e-7)
