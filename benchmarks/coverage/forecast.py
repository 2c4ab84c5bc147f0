"""How often a projected sum of 30 days holds what the 30 days came to, at 95 % and at 80 %.

One agent an estate: a history of daily costs, then the 30 days that follow, drawn together.

Prior: the level is log-uniform on 1 to 10 000, the seven weekdays differ by a log-normal factor
(σ uniform on 0 to 0.5), a trend of −0.3 % to 0.3 % a day goes on without damping, the level also
wanders by a random step a day (σ uniform on 0 to 3 %), the noise is log-normal with
autocorrelation ρ on the log scale and σ uniform on 0.1 to 0.6. Strata are the days of history
(14, 28, 60, 90) by persistence (ρ = 0, 0.3, 0.6), for each nominal.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._days import histories, shocks
from benchmarks.coverage._rows import ends, projected
from roi_engine.metrics.projection import project

TITLE = "projected_cost_30d"
COLUMNS = {TITLE: ends("cost_projection", "cost")}
HISTORY, PERSISTENCE, AHEAD = (14, 28, 60, 90), (0.0, 0.3, 0.6), 30


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return two rows an estate, one a nominal: whether the interval holds the sum that came."""
    agents = histories(estates, HISTORY, PERSISTENCE)
    costs = costs_of(agents.rho, max(HISTORY) + AHEAD, rng)
    ahead = project(agents.seen(costs), horizons=(AHEAD,))
    came = costs[:, -AHEAD:].sum(axis=1)
    return pl.concat(projected(agents.number, agents.stratum, ahead, 0, came=came, interval=TITLE))


def costs_of(rho: np.ndarray, days: int, rng: np.random.Generator) -> np.ndarray:
    """Draw daily costs of one agent a row."""
    rows = rho.size
    level = np.exp(rng.uniform(0, np.log(10_000), rows))
    weekday = rng.standard_normal((rows, 7)) * rng.uniform(0, 0.5, (rows, 1))
    trend, sigma = rng.uniform(-0.003, 0.003, (rows, 1)), rng.uniform(0.1, 0.6, (rows, 1))
    noise = shocks(rows, days, rho, rng)
    steps = rng.standard_normal((rows, days)) * rng.uniform(0, 0.03, (rows, 1))
    day = np.arange(days)
    wander = trend * day + steps.cumsum(axis=1)
    return level[:, None] * np.exp(weekday[:, day % 7] + wander + sigma * noise)
