"""What people would have needed, told by a roll-out that reached kinds of cases at different times.

Cases that the agent took over are held against themselves before it came, moved by what became of
cases that no agent has reached yet: difference in differences.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from roi_engine.metrics.productivity import Strata
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

MIN_CONTROLS = 3
"""With fewer groups left to people, nothing says how far two groups drift apart by themselves."""


class Periods(NamedTuple):
    """Cases, Σ minutes and Σ minutes² of groups before the agent came, and after."""

    before: Strata
    after: Strata


class Rollout(NamedTuple):
    """Minutes that cases would take people, and how many more an hour bring; one entry a row."""

    baseline: Interval
    delta: Interval


def staggered_rollout(
    row: ArrayLike,
    taken: Periods,
    control_of: ArrayLike,
    controls: Periods,
    *,
    level: float = 0.95,
) -> Rollout:
    """Return the baseline of groups of cases that an agent took over, and the delta against it.

        g_c = log(mean minutes of control c after / before), ḡ, s² over the k controls of group u
        B_u = people's mean in u before · exp(ḡ_u); B = Σ w_u·B_u, w_u = u's share of cases after
        delta = B / A − 1, A = Σ w_u · mean in u after, whoever worked there
        τ_u² = max(0, s_u² − mean squared error of g_c), v = c²/n of a mean
        var(log B) = Σ p_u²·(τ_u² + v_u) + (Σ p_u·s_u/√k_u)², p_u = w_u·B_u/B
        df = (k − 1)·(var / (Σ p_u²·s_u² + (Σ p_u·s_u/√k_u)²))², at least k − 1, k the fewest

    τ² is how far groups drift apart by themselves: the one that was touched would have, too. Log
    scale, Student's t; var(log A) from the cases after joins that of the delta.

    Args:
        row: Which row a group belongs to: 0 … number of rows − 1; one entry a group.
        taken: Each group; after the agent came with all cases, the agent's and people's.
        control_of: Which group (its place in ``row``) a control is for, one entry a pair.
        controls: Each pair's control, in the days of its group.
        level: Nominal coverage.

    Returns:
        Minutes a case, and a relative change > −1; NaN for a row of which a group has fewer than
        3 controls, or no minutes on a side.

    Source: metrics.md §3 (counterfactual, staggered roll-out); not-yet-treated groups as controls:
    Callaway and Sant'Anna 2021; few groups: Donald and Lang 2007.

    Examples:
        Mail was people's at 20 minutes until the agent came. Elsewhere cases got a tenth quicker,
        so mail would take 18 now; with the agent it takes 6.

        >>> found = staggered_rollout(
        ...     [0],
        ...     Periods(
        ...         Strata([100], [2000.0], [44000.0]),
        ...         Strata([100], [600.0], [4000.0]),
        ...     ),
        ...     [0, 0, 0, 0],
        ...     Periods(
        ...         Strata([100] * 4, [1000.0] * 4, [11000.0] * 4),
        ...         Strata([100] * 4, [880.0, 900.0, 900.0, 920.0], [9000.0] * 4),
        ...     ),
        ... )
        >>> found.baseline.estimate.round(2), found.delta.estimate.round(2)
        (array([18.]), array([2.]))
        >>> found.baseline.low.round(2), found.baseline.high.round(2)
        (array([16.8]), array([19.28]))
    """
    index = np.asarray(row, dtype=np.int64)
    group = np.asarray(control_of, dtype=np.int64)
    rows, groups = int(index.max()) + 1 if index.size else 0, index.size

    trend = np.log(_positive(ratio(_mean(controls.after), _mean(controls.before))))
    usable = np.isfinite(trend)
    k = np.bincount(group[usable], minlength=groups).astype(np.float64)
    centre = ratio(np.bincount(group[usable], trend[usable], groups), k)
    apart = np.where(usable, trend - np.nan_to_num(centre)[group], 0.0)
    drift = ratio(np.bincount(group, apart**2, groups), np.maximum(k - 1, 0))
    enough = k >= MIN_CONTROLS

    def total(values: Floats) -> Floats:
        return np.bincount(index, values, rows).astype(np.float64)

    cases = np.asarray(taken.after.cases, dtype=np.float64)
    share = ratio(cases, total(cases)[index])
    own = np.where(enough, _mean(taken.before) * np.exp(centre), np.nan)
    people = total(share * own)
    agents = total(share * _mean(taken.after))

    sampled = np.where(usable, _error(controls.before) + _error(controls.after), 0.0)
    apart_by_themselves = np.maximum(drift - ratio(np.bincount(group, sampled, groups), k), 0.0)
    part = ratio(share * own, people[index])
    common = total(part * np.sqrt(ratio(drift, k))) ** 2
    people_error = total(part**2 * (apart_by_themselves + _error(taken.before))) + common
    estimated = total(part**2 * drift) + common
    part = ratio(share * _mean(taken.after), agents[index])
    both_error = people_error + total(part**2 * _error(taken.after))

    fewest = np.full(rows, np.inf)
    np.minimum.at(fewest, index, k)

    def reach(square_error: Floats) -> Floats:
        df = (fewest - 1) * np.maximum(np.nan_to_num(ratio(square_error, estimated)), 1.0) ** 2
        df = np.where(np.isfinite(df) & (df >= 1), df, 1.0)
        return stdtrit(df, 0.5 + level / 2) * np.sqrt(square_error)

    return Rollout(
        _around(people, reach(people_error)),
        Interval(*(end - 1 for end in _around(ratio(people, agents), reach(both_error)))),
    )


def _mean(strata: Strata) -> Floats:
    return ratio(strata.minutes, strata.cases)


def _error(strata: Strata) -> Floats:
    """Return the squared relative error of the mean, c²/n; NaN below two cases."""
    n, minutes, squares = (np.asarray(part, dtype=np.float64) for part in strata)
    spread = np.maximum(squares - ratio(minutes**2, n), 0.0)
    return ratio(ratio(ratio(spread, n - 1), n), _mean(strata) ** 2)


def _positive(values: Floats) -> NDArray[np.float64]:
    return np.where(values > 0, values, np.nan)


def _around(middle: Floats, reach: Floats) -> Interval:
    # past e^700 the ends are no doubles: the data say nothing
    reach = np.where(reach < 700, reach, np.nan)
    middle = _positive(middle)
    return Interval(middle, middle * np.exp(-reach), middle * np.exp(reach))
