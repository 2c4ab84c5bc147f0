"""Do the fixed share of the cost, and cost, return and share under another workload, hold (§3)?

Prior: requests are Poisson around the paths of projected_sums, their level log-uniform on 50 to
10 000 a day. A day's cost is a fixed part (0 to 80 % of an average day of the history) and one that
follows requests, times log-normal noise (σ uniform on 0.05 to 0.4, with the stratum's persistence).
A request is worth 0.5 to 5 times what it costs on an average day, times log-normal noise (σ uniform
on 0.05 to 0.4). The cost of requests goes to successes by a share of 15 to 85 % that varies by day
(σ uniform on 0.05 to 0.4 on the logit scale), of the fixed cost 0 to 100 % does.
``fixed_share`` should hold the fixed share of that average day; a projection of 30 days under half,
one and a half and twice the workload what the 30 days then come to. Strata are the days of history
(28, 60, 90) by persistence (0, 0.6); under a workload, by workload too.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import histories, shocks
from benchmarks.coverage._rows import ends, held, projected
from benchmarks.coverage.projected_sums import paths
from roi_engine.metrics.cost_curve import fit_cost_curve, fit_share_curve
from roi_engine.metrics.projection import project, project_ratio
from roi_engine.metrics.workload import (
    share_under_workload,
    under_workload,
    value_factor,
    workload_factor,
)

TITLE = "workload"
COLUMNS = {
    "fixed_share": ends("cost_projection", "fixed_share"),
    "cost_under_workload_30d": ends("cost_projection", "cost"),
    "asr_spend_under_workload_30d": ends("asr_projection", "asr_spend"),
    "asr_value_under_workload_30d": ends("asr_projection", "asr_value", "roi"),
}
HISTORY, PERSISTENCE, AHEAD = (28, 60, 90), (0.0, 0.6), 30
WORKLOADS = (0.5, 1.5, 2.0)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return the fixed share of each estate, and three figures under three workloads."""
    agents, past, one = histories(estates, HISTORY, PERSISTENCE), max(HISTORY), (estates, 1)
    number, names, rho, _ = agents
    volume = rng.poisson(paths(rho, past + AHEAD, 50.0, rng)).astype(np.float64)
    asked = agents.seen(volume)
    average = np.nanmean(asked, axis=1, keepdims=True)
    fixed, error = rng.uniform(0, 0.8, one), rng.uniform(0.05, 0.4, one)
    shock = np.exp(error * shocks(estates, past + AHEAD, rho, rng) - error**2 / 2)

    def cost(times: float) -> np.ndarray:
        return (fixed + (1 - fixed) * times * volume / average) * shock

    seen = agents.seen(cost(1.0))
    curve = fit_cost_curve(seen, asked)
    edges = curve.fixed_share_low, curve.fixed_share_high
    parts = [held(number, names, edges, fixed[:, 0], interval="fixed_share", nominal=0.95)]
    ahead = project(seen, horizons=(AHEAD,))
    value_of, won_of = _brought(rho, volume / average, fixed, rng)

    def won(times: float) -> np.ndarray:
        return won_of(times) * shock

    gain, spent_well = agents.seen(value_of(1.0)), agents.seen(won(1.0))
    value = project_ratio(gain, seen, (AHEAD,), "positive")
    share = project_ratio(spent_well, seen, (AHEAD,), "share")
    moves = fit_share_curve(spent_well, seen, asked, curve)
    for times in WORKLOADS:
        whole = cost(times)[:, past:].sum(axis=1)
        found = {
            "cost": (under_workload(ahead, workload_factor(curve, times)), whole),
            "asr_spend": (
                share_under_workload(share, moves, curve, times),
                won(times)[:, past:].sum(axis=1) / whole,
            ),
            "asr_value": (
                under_workload(value, value_factor(curve, times)),
                value_of(times)[:, past:].sum(axis=1) / whole,
            ),
        }
        under = [f"{name}, workload {times:g}" for name in names]
        for figure, (shown, came) in found.items():
            interval = f"{figure}_under_workload_30d"
            parts += projected(number, under, shown, 0, came=came, interval=interval)
    return pl.concat(parts)


def _brought(
    rho: np.ndarray, volume: np.ndarray, fixed: np.ndarray, rng: np.random.Generator
) -> tuple[Callable[[float], np.ndarray], Callable[[float], np.ndarray]]:
    """Draw each day's value, and what of its cost goes to successes, as functions of a workload."""
    one = (rho.size, 1)
    apart = [rng.uniform(0.05, 0.4, one) * shocks(*volume.shape, rho, rng) for _ in range(2)]
    worth = rng.uniform(0.5, 5, one) * np.exp(apart[0])
    rate = expit(logit(rng.uniform(0.15, 0.85, one)) + apart[1])
    dedicated = fixed * rng.uniform(0, 1, one)
    return (
        lambda times: worth * times * volume,
        lambda times: dedicated + (1 - fixed) * times * volume * rate,
    )
