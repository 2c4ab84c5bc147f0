"""Bounds without assumptions: what holds whatever the unseen outputs and outcomes were.

They are no intervals of confidence: nothing is sampled or believed here. What nobody saw is given
every value that it could have had.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from roi_engine.metrics.roi import Floats, ratio


class Bounds(NamedTuple):
    """The least and the greatest value that the facts allow."""

    low: Floats
    high: Floats


class AdjustedBounds(NamedTuple):
    """Bounds of adjusted value, adjusted cost and their return."""

    value: Bounds
    cost: Bounds
    roi: Bounds


def success_share_bounds(
    good: ArrayLike,
    bad: ArrayLike,
    unknown: ArrayLike,
    unknown_low: ArrayLike = 0.0,
    unknown_high: ArrayLike = 1.0,
) -> Bounds:
    """Return between which shares the good outputs must lie.

        [good + low·unknown, good + high·unknown] / (good + bad + unknown)

    Args:
        good: Outputs known to be good.
        bad: Outputs known to be bad.
        unknown: Outputs that nobody reviewed.
        unknown_low: Least share of the unknown that is good; 0 assumes nothing.
        unknown_high: Greatest share of them; 1 assumes nothing.

    Returns:
        Shares in [0, 1]; NaN without outputs, or where low > high.

    Source: Manski 1990; metrics.md §9.

    Examples:
        >>> success_share_bounds([30.0], [10.0], [60.0])
        Bounds(low=array([0.3]), high=array([0.9]))
        >>> success_share_bounds([30.0], [10.0], [60.0], 0.5, 0.75)
        Bounds(low=array([0.6]), high=array([0.75]))
    """
    seen, wrong, hidden, least, most = _columns(good, bad, unknown, unknown_low, unknown_high)
    least, most = _ordered(least, most)
    whole = seen + wrong + hidden
    return Bounds(ratio(seen + least * hidden, whole), ratio(seen + most * hidden, whole))


def effect_bounds(
    agent_good: ArrayLike,
    agent_bad: ArrayLike,
    agent_unknown: ArrayLike,
    *,
    human_good: ArrayLike,
    human_bad: ArrayLike,
    human_unknown: ArrayLike,
) -> Bounds:
    """Return between which differences in success share the effect of the agent must lie.

        p·[S_a] + (1 − p)·[0, 1]  less  (1 − p)·[S_h] + p·[0, 1], p the agent's share of tasks

    What people would have made of the agent's tasks, and the agent of theirs, nobody saw: each
    is anything from never to always. So the bounds are at least 1 apart, and say how much of a
    claimed effect is the comparison's own assumption (that the groups are alike).

    Args:
        agent_good: The agent's tasks known to have succeeded.
        agent_bad: Its tasks known to have failed.
        agent_unknown: Its tasks whose outcome nobody saw.
        human_good: As for the agent, tasks done by people.
        human_bad: See above.
        human_unknown: See above.

    Returns:
        Differences in [−1, 1]; NaN without a task.

    Source: Manski 1990, no-assumption bounds of an average treatment effect; metrics.md §9.

    Examples:
        >>> effect_bounds(
        ...     [40.0], [10.0], [0.0], human_good=[25.0], human_bad=[25.0], human_unknown=[0.0]
        ... )
        Bounds(low=array([-0.35]), high=array([0.65]))
    """
    columns = _columns(agent_good, agent_bad, agent_unknown, human_good, human_bad, human_unknown)
    agents, people = columns[:3], columns[3:]
    of_agent, of_people = np.sum(agents, axis=0), np.sum(people, axis=0)
    # among all tasks: seen good on one side, and on the other side all of them or none
    least = agents[0] - (people[0] + people[2] + of_agent)
    most = (agents[0] + agents[2] + of_people) - people[0]
    whole = of_agent + of_people
    return Bounds(ratio(least, whole), ratio(most, whole))


def adjusted_bounds(
    known_value: ArrayLike,
    known_cost: ArrayLike,
    unknown_outputs: ArrayLike,
    unknown_gain: ArrayLike,
    loss_per_hallucination: ArrayLike,
    *,
    unknown_loss: ArrayLike = 0.0,
    share_low: ArrayLike = 0.0,
    share_high: ArrayLike = 1.0,
) -> AdjustedBounds:
    """Return between what adjusted value, cost and ROI must lie, whatever the unreviewed are.

        value = known + (1 − q)·gain + (1 − q)·loss, cost = known + q·outputs·L
        q, the share hallucinated of the unreviewed, anywhere in [low, high]

    Value and cost are sharp with q from 0 to 1; with other ends q is the share of their value as
    of their number. ROI takes the corners of both: sharp where the least value is >= 0 and no
    success lost money; else it still holds, a little too wide (which outputs are bad decides
    how far value falls for one more loss, and only single outputs know that).

    Args:
        known_value: Value that no unseen output can change.
        known_cost: Cost without that of undetected hallucinations.
        unknown_outputs: Delivered outputs that nobody reviewed.
        unknown_gain: Sum of their values over 0: what a hallucination would take away.
        loss_per_hallucination: L >= 0, money; NaN when nobody set it.
        unknown_loss: Sum of their values under 0.
        share_low: Least share hallucinated of the unreviewed; 0 assumes nothing.
        share_high: Greatest share; 1 assumes nothing.

    Returns:
        Three bounds; NaN where an input is missing, and for ROI where a cost is not positive.

    Source: Manski 1990; metrics.md §9, §4 (adjusted_value, hallucination_adjusted_cost).

    Examples:
        >>> found = adjusted_bounds([200.0], [400.0], [950.0], [791.0], [14.5])
        >>> found.value, found.cost
        (Bounds(low=array([200.]), high=array([991.])),
         Bounds(low=array([400.]), high=array([14175.])))
        >>> found.roi.low.round(3), found.roi.high.round(3)
        (array([-0.986]), array([1.478]))
    """
    known, spent, outputs, gain, each, lost, least, most = _columns(
        known_value,
        known_cost,
        unknown_outputs,
        unknown_gain,
        loss_per_hallucination,
        unknown_loss,
        share_low,
        share_high,
    )
    least, most = _ordered(least, most)
    value = Bounds(
        known + (1 - most) * gain + (1 - least) * lost,
        known + (1 - least) * gain + (1 - most) * lost,
    )
    cost = Bounds(spent + least * outputs * each, spent + most * outputs * each)
    return AdjustedBounds(value, cost, return_bounds(*value, *cost))


def return_bounds(
    value_low: ArrayLike, value_high: ArrayLike, cost_low: ArrayLike, cost_high: ArrayLike
) -> Bounds:
    """Return between which returns lie all pairs of a value and a cost in their bounds.

        min and max of (value − cost) / cost over the four corners

    For what has bounds of its own: a counterfactual known only to lie between two baselines.

    Args:
        value_low: Least value, money.
        value_high: Greatest value.
        cost_low: Least cost.
        cost_high: Greatest cost.

    Returns:
        Returns; NaN where a bound is missing, the least cost is not positive or ends cross.

    Source: Manski 1990; metrics.md §9.

    Examples:
        >>> return_bounds([-10.0], [50.0], [20.0], [40.0])
        Bounds(low=array([-1.5]), high=array([1.5]))
    """
    least, most, cheap, dear = _columns(value_low, value_high, cost_low, cost_high)
    (least, most), (cheap, dear) = _ordered(least, most), _ordered(cheap, dear)
    corners = np.stack([ratio(v - c, c) for v in (least, most) for c in (cheap, dear)])
    return Bounds(corners.min(axis=0), corners.max(axis=0))


def _columns(*columns: ArrayLike) -> list[Floats]:
    shaped = np.broadcast_arrays(*(np.asarray(column, dtype=np.float64) for column in columns))
    return [np.asarray(column) for column in shaped]


def _ordered(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the ends, or NaN where they cross: such bounds hold nothing."""
    right = low <= high
    return np.where(right, low, np.nan), np.where(right, high, np.nan)
