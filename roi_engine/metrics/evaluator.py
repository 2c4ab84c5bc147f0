"""An automatic evaluator errs too: what its flags say about the rate, given how it was validated.

The rate θ lives on a fixed grid, so that people's reviews (exact, or pooled) and any number of
evaluators multiply into one posterior. Sensitivity and specificity are integrated out over
equally likely nodes of their own posteriors.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from roi_engine.metrics import grid
from roi_engine.metrics.roi import Floats

_SENSITIVITY_NODES = 8
_SPECIFICITY_NODES = 24
"""False alarms decide most where hallucinations are rare: specificity gets more nodes."""
_NEGLIGIBLE = 1e-9
"""Bins with less of the largest bin's mass than this need no evaluator to rule them out."""


class Verdicts(NamedTuple):
    """One evaluator in one cell: outputs seen and flagged, and its validation counts."""

    seen: float
    flagged: float
    tp: float
    fn: float
    tn: float
    fp: float


class Joint(NamedTuple):
    """The posterior over the grid of rates, and what a verdict means at each of them."""

    weight: Floats
    given_flagged: Floats
    given_passed: Floats

    def chances(self) -> tuple[float, Floats, Floats]:
        """Return P(hallucinated) of an output unseen, flagged and passed, an evaluator each."""
        return (
            float(grid.summary(self.weight).mean[0]),
            (self.weight * self.given_flagged).sum(axis=-1),
            (self.weight * self.given_passed).sum(axis=-1),
        )

    def undetected_share(
        self, unseen: float, flagged: ArrayLike, passed: ArrayLike
    ) -> tuple[float, float]:
        """Return mean and variance of the hallucinated share of a mix of outputs."""
        seen_flagged = np.asarray(flagged, dtype=np.float64)[:, None]
        seen_passed = np.asarray(passed, dtype=np.float64)[:, None]
        total = unseen + float(seen_flagged.sum() + seen_passed.sum())
        share = unseen * grid.RATES
        share = share + (seen_flagged * self.given_flagged).sum(axis=0)
        share = (share + (seen_passed * self.given_passed).sum(axis=0)) / max(total, 1.0)
        mean = float((self.weight * share).sum())
        return mean, float((self.weight * (share - mean) ** 2).sum())


def corrected_rate(flagged_share: ArrayLike, tp: float, fn: float, tn: float, fp: float) -> Floats:
    """Correct an evaluator's share of flags for its own errors, unclipped.

        (p + Sp − 1) / (Se + Sp − 1), Se = tp / (tp + fn), Sp = tn / (tn + fp)

    Args:
        flagged_share: p, flagged of the outputs it saw.
        tp: Validation outputs that hallucinated and were flagged.
        fn: … that hallucinated and passed.
        tn: … that were right and passed.
        fp: … that were right and were flagged.

    Returns:
        The corrected rate; below 0 or over 1 means that chance moved p out of what Se and Sp
        allow. NaN for an uninformative evaluator.

    Source: Rogan and Gladen 1978; metrics.md §4.

    Examples:
        >>> corrected_rate([0.14, 0.05], tp=90, fn=10, tn=90, fp=10)
        array([ 0.05  , -0.0625])
        >>> corrected_rate([0.5], tp=50, fn=50, tn=50, fp=50)
        array([nan])
    """
    p = np.asarray(flagged_share, dtype=np.float64)
    if not is_informative(tp, fn, tn, fp):
        return np.full_like(p, np.nan)
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    return (p + specificity - 1) / (sensitivity + specificity - 1)


def is_informative(tp: float, fn: float, tn: float, fp: float) -> bool:
    """Tell whether an evaluator knows more than a coin: Se + Sp > 1.

    Source: metrics.md §4.

    Examples:
        >>> is_informative(90, 10, 90, 10), is_informative(50, 50, 50, 50)
        (True, False)
    """
    if tp + fn <= 0 or tn + fp <= 0:
        return False
    return tp * (tn + fp) + tn * (tp + fn) > (tp + fn) * (tn + fp)


