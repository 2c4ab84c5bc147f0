"""A fixed grid of rates in [0, 1]: posteriors that have no closed form live on it as masses."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc

from roi_engine.metrics.hallucination import TAILS, Rate
from roi_engine.metrics.roi import Floats

BINS = 1024
_ANGLE = np.pi / 2 / BINS
# bins are equal in arcsine scale: there a rate's standard error is the same everywhere
EDGES = np.sin(np.arange(BINS + 1) * _ANGLE) ** 2
RATES = np.sin((np.arange(BINS) + 0.5) * _ANGLE) ** 2
WIDTHS = np.diff(EDGES)
LOG_RATES, LOG_REST = np.log(RATES), np.log1p(-RATES)


def summary(mass: Floats) -> Rate:
    """Return mean, the 2.5 % and 97.5 % quantiles and the variance.

    Args:
        mass: Mass of each bin, summing to 1; one row a posterior, or one alone.

    Examples:
        >>> mean, low, high, _ = summary(beta_mass(3.5, 47.5))
        >>> mean.round(4), low.round(4), high.round(4)
        (array([0.0686]), array([0.0172]), array([0.1515]))
    """
    rows = np.atleast_2d(mass)
    mean = (rows * RATES).sum(axis=1)
    reached = np.concatenate([np.zeros((rows.shape[0], 1)), np.cumsum(rows, axis=1)], axis=1)
    reached /= reached[:, -1:]
    variance = (rows * (RATES - mean[:, None]) ** 2).sum(axis=1)
    low, high = (_quantile(reached, tail) for tail in TAILS)
    return Rate(mean, low, high, variance)


def _quantile(reached: Floats, tail: float) -> Floats:
    """Return where each row's distribution function, straight within a bin, reaches ``tail``."""
    left = np.clip((reached <= tail).sum(axis=1) - 1, 0, BINS - 1)
    each = np.arange(reached.shape[0])
    below, above = reached[each, left], reached[each, left + 1]
    return EDGES[left] + WIDTHS[left] * (tail - below) / (above - below)


def beta_mass(a: float, b: float) -> Floats:
    """Return the mass of Beta(a, b) in each bin, exactly.

    Examples:
        >>> float(beta_mass(0.5, 0.5).sum().round(12))
        1.0
    """
    return np.diff(betainc(a, b, EDGES))


def likelihood(reviewed: ArrayLike, hallucinated: ArrayLike) -> Floats:
    """Return θ^h · (1 − θ)^(n − h) on the grid, up to a constant: one row a sample.

    Examples:
        >>> bool(RATES[likelihood([50], [3])[0].argmax()].round(2) == 0.06)
        True
    """
    n = np.asarray(reviewed, dtype=np.float64)[:, None]
    h = np.asarray(hallucinated, dtype=np.float64)[:, None]
    logarithm = h * LOG_RATES + (n - h) * LOG_REST
    return np.asarray(np.exp(logarithm - logarithm.max(axis=1, keepdims=True)))


def normalised(mass: ArrayLike) -> Floats:
    """Scale masses to sum to 1 in each row, or as a whole where there is one row only."""
    values = np.asarray(mass, dtype=np.float64)
    return values / values.sum(axis=-1, keepdims=True)
