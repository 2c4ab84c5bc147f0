"""What another workload makes of a projection: of a cost, of what it brings, of a share of it.

A scenario multiplies the volume of requests. Fixed cost stays, variable cost and the value of the
work grow with the volume; what a request is worth stays as it is.
"""

import numpy as np
from scipy.special import expit, logit

from roi_engine.metrics.cost_curve import CostCurve, ShareCurve
from roi_engine.metrics.projection import Projection
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval


def workload_factor(curve: CostCurve, multiplier: float) -> Interval:
    """Return by how much cost changes when the volume is multiplied.

        f + (1 − f)·m^e, f the fixed share

    Args:
        curve: A fitted cost curve.
        multiplier: m >= 0, the volume of the scenario over that of the history.

    Returns:
        A factor a row with the interval that comes from not knowing f; 1 at m = 1.

    Raises:
        ValueError: The multiplier is negative.

    Source: metrics.md §3, projections by workload scenario.

    Examples:
        >>> from roi_engine.metrics.cost_curve import fit_cost_curve
        >>> volume = np.tile([100.0, 200, 300, 400, 300, 200, 100], 2)
        >>> workload_factor(fit_cost_curve([10 + 0.1 * volume], [volume]), 2.0).estimate.round(3)
        array([1.696])
    """
    if multiplier < 0:
        raise ValueError("a workload cannot be negative")
    grown = multiplier**curve.elasticity
    shares = curve.fixed_share, curve.fixed_share_low, curve.fixed_share_high
    at, one, other = (share + (1 - share) * grown for share in shares)
    return Interval(at, np.minimum(one, other), np.maximum(one, other))


def value_factor(curve: CostCurve, multiplier: float) -> Interval:
    """Return by how much the value of a unit of cost changes when the volume is multiplied.

        m / (f + (1 − f)·m^e), f the fixed share of the cost

    Value follows the volume and the fixed part of the cost does not, so that of the value V and
    the cost C of the volume as it is there come m·V / (F + m·v), with C = F + v and e = 1.
    Arguments, returned factor and errors are those of ``workload_factor``.

    Source: metrics.md §3, projections by workload scenario.

    Examples:
        >>> from roi_engine.metrics.cost_curve import fit_cost_curve
        >>> volume = np.tile([100.0, 200, 300, 400, 300, 200, 100], 2)
        >>> value_factor(fit_cost_curve([10 + 0.1 * volume], [volume]), 2.0).estimate.round(3)
        array([1.179])
    """
    cost = workload_factor(curve, multiplier)
    at, high, low = (ratio(multiplier, part) for part in cost)
    return Interval(at, low, high)


def under_workload(projection: Projection, factor: Interval) -> Projection:
    """Return a projection under another workload; the factor's own uncertainty is added.

        total·g; log-distances of the ends are added in squares where all are positive,
        plain distances elsewhere

    The factor's ends are its 95 % ones and serve both intervals, so the 80 % one is cautious.

    Args:
        projection: Of the workload as it is.
        factor: g, one a row, with its interval (the estimate thrice where it is known).

    Returns:
        The projection of the scenario.

    Source: metrics.md §3, projections by workload scenario.

    Examples:
        >>> from roi_engine.metrics.projection import project
        >>> weeks = np.tile([10.0, 12, 11, 9, 10, 4, 3], 4) + np.tile([0.5, -0.5], 14)
        >>> twice = Interval(np.array([2.0]), np.array([2.0]), np.array([2.0]))
        >>> under_workload(project([weeks], horizons=(7,)), twice).total.round(1)
        array([[117.3]])
    """
    g, low, high = (np.asarray(part)[:, None] for part in factor)
    total = projection.total * g
    # a loss is greatest where the factor is
    is_loss = total < 0
    down, up = np.where(is_loss, high, low), np.where(is_loss, low, high)
    ends = [
        _combined(projection.total, end, g, wide)
        for end, wide in zip(projection[2:], (down, up, down, up), strict=True)
    ]
    return Projection(projection.daily * g, total, *ends)


