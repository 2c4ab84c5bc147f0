"""Drift: have the inputs moved, did the work get worse or only its mix, and what to do about it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri, kolmogorov, stdtr, stdtrit

from roi_engine.metrics.asr import BLOCK_DAYS, BLOCK_DF, PERSISTENCE, TELLING_TRIALS, persistence
from roi_engine.metrics.difference import rate_difference
from roi_engine.metrics.hallucination import Sample
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

PSI_MODERATE = 0.1
"""Under this the population is called stable."""

PSI_MAJOR = 0.25
"""Over this it is another population."""

EMPTY_BIN = 0.5
"""What is added to every bin: an empty one would make the index infinite."""

SIGNIFICANT = 0.05
"""A rate effect with a larger p-value than this is not told from noise."""

MATERIAL_CHANGE = 0.02
"""An effect under this share of the KPI is not worth acting on, however certain it is."""

MOST_DF = 1e9
"""Degrees of freedom that are as good as none missing."""

_ROUNDING = 1e-12

REPLACE_AFTER_DAYS, RETIRE_AFTER_DAYS = 28, 56
"""One and two windows under water."""


class Stability(NamedTuple):
    """The population stability index, and what sampling alone would exceed one time in twenty."""

    psi: Floats
    noise: Floats


class KolmogorovSmirnov(NamedTuple):
    """The largest distance of two distribution functions and its asymptotic p-value."""

    statistic: Floats
    p_value: Floats


class Window(NamedTuple):
    """One window's days of a KPI, and what its tasks alone say of how sure its rates are.

    ``numerator`` and ``denominator`` have shape (rows, segments, days); ``task_variance`` is that
    of each segment's rate if tasks are independent, shape (rows, segments); ``tasks`` are the
    row's, infinite where only days say anything.
    """

    numerator: Floats
    denominator: Floats
    task_variance: Floats
    tasks: Floats


class Change(NamedTuple):
    """A KPI's change between two periods and its parts; mix + rate + interaction = change."""

    change: Floats
    mix: Floats
    rate: Floats
    interaction: Floats
    rate_error: Floats
    rate_p_value: Floats


def population_stability(reference: ArrayLike, current: ArrayLike) -> Stability:
    """Return how far the bins' shares have moved from the reference (PSI).

        p = (reference + ½) / Σ(reference + ½), q alike
        psi = Σ (q − p) · ln(q / p)
        noise = χ²₀.₉₅(bins − 1) · (1/n + 1/m)

    Args:
        reference: Counts, shape (rows, bins); the bins were cut on the reference.
        current: Counts of the period in question, the same shape.

    Returns:
        Index and noise level; NaN where a side is empty. Bins empty on both sides stay out.

    Source: Siddiqi 2006; Yurdakul and Naranjo 2020 (distribution); metrics.md §8.

    Examples:
        >>> read = population_stability([[500, 300, 200]], [[300, 300, 400]])
        >>> read.psi.round(3), read.noise.round(3)
        (array([0.24]), array([0.012]))
    """
    before, after = np.broadcast_arrays(
        np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    )
    used = (before > 0) | (after > 0)
    sizes = before.sum(axis=-1), after.sum(axis=-1)
    p, q = (
        ratio(np.where(used, side + EMPTY_BIN, 0.0), (side + EMPTY_BIN * used).sum(-1)[..., None])
        for side in (before, after)
    )
    steps = (q - p) * np.log(np.where(used, q, 1.0) / np.where(used, p, 1.0))
    both = (sizes[0] > 0) & (sizes[1] > 0)
    spread = 1 / np.where(both, sizes[0], 1.0) + 1 / np.where(both, sizes[1], 1.0)
    noise = chdtri(np.maximum(used.sum(axis=-1) - 1, 1), 0.05) * spread
    psi = np.where(used, steps, 0.0).sum(axis=-1)
    return Stability(np.where(both, psi, np.nan), np.where(both, noise, np.nan))


