"""Which outputs to review next: where a minute of review narrows adjusted ROI most."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from roi_engine.metrics.roi import Floats, ratio

HALVINGS = 60


class Posterior(NamedTuple):
    """A Beta posterior of a hallucination rate; NaN where there is none."""

    a: Floats
    b: Floats


class Cells(NamedTuple):
    """What reviews could tell, one value a cell."""

    a: ArrayLike
    b: ArrayLike
    unverified: ArrayLike
    value_at_stake: ArrayLike
    loss_per_hallucination: ArrayLike
    review_minutes: ArrayLike


class ReviewPlan(NamedTuple):
    """Reviews a cell, and the width of the 95 % interval of adjusted net value they lead to.

    ``gain_per_minute`` is by how much the first review of a cell would lower the variance, in
    money² a minute: the order in which to begin.
    """

    reviews: Floats
    minutes: float
    gain_per_minute: Floats
    width_before: float
    width_expected: float


def beta_from_moments(mean: ArrayLike, variance: ArrayLike) -> Posterior:
    """Return the Beta posterior that has the moments of a rate (that of a pooled one, say).

        s = mean·(1 − mean) / variance − 1, a = mean·s, b = (1 − mean)·s

    Args:
        mean: Of the rate.
        variance: Of the rate.

    Returns:
        a and b; NaN where no Beta has such moments.

    Source: metrics.md §4 (the posterior of hallucination_rate).

    Examples:
        >>> beta_from_moments([0.25], [0.0375])
        Posterior(a=array([1.]), b=array([3.]))
    """
    m, v = np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    size = ratio(m * (1 - m), v) - 1
    size = np.where((size > 0) & (m > 0) & (m < 1), size, np.nan)
    return Posterior(m * size, (1 - m) * size)


def expected_variance(cells: Cells, reviews: ArrayLike) -> Floats:
    """Return the variance of each cell's adjusted net value that is expected after some reviews.

        s² · ab/(S(S+1)) · (S + U)·(U − n)/(S + n), S = a + b, s = value + loss

    U outputs that nobody verified hold a beta-binomial number of hallucinations, each of which
    takes its value and costs its loss. After n reviews U − n are left and the posterior has moved;
    this is the mean over what the reviews may find, in closed form. It falls ever more slowly.

    Args:
        cells: Posteriors and stakes; ``value_at_stake`` and ``loss_per_hallucination`` are money
            an output, ``review_minutes`` minutes a review.
        reviews: n, between 0 and U.

    Returns:
        Money²; NaN where an input is missing.

    Source: metrics.md §4 (adjusted_value, hallucination_cost); Raiffa and Schlaifer 1961,
        preposterior analysis.

    Examples:
        >>> cells = Cells([3.5], [47.5], [950.0], [9.9], [14.5], [6.0])
        >>> np.sqrt(expected_variance(cells, [0.0])).round(1)
        array([834.2])
        >>> np.sqrt(expected_variance(cells, [100.0])).round(1)
        array([458.6])
    """
    size, outputs, scale, _ = _sizes(cells)
    n = np.asarray(reviews, dtype=np.float64)
    return np.asarray(scale * (outputs - n) / (size + n))


def plan_reviews(cells: Cells, minutes: float) -> ReviewPlan:
    """Spend minutes of review where each lowers the variance of adjusted net value most.

        n_i = the most reviews whose last one still lowers it by at least λ a minute,
        λ the least that the minutes allow

    Reviews have diminishing returns, so taking the best next one each time is optimal while a
    minute is left for it (with unequal minutes, up to the last review). λ is found by bisection:
    no review is looked at singly. Cells without a posterior, a loss or a price in minutes get none
    and stand in no width.

    Args:
        cells: One value a cell; cells are independent of each other.
        minutes: What there is to spend, >= 0.

    Returns:
        Whole reviews a cell, at most its unverified outputs, and the 95 % width before and after
        (of a normal with the summed variance).

    Raises:
        ValueError: The minutes are negative or not known.

    Source: metrics.md §4; Neyman 1934 (the split by spread and price of a sample).

    Examples:
        >>> cells = Cells([3.5, 3.5], [47.5, 47.5], [950.0, 950.0], [9.9, 1.0], [14.5, 1.0],
        ...     [6.0, 6.0])
        >>> plan = plan_reviews(cells, minutes=600.0)
        >>> plan.reviews, round(plan.width_before), round(plan.width_expected)
        (array([100.,   0.]), 3281, 1818)
    """
    if not minutes >= 0:
        raise ValueError("minutes of review cannot be negative")
    size, outputs, scale, each = _sizes(cells)
    whole = np.floor(np.maximum(outputs, 0.0))
    usable = np.isfinite(size + scale + whole) & (each > 0) & (whole > 0) & (size > 0)
    size, scale, each = (np.where(usable, part, 1.0) for part in (size, scale, each))
    whole = np.where(usable, whole, 0.0)
    # what the n-th review takes off: scale·(S + U) / ((S + n − 1)(S + n))
    worth = np.where(usable, scale * (size + np.where(usable, outputs, 0.0)) / each, 0.0)

    def reviews_at(price: float) -> Floats:
        deep = np.sqrt(0.25 + worth / price) - (size - 0.5)
        return np.clip(np.floor(deep), 0.0, whole)

    valued = worth > 0
    first = (worth / (size * (size + 1)))[valued]
    last = (worth / ((size + whole) * (size + whole + 1)))[valued]
    # between a price that no review is worth and one that all are; halved as logarithms
    high = float(np.log(first.max(initial=1e-300))) + 1.0
    low = float(np.log(last.min(initial=1.0))) - 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = (reviews_at(float(np.exp(middle))) * each).sum() <= minutes
        low, high = (low, middle) if fits else (middle, high)
    reviews = reviews_at(float(np.exp(high)))
    left = minutes - float((reviews * each).sum())

    while True:
        # ties at λ, and what is left for cheaper cells: one more each, best first
        open_cells = np.flatnonzero((reviews < whole) & (each <= left) & valued)
        if not open_cells.size:
            break
        at = reviews[open_cells]
        gain = worth[open_cells] / ((size[open_cells] + at) * (size[open_cells] + at + 1))
        order = open_cells[np.argsort(-gain, kind="stable")]
        taken = order[: int(np.searchsorted(each[order].cumsum(), left, side="right"))]
        reviews[taken] += 1
        left -= float(each[taken].sum())

    before = np.where(usable, expected_variance(cells, 0.0), 0.0).sum()
    after = np.where(usable, expected_variance(cells, reviews), 0.0).sum()
    reach = 2 * float(ndtri(0.975))
    return ReviewPlan(
        reviews,
        float((reviews * each).sum()),
        np.where(usable, worth / (size * (size + 1)), np.nan),
        reach * float(np.sqrt(before)),
        reach * float(np.sqrt(after)),
    )


def _sizes(cells: Cells) -> tuple[Floats, Floats, Floats, Floats]:
    """Return S, U, s²·ab/(S(S+1))·(S + U), and the minutes of a review."""
    a, b, outputs, value, loss, each = (
        np.asarray(part) for part in np.broadcast_arrays(*(_floats(column) for column in cells))
    )
    size = a + b
    scale = (value + loss) ** 2 * ratio(a * b, size * (size + 1)) * (size + outputs)
    return size, outputs, scale, each


def _floats(column: ArrayLike) -> Floats:
    return np.atleast_1d(np.asarray(column, dtype=np.float64))
