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

from benchmarks.coverage._days import shocks
from benchmarks.coverage._rows import ends, held
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
    number = np.arange(estates)
    days = np.array(HISTORY)[number % len(HISTORY)]
    rho = np.array(PERSISTENCE)[number // len(HISTORY) % len(PERSISTENCE)]
    names = [f"days={d}, persistence={r}" for d, r in zip(days, rho, strict=True)]
    past = max(HISTORY)
    known = np.arange(past) >= past - days[:, None]
    spend, won, value = _days(rho, past + max(HORIZONS), rng)
    parts = []
    for figure, above in zip(FIGURES, (won, value), strict=True):
        x, y = (np.where(known, part[:, :past], np.nan) for part in (above, spend))
        ahead = project_ratio(x, y, scale="share" if figure == "asr_spend" else "positive")
        for at, horizon in enumerate(HORIZONS):
            to_come = slice(past, past + horizon)
            came = above[:, to_come].sum(axis=1) / spend[:, to_come].sum(axis=1)
            parts += [
                held(
                    number,
                    names,
                    (low[:, at], high[:, at]),
                    came,
                    interval=f"projected_{figure}_{horizon}d",
                    nominal=nominal,
                )
                for nominal, low, high in (
                    (0.8, ahead.low_80, ahead.high_80),
                    (0.95, ahead.low_95, ahead.high_95),
                )
            ]
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