def joint_posterior(mass: Floats, verdicts: list[Verdicts]) -> Joint:
    """Multiply what people found by what evaluators flagged.

        flagged ~ Binomial(seen, q), q = θ·Se + (1 − θ)(1 − Sp)
        Se ~ Beta(tp + ½, fn + ½), Sp ~ Beta(tn + ½, fp + ½), Se + Sp > 1
        P(hallucinated | flagged) = θ·Se / q, P(hallucinated | passed) = θ·(1 − Se) / (1 − q)

    Args:
        mass: Posterior of the rate from people's reviews, on the grid (``grid``).
        verdicts: The informative evaluators of the cell, in a fixed order.

    Returns:
        The posterior over the grid, with the meaning of each evaluator's verdicts.

    Source: metrics.md §4; Rogan and Gladen 1978 for the point correction.

    Examples:
        >>> people = grid.beta_mass(0.5, 0.5)
        >>> joint = joint_posterior(people, [Verdicts(1000, 140, 900, 100, 900, 100)])
        >>> grid.summary(joint.weight).mean.round(2)
        array([0.05])
    """
    matters = np.flatnonzero(mass > mass.max() * _NEGLIGIBLE)
    fits = [_Fit(verdict, matters) for verdict in verdicts]
    posterior = np.log(mass[matters]) + sum(fit.log for fit in fits)
    weight = np.zeros(grid.BINS)
    weight[matters] = grid.normalised(np.exp(posterior - posterior.max()))
    # what a verdict means is asked only where a rate is left that it could be
    left = weight[matters] > weight.max() * _NEGLIGIBLE
    given = np.zeros((2, len(verdicts), grid.BINS))
    for number, fit in enumerate(fits):
        given[:, number, matters[left]] = fit.given(left)
    return Joint(weight, given[0], given[1])


class _Tables(NamedTuple):
    """What one validation says at every rate (a row), by sensitivity and specificity (a column).

    Attributes:
        log_flag: Logarithm of the chance q of a flag.
        log_pass: … of no flag.
        if_flagged: P(hallucinated | flagged).
        if_passed: P(hallucinated | passed).
    """

    log_flag: Floats
    log_pass: Floats
    if_flagged: Floats
    if_passed: Floats


@lru_cache(maxsize=8)  # a validation serves all days and cells; its tables take some megabytes
def _tables(tp: float, fn: float, tn: float, fp: float) -> _Tables:
    nodes = _nodes(tp, fn, _SENSITIVITY_NODES), _nodes(tn, fp, _SPECIFICITY_NODES)
    se, sp = (part.ravel() for part in np.meshgrid(*nodes, indexing="ij"))
    informative = se + sp > 1
    se, sp = se[informative], sp[informative]
    rate = grid.RATES[:, None]
    q = np.clip(rate * se + (1 - rate) * (1 - sp), 1e-12, 1 - 1e-12)
    # off by 1e-16 a verdict, which is nothing here; log1p takes ten times as long
    return _Tables(
        np.log(q),
        np.log(1.0 - q),
        np.minimum(rate * se / q, 1.0),
        np.minimum(rate * (1 - se) / (1 - q), 1.0),
    )


class _Fit:
    """One evaluator's flags at some rates of the grid, by sensitivity and specificity."""

    def __init__(self, verdict: Verdicts, rates: NDArray[np.intp]) -> None:
        self.rates = rates
        self.tables = _tables(verdict.tp, verdict.fn, verdict.tn, verdict.fp)
        fit = verdict.flagged * self.tables.log_flag[rates]
        fit += (verdict.seen - verdict.flagged) * self.tables.log_pass[rates]
        top = fit.max(axis=-1, keepdims=True)
        fit -= top
        self.node = np.exp(fit, out=fit)
        self.log = top[:, 0] + np.log(self.node.sum(axis=-1))

    def given(self, rows: NDArray[np.bool_]) -> Floats:
        """Return P(hallucinated | flagged) and P(hallucinated | passed) at some of the rates."""
        node, rates = self.node[rows], self.rates[rows]
        chances = self.tables.if_flagged[rates], self.tables.if_passed[rates]
        return np.stack([(node * each).sum(axis=-1) for each in chances]) / node.sum(axis=-1)


def _nodes(hits: float, misses: float, count: int) -> Floats:
    middles = (np.arange(count) + 0.5) / count
    return np.asarray(betaincinv(hits + 0.5, misses + 0.5, middles))
