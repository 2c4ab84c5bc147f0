"""How often an agent finished alone what it had begun."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from roi_engine.metrics.roi import Floats, ratio


class Interval(NamedTuple):
    """A figure and its 95 % interval; NaN where there is none."""

    estimate: Floats
    low: Floats
    high: Floats


def wilson(successes: ArrayLike, trials: ArrayLike, level: ArrayLike = 0.95) -> Interval:
    """Return a share of counts with Wilson's score interval.

        (k + z²/2 ± z·√(k·(n − k)/n + z²/4)) / (n + z²)

    Args:
        successes: k, whole numbers.
        trials: n >= k.
        level: Nominal coverage, one for all or one a row.

    Returns:
        Share and interval, in [0, 1]; NaN where n is 0.

    Source: Wilson 1927; Brown, Cai and DasGupta 2001; metrics.md §5 (win_rate).

    Examples:
        >>> wilson([8], [10]).low.round(4), wilson([8], [10]).high.round(4)
        (array([0.4902]), array([0.9433]))
    """
    k = np.asarray(successes, dtype=np.float64)
    n = np.asarray(trials, dtype=np.float64)
    z = ndtri(0.5 + np.asarray(level, dtype=np.float64) / 2)
    some = n > 0
    size = np.where(some, n, 1.0)
    half = z * np.sqrt(k * (n - k) / size + z * z / 4)
    low = np.maximum((k + z * z / 2 - half) / (n + z * z), 0.0)
    high = np.minimum((k + z * z / 2 + half) / (n + z * z), 1.0)
    # at 0 and at n the formula gives the bound itself, up to rounding noise
    low, high = np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)
    return Interval(ratio(k, n), np.where(some, low, np.nan), np.where(some, high, np.nan))
