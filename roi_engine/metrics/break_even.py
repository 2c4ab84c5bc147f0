"""The success rate at which an agent pays for its own attempts."""

import numpy as np
from numpy.typing import ArrayLike

from roi_engine.metrics.roi import Floats, ratio


def break_even_success_rate(
    cost_per_attempt: ArrayLike, human_cost_per_task: ArrayLike, excess_per_failure: ArrayLike
) -> Floats:
    """Return the share of attempts that must succeed for the agent to break even.

        (c_a + c_x) / (c_h + c_x)

    Args:
        cost_per_attempt: c_a, spend of one ended task.
        human_cost_per_task: c_h, mean human_equivalent_cost of an ended task.
        excess_per_failure: c_x, mean of what people spent on a task beyond doing it themselves,
            over ended tasks that were no autonomous success; 0 where there were none.

    Returns:
        A rate; over 1 means that no success rate pays. NaN where c_h + c_x ≤ 0.

    Source: metrics.md §5.

    Examples:
        >>> break_even_success_rate([15.0], [100.0], [0.0])
        array([0.15])
    """
    attempt = np.asarray(cost_per_attempt, dtype=np.float64)
    person = np.asarray(human_cost_per_task, dtype=np.float64)
    excess = np.asarray(excess_per_failure, dtype=np.float64)
    return ratio(attempt + excess, person + excess)
