"""Days that differ, and in a persistent estate differ like the day before."""

import numpy as np
from scipy.special import expit

DAYS = 28
PERSISTENCE = {"independent": 0.0, "persistent": 0.7}


def shocks(rows: int, days: int, rho: float | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw stationary normal shocks of spread 1, shape (rows, days).

    Their autocorrelation is ``rho``, one for all rows or one a row.
    """
    shock = rng.standard_normal((rows, days))
    for day in range(1, days):
        shock[:, day] = rho * shock[:, day - 1] + np.sqrt(1 - rho**2) * shock[:, day]
    return shock


def mean_rate(centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the rate in the long run, E[expit(centre + spread·shock)], from columns of rows."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return (weights * expit(centre + spread * nodes)).sum(axis=1) / weights.sum()
