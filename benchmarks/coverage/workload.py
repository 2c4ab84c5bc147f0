"""Do the fixed share of the cost, and the cost under another workload, hold (metrics.md §3)?

Prior: requests are Poisson around the paths of projected_sums, their level log-uniform on 50 to
10 000 a day. A day's cost is a fixed part (0 to 80 % of an average day of the history) and one that
follows requests, times log-normal noise (σ uniform on 0.05 to 0.4, with the stratum's persistence).
``fixed_share`` should hold the fixed share of that average day; a projection of 30 days under half,
one and a half and twice the workload what the 30 days then come to. Strata are the days of history
(28, 60, 90) by persistence (0, 0.6); for the cost, by workload too.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._days import shocks
from benchmarks.coverage._rows import ends, held
from benchmarks.coverage.projected_sums import paths
from roi_engine.metrics.cost_curve import fit_cost_curve, under_workload, workload_factor
from roi_engine.metrics.projection import project

TITLE = "workload"
COLUMNS = {
    "fixed_share": ends("cost_projection", "fixed_share"),
    "cost_under_workload_30d": ends("cost_projection", "cost"),
}
HISTORY, PERSISTENCE, AHEAD = (28, 60, 90), (0.0, 0.6), 30
WORKLOADS = (0.5, 1.5, 2.0)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return four rows an estate: the fixed share, and the cost under three workloads."""
    number = np.arange(estates)
    days = np.array(HISTORY)[number % len(HISTORY)]
    rho = np.array(PERSISTENCE)[number // len(HISTORY) % len(PERSISTENCE)]
    names = [f"days={d}, persistence={r}" for d, r in zip(days, rho, strict=True)]
    past, one = max(HISTORY), (estates, 1)
    volume = rng.poisson(paths(rho, past + AHEAD, 50.0, rng)).astype(np.float64)
    known = np.arange(past) >= past - days[:, None]
    asked = np.where(known, volume[:, :past], np.nan)
    average = np.nanmean(asked, axis=1, keepdims=True)
    fixed, error = rng.uniform(0, 0.8, one), rng.uniform(0.05, 0.4, one)
    shock = np.exp(error * shocks(estates, past + AHEAD, rho, rng) - error**2 / 2)

    def cost(times: float) -> np.ndarray:
        return (fixed + (1 - fixed) * times * volume / average) * shock

    seen = np.where(known, cost(1.0)[:, :past], np.nan)
    curve = fit_cost_curve(seen, asked)
    edges = curve.fixed_share_low, curve.fixed_share_high
    parts = [held(number, names, edges, fixed[:, 0], interval="fixed_share", nominal=0.95)]
    ahead = project(seen, horizons=(AHEAD,))
    for times in WORKLOADS:
        found = under_workload(ahead, workload_factor(curve, times))
        came = cost(times)[:, past:].sum(axis=1)
        parts += [
            held(
                number,
                [f"{name}, workload {times:g}" for name in names],
                (low[:, 0], high[:, 0]),
                came,
                interval="cost_under_workload_30d",
                nominal=nominal,
            )
            for nominal, low, high in (
                (0.8, found.low_80, found.high_80),
                (0.95, found.low_95, found.high_95),
            )
        ]
    return pl.concat(parts)
