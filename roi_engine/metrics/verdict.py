"""Verdicts: what an experiment's comparisons come to, and what its owner should do today."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from roi_engine.metrics.roi import Floats, ratio

POWER = 0.8
"""The chance to see an effect worth having under which an experiment cannot say "no effect"."""


def holm(p_values: ArrayLike) -> Floats:
    """Adjust the p-values of one experiment's metrics for there being many of them.

        sorted p_(1) ≤ … ≤ p_(m): adjusted p_(k) = max over j ≤ k of min(1, (m − j + 1)·p_(j))

    Args:
        p_values: Shape (rows, metrics), a row a family; NaN where a row has no such metric.

    Returns:
        Adjusted p-values in the same places; NaN stays NaN and is not counted in m.

    Source: Holm 1979; metrics.md §8.

    Examples:
        >>> holm([[0.01, 0.04, 0.03, np.nan]])
        array([[0.03, 0.06, 0.06,  nan]])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, axis=-1, kind="stable")
    count = np.isfinite(p).sum(axis=-1, keepdims=True)
    factor = np.maximum(count - np.arange(p.shape[-1]), 1)
    climbing = np.maximum.accumulate(
        np.minimum(np.take_along_axis(p, order, axis=-1) * factor, 1.0), axis=-1
    )
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, climbing, axis=-1)
    return adjusted


def guardrail(harm_low: ArrayLike, harm_high: ArrayLike, limit: ArrayLike) -> NDArray[np.str_]:
    """Say whether a harm is over its limit, under it, or not yet known to be either.

        breached: low > limit · held: high ≤ limit · open: the interval holds the limit, or is none

    Args:
        harm_low: Lower end of the interval of the harm (more is worse: turn the sign of a benefit).
        harm_high: Its upper end.
        limit: The harm that is still accepted, in the same unit.

    Returns:
        ``breached``, ``held`` or ``open``, one a row.

    Source: metrics.md §8, guardrails.

    Examples:
        >>> guardrail([0.03, -0.01, -0.01, np.nan], [0.05, 0.01, 0.04, np.nan], 0.02).tolist()
        ['breached', 'held', 'open', 'open']
    """
    low, high = np.asarray(harm_low, dtype=np.float64), np.asarray(harm_high, dtype=np.float64)
    most = np.asarray(limit, dtype=np.float64)
    return np.select([low > most, high <= most], ["breached", "held"], "open")


def power(effect: ArrayLike, standard_error: ArrayLike, critical: ArrayLike = 1.96) -> Floats:
    """Return the chance that an effect of this size is seen.

        Φ(|δ|/se − z) + Φ(−|δ|/se − z)

    Args:
        effect: δ, in the metric's unit.
        standard_error: se at the number of units meant; from se now by √(n now / n meant).
        critical: z; ``sequential.critical`` for a confidence sequence, which sees later.

    Returns:
        A probability; NaN where se ≤ 0.

    Source: metrics.md §8, power.

    Examples:
        >>> power([2.8, 0.0], [1.0, 1.0]).round(2)
        array([0.8 , 0.05])
    """
    size = np.abs(np.asarray(effect, dtype=np.float64))
    distance = ratio(size, standard_error)
    z = np.asarray(critical, dtype=np.float64)
    return np.asarray(ndtr(distance - z) + ndtr(-distance - z), dtype=np.float64)


def detectable_effect(
    standard_error: ArrayLike, critical: ArrayLike = 1.96, chance: float = POWER
) -> Floats:
    """Return the smallest effect that is seen with the given chance.

        (z + Φ⁻¹(chance)) · se

    Args:
        standard_error: se at the number of units meant.
        critical: z, as in ``power``.
        chance: The power asked for, over one half.

    Returns:
        An effect in the metric's unit, > 0; NaN where se is not positive.

    Source: metrics.md §8, power; the far tail is left out, under 10⁻⁵ at 0.8.

    Examples:
        >>> detectable_effect([1.0]).round(3)
        array([2.802])
    """
    error = np.asarray(standard_error, dtype=np.float64)
    multiple = np.asarray(critical, dtype=np.float64) + float(ndtri(chance))
    return np.where(error > 0, multiple * error, np.nan)


def decide(
    *,
    is_mismatch: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    guardrails: ArrayLike,
    worthwhile: ArrayLike,
    is_complete: ArrayLike,
    chance: ArrayLike,
) -> NDArray[np.str_]:
    """Say what an experiment's owner should do today; the first row that applies decides.

        | decision     | when                                                               |
        | ------------ | ------------------------------------------------------------------ |
        | invalid      | the sample ratio is broken: nothing that follows can be trusted    |
        | stop         | a guardrail is breached, or high < 0                               |
        | ship         | low > 0 and every guardrail held                                   |
        | stop         | high < worthwhile: no effect worth having is left                  |
        | continue     | the planned units have not been seen                               |
        | stop         | low ≤ 0, and power ≥ 0.8: an effect worth having would have shown  |
        | inconclusive | otherwise                                                          |

    Args:
        is_mismatch: ``sample_ratio(…).is_mismatch``, shape (rows,).
        low: Lower end of the **confidence sequence** of the primary metric (more is better); a
            fixed-horizon interval must not stand here while the experiment runs. NaN: none yet.
        high: Its upper end.
        guardrails: Verdicts of ``guardrail``, shape (rows, guardrails), from confidence sequences
            too; "held" where a row has fewer.
        worthwhile: The smallest effect worth having, > 0.
        is_complete: Whether the planned units have been seen.
        chance: Power for ``worthwhile`` at the planned units; NaN counts as none.

    Returns:
        ``invalid``, ``stop``, ``ship``, ``continue`` or ``inconclusive``, one a row.

    Source: metrics.md §8, decision.

    Examples:
        >>> decide(is_mismatch=[False, False], low=[0.01, -0.02], high=[0.09, 0.06],
        ...        guardrails=[["held"], ["open"]], worthwhile=0.02, is_complete=[True, False],
        ...        chance=[0.9, 0.9]).tolist()
        ['ship', 'continue']
    """
    broken, complete = np.asarray(is_mismatch, dtype=bool), np.asarray(is_complete, dtype=bool)
    bottom, top = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    verdicts = np.asarray(guardrails)
    rules = [
        broken,
        (verdicts == "breached").any(axis=-1) | (top < 0),
        (bottom > 0) & (verdicts == "held").all(axis=-1),
        top < np.asarray(worthwhile, dtype=np.float64),
        ~complete,
        (bottom <= 0) & (np.asarray(chance, dtype=np.float64) >= POWER),
    ]
    return np.select(rules, ["invalid", "stop", "ship", "stop", "continue", "stop"], "inconclusive")
