"""Does the fixed-horizon interval of an experiment hold the true effect, of a ratio with CUPED?

Prior: one comparison an estate, of value per task between two arms of units (requesters). A unit
has an activity (log-normal, σ uniform on 0.2 to 1, 1 to 5 tasks in the mean) and a value per task
(log-normal, σ = τ); the two are correlated (uniform on −0.5 to 0.5). Its tasks are Poisson, before
and during the experiment; a task's value varies around the unit's (coefficient of variation uniform
on 0.3 to 1.5), and the unit's own level persists from the pre-period only in part (correlation
uniform on 0 to 1), so that the covariate helps by nothing to a lot. The treatment multiplies a
unit's value by exp(δ + h·g), g normal: δ uniform on −0.3 to 0.3, h uniform on 0 to 0.3. The control
has 30 to 70 % of the units. Strata are units over both arms (100, 400, 2000) by skewness of the
units' value: mild (τ = 0.3) and heavy (τ = 1), for the difference and for the relative lift.
"""

import numpy as np
import polars as pl

from benchmarks.coverage._rows import ends
from roi_engine.metrics.experiment import Sums, compare, sum_units

TITLE = "experiment_lift"
NOMINAL = 0.95
COLUMNS = {
    "experiment_difference": (
        *ends("experiment_readout", "difference"),
        # the interval leaves out 0 where p < 0.05, and is t·se wide
        "experiment_readout.p_value",
        "experiment_readout.standard_error",
    ),
    "experiment_lift": ends("experiment_readout", "lift"),
}

UNITS = (100, 400, 2000)
SKEWNESS = (("mild", 0.3), ("heavy", 1.0))


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return two rows an estate, difference and lift: does the interval hold the true one?"""
    arms: list[tuple[Sums, Sums]] = []
    truths, strata = [], []
    for number in range(estates):
        units = UNITS[number % len(UNITS)]
        name, tau = SKEWNESS[number // len(UNITS) % len(SKEWNESS)]
        estate, truth = _experiment(units, tau, rng)
        arms.append(estate)
        truths.append(truth)
        strata.append(f"units={units}, {name}")
    treated, control = (
        Sums(*(np.concatenate(parts) for parts in zip(*side, strict=True)))
        for side in zip(*arms, strict=True)
    )
    read = compare(treated, control, NOMINAL)
    difference, lift = np.array(truths).T
    tables = [
        pl.DataFrame(
            {
                "estate": np.arange(estates),
                "interval": [f"experiment_{kind}"] * estates,
                "stratum": strata,
                "has_interval": np.isfinite(low) & np.isfinite(high),
                "held": (low <= true) & (true <= high),
            }
        )
        for kind, low, high, true in (
            ("difference", read.low, read.high, difference),
            ("lift", read.lift_low, read.lift_high, lift),
        )
    ]
    return pl.concat(tables)


def _experiment(
    units: int, tau: float, rng: np.random.Generator
) -> tuple[tuple[Sums, Sums], tuple[float, float]]:
    """Draw both arms, treated first, and the true difference and lift of their ratios."""
    busy, rho = rng.uniform(0.2, 1), rng.uniform(-0.5, 0.5)
    tasks, spread = rng.uniform(1, 5), rng.uniform(0.3, 1.5) ** 2
    persistence = rng.uniform(0, 1)
    delta, varied = rng.uniform(-0.3, 0.3), rng.uniform(0, 0.3)

    def arm(size: int, is_treated: bool) -> Sums:
        activity = rng.standard_normal(size)
        own = rho * activity + np.sqrt(1 - rho**2) * rng.standard_normal(size)
        former = persistence * own + np.sqrt(1 - persistence**2) * rng.standard_normal(size)
        effect = delta + varied * rng.standard_normal(size) if is_treated else 0.0
        during = _tasks(tasks, busy * activity, tau * own + effect, spread, rng)
        before = _tasks(tasks, busy * activity, tau * former, spread, rng)
        return sum_units(np.zeros(size, dtype=np.int64), 1, *during, before=before)

    control = int(units * rng.uniform(0.3, 0.7))
    # E[a·v] / E[a] of correlated log-normals: the ratio over tasks, not over units
    level = np.exp(tau**2 / 2 + rho * busy * tau)
    lift = np.expm1(delta + varied**2 / 2)
    return (arm(units - control, True), arm(control, False)), (level * lift, lift)


def _tasks(
    mean: float,
    log_activity: np.ndarray,
    log_value: np.ndarray,
    spread: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's sum of value and its count of tasks; a task's value is gamma."""
    count = rng.poisson(mean * np.exp(log_activity))
    shape = np.maximum(count, 1) / spread
    value = rng.gamma(shape) * spread * np.exp(log_value)
    return np.where(count > 0, value, 0.0), count.astype(np.float64)
