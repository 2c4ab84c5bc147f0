"""Which agent should do how many of which tasks, and what one more unit of budget would bring."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from roi_engine.metrics.roi import Floats, ratio

Status: TypeAlias = Literal["optimal", "infeasible", "unbounded", "undefined", "failed"]

FRONTIER = tuple(tenth / 10 for tenth in range(1, 21))
"""Shares of the budget at which the frontier is solved: 10 % to 200 %."""
BINDING = 1e-6
"""Slack up to this share of a limit counts as none; the solver's own tolerance is 1e-7."""
STATUSES: dict[int, Status] = {0: "optimal", 2: "infeasible", 3: "unbounded"}


class Limits(NamedTuple):
    """What there is; infinity is no limit. GPU memory is counted as GiB × hours held."""

    demand: ArrayLike
    budget: float = np.inf
    gpu_hours: float = np.inf
    vram_gib_hours: float = np.inf


class Needs(NamedTuple):
    """What a task takes, shape (agents, types); None where it takes none of it."""

    cost: ArrayLike
    gpu_hours: ArrayLike | None = None
    vram_gib_hours: ArrayLike | None = None


class Plan(NamedTuple):
    """An allocation and what limits it; NaN throughout unless the status is ``optimal``.

    A shadow price is what one more unit of the limit would add to the net value; 0 where it does
    not bind. In a degenerate plan several prices are right, and this is one of them.
    """

    status: Status
    tasks: Floats
    net_value: float
    spend: float
    budget_price: float
    gpu_price: float
    vram_price: float
    demand_price: Floats
    is_binding: dict[str, bool]


class Frontier(NamedTuple):
    """Plans at shares of the budget, one value a share."""

    share: Floats
    budget: Floats
    net_value: Floats
    spend: Floats
    autonomous_share: Floats
    budget_price: Floats


def value_plan(net_value: ArrayLike, needs: Needs, limits: Limits) -> Plan:
    """Return how many tasks of each type to give each agent for the greatest net value.

        max Σ v_at·x_at  with  Σ_a x_at <= demand_t, Σ cost·x <= budget,
        Σ gpu·x <= GPU hours, Σ vram·x <= GiB hours, x >= 0

    Tasks may be fractions: it is a plan of a period's mix, not a list of tasks.

    Args:
        net_value: Value less cost of a task, shape (agents, types); NaN where the agent cannot do
            the type.
        needs: What a task takes of budget, GPU and GPU memory; NaN like a NaN value.
        limits: Demand by type (tasks in the period), budget and capacities of the same period.

    Returns:
        The plan with its shadow prices. ``undefined`` where a limit is missing, ``infeasible``
        where one is negative, ``unbounded`` where value grows without end: never an exception.

    Raises:
        ValueError: The arrays do not fit together.

    Source: metrics.md §3, value plan; Dantzig 1963; HiGHS, Huangfu and Hall 2018.

    Examples:
        >>> plan = value_plan([[4.0, 3.0], [3.0, np.nan]], Needs([[2.0, 1.0], [1.0, 1.0]]),
        ...     Limits(demand=[10.0, 10.0], budget=25.0))
        >>> plan.tasks.tolist(), plan.net_value, plan.budget_price
        ([[5.0, 10.0], [5.0, 0.0]], 65.0, 1.0)
    """
    value = np.asarray(net_value, dtype=np.float64)
    demand = np.asarray(limits.demand, dtype=np.float64)
    if value.ndim != 2 or demand.shape != value.shape[1:]:
        raise ValueError("values are agents by types, and each type has one demand")
    capacity = np.array([limits.budget, limits.gpu_hours, limits.vram_gib_hours], dtype=np.float64)
    taken = [
        np.broadcast_to(
            np.zeros(1) if need is None else np.asarray(need, dtype=np.float64), value.shape
        )
        for need in needs
    ]
    if np.isnan(demand).any() or np.isnan(capacity).any():
        return _no_plan("undefined", value)
    able = np.isfinite(np.stack([value, *taken])).all(axis=0)
    agent, kind = np.nonzero(able)
    pairs = np.arange(kind.size)

    # in units of the largest entry of each row: the solver's tolerances are absolute
    rows = np.stack([need[able] for need in taken])
    scales = np.array([_largest(row) for row in rows])
    worth, many = _largest(value[able]), _largest(demand[np.isfinite(demand)])
    by_type = csr_array((np.ones(pairs.size), (kind, pairs)), shape=(demand.size, pairs.size))
    matrix = vstack([csr_array(rows / scales[:, None]), by_type], format="csr")
    bound = np.concatenate([capacity / scales, demand]) / many
    limited = np.isfinite(bound) | (bound < 0)
    if not pairs.size:
        return _no_plan("infeasible", value) if (bound < 0).any() else _empty_plan(value, bound)

    solved = linprog(
        -value[able] / worth, A_ub=matrix[limited], b_ub=bound[limited], method="highs"
    )
    if solved.status != 0:
        return _no_plan(STATUSES.get(solved.status, "failed"), value)
    price, slack = np.zeros(bound.size), np.full(bound.size, np.inf)
    price[limited] = np.maximum(-solved.ineqlin.marginals, 0.0)
    slack[limited] = solved.slack
    binding = slack <= BINDING * np.maximum(np.abs(np.where(limited, bound, 1.0)), BINDING)
    tasks = np.zeros(value.shape)
    tasks[agent, kind] = np.maximum(solved.x, 0.0) * many
    price = price * worth
    budget_price, gpu_price, vram_price = (float(one) for one in price[:3] / scales)
    return Plan(
        "optimal",
        tasks,
        float((tasks[able] * value[able]).sum()),
        float((tasks[able] * taken[0][able]).sum()),
        budget_price,
        gpu_price,
        vram_price,
        price[3:],
        _binding(binding),
    )


