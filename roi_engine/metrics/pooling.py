"""Small samples lend each other strength: rates of one task type, pooled over its cells.

Each cell's rate is drawn from Beta(κμ, κ(1 − μ)); what the cells say together about μ and κ is
kept as weights on a fixed grid. (Moments for κ fail: they are often infinite.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincinv, betaln, expit

from roi_engine.metrics.hallucination import TAILS, Rate
from roi_engine.metrics.roi import Floats

MIN_UNITS = 3
"""Fewer cells with reviews than this are not pooled."""

# μ is uniform: nodes lie where an arcsine-scaled grid puts them (denser near 0 and 1, where
# rates live), each with the width of its bin as weight. κ has density ∝ (1 + κ)^−1.5.
_MU_EDGES = np.sin(np.linspace(0, np.pi / 2, 129)) ** 2
_MU = np.sin((np.linspace(0, np.pi / 2, 129)[1:] + np.linspace(0, np.pi / 2, 129)[:-1]) / 2) ** 2
_KAPPA_EDGES = np.geomspace(0.5, 3000.0, 33)
_KAPPA = np.sqrt(_KAPPA_EDGES[1:] * _KAPPA_EDGES[:-1])
_KAPPA_PRIOR = (1 + _KAPPA_EDGES[:-1]) ** -0.5 - (1 + _KAPPA_EDGES[1:]) ** -0.5
_PRIOR = (np.diff(_MU_EDGES)[:, None] * _KAPPA_PRIOR[None, :]).ravel()
_GRID_A = (_MU[:, None] * _KAPPA[None, :]).ravel()
_GRID_B = ((1 - _MU)[:, None] * _KAPPA[None, :]).ravel()

_DROPPED = 1e-5
"""Posterior mass of grid points that are left out: a hundredth of a per mille of the tails."""
_EDGE = 80.0
"""Logits beyond ±80 are 0 or 1 to every digit that a double has."""
_STEPS = 80


class Pool(NamedTuple):
    """What the units of a task type say about each other: weighted Beta(a, b) components."""

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
        The grid points that matter and their weights, which sum to 1.

    Source: metrics.md §4, pooling.

    Examples:
        >>> grid = pool([50.0, 50.0, 50.0], [3.0, 2.0, 4.0])
        >>> float((grid.weight * grid.a / (grid.a + grid.b)).sum().round(1))
        0.1
    """
    units = np.stack(
        [np.asarray(reviewed, dtype=np.float64), np.asarray(hallucinated, dtype=np.float64)]
    )
    # sorted and counted, so that the order of the units shows nowhere
    (n, h), times = np.unique(units, axis=1, return_counts=True)
    likelihood = np.log(_PRIOR)
    for size, found, count in zip(n, h, times, strict=True):
        fit = betaln(_GRID_A + found, _GRID_B + size - found) - betaln(_GRID_A, _GRID_B)
        likelihood = likelihood + count * fit
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    order = np.argsort(-weight, kind="stable")
    kept = int(np.searchsorted(np.cumsum(weight[order]), 1 - _DROPPED)) + 1
    chosen = np.sort(order[:kept])
    return Pool(weight[chosen] / weight[chosen].sum(), _GRID_A[chosen], _GRID_B[chosen])


def pooled(grid: Pool, reviewed: ArrayLike, hallucinated: ArrayLike) -> Rate:
    """Return the posterior of each cell's rate, given its own reviews and the pool.

        mixture over (μ, κ) of Beta(κμ + h, κ(1 − μ) + n − h)

    Args:
        grid: The pool of the cell's task type.
        reviewed: n of each cell; 0 for a cell that has only its neighbours.
        hallucinated: h of each cell.

    Returns:
        Mean, the 2.5 % and 97.5 % quantiles and the variance of the mixture.

    Source: metrics.md §4, pooling.

    Examples:
        >>> from roi_engine.metrics.hallucination import jeffreys
        >>> grid = pool([50.0] * 8, [3.0, 2.0, 4.0, 3.0, 3.0, 2.0, 4.0, 3.0])
        >>> alone, together = jeffreys([5.0], [2.0]), pooled(grid, [5.0], [2.0])
        >>> bool(together.high[0] - together.low[0] < alone.high[0] - alone.low[0])
        True
    """
    n = np.atleast_1d(np.asarray(reviewed, dtype=np.float64))
    h = np.atleast_1d(np.asarray(hallucinated, dtype=np.float64))
    cells, back = np.unique(np.stack([n, h]), axis=1, return_inverse=True)
    a = grid.a[None, :] + cells[1][:, None]
    b = grid.b[None, :] + (cells[0] - cells[1])[:, None]
    means = a / (a + b)
    mean = (grid.weight * means).sum(axis=-1)
    second = (grid.weight * (means * (1 - means) / (a + b + 1) + means**2)).sum(axis=-1)
    variance = second - mean**2
    mixture = (grid.weight, a, b)
    low, high = (_quantile(mixture, mean, variance, tail) for tail in TAILS)
    back = back.reshape(-1)
    return Rate(mean[back], low[back], high[back], variance[back])


def _quantile(
    mixture: tuple[Floats, Floats, Floats], mean: Floats, variance: Floats, tail: float
) -> Floats:
    """Find where each row's mixture reaches ``tail``: Newton on the logit, held by a bracket.

    A row stops for its own reasons, never for its neighbours'.
    """
    weight, a, b = mixture
    size = mean * (1 - mean) / variance - 1
    start = betaincinv(mean * size, (1 - mean) * size, tail)
    with np.errstate(divide="ignore"):
        z = np.clip(np.log(start) - np.log1p(-start), -_EDGE, _EDGE)
    low, high = np.full_like(z, -_EDGE), np.full_like(z, _EDGE)
    normal = betaln(a, b)
    active = np.arange(z.size)
    for _ in range(_STEPS):
        if not active.size:
            break
        here = z[active]
        p, q = expit(here)[:, None], expit(-here)[:, None]
        part_a, part_b = a[active], b[active]
        gap = (weight * betainc(part_a, part_b, p)).sum(axis=-1) - tail
        slope = (weight * np.exp(part_a * np.log(p) + part_b * np.log(q) - normal[active])).sum(
            axis=-1
        )
        low[active] = np.where(gap < 0, here, low[active])
        high[active] = np.where(gap < 0, high[active], here)
        step = here - gap / np.maximum(slope, 1e-300)
        inside = (step > low[active]) & (step < high[active])
        step = np.where(inside, step, (low[active] + high[active]) / 2)
        z[active] = step
        active = active[np.abs(step - here) > 1e-10]
    return expit(z)
