"""Declarations of value_plan and value_frontier: who should do which tasks, and for what budget."""

from roi_engine.marts.columns import COUNT, FLAG, NUMBER, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, money, ratio

_CELL = ("daily_roi.ended_tasks", "daily_roi.gross_value", "daily_roi.total_cost")
_GPU = ("fct_gpu_usage.busy_microseconds", "fct_gpu_usage.capacity_microseconds")
_VRAM = ("fct_gpu_usage.peak_vram_mib", "fct_gpu_usage.vram_capacity_mib")
STATUSES = ("optimal", "infeasible", "unbounded", "undefined", "failed")
REASONS = ("too_few_tasks", "no_cost")
BINDING = ("budget", "gpu_hours", "vram_gib_hours", "demand")

_PLAN = _CELL + _GPU + _VRAM


def _planned(name: str, about: str, formula: str, unit: str, *, low: float | None = None) -> Column:
    return Column(
        name, NUMBER, unit, about, formula, _PLAN, "§3", nullable=True, additive=True, low=low
    )


def _price(name: str, about: str, unit: str) -> Column:
    return ratio(
        name,
        about,
        "dual value of the linear programme; 0 where the limit does not bind",
        _PLAN,
        "§3",
        unit=unit,
        bounds=(0, None),
    )


VALUE_PLAN = Mart(
    name="value_plan",
    about="Which agent should do how many of which tasks for the greatest net value, within the"
    " budget, the demand and the GPUs.",
    row="One row per agent and kind of work that it did in the 28 days to the newest day.",
    section="§3",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("daily_roi.day",), "§3"),
        KEYS["agent_id"],
        KEYS["task_type"],
        count("present_tasks", "Tasks that ended in the window.", "Σ ended_tasks", _CELL[:1], "§3"),
        money("present_value", "What they were worth.", "Σ gross_value", _CELL[1:2], "§3"),
        money("present_cost", "What they cost.", "Σ total_cost", _CELL[2:], "§3"),
        ratio(
            "net_value_per_task",
            "What a task brings beyond its cost.",
            "(present_value − present_cost) / present_tasks",
            ("present_value", "present_cost", "present_tasks"),
            "§3",
            unit="currency per task",
        ),
        ratio(
            "cost_per_task",
            "What a task costs, people's time included.",
            "present_cost / present_tasks",
            ("present_cost", "present_tasks"),
            "§3",
            unit="currency per task",
        ),
        ratio(
            "gpu_hours_per_task",
            "GPU time of the agent's own workloads for a task of any kind.",
            "busy time mapped to the agent / its tasks; 0 where none is",
            (*_GPU, *_CELL[:1]),
            "§3",
            unit="hours per task",
            bounds=(0, None),
        ),
        ratio(
            "vram_gib_hours_per_task",
            "GPU memory that they hold, by the hour.",
            "Σ peak of each hour / its tasks",
            (*_VRAM, *_CELL[:1]),
            "§3",
            unit="GiB hours per task",
            bounds=(0, None),
        ),
        choice(
            "plan_reason",
            "Why the plan gives the agent none of this work: too few tasks to know what one"
            " brings, or no positive cost.",
            "too_few_tasks: present_tasks < min_group_size; no_cost: present_cost ≤ 0",
            ("present_tasks", "present_cost"),
            "§3",
            values=REASONS,
            nullable=True,
        ),
        _planned(
            "planned_tasks",
            "Tasks of 28 days in the best plan; parts of tasks too.",
            "max Σ net value within demand, budget, GPU hours and GPU memory (HiGHS)",
            "tasks",
            low=0,
        ),
        _planned(
            "planned_cost", "What they would cost.", "planned_tasks · cost_per_task", "currency"
        ),
        _planned(
            "planned_net_value",
            "What they would bring beyond that.",
            "planned_tasks · net_value_per_task",
            "currency",
        ),
        ratio(
            "demand",
            "Tasks of this kind in 28 days; the same on each agent's row.",
            "Σ present_tasks of the kind over agents",
            _CELL[:1],
            "§3",
            unit="tasks",
        ),
        ratio(
            "budget",
            "What may be spent in 28 days; the same on every row.",
            "the setting plan_budget, else Σ present_cost of the rows that the plan may use",
            _CELL[2:],
            "§3",
            unit="currency",
        ),
        _price(
            "demand_price",
            "What one more task of this kind would bring.",
            "currency per task",
        ),
        _price("budget_price", "What one more unit of budget would bring.", "ratio"),
        _price("gpu_price", "What one more GPU hour would bring.", "currency per hour"),
        _price(
            "vram_price", "What one more GiB of GPU memory for an hour would bring.", "currency"
        ),
        Column(
            "binding",
            TEXT,
            "words",
            "Limits that hold this row's work back, joined by commas; empty where none does.",
            f"of {', '.join(BINDING)}: slack ≤ 10⁻⁶ of the limit",
            _PLAN,
            "§3",
        ),
        choice(
            "plan_status",
            "Whether there is a best plan.",
            "as the solver says; undefined where a limit is missing",
            _PLAN,
            "§3",
            values=STATUSES,
        ),
        *TRUST,
    ),
    notes=(
        "It is a plan of a mix, by what tasks brought so far: an agent that gets three times the"
        " work may find it harder. Only agents' tasks are dealt out; people keep theirs.",
        "In a degenerate plan several prices are right, and this is one of them.",
    ),
)

VALUE_FRONTIER = Mart(
    name="value_frontier",
    about="What the best plan would bring at 10 % to 200 % of the budget: where returns diminish.",
    row="One row per share of the budget, as of the newest day of the release.",
    section="§3",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("daily_roi.day",), "§3"),
        Column(
            "budget_percent",
            COUNT,
            "percent",
            "Share of the budget of value_plan.",
            "10, 20 … 200",
            _CELL,
            "§3",
            grain=True,
            low=10,
            high=200,
        ),
        ratio(
            "budget",
            "The budget.",
            "budget_percent · budget of value_plan",
            _CELL,
            "§3",
            unit="currency",
        ),
        ratio(
            "net_value", "What the best plan brings.", "as value_plan", _PLAN, "§3", unit="currency"
        ),
        ratio("spend", "What it spends.", "Σ planned cost", _PLAN, "§3", unit="currency"),
        ratio(
            "asr_spend",
            "Share of it that leads to goals reached without people.",
            "Σ planned cost · the cell's share on autonomous successes / Σ planned cost",
            (*_PLAN, "fct_cost_allocation.allocated_cost", "fct_cost_allocation.outcome_class"),
            "§3",
        ),
        _price("budget_price", "What one more unit of budget would bring there.", "ratio"),
        Column(
            "is_exhausted",
            FLAG,
            "yes or no",
            "More budget would bring nothing: demand or GPUs are the limit.",
            "budget_price = 0",
            ("budget_price",),
            "§3",
            nullable=True,
        ),
        choice(
            "plan_status",
            "Whether there is a best plan.",
            "undefined where net_value is missing",
            _PLAN,
            "§3",
            values=("optimal", "undefined"),
        ),
        *TRUST,
    ),
    notes=("budget_price never rises along the frontier.",),
)