def share_under_workload(
    projection: Projection, moves: ShareCurve, curve: CostCurve, multiplier: float
) -> Projection:
    """Return a projected share of a cost under another workload.

        R + (m^e − 1)·b / (f + (1 − f)·m^e), b the slope of the share's part
        never beyond R/(R + (1 − R)·m^e) and its mirror: all of one part fixed, none of the other

    Of a part A = F_a + v_a and the whole C = F + v this is (F_a + m·v_a) / (F + m·v) with e = 1.
    Distances on the logit scale, of the share and of the slope, are added in squares.

    Args:
        projection: R, a share of the workload as it is.
        moves: How the share moves with the requests.
        curve: The whole's cost curve, with f and e.
        multiplier: m > 0, the volume of the scenario over that of the history.

    Returns:
        The projection of the scenario; a share of all or none stays so, without an interval.

    Raises:
        ValueError: The multiplier is not positive.

    Source: metrics.md §3, projections by workload scenario; §5, asr_spend.

    Examples:
        >>> from roi_engine.metrics.cost_curve import fit_cost_curve, fit_share_curve
        >>> from roi_engine.metrics.projection import project_ratio
        >>> volume = np.tile([100.0, 200, 300, 400, 300, 200, 100], 2)
        >>> won, whole = np.atleast_2d(0.1 * volume), np.atleast_2d(20 + 0.1 * volume)
        >>> curve = fit_cost_curve(whole, volume)
        >>> share = project_ratio(won, whole, (7,), "share")
        >>> moves = fit_share_curve(won, whole, volume, curve)
        >>> twice = share_under_workload(share, moves, curve, 2.0)
        >>> share.total.round(2), twice.total.round(2)
        (array([[0.53]]), array([[0.69]]))
    """
    if multiplier <= 0:
        raise ValueError("a share needs some workload")
    grown = (multiplier**curve.elasticity)[:, None]
    whole = workload_factor(curve, multiplier).estimate[:, None]

    def moved(share: Floats, slope: Floats) -> Floats:
        ends = share / (share + (1 - share) * grown), share * grown / (share * grown + 1 - share)
        there = share + (grown - 1) * slope[:, None] / whole
        return np.asarray(logit(np.clip(there, np.minimum(*ends), np.maximum(*ends))))

    total, daily = (_inside(part) for part in (projection.total, projection.daily))
    centre, ends = moved(total, moves.slope), []
    # more of the part for more requests lowers the share where there are fewer
    side = 1.0 if multiplier >= 1 else -1.0
    for number, (end, reach) in enumerate(
        zip(projection[2:], np.repeat(moves[1:], 2, axis=0), strict=True)
    ):
        up = 1.0 if number % 2 else -1.0
        apart = moved(total, moves.slope + up * side * reach) - centre
        ends.append(expit(centre + up * np.hypot(logit(_inside(end)) - logit(total), apart)))
    stays = (projection.total <= 0) | (projection.total >= 1)
    return Projection(
        expit(moved(daily, moves.slope)), np.where(stays, projection.total, expit(centre)), *ends
    )


def _combined(total: Floats, end: Floats, factor: Floats, wide: Floats) -> Floats:
    positive = (total > 0) & (end > 0) & (factor > 0) & (wide > 0)
    side = np.where(end < total, -1.0, 1.0)
    safe = [np.where(positive, part, 1.0) for part in (end, total, wide, factor)]
    log_reach = np.hypot(np.log(safe[0] / safe[1]), np.log(safe[2] / safe[3]))
    reach = np.hypot(factor * (end - total), total * (wide - factor))
    plain = factor * total + side * reach
    return np.where(positive, factor * total * np.exp(side * log_reach), plain)


def _inside(share: Floats) -> Floats:
    return np.where((share > 0) & (share < 1), share, np.nan)