def stability_level(stability: Stability) -> NDArray[np.str_]:
    """Name the shift; one that sampling explains is none, however large the index.

        stable < 0.1 ≤ moderate ≤ 0.25 < major; stable where psi ≤ noise

    Args:
        stability: From ``population_stability``.

    Returns:
        ``stable``, ``moderate``, ``major`` or, where there is no index, ``unknown``.

    Source: Siddiqi 2006; metrics.md §8.

    Examples:
        >>> read = population_stability([[500, 500], [5, 5], [0, 0]], [[300, 700], [3, 7], [1, 1]])
        >>> stability_level(read).tolist()
        ['moderate', 'stable', 'unknown']
    """
    psi, noise = stability
    rules = [np.isnan(psi), (psi < PSI_MODERATE) | (psi <= noise), psi > PSI_MAJOR]
    return np.select(rules, ["unknown", "stable", "major"], "moderate")


def kolmogorov_smirnov(
    reference: ArrayLike,
    current: ArrayLike,
    reference_size: ArrayLike | None = None,
    current_size: ArrayLike | None = None,
) -> KolmogorovSmirnov:
    """Test whether two samples in ordered bins come from one distribution.

        D = max |F − G| over the bins' ends, e = n·m / (n + m)
        p = Q_KS((√e + 0.12 + 0.11/√e) · D)

    Bins hide distance inside them, so p is never too small for it; fine bins lose little.

    Args:
        reference: Counts or sums of weights, shape (rows, bins), in ascending order of the bins.
        current: The same of the period in question.
        reference_size: n where weights were summed: (Σw)²/Σw²; the sum of the counts when left out.
        current_size: m alike.

    Returns:
        Statistic and p-value; NaN where a side is empty.

    Source: Kolmogorov 1933; Smirnov 1948; Stephens 1970 (the small-sample factor); metrics.md §8.

    Examples:
        >>> read = kolmogorov_smirnov([[50, 30, 20]], [[30, 30, 40]])
        >>> read.statistic.round(3), read.p_value.round(3)
        (array([0.2]), array([0.031]))
    """
    before, after = (np.asarray(side, dtype=np.float64) for side in (reference, current))
    totals = before.sum(axis=-1), after.sum(axis=-1)
    n = totals[0] if reference_size is None else np.asarray(reference_size, dtype=np.float64)
    m = totals[1] if current_size is None else np.asarray(current_size, dtype=np.float64)
    apart = ratio(np.cumsum(before, axis=-1), totals[0][..., None]) - ratio(
        np.cumsum(after, axis=-1), totals[1][..., None]
    )
    statistic = np.abs(apart).max(axis=-1)
    root = np.sqrt(np.maximum(ratio(n * m, n + m), 0.0))
    factor = root + 0.12 + ratio(0.11, root)
    return KolmogorovSmirnov(statistic, np.asarray(kolmogorov(factor * statistic)))


def rate_shift(earlier: Sample, later: Sample, tests: ArrayLike = 1) -> Interval:
    """Return how far a hallucination rate has moved inside its window; drifted where 0 is outside.

        Δ = h₂/n₂ − h₁/n₁, Newcombe's interval with Wilson's limits at 1 − 0.05/tests

    A rate that moved between the halves of a window is a mean of two rates, and neither's.

    Args:
        earlier: Effective reviews of the first half.
        later: Those of the second.
        tests: How many cells are looked at together (Bonferroni), so that an agent with many
            kinds of work is not flagged by chance.

    Returns:
        Difference and interval; NaN where a half has no review.

    Source: metrics.md §4 (a drift flag on the window); Newcombe 1998, method 10;
        docs/decisions/0032-a-rate-that-moved.md.

    Examples:
        >>> shift = rate_shift(Sample([50.0, 50.0], [3.0, 3.0]), Sample([50.0, 50.0], [15.0, 8.0]))
        >>> shift.estimate.round(2), shift.low.round(4)
        (array([0.24, 0.1 ]), array([ 0.0906, -0.0277]))
    """
    return rate_difference(
        later.hallucinated,
        later.reviewed,
        earlier.hallucinated,
        earlier.reviewed,
        limits="wilson",
        level=1 - SIGNIFICANT / np.maximum(np.asarray(tests, dtype=np.float64), 1.0),
    )


