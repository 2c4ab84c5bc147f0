"""Each rule of the table speaks, in its order, and nothing unknown does."""

import numpy as np
import pytest

from roi_engine.metrics.scaling import ADVICE, REASONS, Load, scaling_advice

CALM = {
    "calls": 500.0,
    "utilisation": 0.5,
    "memory": 0.5,
    "errors": 0.01,
    "tail": 2.0,
    "unattended": 0.1,
    "batched": 0.0,
}


def said(**changes: float) -> tuple[str, str]:
    found = scaling_advice(Load(**{k: [v] for k, v in (CALM | changes).items()}))
    return found.advice.item(), found.reason.item()


@pytest.mark.parametrize(
    ("changes", "advice", "reason"),
    [
        ({}, "none", "within_limits"),
        ({"memory": 0.96, "utilisation": 0.95}, "smaller_model", "memory_full"),
        ({"utilisation": 0.81}, "out", "gpu_busy"),
        ({"errors": 0.06}, "out", "errors"),
        ({"errors": 0.06, "calls": 99}, "none", "within_limits"),
        ({"tail": 5.1}, "out", "slow_tail"),
        ({"utilisation": 0.19}, "in", "gpu_idle"),
        ({"utilisation": 0.19, "tail": 6}, "out", "slow_tail"),
        ({"unattended": 0.9}, "batch", "nobody_waits"),
        ({"unattended": 0.9, "batched": 0.6}, "none", "within_limits"),
        ({"calls": 99, "utilisation": np.nan}, "none", "too_few_calls"),
    ],
)
def test_the_first_rule_that_holds_speaks(changes, advice, reason):
    assert said(**changes) == (advice, reason)


def test_a_share_at_its_limit_is_within_it():
    at_limits = {"memory": 0.95, "utilisation": 0.8, "errors": 0.05, "tail": 5, "unattended": 0.8}
    assert said(**at_limits) == ("none", "within_limits")
    assert said(utilisation=0.2) == ("none", "within_limits")


def test_what_is_not_known_holds_nothing():
    assert said(**dict.fromkeys(CALM, np.nan)) == ("none", "too_few_calls")


def test_every_reason_and_every_advice_can_be_said():
    rng = np.random.default_rng(1)
    draws = rng.random((7, 20_000))
    draws[0] *= 300
    draws[4] *= 8
    found = scaling_advice(Load(*draws))
    unknown = scaling_advice(Load(*(np.array([part]) for part in (1, *[np.nan] * 6))))
    assert set(found.reason) | set(unknown.reason) == set(REASONS)
    assert set(found.advice) == set(ADVICE)


def test_no_rows_have_no_advice():
    assert scaling_advice(Load(*[[]] * 7)).advice.size == 0
