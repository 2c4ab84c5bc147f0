"""What a task was worth, in exact integers: the reference for the facts' value columns.

dbt computes these columns in SQL; the functions here say the same in another language, so that
each can be tested against the other. Money and minutes are atto-units (10⁻¹⁸).
"""

from numpy.typing import ArrayLike

from roi_engine.metrics.rounding import Integers, half_away, widen

ATTO = 10**18
MICROSECONDS = 10**6


def human_equivalent_cost(baseline_minutes: ArrayLike, hourly_cost: ArrayLike) -> Integers:
    """Price the time that a person needs for the task.

        human_equivalent_cost = T_h / 60 · w

    Args:
        baseline_minutes: T_h in atto-minutes.
        hourly_cost: w, loaded cost of an hour in atto-units of money.

    Returns:
        Atto-units of money.

    Source: metrics.md §3.

    Examples:
        >>> human_equivalent_cost([12 * ATTO], [50 * ATTO]) == 10 * ATTO
        array([ True])
    """
    return half_away(widen(baseline_minutes) * widen(hourly_cost), 60 * ATTO)


def labour_value(
    baseline_minutes: ArrayLike, inference_microseconds: ArrayLike, hourly_cost: ArrayLike
) -> Integers:
    """Price the time that a success saved; an agent slower than a person loses.

        labour_value = (T_h · 60 − T_a) / 3600 · w

    Args:
        baseline_minutes: T_h in atto-minutes.
        inference_microseconds: T_a, the agent's own model time.
        hourly_cost: w, loaded cost of an hour in atto-units of money.

    Returns:
        Atto-units of money, signed.

    Source: metrics.md §3.

    Examples:
        >>> int(labour_value([12 * ATTO], [6_000_000], [50 * ATTO])[0])
        9916666666666666667
        >>> int(labour_value([0], [3_600_000_000], [50 * ATTO])[0]) == -50 * ATTO
        True
    """
    saved = widen(baseline_minutes) * (60 * MICROSECONDS) - widen(inference_microseconds) * ATTO
    return half_away(saved * widen(hourly_cost), 3600 * MICROSECONDS * ATTO)


def speed_value(
    baseline_cycle_microseconds: ArrayLike,
    cycle_microseconds: ArrayLike,
    delay_cost_per_hour: ArrayLike,
) -> Integers:
    """Price the time by which a success came earlier than a person would have had it.

        speed_value = (baseline_cycle_hours − cycle_hours) · delay_cost_per_hour

    Args:
        baseline_cycle_microseconds: A person's usual time from creation to resolution.
        cycle_microseconds: The task's own.
        delay_cost_per_hour: Atto-units of money.

    Returns:
        Atto-units of money, signed.

    Source: metrics.md §3.

    Examples:
        >>> speed_value([7_200_000_000], [3_600_000_000], [4 * ATTO]) == 4 * ATTO
        array([ True])
    """
    earlier = widen(baseline_cycle_microseconds) - widen(cycle_microseconds)
    return half_away(earlier * widen(delay_cost_per_hour), 3600 * MICROSECONDS)
