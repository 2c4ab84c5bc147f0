"""Cost curves: the fixed part that is found, and how sure of it the days can be."""

import numpy as np
import pytest

from roi_engine.metrics.cost_curve import fit_cost_curve

WEEKDAY = np.array([1.2, 1.1, 1.0, 1.0, 1.1, 0.5, 0.3])


def costs(seed: int, rows: int = 3, days: int = 60, noise: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 * WEEKDAY[np.arange(days) % 7] * rng.lognormal(0, noise, (rows, days))


def requests(seed: int, rows: int, days: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).uniform(100, 900, (rows, days))


def test_a_fixed_part_is_found_and_its_interval_holds_it():
    rng = np.random.default_rng(13)
    volume = requests(13, 200)
    cost = (60 + 0.2 * volume) * rng.lognormal(0, 0.1, volume.shape)
    curve = fit_cost_curve(cost, volume)
    share = 60 / (60 + 0.2 * volume.mean(axis=1))
    held = (curve.fixed_share_low <= share) & (share <= curve.fixed_share_high)
    assert np.median(np.abs(curve.fixed_share - share)) < 0.05
    assert held.mean() > 0.85
    assert (curve.elasticity == 1).mean() > 0.9


def test_an_elasticity_is_believed_only_when_it_shows():
    volume = requests(14, 3)
    bent = fit_cost_curve(0.5 * volume**0.7, volume)
    np.testing.assert_allclose(bent.elasticity, 0.7)
    np.testing.assert_allclose(bent.per_unit, 0.5, rtol=1e-6)
    narrow = 400 + volume / 10
    assert (fit_cost_curve(0.5 * narrow**0.7, narrow).elasticity == 1).all()


def test_a_few_wild_days_do_not_bend_the_curve():
    volume = requests(15, 1)
    cost = 60 + 0.2 * volume + np.random.default_rng(15).normal(0, 5, volume.shape)
    clean = fit_cost_curve(cost, volume)
    cost[0, [3, 30]] *= 15
    wild = fit_cost_curve(cost, volume)
    np.testing.assert_allclose(wild.per_unit, clean.per_unit, rtol=0.05)


def test_a_volume_that_never_varies_leaves_the_fixed_share_open():
    volume = np.full((1, 30), 500.0)
    curve = fit_cost_curve(costs(16, rows=1, days=30), volume)
    assert (curve.fixed_share_low[0], curve.fixed_share_high[0]) == (0, 1)


@pytest.mark.parametrize("days", [0, 13], ids=["no day", "too few days"])
def test_too_few_days_have_no_curve(days):
    curve = fit_cost_curve(np.ones((1, days)), np.ones((1, days)))
    assert np.isnan(curve).all()


def test_one_day_among_unseen_ones_overflows_nowhere():
    # any RuntimeWarning of the engine is an error here
    volume = np.array([[1e3, 2e6, 2e3, 1e1, 1e4]])
    cost = np.array([[np.nan, 100, np.nan, np.nan, np.nan]])
    assert np.isnan(fit_cost_curve(cost, volume)).all()
