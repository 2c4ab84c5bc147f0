"""What to do about the capacity that an agent calls on, as one table of rules."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.roi import Floats

ADVICE = ("out", "in", "batch", "smaller_model", "none")
"""All advice."""

REASONS = (
    "memory_full",
    "gpu_busy",
    "errors",
    "slow_tail",
    "gpu_idle",
    "nobody_waits",
    "within_limits",
    "too_few_calls",
)
"""All reasons, in the order in which they are looked for."""

FULL_MEMORY = 0.95
"""Peak share of a GPU's memory over which one long prompt more does not fit."""
BUSY = 0.8
"""Share of the time over which work waits for work: at 0.8 a queue is four jobs long on average."""
IDLE = 0.2
"""Share of the time under which half the capacity would still be busy less than half the time."""
MANY_ERRORS = 0.05
"""Share of calls in vain; each is paid for and made again."""
LONG_TAIL = 5.0
"""p95 over p50 of the seconds a token takes; a log-normal as wide as σ = 1 has 5.2."""
UNATTENDED = 0.8
"""Share of calls that a schedule or an event began, so that nobody waits for the answer."""
BATCHED = 0.5
"""Share of calls that already go as a batch, from which on it is no advice."""
MIN_CALLS = 100
"""Fewer calls than this are no ground for a change."""


class Load(NamedTuple):
    """What is known of the capacity behind a model and of the calls to it; NaN where nothing is.

    ``utilisation`` and ``memory`` are shares of GPU capacity, ``errors``, ``unattended`` and
    ``batched`` are shares of ``calls``, ``tail`` is p95 over p50 of the seconds a token takes.
    """

    calls: ArrayLike
    utilisation: ArrayLike
    memory: ArrayLike
    errors: ArrayLike
    tail: ArrayLike
    unattended: ArrayLike
    batched: ArrayLike


class Scaling(NamedTuple):
    """One of ``ADVICE`` and one of ``REASONS`` for each row."""

    advice: NDArray[Any]
    reason: NDArray[Any]


def scaling_advice(load: Load) -> Scaling:
    """Say what to do about capacity; of several rules the first that holds speaks.

        memory_full    memory > 0.95                                    smaller_model
        gpu_busy       utilisation > 0.8                                out
        errors         errors > 0.05, calls ≥ 100                       out
        slow_tail      p95/p50 > 5, calls ≥ 100                         out
        gpu_idle       utilisation < 0.2                                in
        nobody_waits   unattended > 0.8, batched < 0.5, calls ≥ 100     batch
        within_limits  calls ≥ 100 or utilisation known                 none
        too_few_calls                                                   none

    Memory comes first: what does not fit is not helped by more of the same. Want of capacity
    comes before its excess, and both before what is only cheaper. What is not known holds nothing.

    Args:
        load: Columns of equal length.

    Returns:
        Advice and reason.

    Source: metrics.md §7.

    Examples:
        >>> nothing = float("nan")
        >>> own = Load([500], [0.93], [0.7], [0.01], [2.0], [0.1], [0.0])
        >>> scaling_advice(own)
        Scaling(advice=array(['out'], dtype='<U13'), reason=array(['gpu_busy'], dtype='<U13'))
        >>> night = Load([500], [nothing], [nothing], [0.01], [2.0], [0.95], [0.0])
        >>> scaling_advice(night).advice.item(), scaling_advice(night).reason.item()
        ('batch', 'nobody_waits')
    """
    parts: list[Floats] = [np.asarray(part, dtype=np.float64) for part in load]
    calls, utilisation, memory, errors, tail, unattended, batched = parts
    enough = calls >= MIN_CALLS
    holds = (
        memory > FULL_MEMORY,
        utilisation > BUSY,
        enough & (errors > MANY_ERRORS),
        enough & (tail > LONG_TAIL),
        utilisation < IDLE,
        enough & (unattended > UNATTENDED) & (batched < BATCHED),
        enough | np.isfinite(utilisation),
    )
    does = ("smaller_model", "out", "out", "out", "in", "batch", "none")
    advice = np.select(holds, does, default="none")
    return Scaling(advice, np.select(holds, REASONS[:-1], default=REASONS[-1]))