def decompose(
    numerator_before: ArrayLike,
    denominator_before: ArrayLike,
    numerator_after: ArrayLike,
    denominator_after: ArrayLike,
    *,
    rate_error: ArrayLike = np.nan,
    rate_df: ArrayLike = np.inf,
) -> Change:
    """Split a KPI's change into what the mix did and what the segments themselves did.

        R = Σx / Σy = Σ s·r, segment share s = y/Σy, segment rate r = x/y
        mix = Σ (s₁ − s₀)·(r₀ − R₀)
        rate = Σ s₀·(r₁ − r₀)
        interaction = Σ (s₁ − s₀)·(r₁ − r₀)
        mix + rate + interaction = R₁ − R₀

    A segment that appears or disappears has one rate only, so all that it brings is mix. Without
    the split an agent that was given harder work looks worse than it is (Simpson).

    Args:
        numerator_before: x of the earlier period, shape (rows, segments).
        denominator_before: y ≥ 0 of it; 0 where the segment was not there.
        numerator_after: x of the later period.
        denominator_after: y ≥ 0 of it.
        rate_error: Standard error of the rate effect, one a row, from ``rate_effect_error``.
        rate_df: Its degrees of freedom.

    Returns:
        The change, its three parts in the KPI's unit, and the rate effect's standard error and
        two-sided p-value by Student's t (NaN where the error is not known or 0); NaN where a
        period has Σy ≤ 0.

    Source: Kitagawa 1955; Oaxaca 1973; metrics.md §8.

    Examples:
        >>> found = decompose([[90, 10]], [[100, 20]], [[45, 50]], [[50, 100]])
        >>> found.change.round(4), found.mix.round(4), found.rate, found.interaction
        (array([-0.2]), array([-0.2]), array([0.]), array([0.]))
    """
    x0, y0, x1, y1 = np.broadcast_arrays(
        *(
            np.asarray(part, dtype=np.float64)
            for part in (
                numerator_before,
                denominator_before,
                numerator_after,
                denominator_after,
            )
        )
    )
    whole = [side.sum(axis=-1, keepdims=True) for side in (x0, y0, x1, y1)]
    total0, total1 = ratio(whole[0], whole[1]), ratio(whole[2], whole[3])
    share0, share1 = ratio(y0, whole[1]), ratio(y1, whole[3])
    rate0, rate1 = ratio(x0, y0), ratio(x1, y1)
    # one rate only: the other period is given the same, a segment never seen has none to give
    rate0, rate1 = np.where(y0 > 0, rate0, rate1), np.where(y1 > 0, rate1, rate0)
    rate0, rate1 = np.where(y0 + y1 > 0, rate0, 0.0), np.where(y0 + y1 > 0, rate1, 0.0)
    moved, better = share1 - share0, rate1 - rate0
    change = (total1 - total0)[..., 0]
    mix = (moved * (rate0 - total0)).sum(axis=-1)
    rate = np.where(np.isfinite(change), (share0 * better).sum(axis=-1), np.nan)
    interaction = (moved * better).sum(axis=-1)

    given = np.broadcast_to(np.asarray(rate_error, dtype=np.float64), rate.shape)
    error = np.where(np.isfinite(rate) & (given > 0), given, np.nan)
    df = np.maximum(np.broadcast_to(np.asarray(rate_df, dtype=np.float64), rate.shape), 1.0)
    p_value = 2 * stdtr(np.minimum(df, MOST_DF), -np.abs(rate / error))
    return Change(change, mix, rate, interaction, error, np.asarray(p_value))


