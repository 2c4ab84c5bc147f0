"""Downtime counted once, exact Poisson limits, and times that have not ended yet."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from roi_engine.metrics.reliability import (
    STILL_OPEN,
    availability,
    downtime,
    durations,
    incident_rate,
)

WINDOW = (10, 60)
incident = st.tuples(st.integers(0, 3), st.integers(0, 80), st.integers(0, 30)).map(
    lambda drawn: (drawn[0], drawn[1], drawn[1] + drawn[2])
)
hours = st.one_of(st.integers(0, 5).map(float), st.floats(0, 100))
running = st.lists(st.tuples(st.integers(0, 2), hours, st.booleans()), max_size=15)


@pytest.mark.parametrize(
    ("incidents", "expected"),
    [
        pytest.param([(20, 30), (25, 40)], 20, id="overlapping incidents count once"),
        pytest.param([(20, 40), (25, 30), (35, 38)], 20, id="one inside another counts once"),
        pytest.param([(20, 30), (30, 40)], 20, id="neighbours add up"),
        pytest.param([(0, 15), (50, 90)], 15, id="clipped to the window"),
        pytest.param([(0, 10), (60, 70)], 0, id="the window is half open"),
        pytest.param([(55, STILL_OPEN)], 5, id="an open incident lasts to the window's end"),
        pytest.param([(0, STILL_OPEN)], 50, id="down all the time"),
        pytest.param([], 0, id="no incident"),
    ],
)
def test_downtime(incidents, expected):
    started, ended = zip(*incidents, strict=True) if incidents else ((), ())
    down = downtime([0] * len(incidents), started, ended, WINDOW, agents=1)
    assert down.tolist() == [expected]
    assert availability(down, WINDOW)[0] == 1 - expected / 50


@given(incidents=st.lists(incident, max_size=20))
def test_downtime_is_the_number_of_moments_that_any_incident_covers(incidents):
    moments = [set() for _ in range(4)]
    for agent, begin, end in incidents:
        moments[agent] |= set(range(max(begin, 10), min(end, 60)))
    columns = zip(*incidents, strict=True) if incidents else ((), (), ())
    assert downtime(*columns, WINDOW, agents=4).tolist() == [len(found) for found in moments]


def test_microseconds_of_a_month_are_exact():
    month = 30 * 86_400 * 10**6
    down = downtime([4999], [1], [month], (0, month), agents=5000)
    assert down[-1] == month - 1
    assert down[:-1].sum() == 0


@pytest.mark.parametrize(
    ("agent", "started", "ended", "window", "error"),
    [
        pytest.param([0], [5], [4], (0, 9), ValueError, id="ends before it begins"),
        pytest.param([1], [5], [6], (0, 9), ValueError, id="an unknown agent"),
        pytest.param([0], [5], [6], (9, 9), ValueError, id="an empty window"),
        pytest.param([0], [5], [6], (0, STILL_OPEN), OverflowError, id="a window too long"),
    ],
)
def test_what_makes_no_sense_is_refused(agent, started, ended, window, error):
    with pytest.raises(error):
        downtime(agent, started, ended, window, agents=1)


@given(k=st.integers(0, 500), days=st.floats(1, 365))
def test_the_rate_has_jeffreys_limits(k, days):
    found = incident_rate([k], [days])
    low, high = (found.low[0] * days / 30, found.high[0] * days / 30)
    posterior = stats.gamma(k + 0.5)
    assert posterior.cdf(high) == pytest.approx(0.975, rel=1e-6)
    assert (posterior.cdf(low) if k else low + 0.025) == pytest.approx(0.025, rel=1e-6)
    assert found.low[0] <= found.estimate[0] <= found.high[0]


def test_no_time_observed_no_rate():
    assert np.isnan(incident_rate([0], [0.0])).all()


def test_worked_by_hand():
    # at risk 4, 3, 1: S = 3/4, then 2/4 at 2 h; the one open since 2 h is still at risk there
    found = durations([0] * 4, [1, 2, 2, 5], [False, False, True, False], groups=1)
    assert (found.ended[0], found.left_open[0]) == (3, 1)
    assert found.mean[0] == 10 / 3
    # half have ended from 2 h on, until the next one at 5 h
    assert found.median[0] == 3.5
    assert durations([0, 0], [1, 9], [False, True], groups=1).median[0] == 1


@given(times=running)
def test_the_median_is_kaplan_meiers(times):
    columns = zip(*times, strict=True) if times else ((), (), ())
    found = durations(*columns, groups=3)
    for group in range(3):
        mine = [(time, runs) for who, time, runs in times if who == group]
        expected, survival = np.nan, 1.0
        moments = sorted({time for time, runs in mine if not runs})
        for place, moment in enumerate(moments):
            at_risk = sum(time >= moment for time, _ in mine)
            survival *= 1 - mine.count((moment, False)) / at_risk
            if survival <= 0.5 + 1e-9:
                is_half = survival >= 0.5 - 1e-9 and place + 1 < len(moments)
                expected = (moment + moments[place + 1]) / 2 if is_half else moment
                break
        np.testing.assert_equal(found.median[group], expected)


@given(times=st.lists(hours, min_size=1, max_size=15))
def test_with_none_open_they_are_the_plain_mean_and_median(times):
    found = durations([0] * len(times), times, [False] * len(times), groups=1)
    np.testing.assert_allclose(found.mean, np.mean(times), rtol=1e-12, atol=1e-12)
    assert found.median[0] == np.median(times)


@given(times=running, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_show(times, seed):
    order = np.random.default_rng(seed).permutation(len(times))
    straight, mixed = (
        durations(*(np.array([row[c] for row in rows]) for c in range(3)), groups=3)
        for rows in (times, [times[place] for place in order])
    )
    for left, right in zip(straight, mixed, strict=True):
        assert left.tobytes() == right.tobytes()


def test_an_outage_that_goes_on_raises_the_mean():
    means = [
        durations([0, 0], [1.0, so_far], [False, True], groups=1).mean[0] for so_far in (1, 5, 50)
    ]
    assert means == [2, 6, 51]


def test_none_ended_leaves_mean_and_median_unknown():
    found = durations([1], [4.0], [True], groups=3)
    assert np.isnan(found.mean).all()
    assert np.isnan(found.median).all()
    assert found.left_open.tolist() == [0, 1, 0]


@pytest.mark.parametrize("time", [-1.0, np.nan])
def test_a_time_must_be_known(time):
    with pytest.raises(ValueError, match="negative or missing"):
        durations([0], [time], [False], groups=1)


def test_the_mean_is_unbiased_for_a_constant_rate_of_recovery():
    rng = np.random.default_rng(2)
    truth, seen = rng.exponential(6, 200_000), rng.uniform(0, 24, 200_000)
    found = durations([0] * truth.size, np.minimum(truth, seen), truth > seen, groups=1)
    assert found.mean[0] == pytest.approx(6, rel=0.01)
    assert found.median[0] == pytest.approx(6 * np.log(2), rel=0.02)
