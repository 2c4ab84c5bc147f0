"""Experiments: what a change did, read from the sums of each arm's units.

A row is one comparison of one metric: treatment against control. A unit is what was randomised (a
requester, a team, a ticket); all that happened to it is summed before anything else, so that
repeated tasks of one unit are never taken for independent ones. Only the units' count, their sums
and their products travel, which SQL makes in one pass.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, stdtr, stdtrit

from roi_engine.metrics.roi import Floats, ratio

COLUMNS = 4
"""What is summed over a unit: numerator, denominator, and both of them before the experiment."""

SRM_LEVEL = 0.001
"""A sample ratio less likely than this says that the assignment is broken, not unlucky."""

_NOISE = 1e-12
"""A variance under this share of its own terms is what rounding left of 0."""


class Sums(NamedTuple):
    """The units of one arm: their count (rows,), Σ (rows, 4) and Σ of products (rows, 4, 4)."""

    units: Floats
    sums: Floats
    products: Floats


class SampleRatio(NamedTuple):
    """Does the split look like the one intended? χ², its p-value, and the flag."""

    statistic: Floats
    p_value: Floats
    is_mismatch: NDArray[np.bool_]


class Comparison(NamedTuple):
    """Treatment against control; NaN where there is nothing to compare.

    ``control`` and ``treatment`` are adjusted levels, ``low`` and ``high`` the interval of their
    ``difference``; ``lift`` is difference / control. ``variance_reduction`` is the share of the
    variance that the covariate took away.
    """

    control: Floats
    treatment: Floats
    difference: Floats
    low: Floats
    high: Floats
    standard_error: Floats
    df: Floats
    p_value: Floats
    lift: Floats
    lift_low: Floats
    lift_high: Floats
    variance_reduction: Floats


def sum_units(
    row: ArrayLike,
    rows: int,
    numerator: ArrayLike,
    denominator: ArrayLike | None = None,
    before: tuple[ArrayLike, ArrayLike] | None = None,
) -> Sums:
    """Sum one arm's units by row, as a mart does in SQL.

        n = Σ 1, sums = Σ c, products = Σ c·cᵀ, c = (x, y, x before, y before)

    Args:
        row: Which row each unit belongs to, shape (units,).
        rows: How many rows there are.
        numerator: x of each unit.
        denominator: y of each unit; 1 when left out, so that the metric is a mean over units.
        before: x and y of each unit in the pre-period, 0 and 0 for a unit that was not there;
            nothing is adjusted when left out. Never anything that the treatment could change.

    Returns:
        The sums of each row.

    Source: metrics.md §8.

    Examples:
        >>> arm = sum_units([0, 0, 0], 1, numerator=[2.0, 4.0, 3.0])
        >>> arm.units, arm.sums[:, :2], arm.products[:, 0, 0]
        (array([3.]), array([[9., 3.]]), array([29.]))
    """
    x = np.asarray(numerator, dtype=np.float64)
    blank = np.zeros_like(x)
    y = np.ones_like(x) if denominator is None else np.asarray(denominator, dtype=np.float64)
    past = (blank, blank) if before is None else before
    columns = np.stack([x, y, *(np.asarray(part, dtype=np.float64) for part in past)])
    where = np.asarray(row, dtype=np.int64)

    def total(values: Floats) -> Floats:
        return np.bincount(where, weights=values, minlength=rows).astype(np.float64)

    sums = np.stack([total(column) for column in columns], axis=-1)
    products = np.empty((rows, COLUMNS, COLUMNS))
    for i in range(COLUMNS):
        for j in range(i, COLUMNS):
            products[:, i, j] = products[:, j, i] = total(columns[i] * columns[j])
    return Sums(total(np.ones_like(x)), sums, products)


def sample_ratio(units: ArrayLike, expected: ArrayLike) -> SampleRatio:
    """Test whether the arms have the units that the assignment meant to give them.

        χ² = Σ (n_a − E_a)² / E_a, df = arms − 1; mismatch where p < 0.001

    Propensities that differ by unit make the test a little milder than its name: the true variance
    is never over the one that χ² assumes.

    Args:
        units: n_a, shape (rows, arms); an arm that a row does not have is 0 in both.
        expected: The intended shares, or Σ of the logged propensities; scaled to Σ n_a.

    Returns:
        Statistic, p-value and flag; NaN and no flag with fewer than two arms or no unit. An arm
        that should have got nobody and did is a mismatch.

    Source: Fabijan et al. 2019; metrics.md §8, sample-ratio check.

    Examples:
        >>> sample_ratio([[5000, 5050], [5000, 5400]], [[0.5, 0.5], [0.5, 0.5]]).is_mismatch
        array([False,  True])
    """
    n, meant = np.broadcast_arrays(
        np.asarray(units, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    )
    total = n.sum(axis=-1, keepdims=True)
    want = meant * ratio(total, meant.sum(axis=-1, keepdims=True))
    planned = want > 0
    excess = np.where(planned, (n - want) ** 2 / np.where(planned, want, 1.0), 0.0)
    arms = planned.sum(axis=-1)
    usable = (arms > 1) & (total[..., 0] > 0) & np.isfinite(want).all(axis=-1)
    stray = ((n > 0) & ~planned).any(axis=-1) & np.isfinite(want).all(axis=-1)
    statistic = np.where(usable, excess.sum(axis=-1), np.nan)
    p_value = np.where(usable, chdtrc(np.maximum(arms - 1, 1), excess.sum(axis=-1)), np.nan)
    p_value = np.where(stray, 0.0, p_value)
    return SampleRatio(statistic, p_value, np.nan_to_num(p_value, nan=1.0) < SRM_LEVEL)


def compare(treatment: Sums, control: Sums, level: float = 0.95) -> Comparison:
    """Compare two arms at a planned end: difference and relative lift with Welch intervals.

        R = Σx / Σy, linearised per unit: L = (x − R·y) / ȳ
        before the experiment, over both arms: Z = (x' − Q·y') / ȳ', Q = Σx' / Σy'
        θ = Σ_a cov(L, Z)/n_a / Σ_a var(Z)/n_a
        difference = (R − θ·Z̄) of the treatment − the same of the control
        se² = Σ_a var(L − θ·Z) / n_a, Student's t with Welch and Satterthwaite's df

    The ratio is linearised first and adjusted after (CUPED). A unit with a large denominator
    moves its own R: variances divide by n·(1 − 1/k) and an arm has k − 1 degrees of freedom,
    k = (Σy)² / Σy², which is n where every y is 1. The lift's interval is Fieller's, from both
    levels and their covariance. Read once, at the planned end; for any earlier look there is
    ``sequential.confidence_sequence``.

    Args:
        treatment: Sums of the treated units, one row a comparison.
        control: Sums of the control's, in the same rows.
        level: Nominal coverage.

    Returns:
        Levels, difference, lift and their intervals; NaN where an arm has fewer than two units,
        Σy ≤ 0, or no variance; the lift also where control ≤ 0, its interval where the control
        cannot be told from 0.

    Source: Deng, Knoblich and Lu 2018 (delta method); Deng et al. 2013 (CUPED); Welch 1947;
        Fieller 1954; metrics.md §8.

    Examples:
        >>> row, once = [0, 0, 0, 0], [1.0] * 4
        >>> control = sum_units(row, 1, [3.0, 5.0, 4.0, 8.0], before=([2.0, 4.0, 3.0, 7.0], once))
        >>> treated = sum_units(row, 1, [6.0, 5.0, 9.0, 8.5], before=([4.0, 3.0, 7.0, 6.0], once))
        >>> read = compare(treated, control)
        >>> read.difference.round(2), read.low.round(2), read.high.round(2), read.lift.round(2)
        (array([1.1]), array([0.73]), array([1.48]), array([0.2]))
    """
    both = treatment.sums + control.sums
    units = treatment.units + control.units
    past = ratio(both[:, 2], both[:, 3])
    scale = ratio(units, both[:, 3])
    has_past = np.isfinite(past) & np.isfinite(scale)
    contrast = np.zeros_like(both)
    contrast[:, 2] = np.where(has_past, scale, 0.0)
    contrast[:, 3] = np.where(has_past, -past * scale, 0.0)
    arms = _linearise(treatment, contrast), _linearise(control, contrast)

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        spread = arms[0].zz + arms[1].zz
        theta = np.where(spread > 0, (arms[0].lz + arms[1].lz) / spread, 0.0)
        parts = [arm.ll - 2 * theta * arm.lz + theta**2 * arm.zz for arm in arms]
        raw = arms[0].ll + arms[1].ll
        variance = parts[0] + parts[1]
        defined = np.isfinite(variance) & (raw > 0) & (variance > _NOISE * raw)
        variance = np.where(defined, variance, np.nan)
        df = variance**2 / (parts[0] ** 2 / arms[0].df + parts[1] ** 2 / arms[1].df)
        levels = [arm.level - theta * arm.shift for arm in arms]
        difference = levels[0] - levels[1]
        error = np.sqrt(variance)
        multiple = np.where(defined, stdtrit(np.where(defined, df, 1.0), 0.5 + level / 2), np.nan)
        p_value = 2 * stdtr(np.where(defined, df, 1.0), -np.abs(difference / error))
        covariance = _level_covariance(arms, theta, treatment.units / units)
        lift, lift_low, lift_high = _fieller(levels, covariance, multiple)
        reach = multiple * error
        return Comparison(
            levels[1],
            levels[0],
            difference,
            difference - reach,
            difference + reach,
            error,
            np.where(defined, df, np.nan),
            p_value,
            lift,
            lift_low,
            lift_high,
            ratio(raw - variance, raw),
        )


class _Arm(NamedTuple):
    """One arm's level, its covariate's mean, and the variances of both means."""

    level: Floats
    shift: Floats
    ll: Floats
    lz: Floats
    zz: Floats
    df: Floats


def _linearise(arm: Sums, covariate: Floats) -> _Arm:
    """Turn sums into the variances of the arm's linearised mean and of its covariate's."""
    n, sums, products = arm
    level = ratio(sums[:, 0], sums[:, 1])
    per_unit = ratio(n, sums[:, 1])
    usable = (n > 1) & np.isfinite(level) & np.isfinite(per_unit)
    outcome = np.zeros_like(sums)
    outcome[:, 0] = np.where(usable, per_unit, 0.0)
    outcome[:, 1] = np.where(usable, -level * per_unit, 0.0)
    size = np.maximum(n, 1.0)
    # how many units of equal denominator would carry as much
    equal_units = np.where(usable, ratio(sums[:, 1] ** 2, products[:, 1, 1]), np.nan)
    divisor = size**2 * (1 - 1 / np.where(equal_units > 1 + _NOISE, equal_units, np.nan))

    shift = (sums * covariate).sum(axis=-1) / size
    second = [_form(a, products, b) for a, b in ((outcome, outcome), (outcome, covariate))]
    ll = _without_noise(second[0], outcome, products)
    zz = _form(covariate, products, covariate) - size * shift**2
    zz = _without_noise(zz, covariate, products)
    # ΣL is 0, so its product with the covariate needs no centring
    lz = np.where(zz > 0, second[1], 0.0)
    return _Arm(level, shift, ll / divisor, lz / divisor, zz / divisor, equal_units - 1)


def _form(left: Floats, products: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("ri,rij,rj->r", left, products, right), dtype=np.float64)


def _without_noise(value: Floats, contrast: Floats, products: Floats) -> Floats:
    """Return 0 for what cancellation left of a sum of squares that is none."""
    terms = (contrast**2 * np.diagonal(products, axis1=-2, axis2=-1)).sum(axis=-1)
    return np.where(value > _NOISE * terms, value, 0.0)


def _level_covariance(
    arms: tuple[_Arm, _Arm], theta: Floats, share: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return var(T), var(C), cov(T, C): both levels lean on the same covariate's difference."""
    treated, control = arms
    to_treated, to_control = theta * (1 - share), theta * share
    zz = treated.zz + control.zz
    return (
        treated.ll - 2 * to_treated * treated.lz + to_treated**2 * zz,
        control.ll - 2 * to_control * control.lz + to_control**2 * zz,
        to_control * treated.lz + to_treated * control.lz - to_treated * to_control * zz,
    )


def _fieller(
    levels: list[Floats], covariance: tuple[Floats, Floats, Floats], multiple: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the lift and the ends of {ρ − 1: (T − ρC)² ≤ t²·var(T − ρC)} where that is a range."""
    treated, control = levels
    square = multiple**2
    a = control**2 - square * covariance[1]
    b = treated * control - square * covariance[2]
    c = treated**2 - square * covariance[0]
    bounded = (a > 0) & (control > 0)
    root = np.sqrt(np.where(bounded, np.maximum(b**2 - a * c, 0.0), np.nan))
    below = np.where(bounded, a, 1.0)
    return ratio(treated, control) - 1, (b - root) / below - 1, (b + root) / below - 1
