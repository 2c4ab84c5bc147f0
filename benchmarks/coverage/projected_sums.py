"""How often projected costs of 90 and 365 days, and requests of 30, 90 and 365, hold what came.

Prior: that of projected_cost_30d; but nobody's trend of 0.3 % a day goes on for a year, so from the
last day known a trend loses 0.5 to 3 % of itself a day.
Requests are Poisson around such a path whose level is log-uniform on 5 to 10 000 a day. Strata are
the days of history (14, 28, 60, 90) by persistence (0, 0.3, 0.6), for each horizon and nominal.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._days import histories, shocks
from benchmarks.coverage._rows import ends, projected
from benchmarks.coverage.forecast import HISTORY, PERSISTENCE
from roi_engine.metrics.projection import HORIZONS, project

TITLE = "projected_sums"
COLUMNS = {
    **{f"projected_cost_{days}d": ends("cost_projection", "cost") for days in HORIZONS[1:]},
    **{f"projected_requests_{days}d": ends("cost_projection", "requests") for days in HORIZONS},
}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return a row an estate, horizon and nominal: whether the interval holds what came."""
    agents, past = histories(estates, HISTORY, PERSISTENCE), max(HISTORY)
    parts = []
    for figure, least in (("cost", 1.0), ("requests", 5.0)):
        path = paths(agents.rho, past + max(HORIZONS), least, rng)
        series = rng.poisson(path).astype(np.float64) if figure == "requests" else path
        ahead = project(agents.seen(series))
        for at, horizon in enumerate(HORIZONS):
            interval = f"projected_{figure}_{horizon}d"
            came = series[:, past : past + horizon].sum(axis=1)
            if interval in COLUMNS:
                parts += projected(
                    agents.number, agents.stratum, ahead, at, came=came, interval=interval
                )
    return pl.concat(parts)


def paths(rho: np.ndarray, days: int, least: float, rng: np.random.Generator) -> np.ndarray:
    """Draw daily sums of one agent a row."""
    rows = rho.size
    level = np.exp(rng.uniform(np.log(least), np.log(10_000), rows))
    weekday = rng.standard_normal((rows, 7)) * rng.uniform(0, 0.5, (rows, 1))
    trend, sigma = rng.uniform(-0.003, 0.003, (rows, 1)), rng.uniform(0.1, 0.6, (rows, 1))
    kept = 1 - rng.uniform(0.005, 0.03, (rows, 1))
    wander = wandering(rows, days, rng)
    day = np.arange(days)
    # the trend is as strong as drawn on the last day of the history
    past = day - max(HISTORY)
    slope = trend * np.where(past > 0, kept * (1 - kept ** np.maximum(past, 0)) / (1 - kept), past)
    noise = shocks(rows, days, rho, rng)
    return level[:, None] * np.exp(weekday[:, day % 7] + slope + wander + sigma * noise)


def wandering(rows: int, days: int, rng: np.random.Generator) -> np.ndarray:
    """Draw random walks, their daily step uniform on 0 to 3 % on the log scale."""
    steps = rng.standard_normal((rows, days)) * rng.uniform(0, 0.03, (rows, 1))
    return steps.cumsum(axis=1)
