"""Bandits: traffic goes to the arm that is probably best, and what each arm is worth stays known.

Everything here is deterministic: an arm's share of the traffic is the probability that Thompson
sampling would draw it, by quadrature and not by drawing. It is the propensity to log.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, digamma, expit, logit, ndtr, polygamma, stdtrit

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

FLOOR = 0.02
"""The least share of an arm in the race: without it an arm that recovers is never seen again."""

_STEPS = np.linspace(-6.0, 6.0, 33)
"""Where the grid has nodes around each arm, in standard deviations: three eighths apart."""

_NOISE = 1e-12
"""A sum of squares under this share of its own terms is what rounding left of 0."""


class Counts(NamedTuple):
    """Wins and losses as they count today, fractions of the ones that were seen."""

    wins: Floats
    losses: Floats


def discounted_counts(successes: ArrayLike, trials: ArrayLike, discount: float) -> Counts:
    """Count what was seen, old steps less and less.

        wins = Σ_t γ^(T − t)·s_t, losses = Σ_t γ^(T − t)·(n_t − s_t)

    With γ < 1 an arm remembers about 1/(1 − γ) steps, so it can fall from favour and return.

    Args:
        successes: s, shape (bandits, steps, arms), the last step last; 0 where an arm had none.
        trials: n ≥ s, the same shape; NaN where a bandit has no such arm.
        discount: γ in (0, 1]; ½^(1/h) halves a step's weight after h steps.

    Returns:
        Discounted counts, shape (bandits, arms); NaN for an arm that does not exist.

    Raises:
        ValueError: γ is not in (0, 1].

    Source: Raj and Kalyani 2017 (discounted Thompson sampling); metrics.md §8.

    Examples:
        >>> discounted_counts([[[4.0], [1.0]]], [[[10.0], [2.0]]], discount=0.5)
        Counts(wins=array([[3.]]), losses=array([[4.]]))
    """
    if not 0 < discount <= 1:
        raise ValueError(f"a discount of {discount} is not in (0, 1]")
    won, tried = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    weight = (discount ** np.arange(tried.shape[-2] - 1, -1, -1.0))[:, None]
    return Counts((won * weight).sum(axis=-2), ((tried - won) * weight).sum(axis=-2))


def best_arm_probability(
    wins: ArrayLike, losses: ArrayLike, is_barred: ArrayLike = False
) -> Floats:
    """Return for each arm the probability that its success rate is the highest.

        rate_a ~ Beta(1 + wins, 1 + losses), P(a is best) = ∫ f_a(x) · Π_{b≠a} F_b(x) dx

    by the trapezoid rule over the arms' own distribution functions, on a grid that every arm makes
    fine where it lives; seen error under 0.002.

    Args:
        wins: Discounted wins, shape (bandits, arms); NaN where a bandit has no such arm.
        losses: Discounted losses, the same shape.
        is_barred: Arms that a guardrail keeps out of the race.

    Returns:
        Probabilities that sum to 1 over the arms in the race; NaN for the others.

    Source: Thompson 1933; Agrawal and Goyal 2012; metrics.md §8.

    Examples:
        >>> best_arm_probability([[6.0, 6.0, 4.0]], [[4.0, 4.0, 6.0]]).round(2)
        array([[0.46, 0.46, 0.09]])
        >>> best_arm_probability([[9.0, 4.0]], [[1.0, 6.0]], is_barred=[[True, False]])
        array([[nan,  1.]])
    """
    a, b = np.broadcast_arrays(
        1 + np.asarray(wins, dtype=np.float64), 1 + np.asarray(losses, dtype=np.float64)
    )
    racing = np.isfinite(a) & np.isfinite(b) & ~np.asarray(is_barred, dtype=bool)
    a, b = np.where(racing, a, 1.0), np.where(racing, b, 1.0)
    centre = digamma(a) - digamma(b)
    spread = np.sqrt(polygamma(1, a) + polygamma(1, b))
    nodes = expit(centre[..., None] + spread[..., None] * _STEPS)
    grid = np.sort(nodes.reshape(*a.shape[:-1], a.shape[-1] * _STEPS.size), axis=-1)
    reached = betainc(a[..., None], b[..., None], grid[..., None, :])
    return _race(np.asarray(reached, dtype=np.float64), racing)


def best_normal_arm_probability(
    mean: ArrayLike, standard_error: ArrayLike, is_barred: ArrayLike = False
) -> Floats:
    """Return for each arm the probability that its mean reward is the highest.

        mean_a ~ Normal(mean, standard_error²), else as ``best_arm_probability``

    Args:
        mean: Mean reward, shape (bandits, arms), discounted or not; NaN where there is no arm.
        standard_error: Its standard error, > 0.
        is_barred: Arms that a guardrail keeps out of the race.

    Returns:
        Probabilities that sum to 1 over the arms in the race; NaN for the others.

    Source: Agrawal and Goyal 2013; metrics.md §8.

    Examples:
        >>> best_normal_arm_probability([[1.0, 0.0]], [[0.6, 0.8]]).round(2)
        array([[0.84, 0.16]])
    """
    centre, spread = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(standard_error, dtype=np.float64)
    )
    racing = np.isfinite(centre) & (spread > 0) & ~np.asarray(is_barred, dtype=bool)
    centre, spread = np.where(racing, centre, 0.0), np.where(racing, spread, 1.0)
    nodes = centre[..., None] + spread[..., None] * _STEPS
    grid = np.sort(nodes.reshape(*centre.shape[:-1], centre.shape[-1] * _STEPS.size), axis=-1)
    reached = ndtr((grid[..., None, :] - centre[..., None]) / spread[..., None])
    return _race(np.asarray(reached, dtype=np.float64), racing)


def _race(reached: Floats, racing: np.ndarray) -> Floats:
    """Integrate dF_a · Π F_b over the grid; arms outside the race neither run nor stand in it."""
    ends = np.zeros((*reached.shape[:-1], 1))
    run = np.concatenate([ends, reached, ends + 1], axis=-1)
    run = np.where(racing[..., None], run, 1.0)
    # Π over the others from both sides, so that no F of 0 is divided by
    before, after = np.ones_like(run), np.ones_like(run)
    before[..., 1:, :] = np.cumprod(run[..., :-1, :], axis=-2)
    after[..., :-1, :] = np.cumprod(run[..., :0:-1, :], axis=-2)[..., ::-1, :]
    others = before * after
    mass = (np.diff(run, axis=-1) * (others[..., 1:] + others[..., :-1]) / 2).sum(axis=-1)
    share = ratio(mass, mass.sum(axis=-1, keepdims=True))
    return np.where(racing, share, np.nan)


def is_barred(harm_low: ArrayLike, limit: ArrayLike) -> np.ndarray:
    """Say which arms are kept out: those whose harm interval lies over the limit.

        low > limit

    Args:
        harm_low: Lower end of the interval of the arm's harm (more is worse); NaN when not known.
        limit: The harm that is still accepted.

    Returns:
        One flag an arm; what is not known does not bar.

    Source: metrics.md §8, guardrails.

    Examples:
        >>> is_barred([[0.03, 0.01, np.nan]], 0.02)
        array([[ True, False, False]])
    """
    return np.asarray(harm_low, dtype=np.float64) > np.asarray(limit, dtype=np.float64)


def allocate(best_probability: ArrayLike, floor: float = FLOOR) -> Floats:
    """Return each arm's share of the next traffic: its propensity, to be logged with the choice.

        share = floor + (1 − k·floor) · P(best), k arms in the race

    Args:
        best_probability: From ``best_arm_probability``, shape (bandits, arms); NaN: not racing.
        floor: Least share of an arm in the race, ≥ 0.

    Returns:
        Shares that sum to 1; 0 for arms not in the race, and for all where none is in it.

    Raises:
        ValueError: The floors of a bandit's arms are over 1 together, or the floor is negative.

    Source: metrics.md §8.

    Examples:
        >>> allocate([[0.9, 0.1, np.nan]], floor=0.1)
        array([[0.82, 0.18, 0.  ]])
    """
    best = np.asarray(best_probability, dtype=np.float64)
    racing = np.isfinite(best)
    arms = racing.sum(axis=-1, keepdims=True)
    if floor < 0 or (arms * floor > 1).any():
        raise ValueError(f"a floor of {floor} does not leave a choice to {arms.max()} arms")
    return np.where(racing, floor + (1 - arms * floor) * np.where(racing, best, 0.0), 0.0)


def inverse_propensity_mean(
    weight: ArrayLike,
    reward: ArrayLike,
    weight_squared: ArrayLike,
    weight_reward: ArrayLike,
    reward_squared: ArrayLike,
    *,
    is_share: bool = False,
    level: float = 0.95,
) -> Interval:
    """Return an arm's mean reward as if it had always had all the traffic (Hájek), with interval.

        w = 1 / logged propensity of the choice; per cluster W = Σ w, X = Σ w·x
        mean = ΣX / ΣW
        se² = Σ (X − mean·W)² / (ΣW)² / (1 − 1/k), k = (ΣW)² / ΣW², Student's t with df = k − 1

    A bandit favours an arm when it looks good, so its plain mean is biased; weighted, each time
    counts by its traffic, not by how popular the arm then was. A cluster is the unit of
    randomisation; an observation is its own where nothing repeats.

    Args:
        weight: ΣW over the clusters that drew the arm.
        reward: ΣX.
        weight_squared: ΣW².
        weight_reward: ΣW·X.
        reward_squared: ΣX².
        is_share: Whether rewards lie in [0, 1]; then the interval is built on the logit scale.
        level: Nominal coverage.

    Returns:
        Mean and interval; NaN where ΣW ≤ 0, the interval also with fewer than two clusters'
        weight, or no variance.

    Source: Hájek 1971; Horvitz and Thompson 1952; metrics.md §8.

    Examples:
        >>> w, x = np.array([2.0, 2.0, 1.25, 1.25, 1.25]), np.array([1, 0, 1, 1, 0])
        >>> wx = w * x
        >>> sums = [w.sum(), wx.sum(), (w * w).sum(), (w * wx).sum(), (wx * wx).sum()]
        >>> read = inverse_propensity_mean(*sums, is_share=True)
        >>> read.estimate.round(3), read.low.round(3), read.high.round(3)
        (np.float64(0.581), np.float64(0.064), np.float64(0.966))
    """
    total, gain, ww, wx, xx = (
        np.asarray(part, dtype=np.float64)
        for part in (weight, reward, weight_squared, weight_reward, reward_squared)
    )
    mean = ratio(gain, total)
    equal = ratio(total**2, ww)
    terms = xx + mean**2 * ww
    squares = xx - 2 * mean * wx + mean**2 * ww
    usable = (equal > 1 + _NOISE) & (squares > _NOISE * terms)
    if is_share:
        usable &= (mean > 0) & (mean < 1)
    k = np.where(usable, equal, 2.0)
    variance = np.where(usable, squares / np.where(usable, total, 1.0) ** 2 / (1 - 1 / k), np.nan)
    reach = stdtrit(k - 1, 0.5 + level / 2) * np.sqrt(variance)
    if not is_share:
        return Interval(mean, mean - reach, mean + reach)
    centre = np.where(usable, mean, 0.5)
    step = reach / (centre * (1 - centre))
    return Interval(mean, expit(logit(centre) - step), expit(logit(centre) + step))
