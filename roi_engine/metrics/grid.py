"""A fixed grid of rates in [0, 1]: posteriors that have no closed form live on it as masses."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc

from roi_engine.metrics.hallucination import TAILS
from roi_engine.metrics.roi import Floats

BINS = 1024
_ANGLE = np.pi / 2 / BINS
# bins are equal in arcsine scale: there a rate's standard error is the same everywhere
EDGES = np.sin(np.arange(BINS + 1) * _ANGLE) ** 2
RATES = np.sin((np.arange(BINS) + 0.5) * _ANGLE) ** 2
WIDTHS = np.diff(EDGES)
LOG_RATES, LOG_REST = np.log(RATES), np.log1p(-RATES)


class Summary(NamedTuple):
    """Mean, 95 % interval and variance of a posterior on the grid."""

    mean: float
    low: float
    high: float
    variance: float


def summary(mass: Floats) -> Summary:
    """Return mean, the 2.5 % and 97.5 % quantiles and the variance.

    Args:
        mass: Mass of each bin, summing to 1.

    Examples:
        >>> mean, low, high, _ = summary(beta_mass(3.5, 47.5))
        >>> round(mean, 4), round(low, 4), round(high, 4)
        (0.0686, 0.0172, 0.1515)
    """
    mean = float((mass * RATES).sum())
    reached = np.concatenate([[0.0], np.cumsum(mass)])
    low, high = np.interp(TAILS, reached / reached[-1], EDGES)
    return Summary(mean, float(low), float(high), float((mass * (RATES - mean) ** 2).sum()))


def beta_mass(a: float, b: float) -> Floats:
    """Return the mass of Beta(a, b) in each bin, exactly.

    Examples:
        >>> float(beta_mass(0.5, 0.5).sum().round(12))
        1.0
    """
    return np.diff(betainc(a, b, EDGES))


def likelihood(reviewed: float, hallucinated: float) -> Floats:
    """Return θ^h · (1 − θ)^(n − h) on the grid, up to a constant.

    Examples:
        >>> bool(RATES[likelihood(50, 3).argmax()].round(2) == 0.06)
        True
    """
    logarithm = hallucinated * LOG_RATES + (reviewed - hallucinated) * LOG_REST
    return np.asarray(np.exp(logarithm - logarithm.max()))


def normalised(mass: ArrayLike) -> Floats:
    """Scale masses to sum to 1."""
    values = np.asarray(mass, dtype=np.float64)
    return values / values.sum()
