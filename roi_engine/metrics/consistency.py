"""How alike the work on tasks of one kind is: an agent that needs the same each time is planned."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.roi import Floats, ratio


def within_spread(
    agent: ArrayLike, n: ArrayLike, total: ArrayLike, deviations: ArrayLike
) -> Floats:
    """Return each agent's spread inside kinds of task, against its mean.

        √(Σ_k SS_k / Σ_k (n_k − 1)) / (Σ_k S_k / Σ_k n_k)

    Kinds with one task have no spread and count in the mean only.

    Args:
        agent: Number of the agent of each (agent, kind) row, 0 … the highest.
        n: Tasks of the row.
        total: S, their sum.
        deviations: SS, sum of squared deviations from the row's own mean.

    Returns:
        One coefficient of variation an agent; NaN with no kind of two tasks, or a mean ≤ 0.

    Source: metrics.md §5 (``consistency``); pooled within-group variance.

    Examples:
        >>> within_spread([0, 0], [2, 2], [2.0, 6.0], [0.0, 2.0])
        array([0.5])
    """
    group = np.asarray(agent, dtype=np.int64)
    sums = [
        _add_up(group, values) for values in (n, total, deviations, np.asarray(n, dtype=float) - 1)
    ]
    tasks, amount, squares, degrees = sums
    return ratio(np.sqrt(np.maximum(ratio(squares, degrees), 0.0)), ratio(amount, tasks))


def _add_up(group: NDArray[np.int64], values: ArrayLike) -> Floats:
    weights = np.asarray(values, dtype=np.float64)
    return np.asarray(np.bincount(group, weights=weights), dtype=np.float64)
