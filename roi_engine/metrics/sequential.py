"""Confidence sequences: the only intervals that may be looked at every day.

A fixed-horizon interval keeps its promise for one look, at a number of units set beforehand. Looked
at daily until it excludes 0, it excludes 0 in the end whether or not there is an effect.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import lambertw

from roi_engine.metrics.roi import Floats

FIRST_LOOK_UNITS = 50
"""Fewer units over both arms have no sequence: the promise rests on the central limit theorem."""


class Sequence(NamedTuple):
    """An interval that holds at every look at once, and its p-value; NaN where there is none."""

    low: Floats
    high: Floats
    p_value: Floats


def mixture(progress: ArrayLike, level: float = 0.95) -> Floats:
    """Return how much the mixture has learned: t·ρ², tuned to be sharpest at the planned end.

        t·ρ² = (s − 1) · progress, s = −W₋₁(−α²/e)

    ρ must be known before the first look, so it is set by the planned number and never by what was
    seen; s − 1 is where the sequence is narrowest (8.2 at α = 0.05, where it reaches 3.04 se).

    Args:
        progress: t / t planned: units seen over units planned, both arms together; tasks over
            tasks where units come back, for then their number does not grow with what is known.
            May pass 1.
        level: 1 − α.

    Returns:
        t·ρ² ≥ 0; NaN where there is no plan.

    Source: Waudby-Smith et al. 2024, appendix on choosing ρ, solved exactly; metrics.md §8.

    Examples:
        >>> mixture([0.5, 1.0]).round(3)
        array([4.106, 8.212])
    """
    alpha = 1 - level
    sharpest = float(-lambertw(-(alpha**2) / np.e, -1).real) - 1
    return np.maximum(sharpest * np.asarray(progress, dtype=np.float64), 0.0)


def critical(progress: ArrayLike, level: float = 0.95) -> Floats:
    """Return by how many standard errors the sequence reaches to each side.

        √( (m + 1)/m · (log(m + 1) − 2·log α) ), m = t·ρ²

    Args:
        progress: As in ``mixture``; 1 at the planned end.
        level: 1 − α.

    Returns:
        A multiple of the standard error; NaN before the first unit or without a plan.

    Source: Robbins 1970; Waudby-Smith et al. 2024, theorem 2.2; metrics.md §8.

    Examples:
        >>> critical([0.1, 1.0, 5.0]).round(2)
        array([3.82, 3.04, 3.16])
    """
    m = mixture(progress, level)
    some = m > 0
    learned = np.where(some, m, 1.0)
    square = (learned + 1) / learned * (np.log1p(learned) - 2 * np.log(1 - level))
    return np.where(some, np.sqrt(square), np.nan)


def confidence_sequence(
    difference: ArrayLike,
    standard_error: ArrayLike,
    units: ArrayLike,
    progress: ArrayLike,
    level: float = 0.95,
) -> Sequence:
    """Return an interval and a p-value that hold however often, and whenever, one looks.

        difference ± critical · se
        p = min(1, √(m + 1) · exp(−½ · (difference/se)² · m/(m + 1))), m = t·ρ²

    With chance 1 − α the true difference is in **all** intervals of an experiment's life. The
    promise is asymptotic, so it begins with 50 units, and se must be that of units, not of tasks.

    Args:
        difference: ``experiment.compare(…).difference``, one a look.
        standard_error: Its standard error at that look.
        units: Units over both arms at that look.
        progress: How far the plan has come, as in ``mixture``.
        level: 1 − α.

    Returns:
        Low, high and the always-valid p-value of no difference; NaN with fewer than 50 units,
        without a plan, or where se ≤ 0.

    Source: Robbins 1970; Howard et al. 2021; Waudby-Smith et al. 2024; metrics.md §8.

    Examples:
        >>> look = confidence_sequence([2.0, 2.0], [1.0, 0.5], [250, 1000], [0.25, 1.0])
        >>> look.low.round(2), look.high.round(2), look.p_value.round(3)
        (array([-1.25,  0.48]), array([5.25, 3.52]), array([0.455, 0.002]))
    """
    centre = np.asarray(difference, dtype=np.float64)
    error = np.asarray(standard_error, dtype=np.float64)
    usable = (error > 0) & (np.asarray(units, dtype=np.float64) >= FIRST_LOOK_UNITS)
    scale = np.where(usable, error, np.nan)
    reach = critical(progress, level) * scale
    m = mixture(progress, level)
    # far out, z² leaves the range of a double and p is 0
    with np.errstate(over="ignore", under="ignore"):
        exponent = -0.5 * (centre / scale) ** 2 * m / (m + 1)
        p_value = np.minimum(np.sqrt(m + 1) * np.exp(exponent), 1.0)
    return Sequence(centre - reach, centre + reach, np.where(m > 0, p_value, np.nan))


def over_looks(sequence: Sequence) -> Sequence:
    """Return what all looks until each say together: the intersection, and the smallest p-value.

        low = max of the lows so far, high = min of the highs so far, p = min of the p-values so far

    Args:
        sequence: Looks in order of time along the last axis; NaN looks say nothing.

    Returns:
        The running sequence; low > high means that the experiment changed under way.

    Source: Howard et al. 2021; metrics.md §8.

    Examples:
        >>> looks = Sequence(np.array([-3.0, 0.5, 0.2]), np.array([4.0, 3.0, 3.5]),
        ...                  np.array([1.0, 0.01, 0.03]))
        >>> over_looks(looks)
        Sequence(low=array([-3. ,  0.5,  0.5]), high=array([4., 3., 3.]),
            p_value=array([1.  , 0.01, 0.01]))
    """
    return Sequence(
        np.fmax.accumulate(sequence.low, axis=-1),
        np.fmin.accumulate(sequence.high, axis=-1),
        np.fmin.accumulate(sequence.p_value, axis=-1),
    )
