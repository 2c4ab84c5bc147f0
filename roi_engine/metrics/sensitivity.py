"""How much ROI hangs on what was only assumed, and where each assumption makes it 0."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from roi_engine.metrics.roi import Floats, ratio, return_on_cost

Objective: TypeAlias = Callable[[Floats], Floats]
"""From inputs of shape (rows, inputs) to one figure a row."""

INPUTS = (
    "baseline_minutes",
    "hourly_cost",
    "realisation_rate",
    "remediation_minutes",
    "liability_per_hallucination",
)
"""The columns of the inputs that ``assumed_money`` reads; net value is a line in each alone."""

MOST_CORNERS = 12
"""Inputs up to this number are tried in all corners: 4096 evaluations."""
HALVINGS = 100


class Measured(NamedTuple):
    """What was measured, one value a row; everything else of ROI is assumed."""

    successes: Floats
    inference_hours: Floats
    other_value: Floats
    cost: Floats
    later_detected: Floats
    undetected: Floats


class Money(NamedTuple):
    """Value and cost under some inputs."""

    value: Floats
    cost: Floats


class Swings(NamedTuple):
    """The figure at each input's two ends, the others as assumed; shape (rows, inputs)."""

    at_low: Floats
    at_high: Floats
    swing: Floats
    rank: Floats


class Range(NamedTuple):
    """The least and greatest figure with all inputs free in their ranges."""

    low: Floats
    high: Floats


def assumed_money(measured: Measured, inputs: ArrayLike) -> Money:
    """Return the value and the cost of measured work under assumed inputs.

        value = rate · w · (successes · T_h/60 − inference hours) + other value
        cost = measured + undetected · (liability + P(later detected) · remediation/60 · w)

    Args:
        measured: Sums a row; ``undetected`` 0 leaves hallucinations out, ``later_detected`` is
            the probability of §4.
        inputs: Shape (rows, 5), columns as in ``INPUTS``; a realisation rate of 1 gives roi, the
            signed-off one roi_cash.

    Returns:
        Money, one a row; NaN where an input is missing.

    Source: metrics.md §3 (labour_value, roi_cash), §4 (hallucination_cost).

    Examples:
        >>> work = Measured(*(np.array([x]) for x in (100.0, 1 / 6, 0.0, 400.0, 1.0, 0.0)))
        >>> value, cost = assumed_money(work, [[12.0, 50.0, 1.0, 15.0, 2.0]])
        >>> value.round(6), cost, return_on_cost(value, cost).round(6)
        (array([991.666667]), array([400.]), array([1.479167]))
    """
    columns = np.moveaxis(np.asarray(inputs, dtype=np.float64), -1, 0)
    minutes, hourly, rate, remediation, liability = columns
    saved = measured.successes * minutes / 60.0 - measured.inference_hours
    each = liability + measured.later_detected * remediation / 60.0 * hourly
    return Money(
        rate * hourly * saved + measured.other_value, measured.cost + measured.undetected * each
    )


def assumed_roi(measured: Measured) -> Objective:
    """Return ROI as a function of the assumed inputs alone.

        inputs → (value − cost) / cost

    Args:
        measured: What was measured, one value a row.

    Returns:
        A function for ``one_at_a_time``, ``together`` and ``break_even``.

    Source: metrics.md §9, sensitivity.

    Examples:
        >>> work = Measured(*(np.array([x]) for x in (100.0, 1 / 6, 0.0, 400.0, 1.0, 0.0)))
        >>> assumed_roi(work)(np.array([[6.0, 50.0, 1.0, 15.0, 2.0]])).round(4)
        array([0.2292])
    """

    def roi(inputs: Floats) -> Floats:
        return return_on_cost(*assumed_money(measured, inputs))

    return roi


def one_at_a_time(objective: Objective, base: ArrayLike, low: ArrayLike, high: ArrayLike) -> Swings:
    """Return the figure with each input at its ends in turn, and which input matters most.

        swing = |f(high) − f(low)|, rank 1 for the greatest

    Args:
        objective: The figure, e.g. ``assumed_roi(measured)``.
        base: Inputs as assumed, shape (rows, inputs).
        low: Their lowest credible values.
        high: Their highest.

    Returns:
        Figures at both ends, swings and ranks (ties by the inputs' order); NaN where the figure
        is not defined at an end, and no rank.

    Source: metrics.md §9, sensitivity: one at a time, ranked.

    Examples:
        >>> swings = one_at_a_time(
        ...     lambda x: x[:, 0] * x[:, 1], [[2.0, 3.0]], [[1.0, 0.0]], [[3.0, 5.0]]
        ... )
        >>> swings.swing, swings.rank
        (array([[ 6., 10.]]), array([[2., 1.]]))
    """
    assumed, least, most = _tables(base, low, high)
    at_low, at_high = (
        np.stack([objective(_with(assumed, at, end)) for at in range(assumed.shape[1])], axis=1)
        for end in (least, most)
    )
    swing = np.abs(at_high - at_low)
    return Swings(at_low, at_high, swing, ranked(swing))


def ranked(swing: ArrayLike) -> Floats:
    """Number the swings of each row, 1 for the greatest; ties go by the inputs' order.

    Args:
        swing: Shape (rows, inputs); NaN for an input that has none.

    Returns:
        Ranks without gaps, NaN where the swing is NaN.

    Source: metrics.md §9, sensitivity: ranked.

    Examples:
        >>> ranked([[1.0, float("nan"), 3.0, 0.0]])
        array([[ 2., nan,  1.,  3.]])
    """
    (swing,) = _tables(swing)
    order = np.argsort(np.where(np.isnan(swing), np.inf, -swing), axis=1, kind="stable")
    rank = np.empty_like(swing)
    places = np.broadcast_to(np.arange(1.0, swing.shape[1] + 1), swing.shape)
    np.put_along_axis(rank, order, places, axis=1)
    return np.where(np.isnan(swing), np.nan, rank)