def rate_effect_error(before: Window, after: Window) -> tuple[Floats, Floats]:
    """Return the standard error of a rate effect and its degrees of freedom.

        s₀ = Y₀/ΣY₀ over the segments that both windows have; in each window
        d_d = Σ s₀·(x_d − r·y_d)/Y/(1 − y_d/Y), var = Σ d_d², df = 1/Σ(Σ s₀·y_d/Y / Σ s₀)² − 1
        se² = var₀ + var₁, df by Welch and Satterthwaite

    Work of one day shares its prompts, inputs and outages, over all segments, so days are summed
    before they are squared. Where the lag-1 autocorrelation of d exceeds 0.1 blocks of 7 days with
    3 degrees count, if they reach further. With fewer than 100 tasks in a window, and for a segment
    that has one day only or did not vary at all, it is the tasks that say how sure a rate is.

    Args:
        before: The earlier window.
        after: The later one, of as many days.

    Returns:
        One a row; NaN where nothing says how sure a rate is.

    Raises:
        ValueError: The days of a window do not divide into blocks of 7.

    Source: metrics.md §5, §8; docs/decisions/0029-intervals-held-to-account.md.

    Examples:
        >>> n = np.full((1, 1, 28), 10.0)
        >>> days = Window(np.tile([4.0, 6, 5, 5], 7).reshape(1, 1, 28), n, [[0.001]], [280.0])
        >>> error, df = rate_effect_error(days, days)
        >>> error.round(4), df.round(1)
        (array([0.0196]), array([54.]))
    """
    sums = [np.asarray(side.denominator, dtype=np.float64).sum(axis=-1) for side in (before, after)]
    both = (sums[0] > 0) & (sums[1] > 0)
    share = np.where(both, ratio(sums[0], sums[0].sum(axis=-1, keepdims=True)), 0.0)
    found = [_window_error(side, share) for side in (before, after)]
    variance = found[0][0] + found[1][0]
    rest = ratio(found[0][0] ** 2, found[0][1]) + ratio(found[1][0] ** 2, found[1][1])
    df = np.where(variance > 0, np.minimum(ratio(variance**2, rest), MOST_DF), MOST_DF)
    return np.sqrt(np.where(variance > 0, variance, np.nan)), df