def frontier(
    net_value: ArrayLike,
    needs: Needs,
    limits: Limits,
    autonomous_share: ArrayLike,
    shares: tuple[float, ...] = FRONTIER,
) -> Frontier:
    """Return what the best plan brings at 10 % to 200 % of the budget: where returns diminish.

        net value, spend, and ASR = Σ cost·share·x / Σ cost·x of the plan at each budget

    Net value is concave in the budget, so its price never rises along the frontier.

    Args:
        net_value: As in ``value_plan``.
        needs: As in ``value_plan``.
        limits: As in ``value_plan``; the budget must be finite.
        autonomous_share: Share of a task's cost that is spent on autonomous success, shape
            (agents, types).
        shares: Which shares of the budget to solve.

    Returns:
        One value a share; NaN where there is no plan, and ASR where nothing is spent.

    Source: metrics.md §3, frontier.

    Examples:
        >>> found = frontier([[4.0, 3.0]], Needs([[2.0, 1.0]]), Limits([10.0, 10.0], 30.0),
        ...     [[0.5, 0.8]], shares=(0.1, 0.5, 0.9, 2.0))
        >>> found.net_value, found.budget_price
        (array([ 9., 40., 64., 70.]), array([3., 2., 2., 0.]))
    """
    share = np.asarray(shares, dtype=np.float64)
    budget = share * limits.budget
    cost = np.asarray(needs.cost, dtype=np.float64)
    autonomous = np.nan_to_num(cost * np.asarray(autonomous_share, dtype=np.float64))
    plans = [
        value_plan(
            net_value, needs, limits._replace(budget=float(each if np.isfinite(each) else np.nan))
        )
        for each in budget
    ]
    spend = np.array([plan.spend for plan in plans])
    won = np.array([(plan.tasks * autonomous).sum() for plan in plans])
    return Frontier(
        share,
        budget,
        np.array([plan.net_value for plan in plans]),
        spend,
        ratio(won, spend),
        np.array([plan.budget_price for plan in plans]),
    )


def _no_plan(status: Status, value: Floats) -> Plan:
    nan = float("nan")
    nowhere = np.full(value.shape, nan)
    return Plan(status, nowhere, nan, nan, nan, nan, nan, np.full(value.shape[1], nan), {})


def _empty_plan(value: Floats, bound: Floats) -> Plan:
    """Return the plan that gives no task to anybody: no agent can do any type."""
    nothing = np.zeros(value.shape)
    tight = _binding(bound == 0)
    return Plan("optimal", nothing, 0.0, 0.0, 0.0, 0.0, 0.0, np.zeros(value.shape[1]), tight)


def _largest(values: Floats) -> float:
    """Return the unit to measure values in: the largest of them, or 1 where there is none."""
    return float(np.abs(values).max(initial=0.0)) or 1.0


def _binding(tight: NDArray[np.bool_]) -> dict[str, bool]:
    names = ("budget", "gpu_hours", "vram_gib_hours")
    found = dict(zip(names, tight[:3].tolist(), strict=True))
    return found | {f"demand_{kind}": bool(one) for kind, one in enumerate(tight[3:])}
