"""Two windows side by side: agents × bins of inputs, agents × kinds of work of each KPI."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from roi_engine.marts.facts import WINDOW_DAYS
from roi_engine.marts.queries_drift import DRIFT_DAYS
from roi_engine.metrics.drift import (
    Change,
    KolmogorovSmirnov,
    Stability,
    Window,
    decompose,
    kolmogorov_smirnov,
    population_stability,
    rate_effect_error,
)
from roi_engine.metrics.roi import Floats, ratio


class Halves(NamedTuple):
    """Values of the earlier window and of the later one, shape (agents, bins)."""

    then: Floats
    now: Floats


class Parts(NamedTuple):
    """A KPI's numerator and denominator by kind of work, and how sure its rate effect is."""

    numerator: Halves
    denominator: Halves
    error: Floats
    df: Floats


def by_day(
    frame: pl.DataFrame, name: str, bins: str, agents: Sequence[str], newest: date
) -> Floats:
    """Lay out a sum as agents × bins × 56 days, the oldest first; bins in ascending order.

    Args:
        frame: Columns day, agent_id, the bin's and the sum's, whole numbers.
        name: The sum.
        bins: The column of bins.
        agents: Sorted agents; others are left out.
        newest: The last day.

    Returns:
        Doubles; 0 where there is no row.
    """
    first = newest - timedelta(days=DRIFT_DAYS - 1)
    rows = (
        frame.filter(pl.col("agent_id").is_in(list(agents)))
        .group_by("agent_id", bins, "day")
        .agg(pl.col(name).sum())
    )
    table = np.zeros((len(agents), rows[bins].n_unique(), DRIFT_DAYS))
    if rows.height:
        where = (
            np.searchsorted(np.asarray(agents, dtype=object), rows["agent_id"].to_numpy()),
            rows[bins].rank("dense").cast(pl.Int64).to_numpy() - 1,
            (rows["day"] - first).dt.total_days().to_numpy(),
        )
        table[where] = rows[name].cast(pl.Float64).to_numpy()
    return table


def halves(table: Floats) -> Halves:
    """Add up the days of each window."""
    return Halves(table[..., :WINDOW_DAYS].sum(axis=-1), table[..., WINDOW_DAYS:].sum(axis=-1))


def shift(counts: Halves, *, is_ordered: bool) -> tuple[Stability, KolmogorovSmirnov]:
    """Return how far bins have moved; distributions are compared only where bins have an order."""
    stability = population_stability(counts.then, counts.now)
    if is_ordered and counts.then.shape[-1]:
        return stability, kolmogorov_smirnov(counts.then, counts.now)
    none = np.full(len(counts.then), np.nan)
    return stability, KolmogorovSmirnov(none, none)


def of_shares(successes: Floats, trials: Floats) -> Parts:
    """Return the parts of a share of tasks, from agents × kinds × days.

    By tasks alone, the variance of a rate is r·(1 − r)/n of a success and a failure more: where
    all or none succeeded, r·(1 − r) would claim to be sure.
    """
    x, y = halves(successes), halves(trials)
    each = []
    for won, n in zip(x, y, strict=True):
        rate = (won + 1) / (n + 2)
        each.append(ratio(rate * (1 - rate), n))
    return _parts(successes, trials, each, [n.sum(axis=-1) for n in y])


def of_means(total: Floats, squares: Floats, count: Floats) -> Parts:
    """Return the parts of a mean per task, from agents × kinds × days.

    A kind with one task has no variance of its own and borrows that of the agent's other kinds.
    """
    each = []
    for x, xx, n in zip(halves(total), halves(squares), halves(count), strict=True):
        spread = np.maximum(xx - np.nan_to_num(ratio(x**2, n)), 0.0)
        freedom = np.maximum(n - 1, 0.0)
        agent = ratio(spread.sum(axis=-1), freedom.sum(axis=-1))[:, None]
        own = np.where(freedom > 0, ratio(spread, freedom), agent)
        each.append(ratio(own, n))
    return _parts(total, count, each, [n.sum(axis=-1) for n in halves(count)])


def of_money(part: Floats, whole: Floats) -> Parts:
    """Return the parts of a share of money, from agents × kinds × days.

    Only days say how sure it is; a kind with one day has the largest variance that a share can
    have. Refunds that make a part negative leave no share at all.
    """
    x, y = halves(part), halves(whole)
    largest = []
    for above, below, window in zip(
        x, y, (whole[..., :WINDOW_DAYS], whole[..., WINDOW_DAYS:]), strict=True
    ):
        rate = ratio(above, below)
        largest.append(np.where((window != 0).sum(axis=-1) > 1, 0.0, rate * (1 - rate)))
    endless = np.full(part.shape[0], np.inf)
    found = _parts(part, whole, largest, [endless, endless])
    negative = np.zeros(x.then.shape, dtype=bool)
    for some, all_of_it in zip(x, y, strict=True):
        negative |= (some < 0) | (all_of_it < some)
    broken = negative.any(axis=-1, keepdims=True)
    x = Halves(*(np.where(broken, np.nan, side) for side in x))
    y = Halves(*(np.where(broken, np.nan, side) for side in y))
    return found._replace(numerator=x, denominator=y)


def _parts(
    numerator: Floats, denominator: Floats, variances: list[Floats], tasks: list[Floats]
) -> Parts:
    windows = [
        Window(numerator[..., window], denominator[..., window], variance, size)
        for window, variance, size in zip(
            (slice(None, WINDOW_DAYS), slice(WINDOW_DAYS, None)), variances, tasks, strict=True
        )
    ]
    return Parts(halves(numerator), halves(denominator), *rate_effect_error(*windows))


def change(parts: Parts) -> Change:
    """Split a KPI's change into mix and rate over kinds of work."""
    return decompose(
        parts.numerator.then,
        parts.denominator.then,
        parts.numerator.now,
        parts.denominator.now,
        rate_error=parts.error,
        rate_df=parts.df,
    )