def together(objective: Objective, low: ArrayLike, high: ArrayLike) -> Range:
    """Return the least and greatest figure when all inputs move together.

        min and max of f over the corners Π {low_k, high_k}

    Exact where f is monotone in each input while the others stay, whichever way, as ROI is: value
    and cost are lines in each. Nothing else is promised of a figure that turns in between.

    Args:
        objective: The figure.
        low: Lowest credible inputs, shape (rows, inputs), at most 12 of them.
        high: The highest.

    Returns:
        The range of each row; NaN where the figure is not defined in one of the corners.

    Raises:
        ValueError: There are more inputs than corners can be tried for.

    Source: metrics.md §9, sensitivity: together.

    Examples:
        >>> together(lambda x: x[:, 0] - x[:, 1], [[1.0, 0.0]], [[3.0, 5.0]])
        Range(low=array([-4.]), high=array([3.]))
    """
    least, most = _tables(low, high)
    if least.shape[1] > MOST_CORNERS:
        raise ValueError(f"{least.shape[1]} inputs have too many corners; at most {MOST_CORNERS}")
    lowest: Floats = np.full(least.shape[0], np.inf)
    highest: Floats = np.full(least.shape[0], -np.inf)
    for corner in product((False, True), repeat=least.shape[1]):
        found = objective(np.where(np.array(corner, dtype=bool), most, least))
        # a NaN of either side stays
        lowest, highest = np.minimum(lowest, found), np.maximum(highest, found)
    return Range(lowest, highest)


def break_even_linear(net: Objective, base: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """Return the value of each input at which a figure that is a line in it becomes 0.

        x* = low − f(low)·(high − low) / (f(high) − f(low)), the others as assumed

    Args:
        net: Net value (ROI itself is no line in what moves the cost; it is 0 where net value is).
        base: Inputs as assumed, shape (rows, inputs).
        low: The lowest values that an answer may have.
        high: The highest.

    Returns:
        Shape (rows, inputs); NaN where the figure is 0 nowhere in the range, or everywhere.

    Source: metrics.md §9, break-even value.

    Examples:
        >>> work = Measured(*(np.array([x]) for x in (100.0, 1 / 6, 0.0, 400.0, 1.0, 0.0)))
        >>> net = lambda inputs: np.subtract(*assumed_money(work, inputs))
        >>> base, low, high = [[12.0, 50, 1, 15, 2]], [[0.0] * 5], [[60.0, 200, 1, 60, 100]]
        >>> break_even_linear(net, base, low, high).round(4)
        array([[ 4.9   , 20.1681,  0.4034,     nan,     nan]])
    """
    assumed, least, most = _tables(base, low, high)
    columns = []
    for at in range(assumed.shape[1]):
        first, last = (net(_with(assumed, at, end)) for end in (least, most))
        width = most[:, at] - least[:, at]
        # as a share of the way, so that an end is found exactly
        way = ratio(np.abs(first), np.abs(last - first))
        crosses = (first != last) & (first * last <= 0)
        columns.append(np.where(crosses, least[:, at] + way * width, np.nan))
    return np.stack(columns, axis=1) if columns else np.empty(assumed.shape)


def break_even(objective: Objective, base: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """Return the value of each input at which any continuous figure becomes 0, by bisection.

        f(…, x*, …) = 0 with low <= x* <= high, the others as assumed

    Args:
        objective: The figure, e.g. ROI under some other model of value.
        base: Inputs as assumed, shape (rows, inputs).
        low: The lowest values that an answer may have.
        high: The highest.

    Returns:
        Shape (rows, inputs); NaN where the figure has the same sign at both ends, or is not
        defined there. Where it turns in between, one of its zeros.

    Source: metrics.md §9, break-even value.

    Examples:
        >>> break_even(lambda x: x[:, 0] ** 2 - 2.0, [[1.0]], [[0.0]], [[2.0]]).round(6)
        array([[1.414214]])
    """
    assumed, least, most = _tables(base, low, high)
    columns = []
    for at in range(assumed.shape[1]):
        left, right = least[:, at].copy(), most[:, at].copy()
        first, last = (objective(_with(assumed, at, end)) for end in (least, most))
        crosses = (np.sign(first) * np.sign(last) <= 0) & (first != last)
        for _ in range(HALVINGS):
            middle = left + (right - left) / 2
            moved = assumed.copy()
            moved[:, at] = middle
            same = np.sign(objective(moved)) == np.sign(first)
            left, right = np.where(same, middle, left), np.where(same, right, middle)
        answer = np.where(first == 0, least[:, at], right)
        columns.append(np.where(crosses, answer, np.nan))
    return np.stack(columns, axis=1) if columns else np.empty(assumed.shape)


def _with(base: Floats, at: int, end: Floats) -> Floats:
    moved = base.copy()
    moved[:, at] = end[:, at]
    return moved


def _tables(*tables: ArrayLike) -> list[Floats]:
    shaped = np.broadcast_arrays(*(np.asarray(table, dtype=np.float64) for table in tables))
    if shaped[0].ndim != 2:
        raise ValueError("inputs are rows of columns")
    return [np.array(table) for table in shaped]
