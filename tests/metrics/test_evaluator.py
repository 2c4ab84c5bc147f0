"""What an evaluator adds, and what it must not."""

import numpy as np
import pytest

from roi_engine.metrics import grid
from roi_engine.metrics.evaluator import Verdicts, corrected_rate, joint_posterior

PERFECT = {"tp": 1e7, "fn": 0.0, "tn": 1e7, "fp": 0.0}


def test_without_an_evaluator_the_posterior_is_the_peoples():
    mass = grid.beta_mass(3.5, 47.5)
    np.testing.assert_allclose(joint_posterior(mass, []).weight, mass, atol=1e-9)


def test_a_perfect_evaluator_is_as_good_as_people():
    judged = joint_posterior(grid.beta_mass(0.5, 0.5), [Verdicts(50, 3, **PERFECT)])
    np.testing.assert_allclose(
        grid.summary(judged.weight)[:3], grid.summary(grid.beta_mass(3.5, 47.5))[:3], rtol=1e-3
    )
    mean, if_flagged, if_passed = judged.chances()
    assert mean == pytest.approx(3.5 / 51, rel=1e-3)
    assert if_flagged[0] == pytest.approx(1, abs=1e-3)
    assert if_passed[0] == pytest.approx(0, abs=1e-6)


def test_an_unsure_validation_widens_the_interval():
    prior = grid.beta_mass(0.5, 0.5)
    sure = joint_posterior(prior, [Verdicts(5000, 700, 900, 100, 900, 100)])
    unsure = joint_posterior(prior, [Verdicts(5000, 700, 18, 2, 18, 2)])
    widths = [
        grid.summary(joint.weight).high - grid.summary(joint.weight).low for joint in (sure, unsure)
    ]
    assert widths[1] > 1.5 * widths[0]


def test_chances_average_back_to_the_rate():
    joint = joint_posterior(grid.beta_mass(2.5, 30.5), [Verdicts(400, 60, 80, 20, 180, 20)])
    mean, if_flagged, if_passed = joint.chances()
    share, _ = joint.undetected_share(0, [60], [340])
    assert share == pytest.approx((60 * if_flagged[0] + 340 * if_passed[0]) / 400)
    assert share == pytest.approx(mean, abs=0.02)
    assert if_passed[0] < mean < if_flagged[0]


def test_the_point_correction_is_not_clipped():
    assert corrected_rate([0.05], 90, 10, 90, 10)[0] == pytest.approx(-0.0625)


def test_coverage_over_a_stated_prior():
    """θ ~ Beta(½, ½) below 0.5, Se and Sp from 0.7 to 0.95; 200 validated, 500 judged."""
    rng = np.random.default_rng(7)
    held, trials = 0, 100
    for _ in range(trials):
        rate, se, sp = rng.beta(0.5, 0.5) / 2, rng.uniform(0.7, 0.95), rng.uniform(0.7, 0.95)
        tp, tn = rng.binomial(100, se), rng.binomial(100, sp)
        flagged = rng.binomial(500, rate * se + (1 - rate) * (1 - sp))
        verdict = Verdicts(500, flagged, tp, 100 - tp, tn, 100 - tn)
        found = grid.summary(joint_posterior(grid.beta_mass(0.5, 0.5), [verdict]).weight)
        held += found.low <= rate <= found.high
    assert 0.90 <= held / trials <= 0.99