def _window_error(window: Window, share: Floats) -> tuple[Floats, Floats]:
    """Return the variance of one window's weighted rate and its degrees of freedom."""
    x, y, by_task = (np.asarray(part, dtype=np.float64) for part in window[:3])
    if x.shape[-1] % BLOCK_DAYS:
        raise ValueError(f"a window of {x.shape[-1]} days has no whole blocks of {BLOCK_DAYS}")
    tasks_only = share**2 * np.where(share > 0, by_task, 0.0)
    alone, variance, df, residual = _by_days(x, y, share)
    shape = (*x.shape[:-1], x.shape[-1] // BLOCK_DAYS, BLOCK_DAYS)
    _, of_blocks, _, _ = _by_days(x.reshape(shape).sum(-1), y.reshape(shape).sum(-1), share)
    filled = np.asarray(y.reshape(shape).sum(axis=(-1, -3)) > 0)
    blocks = filled.sum(axis=-1)
    block_df = np.minimum(BLOCK_DF, np.maximum(blocks - 1, 1)).astype(np.float64)
    further = of_blocks * stdtrit(block_df, 0.975) ** 2 > variance * stdtrit(df, 0.975) ** 2
    persists = persistence(residual, np.asarray(y.sum(axis=-2) > 0)) > PERSISTENCE
    use = further & persists & (blocks > 1)
    variance, df = np.where(use, of_blocks, variance), np.where(use, block_df, df)
    variance = variance + np.where(alone, tasks_only, 0.0).sum(axis=-1)
    few = np.asarray(window.tasks, dtype=np.float64) < TELLING_TRIALS
    return (
        np.where(few, tasks_only.sum(axis=-1), variance),
        np.where(few, np.maximum(np.asarray(window.tasks, dtype=np.float64) - 1, 1), df),
    )


def _by_days(
    x: Floats, y: Floats, share: Floats
) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """Return segments that days say nothing of, variance, df and the days' residuals."""
    whole = y.sum(axis=-1, keepdims=True)
    part = np.nan_to_num(ratio(y, whole))
    rate = np.nan_to_num(ratio(x.sum(axis=-1, keepdims=True), whole))
    leverage = 1.0 - part
    lonely = leverage < _ROUNDING
    left = np.nan_to_num(ratio(x - rate * y, whole)) / np.where(lonely, 1.0, leverage)
    alone = np.asarray((np.abs(left) < _ROUNDING).all(axis=-1) | lonely.any(axis=-1))
    weight = np.where(alone, 0.0, share)[..., None]
    residual = (weight * left).sum(axis=-2)
    day = (weight * part).sum(axis=-2)
    day = np.nan_to_num(ratio(day, day.sum(axis=-1, keepdims=True)))
    df = 1.0 / np.maximum((day**2).sum(axis=-1), 1e-300) - 1.0
    return alone, (residual**2).sum(axis=-1), np.clip(df, 1.0, MOST_DF), residual


def advise(
    *,
    is_input_drift: ArrayLike,
    rate_effect: ArrayLike,
    rate_p_value: ArrayLike,
    mix_effect: ArrayLike,
    kpi_before: ArrayLike,
    verified_asr_value: ArrayLike,
    days_under_one: ArrayLike,
) -> NDArray[np.str_]:
    """Say what to do with an agent's version; the first row that applies decides.

        | advice      | verified asr_value       | rate effect | inputs  | mix effect |
        | ----------- | ------------------------ | ----------- | ------- | ---------- |
        | retire      | < 1 for 56 days or more  | not better  | any     | any        |
        | replace     | < 1 for 28 days or more  | not better  | any     | any        |
        | retrain     | any                      | worse       | drifted | any        |
        | replace     | any                      | worse       | stable  | any        |
        | re-baseline | any                      | better      | any     | any        |
        | re-baseline | any                      | none        | drifted | any        |
        | re-baseline | any                      | none        | stable  | material   |
        | keep        | any                      | none        | stable  | none       |

    *Worse* and *better*: the effect is at least 2 % of the KPI and p < 0.05. *Retrain*: the inputs
    have left what the version learned. *Replace*: on the same inputs it does worse, so it is the
    version that changed; roll back to the one before, or try another. *Re-baseline*: the work is
    other than the one it is compared with, or done better for good, so targets and reference bins
    are set anew. A loss shorter than a window decides nothing.

    Args:
        is_input_drift: Whether an input's shift is ``major``, or moderate with a significant KS.
        rate_effect: From ``decompose``; turn its sign where less is better.
        rate_p_value: Its p-value; NaN counts as not significant.
        mix_effect: From ``decompose``.
        kpi_before: The KPI of the earlier period, to which both effects are compared.
        verified_asr_value: asr_value on verified outputs of the window; NaN decides nothing.
        days_under_one: For how many mature days in a row it has been under 1.

    Returns:
        ``retire``, ``replace``, ``retrain``, ``re-baseline`` or ``keep``, one a row.

    Source: metrics.md §8, the rule at its end.

    Examples:
        >>> advice = advise(is_input_drift=[True, False], rate_effect=-0.1,
        ...     rate_p_value=[0.001, 0.6], mix_effect=0.0, kpi_before=0.8,
        ...     verified_asr_value=1.4, days_under_one=0)
        >>> advice.tolist()
        ['retrain', 'keep']
    """
    drifted = np.asarray(is_input_drift, dtype=bool)
    rate, mix = np.asarray(rate_effect, np.float64), np.asarray(mix_effect, np.float64)
    size = MATERIAL_CHANGE * np.abs(np.asarray(kpi_before, dtype=np.float64))
    matters = (np.asarray(rate_p_value, np.float64) < SIGNIFICANT) & (np.abs(rate) >= size)
    worse, better = matters & (rate < 0), matters & (rate > 0)
    days = np.asarray(days_under_one, dtype=np.float64)
    losing = (np.asarray(verified_asr_value, dtype=np.float64) < 1) & ~better
    rules = [
        losing & (days >= RETIRE_AFTER_DAYS),
        losing & (days >= REPLACE_AFTER_DAYS),
        worse & drifted,
        worse,
        better | drifted | ((np.abs(mix) >= size) & (mix != 0)),
    ]
    return np.select(rules, ["retire", "replace", "retrain", "replace", "re-baseline"], "keep")
