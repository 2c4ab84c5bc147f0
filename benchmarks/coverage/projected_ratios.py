"""How often the projected asr_spend, asr_value and roi of 30, 90 and 365 days hold what came.

``roi`` is value over cost less 1, by the same recipe: it holds where ``asr_value`` does.

Prior: spend follows the paths of projected_sums; success has a level of 15 to 85 %; failures cost 1
to 3 times as much; a unit of successful spend is worth a log-normal value of mean 0.5 to 5. Success
(on the logit scale) and worth (on the log scale) vary by day as spend does: σ uniform on 0.1 to 0.6
with the stratum's persistence (what few tasks a day do by chance is part of it), and a level that
wanders by a random step a day, σ uniform on 0 to 3 %. Strata are the days of history (14, 28, 60,
90) by persistence (0, 0.3, 0.6).
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._days import histories, shocks
from benchmarks.coverage._rows import ends, projected
from benchmarks.coverage.forecast import HISTORY, PERSISTENCE
from benchmarks.coverage.projected_sums import paths, wandering
from roi_engine.metrics.projection import HORIZONS, project_ratio

TITLE = "projected_ratios"
FIGURES = {"asr_spend": ("asr_spend",), "asr_value": ("asr_value", "roi")}
COLUMNS = {
    f"projected_{figure}_{days}d": ends("asr_projection", *answered)
    for figure, answered in FIGURES.items()
    for days in HORIZONS
}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return a row an estate, figure, horizon and nominal: does the interval hold what came?"""
    agents, past = histories(estates, HISTORY, PERSISTENCE), max(HISTORY)
    spend, won, value = _days(agents.rho, past + max(HORIZONS), rng)
    parts = []
    for figure, above in zip(FIGURES, (won, value), strict=True):
        x, y = agents.seen(above), agents.seen(spend)
        ahead = project_ratio(x, y, scale="share" if figure == "asr_spend" else "positive")
        for at, horizon in enumerate(HORIZONS):
            to_come = slice(past, past + horizon)
            came = above[:, to_come].sum(axis=1) / spend[:, to_come].sum(axis=1)
            interval = f"projected_{figure}_{horizon}d"
            parts += projected(
                agents.number, agents.stratum, ahead, at, came=came, interval=interval
            )
    return pl.concat(parts)


def _days(
    rho: np.ndarray, days: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw each day's spend, what of it went into successes, and their value."""
    one = (rho.size, 1)
    spend = paths(rho, days, 1.0, rng)
    wander = wandering(rho.size, days, rng)
    shift = rng.uniform(0.1, 0.6, one) * shocks(rho.size, days, rho, rng)
    rate = expit(logit(rng.uniform(0.15, 0.85, one)) + wander + shift)
    won = spend * rate / (rate + (1 - rate) * rng.uniform(1, 3, one))
    sigma = rng.uniform(0.1, 0.6, one)
    worth = np.exp(
        wandering(rho.size, days, rng) + sigma * shocks(rho.size, days, rho, rng) - sigma**2 / 2
    )
    return spend, won, won * rng.uniform(0.5, 5, one) * worth
