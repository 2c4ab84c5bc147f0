"""Days that differ, and in a persistent estate differ like the day before."""

from typing import NamedTuple

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


class Histories(NamedTuple):
    """One agent an estate: its number, stratum and persistence, and which days are known of it."""

    number: np.ndarray
    stratum: list[str]
    rho: np.ndarray
    known: np.ndarray

    def seen(self, days: np.ndarray) -> np.ndarray:
        """Return the days up to today, those missing that are not known."""
        return np.where(self.known, days[:, : self.known.shape[1]], np.nan)


def histories(estates: int, lengths: tuple[int, ...], persistence: tuple[float, ...]) -> Histories:
    """Deal estates out to lengths of history, and to persistence."""
    number = np.arange(estates)
    days = np.array(lengths)[number % len(lengths)]
    rho = np.array(persistence)[number // len(lengths) % len(persistence)]
    names = [f"days={d}, persistence={r}" for d, r in zip(days, rho, strict=True)]
    known = np.arange(max(lengths)) >= max(lengths) - days[:, None]
    return Histories(number, names, rho, known)


def tasks_by_day(
    rows: int, tasks: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw how many tasks a day has, shape (rows, days), and the day's place for each task."""
    count = rng.poisson(tasks / DAYS, (rows, DAYS))
    return count, np.repeat(np.arange(count.size), count.ravel())


def mean_rate(centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the rate in the long run, E[expit(centre + spread·shock)], from columns of rows."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return (weights * expit(centre + spread * nodes)).sum(axis=1) / weights.sum()
