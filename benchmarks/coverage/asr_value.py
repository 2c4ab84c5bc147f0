"""Do the intervals of ratios of value and cost hold them (metrics.md §5)?

Measured are ``asr_value`` (value / spend), ``roi`` (value net of spend / spend),
``ev_per_1k_tokens`` (the same over tokens) and ``cost_per_action`` (spend / actions).

Prior: tasks a day are Poisson; a task's cost is log-normal (σ uniform on 0.3 to 1); it succeeds
with a rate uniform on 15 to 85 % that shifts by day (σ uniform on 0 to 0.5 on the logit scale); a
success is worth a log-normal value with mean 0.5 to 5 times the mean cost, σ 0.5 to 1 (plain) or
1.2 to 1.8 (heavy: the best of a hundred successes is worth about ten average ones); overhead is
0 to 20 % of the spend. Tokens follow a day's cost up to a log-normal price (σ 0.2), a task has one
action and Poisson many more (mean 1 to 5). Strata are tasks a window of 28 days (100, 300, 1000,
5000) by tail by days that are independent or persistent (the shift has autocorrelation 0.7).
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import DAYS, PERSISTENCE, mean_rate, shocks
from benchmarks.coverage._rows import ends
from roi_engine.metrics.asr import ratio_interval
from roi_engine.metrics.win_rate import Interval

TITLE = "asr_value"
NOMINAL = 0.95
COLUMNS = {
    # autonomous_roi is asr_value less 1
    "asr_value": ends("daily_asr", "asr_value", "autonomous_roi"),
    "roi": ends("daily_asr", "roi"),
    "ev_per_1k_tokens": ends("daily_asr", "ev_per_1k_tokens"),
    "cost_per_action": ends("daily_asr", "cost_per_action"),
}

TASKS = (100, 300, 1000, 5000)
TAILS = {"plain": (0.5, 1.0), "heavy": (1.2, 1.8)}
_PRICE_SIGMA = 0.2


class Windows(NamedTuple):
    """Sums by day, shape (rows, days), and what they are expected to be a day, shape (rows,)."""

    value: np.ndarray
    spend: np.ndarray
    tokens: np.ndarray
    actions: np.ndarray
    expected: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def draw(estates: int, rng: np.random.Generator, losses: float = 0.0) -> pl.DataFrame:
    """Return one row an estate and figure: whether the interval holds the process's ratio.

    With ``losses``, a task that fails loses up to this share of what a success is worth.
    """
    strata = [(n, tail, days) for days in PERSISTENCE for tail in TAILS for n in TASKS]
    parts = []
    for place, (tasks, tail, days) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        drawn = windows(number.size, tasks, TAILS[tail], PERSISTENCE[days], rng, losses=losses)
        for name, (found, truth) in _figures(drawn).items():
            parts.append(
                pl.DataFrame(
                    {
                        "estate": number,
                        "interval": [name] * number.size,
                        "stratum": [f"tasks={tasks}, {tail}, {days}"] * number.size,
                        "has_interval": ~np.isnan(found.low),
                        "held": (found.low <= truth) & (truth <= found.high),
                    }
                )
            )
    return pl.concat(parts).sort("interval", "estate", maintain_order=True)


def _figures(drawn: Windows) -> dict[str, tuple[Interval, np.ndarray]]:
    """Return each figure's interval and what it should hold."""
    value, spend, tokens, actions, (a_value, a_spend, a_token, an_action) = drawn
    net, present = value - spend, np.ones_like(spend, dtype=bool)

    def found(above: np.ndarray, below: np.ndarray, cost: np.ndarray | float = 0.0) -> Interval:
        return ratio_interval(above, below, present, "ratio", NOMINAL, cost=cost)

    return {
        "asr_value": (found(value, spend), a_value / a_spend),
        "roi": (found(net, spend, spend), a_value / a_spend - 1),
        "ev_per_1k_tokens": (found(net, tokens, spend), (a_value - a_spend) / a_token),
        "cost_per_action": (found(spend, actions), a_spend / an_action),
    }


def windows(
    rows: int,
    tasks: int,
    tail: tuple[float, float],
    rho: float,
    rng: np.random.Generator,
    *,
    losses: float = 0.0,
) -> Windows:
    """Draw windows of days of one stratum."""
    one = (rows, 1)
    centre, spread = logit(rng.uniform(0.15, 0.85, one)), rng.uniform(0, 0.5, one)
    cost_sigma, value_sigma = rng.uniform(0.3, 1, one), rng.uniform(*tail, one)
    worth, overhead = rng.uniform(0.5, 5, one), rng.uniform(0, 0.2, one)
    lost, more = worth * rng.uniform(0, losses, one), rng.uniform(1, 5, one)
    idle = overhead / (1 - overhead) * tasks / DAYS
    wins = mean_rate(centre, spread)

    rate = expit(centre + spread * shocks(rows, DAYS, rho, rng))
    count = rng.poisson(tasks / DAYS, (rows, DAYS))
    cell = np.repeat(np.arange(rows * DAYS), count.ravel())
    row = cell // DAYS
    cost = _lognormal(cost_sigma[row, 0], rng)
    won = rng.random(cell.size) < rate.ravel()[cell]
    value = np.where(won, worth[row, 0], -lost[row, 0]) * _lognormal(value_sigma[row, 0], rng)
    by_task, by_value, steps = (
        np.bincount(cell, weights=part, minlength=rows * DAYS).reshape(rows, DAYS)
        for part in (cost, value, 1.0 + rng.poisson(more[row, 0]))
    )
    spend = by_task + idle * rng.gamma(10, 0.1, (rows, DAYS))
    tokens = by_task * _lognormal(np.full(spend.shape, _PRICE_SIGMA), rng)
    expected = (
        wins * worth[:, 0] - (1 - wins) * lost[:, 0],
        1 / (1 - overhead[:, 0]),
        np.ones(rows),
        1 + more[:, 0],
    )
    return Windows(by_value, spend, tokens, steps, expected)


def _lognormal(sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one value of mean 1 for each σ."""
    return np.exp(rng.normal(-(sigma**2) / 2, sigma))
