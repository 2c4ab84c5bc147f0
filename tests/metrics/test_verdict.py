"""Verdicts: many metrics, guardrails, power, decision."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.verdict import decide, detectable_effect, guardrail, holm, power


@settings(max_examples=50)
@given(
    p_values=st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=6).map(
        np.array
    )
)
def test_holm_rejects_what_its_steps_reject(p_values):
    adjusted = holm(p_values[None])[0]
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    worst = 0.0
    for step, place in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - step) * p_values[place]))
        assert adjusted[place] == worst
    assert np.isnan(adjusted).sum() == len(p_values) - len(known)


def test_power_is_that_of_the_z_test_and_the_detectable_effect_turns_it_round():
    effect = detectable_effect([0.5, 2.0])
    np.testing.assert_allclose(power(effect, [0.5, 2.0]), 0.8, atol=1e-5)
    draws = np.random.default_rng(1).normal(1.5, 1, 200_000)
    np.testing.assert_allclose(power(1.5, 1.0), (np.abs(draws) > 1.96).mean(), atol=0.004)
    assert np.isnan([power(1.0, 0.0), detectable_effect(0.0)]).all()


SOUND = {
    "is_mismatch": False, "low": -0.01, "high": 0.05, "guardrails": ["held", "held"],
    "worthwhile": 0.02, "is_complete": False, "chance": 0.9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "decision"),
    [
        pytest.param({}, "continue", id="nothing known yet"),
        pytest.param({"low": 0.01, "is_mismatch": True}, "invalid", id="a broken split is no win"),
        pytest.param({"low": 0.01}, "ship", id="better, and no guardrail hurt"),
        pytest.param({"low": 0.01, "guardrails": ["held", "open"]}, "continue", id="still open"),
        pytest.param({"low": 0.01, "guardrails": ["breached", "held"]}, "stop", id="it does harm"),
        pytest.param({"low": -0.05, "high": -0.01}, "stop", id="worse"),
        pytest.param({"high": 0.01}, "stop", id="nothing worth having is left"),
        pytest.param({"is_complete": True}, "stop", id="it would have shown"),
        pytest.param({"is_complete": True, "chance": 0.5}, "inconclusive", id="too small a plan"),
        pytest.param({"is_complete": True, "chance": np.nan}, "inconclusive", id="no power known"),
        pytest.param({"low": np.nan, "high": np.nan}, "continue", id="no interval yet"),
        pytest.param(
            {"low": 0.01, "guardrails": ["held", "open"], "is_complete": True},
            "inconclusive",
            id="better, and harm still not excluded at the end",
        ),
    ],
)  # fmt: skip
def test_decisions(change, decision):
    row = {name: [value] for name, value in (SOUND | change).items()}
    assert decide(**row).tolist() == [decision]


def test_a_guardrail_at_its_limit_is_held():
    assert guardrail([0.0, 0.02], [0.02, 0.04], 0.02).tolist() == ["held", "open"]
