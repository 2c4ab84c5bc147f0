"""Small samples lend each other strength: rates of one task type, pooled over its cells.

Each cell's rate is drawn from Beta(κμ, κ(1 − μ)); what the cells say together about μ and κ is
kept as weights on a fixed grid. (Moments for κ fail: they are often infinite.)
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv, betaln
from threadpoolctl import ThreadpoolController

from roi_engine.metrics import grid
from roi_engine.metrics.hallucination import TAILS, Rate
from roi_engine.metrics.roi import Floats

MIN_UNITS = 3
"""Fewer cells with reviews than this are not pooled."""

# μ is uniform: nodes are equal steps in arcsine scale (denser near 0 and 1, where rates live),
# each with the width of its bin as weight. κ has density ∝ (1 + κ)^−1.5 on 0.5 to 3000.
_STEP = np.pi / 2 / 128
_MU = np.sin((np.arange(128) + 0.5) * _STEP) ** 2
_MU_PRIOR = np.diff(np.sin(np.arange(129) * _STEP) ** 2)
_KAPPA_EDGES = np.geomspace(0.5, 3000.0, 33)
_KAPPA = np.sqrt(_KAPPA_EDGES[1:] * _KAPPA_EDGES[:-1])
_KAPPA_PRIOR = (1 + _KAPPA_EDGES[:-1]) ** -0.5 - (1 + _KAPPA_EDGES[1:]) ** -0.5
_LOG_PRIOR = np.log(_MU_PRIOR[:, None] * _KAPPA_PRIOR[None, :]).ravel()
_A = (_MU[:, None] * _KAPPA[None, :]).ravel()
_B = ((1 - _MU)[:, None] * _KAPPA[None, :]).ravel()
_LOG_BETA = betaln(_A, _B)
# 1 − μ is on the grid too: b of one node is a of the node opposite
_OPPOSITE = np.arange(_A.size).reshape(_MU.size, _KAPPA.size)[::-1].ravel()
_TABLED = 512
"""Whole counts up to here are looked up: a table of 16 MiB, and the beta function over it."""

_DROPPED = 1e-4
"""Posterior mass of grid points that are left out: it moves a tail of 2.5 % by 0.01 at most."""
_TOO_SHARP = 20_000
"""From so many reviews on a posterior is as narrow as a bin of rates: a Beta says it better."""


class Pool(NamedTuple):
    """What the units of a task type say about each other.

    ``place`` numbers the grid points that matter, ``weight`` sums to 1 over them, and ``a``,
    ``b`` are the Beta parameters κμ and κ(1 − μ) of each.
    """

    place: NDArray[np.int64]
    weight: Floats
    a: Floats
    b: Floats


def pool(reviewed: ArrayLike, hallucinated: ArrayLike) -> Pool:
    """Weigh the grid of μ and κ by the likelihood of the units.

        weight(μ, κ) ∝ prior · Π BetaBinomial(h | n, κμ, κ(1 − μ))

    Args:
        reviewed: n of each unit, > 0.
        hallucinated: h of each unit.

    Returns:
        The grid points that matter and their weights.

    Source: metrics.md §4, pooling.

    Examples:
        >>> points = pool([50.0, 50.0, 50.0], [3.0, 2.0, 4.0])
        >>> float((points.weight * points.a / (points.a + points.b)).sum().round(1))
        0.1
    """
    units = np.stack(
        [np.asarray(reviewed, dtype=np.float64), np.asarray(hallucinated, dtype=np.float64)]
    )
    # sorted and counted, so that the order of the units shows nowhere
    (n, h), times = np.unique(units, axis=1, return_counts=True)
    logarithm = _LOG_PRIOR
    for size, found, count in zip(n, h, times, strict=True):
        logarithm = logarithm + count * _log_fit(float(size), float(found))
    weight = grid.normalised(np.exp(logarithm - logarithm.max()))
    order = np.argsort(-weight, kind="stable")
    kept = int(np.searchsorted(np.cumsum(weight[order]), 1 - _DROPPED)) + 1
    place = np.sort(order[:kept])
    return Pool(place, grid.normalised(weight[place]), _A[place], _B[place])


def pooled(points: Pool, reviewed: ArrayLike, hallucinated: ArrayLike) -> Rate:
    """Return the posterior of each cell's rate, given its own reviews and the pool.

        mixture over (μ, κ) of Beta(κμ + h, κ(1 − μ) + n − h)

    Args:
        points: The pool of the cell's task type.
        reviewed: n of each cell; 0 for a cell that has only its neighbours.
        hallucinated: h of each cell.

    Returns:
        Mean, the 2.5 % and 97.5 % quantiles and the variance of the mixture.

    Source: metrics.md §4, pooling.

    Examples:
        >>> from roi_engine.metrics.hallucination import jeffreys
        >>> points = pool([50.0] * 8, [3.0, 2.0, 4.0, 3.0, 3.0, 2.0, 4.0, 3.0])
        >>> alone, together = jeffreys([5.0], [2.0]), pooled(points, [5.0], [2.0])
        >>> bool(together.high[0] - together.low[0] < alone.high[0] - alone.low[0])
        True
    """
    n = np.atleast_1d(np.asarray(reviewed, dtype=np.float64))
    h = np.atleast_1d(np.asarray(hallucinated, dtype=np.float64))
    distinct, back = np.unique(np.stack([n, h]), axis=1, return_inverse=True)
    found = _posteriors(points, distinct)
    return Rate(*(column[back.reshape(-1)] for column in found))


def posterior_mass(points: Pool, reviewed: float, hallucinated: float) -> Floats:
    """Return a cell's posterior as masses on the grid of rates.

        mass(θ) ∝ θ^h · (1 − θ)^(n − h) · Σ weight / fit · Beta(θ; a, b)

    The pool's weights already hold the cell's own fit; it is taken out before the cell's
    likelihood multiplies it in again, point by point.

    Args:
        points: The pool of the cell's task type.
        reviewed: n of the cell.
        hallucinated: h of the cell.

    Returns:
        Mass of each bin of ``grid``, summing to 1.

    Examples:
        >>> points = pool([50.0] * 3, [3.0, 2.0, 4.0])
        >>> bool(abs((posterior_mass(points, 50.0, 3.0) * grid.RATES).sum() - 0.06) < 0.01)
        True
    """
    (mass,) = _masses(points, np.array([[reviewed], [hallucinated]], dtype=np.float64))
    return mass


def _masses(points: Pool, samples: Floats) -> Floats:
    """Return the posterior of each sample (n in the first row, h in the second) on the grid."""
    fit = np.array([_log_fit(float(n), float(h))[points.place] for n, h in samples.T])
    others = points.weight * np.exp(fit.min(axis=1, keepdims=True) - fit)
    # points that matter lie together: a range of the table is read where it stands, not copied
    first, last = points.place[0], points.place[-1] + 1
    spread = np.zeros((others.shape[0], last - first))
    spread[:, points.place - first] = others
    # one thread: how many add up a product shows in its last bits
    with _blas().limit(limits=1, user_api="blas"):
        priors = spread @ _components()[first:last]
    return grid.normalised(priors * grid.likelihood(*samples))


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _components() -> Floats:
    """Return the mass of every Beta(κμ, κ(1 − μ)) in every bin of rates."""
    a, b = _A[:, None], _B[:, None]
    density = (a - 1) * grid.LOG_RATES + (b - 1) * grid.LOG_REST - betaln(a, b)
    mass = np.exp(density) * grid.WIDTHS
    # the density may be infinite at 0 and 1; the outer bins are exact
    mass[:, 0] = betainc(_A, _B, grid.EDGES[1])
    mass[:, -1] = betainc(_B, _A, 1 - grid.EDGES[-2])
    return np.asarray(mass)


@lru_cache(maxsize=2048)
def _log_fit(reviewed: float, hallucinated: float) -> Floats:
    """Return the log of BetaBinomial(h | n, a, b) on the grid, the binomial coefficient left out.

    Kept, since the same small samples come up in every pool of every day (32 KiB each).
    """
    passed = reviewed - hallucinated
    if reviewed <= _TABLED and reviewed.is_integer() and hallucinated.is_integer():
        ways, all_ways = _rising(), _rising_sum()
        fit = ways[int(hallucinated)] + ways[int(passed)][_OPPOSITE]
        by_mu = fit.reshape(_MU.size, _KAPPA.size) - all_ways[int(reviewed)]
        return np.asarray(by_mu.ravel())
    return np.asarray(betaln(_A + hallucinated, _B + passed) - _LOG_BETA)


@cache
def _rising() -> Floats:
    """Return log Γ(a + m)/Γ(a) for m = 0 … on the grid: a sum of logs in the place of gammas."""
    return _log_rising(_A)


@cache
def _rising_sum() -> Floats:
    """Return log Γ(κ + m)/Γ(κ) for m = 0 …: a + b is κ alone."""
    return _log_rising(_KAPPA)


def _log_rising(start: Floats) -> Floats:
    table = np.zeros((_TABLED + 1, start.size))
    np.cumsum(np.log(start + np.arange(_TABLED)[:, None]), axis=0, out=table[1:])
    return table


def _posteriors(points: Pool, samples: Floats) -> Rate:
    """Return mean, tails and variance of each sample's posterior."""
    n, h = samples[:, :, None]
    a, b = points.a + h, points.b + n - h
    means = a / (a + b)
    mean = (points.weight * means).sum(axis=1)
    second = (points.weight * (means * (1 - means) / (a + b + 1) + means**2)).sum(axis=1)
    variance = second - mean**2
    drawn = grid.summary(_masses(points, samples))
    sharp = samples[0] >= _TOO_SHARP
    size = np.where(sharp, mean * (1 - mean) / variance - 1, 1.0)
    low, high = (
        np.where(sharp, betaincinv(mean * size, (1 - mean) * size, tail), narrow)
        for tail, narrow in zip(TAILS, (drawn.low, drawn.high), strict=True)
    )
    return Rate(mean, low, high, variance)
