"""Which outputs to review next: where a minute of review narrows adjusted ROI most."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
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


class _Work(NamedTuple):
    """What is left to review: worth / ((S + n − 1)(S + n)) is what the n-th takes off a minute."""

    worth: Floats
    size: Floats
    whole: Floats
    each: Floats


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
    with np.errstate(over="ignore", invalid="ignore"):
        worth = scale * (size + np.where(usable, outputs, 0.0)) / each
    worth = np.where(usable & np.isfinite(worth), worth, 0.0)

    work = _Work(worth, size, whole, each)
    reviews, left = np.zeros(whole.size), float(minutes)
    # each round ends with a cell done, or too dear for what is left
    while (is_open := (worth > 0) & (reviews < whole) & (each <= left)).any():
        deeper = _down_to_a_price(work, reviews, left, is_open)
        left -= float(((deeper - reviews) * each).sum())
        reviews = deeper
        gain = worth / ((size + reviews) * (size + reviews + 1))
        ties = np.flatnonzero(is_open & (reviews < whole) & (each <= left))
        order = ties[np.argsort(-gain[ties], kind="stable")]
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


def _down_to_a_price(work: _Work, done: Floats, left: float, is_open: NDArray[np.bool_]) -> Floats:
    """Return reviews down to the least price a minute that what is left pays for."""
    worth, size, whole, each = work
    first = (worth / ((size + done) * (size + done + 1)))[is_open]
    last = (worth / ((size + whole) * (size + whole + 1)))[is_open]

    def down_to(price: float) -> Floats:
        deep = np.sqrt(0.25 + worth / price) - (size - 0.5)
        return np.where(is_open, np.clip(np.floor(deep), done, whole), done)

    # between a price that no review is worth and one that all are; halved as logarithms
    low, high = float(np.log(last.min())) - 1.0, float(np.log(first.max())) + 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = ((down_to(float(np.exp(middle))) - done) * each).sum() <= left
        low, high = (low, middle) if fits else (middle, high)
    return down_to(float(np.exp(high)))


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
