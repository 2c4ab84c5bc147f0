"""Does the interval of an agent's incident rate hold the rate of the process (metrics.md §7)?

Prior: incidents come as a Poisson process, 0.3 to 30 expected in 28 days (log-uniform within the
stratum). Where days are not alike the rate shifts by day (σ uniform on 0 to 0.5 on the log scale),
with autocorrelation 0 or 0.7. Strata are expected incidents in the window (0.3 to 1, 1 to 3, 3 to
10, 10 to 30) by how days differ.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._days import DAYS, PERSISTENCE, shocks
from benchmarks.coverage._rows import ends, held
from roi_engine.metrics.reliability import incident_rate

TITLE = "incident_rate"
COLUMNS = {TITLE: ends("daily_reliability", "incident_rate")}

EXPECTED = ((0.3, 1.0), (1.0, 3.0), (3.0, 10.0), (10.0, 30.0))
SHIFTS = {"alike": (0.0, 0.0)} | {days: (0.5, rho) for days, rho in PERSISTENCE.items()}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: whether the interval holds the rate in 30 days."""
    strata = [(expected, days) for days in SHIFTS for expected in EXPECTED]
    parts = []
    for place, ((least, most), days) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        wide, rho = SHIFTS[days]
        mean = np.exp(rng.uniform(np.log(least), np.log(most), (number.size, 1)))
        spread = rng.uniform(0, wide, (number.size, 1))
        shift = spread * shocks(number.size, DAYS, rho, rng) - spread**2 / 2
        seen = rng.poisson(mean / DAYS * np.exp(shift)).sum(axis=1)
        found = incident_rate(seen, np.full(number.size, float(DAYS)))
        name = f"expected {least:g} to {most:g}, days {days}"
        parts.append(held(number, name, found[1:], mean[:, 0] * 30 / DAYS))
    return pl.concat(parts).sort("estate", maintain_order=True)
