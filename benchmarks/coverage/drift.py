"""Do drift's error and noise levels hold what they promise (metrics.md §8)?

``rate_effect`` ± t·se should hold the true rate effect, that of the kinds' long-run
rates weighted by the earlier window's mix, for each KPI: win_rate, cost_per_task and asr_spend.
Where both windows are of one population, ``psi`` should be under its noise and the p-value of the
distance at least 0.05, each in 95 %.

Prior: two windows of 28 days, kinds of work with Dirichlet(2, …) mixes of their own; a kind's
success rate is uniform on 15 to 85 % and moves by Normal(0, 0.3) on the logit scale; a task's cost
is log-normal (σ uniform on 0.3 to 1), its mean moves by Normal(0, 0.2) on the log scale; failures
cost 1 to 3 times as much. Rates shift by day as in win_rate. Strata are tasks a window (100, 300,
1000, 5000; Poisson by day) by kinds of work (1, 4) by how days differ; of the noise levels: tasks
by bins (4, 40).
"""

import numpy as np
import polars as pl
from scipy.special import expit, logit, stdtrit

from benchmarks.coverage._days import DAYS, PERSISTENCE, mean_rate, shocks
from benchmarks.coverage._rows import held
from roi_engine.marts.drift_parts import (
    Halves,
    Parts,
    change,
    halves,
    of_means,
    of_money,
    of_shares,
    shift,
)

TITLE = "drift"
COLUMNS = {
    **dict.fromkeys(
        ("drift_win_rate", "drift_cost_per_task", "drift_asr_spend"),
        ("drift.rate_standard_error", "drift.rate_p_value"),
    ),
    "drift_psi_noise": ("drift.psi_noise",),
    "drift_ks": ("drift.ks_p_value",),
}
AT_LEAST = ("drift_ks",)
"""Bins hide distance inside them, so this p-value is never too small."""

TASKS, KINDS, BINS = (100, 300, 1000, 5000), (1, 4), (4, 40)
SHIFTS = {"alike": (0.0, 0.0)} | {days: (0.5, rho) for days, rho in PERSISTENCE.items()}


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return five rows an estate, one a figure: whether it holds what it should."""
    strata = [(tasks, kinds, days) for days in SHIFTS for kinds in KINDS for tasks in TASKS]
    parts = []
    for place, (tasks, kinds, days) in enumerate(strata):
        number = np.arange(place, estates, len(strata))
        for interval, each, truth in _changes(number.size, tasks, kinds, days, rng):
            found = change(each)
            reach = stdtrit(each.df, 0.975) * found.rate_error
            edges = found.rate - reach, found.rate + reach
            name = f"tasks={tasks}, kinds={kinds}, days {days}"
            parts.append(held(number, name, edges, truth, interval=interval))
    for place, (tasks, bins) in enumerate([(t, b) for b in BINS for t in TASKS]):
        number = np.arange(place, estates, len(TASKS) * len(BINS))
        parts += _same(number, tasks, bins, rng)
    return pl.concat(parts).sort("interval", "estate", maintain_order=True)


def _same(
    number: np.ndarray, tasks: int, bins: int, rng: np.random.Generator
) -> list[pl.DataFrame]:
    """Draw both windows from one population: the index and the distance should stay in bounds."""
    p = rng.dirichlet(np.full(bins, 2.0), number.size)
    sizes = rng.poisson(tasks, (2, number.size))
    stability, distance = shift(Halves(*(rng.multinomial(n, p) for n in sizes)), is_ordered=True)
    name, nothing = f"tasks={tasks}, bins={bins}", np.zeros(number.size)
    return [
        held(number, name, (nothing, stability.noise), stability.psi, interval="drift_psi_noise"),
        held(
            number,
            name,
            (nothing + 0.05, nothing + 1),
            distance.p_value,
            interval="drift_ks",
        ),
    ]


def _changes(
    rows: int, tasks: int, kinds: int, days: str, rng: np.random.Generator
) -> list[tuple[str, Parts, np.ndarray]]:
    """Return the change of each KPI as the mart reads it, and the true rate effect."""
    wide, rho = SHIFTS[days]
    one, shape = (rows, kinds), (rows, kinds, 2 * DAYS)
    centre = logit(rng.uniform(0.15, 0.85, one))
    centres = np.stack([centre, centre + rng.normal(0, 0.3, one)])
    level = rng.normal(0, 0.5, one)
    levels = np.stack([level, level + rng.normal(0, 0.2, one)])
    spread, sigma = rng.uniform(0, wide, (rows, 1)), rng.uniform(0.3, 1, (rows, 1))
    dearer = rng.uniform(1, 3, (rows, 1))
    shock = shocks(rows, 2 * DAYS, rho, rng)
    half = np.repeat([0, 1], DAYS)
    at = centres[half].transpose(1, 2, 0)
    rate = expit(at + (spread * shock)[:, None])
    mix = np.stack([rng.dirichlet(np.full(kinds, 2.0), rows) for _ in range(2)])
    count = rng.poisson((mix * tasks / DAYS)[half].transpose(1, 2, 0))
    won = rng.binomial(count, rate)

    cell = np.repeat(np.arange(count.size), count.ravel())
    who, when = cell // (kinds * 2 * DAYS), cell // (2 * DAYS) % kinds
    is_won = np.concatenate([[], (np.arange(cell.size) - _first(count)[cell]) < won.ravel()[cell]])
    own = sigma[who, 0]
    price = np.exp(levels[half[cell % (2 * DAYS)], who, when])
    cost = price * np.exp(rng.normal(-(own**2) / 2, own)) * np.where(is_won, 1, dearer[who, 0])
    money, squares, autonomous = (
        np.bincount(cell, weights=part, minlength=count.size).reshape(shape)
        for part in (cost, cost**2, cost * is_won)
    )
    wins = np.stack([mean_rate(c.reshape(-1, 1), np.repeat(spread, kinds, 0)) for c in centres])
    wins = wins.reshape(2, rows, kinds)
    means = np.exp(levels) * (wins + (1 - wins) * dearer)
    shares = wins / (wins + (1 - wins) * dearer)
    tried, spent = halves(count), halves(money)
    read: list[tuple[str, Parts, np.ndarray, Halves]] = [
        ("drift_win_rate", of_shares(won, count), wins, tried),
        ("drift_cost_per_task", of_means(money, squares, count), means, tried),
        ("drift_asr_spend", of_money(autonomous, money), shares, spent),
    ]
    return [(name, each, _effect(true, whole)) for name, each, true, whole in read]


def _first(count: np.ndarray) -> np.ndarray:
    flat = count.ravel()
    return np.cumsum(flat) - flat


def _effect(rates: np.ndarray, whole: Halves) -> np.ndarray:
    """Return Σ s₀·(r₁ − r₀) over the kinds that both windows have."""
    both = (whole.then > 0) & (whole.now > 0)
    share = whole.then / whole.then.sum(axis=1, keepdims=True)
    return (np.where(both, share, 0.0) * (rates[1] - rates[0])).sum(axis=1)
