"""Experiments by figures that can be checked with a pocket calculator."""

from datetime import timedelta
from math import log, sqrt

import polars as pl
import pytest

from tests.golden.conftest import DAY, Estate


@pytest.fixture
def trial(estate: Estate) -> Estate:
    """Return 100 tasks of each arm, of which 50 and 70 won, on the first day of twenty."""
    begun = DAY - timedelta(days=9)
    estate.rows["dim_experiment"].append(
        {
            "experiment_id": "style", "metric": "success_rate", "unit": "task",
            "arms": "control;treatment", "allocation": "0.5;0.5", "minimum_effect": 0.05,
            "starts_on": begun, "ends_on": begun + timedelta(days=20),
            "guardrails": "escalation_rate:0.05",
        }
    )  # fmt: skip
    for arm, wins in (("control", 50), ("treatment", 70)):
        for place in range(100):
            outcome = "autonomous_success" if place < wins else "failure"
            estate.task(outcome_class=outcome, day=begun, is_escalated=place in {3, 60})
            estate.rows["fct_experiment_exposure"].append(
                {
                    "experiment_id": "style", "unit": "task", "unit_id": f"{arm}-{place}",
                    "task_id": estate.rows["fct_task"][-1]["task_id"], "arm": arm, "day": begun,
                    "propensity": 0.5, "is_crossed_over": False, "is_in_period": True,
                }
            )  # fmt: skip
    return estate


def test_seventy_of_a_hundred_against_fifty(trial):
    rows = trial.build("experiment_readout").filter(pl.col("arm") == "treatment")
    row = rows.row(by_predicate=pl.col("metric") == "success_rate", named=True)
    # √(0.7 · 0.3 / 99 + 0.5 · 0.5 / 99)
    assert row["standard_error"] == pytest.approx(sqrt(0.46 / 99))
    assert (row["difference"], row["lift"]) == pytest.approx((0.2, 0.4))
    # ± 1.972 (Student, 197 degrees) once; ± 3.185 whenever one looks: t·ρ² is 8.212 · 7/20
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(
        (0.0656, 0.3344), abs=1e-4
    )
    m = 8.2121 * 7 / 20
    reach = ((m + 1) / m * (log(m + 1) + 5.99146)) ** 0.5
    assert row["sequence_low"] == pytest.approx(0.2 - reach * sqrt(0.46 / 99), abs=1e-4)
    # the guardrail is as far from harm as the treatment is from none, and not yet known to be held
    assert row["decision"] == "continue"
    assert row["sample_ratio_p_value"] == 1


def test_the_same_harm_on_both_sides_is_no_harm_but_not_yet_known(trial):
    rows = trial.build("experiment_readout").filter(pl.col("arm") == "treatment")
    row = rows.row(by_predicate=pl.col("metric") == "escalation_rate", named=True)
    # ± 3.39 · √(2 · 0.02 · 0.98 / 99) reaches over 0.05
    assert (row["difference"], row["guardrail"]) == (0, "open")
