"""Declaration of daily_roi: what each cell cost, what it was worth, and the return."""

from roi_engine.marts.columns import Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, money, quotient, ratio

COST = ("fct_cost_allocation.allocated_cost", "fct_cost_allocation.cost_class")
COST_PARTS = (
    "token_cost",
    "gpu_cost",
    "storage_cost",
    "network_cost",
    "platform_cost",
    "training_cost",
    "other_cost",
    "idle_cost",
    "human_cost",
)
VALUE_PARTS = ("labour_value", "speed_value", "direct_value", "avoided_loss")
TASK = "fct_task.outcome_class"
CREDIT = "fct_task_credit.credit"
ROI_REASONS = ("no_cost", "negative_cost")

_COSTS = {
    "token_cost": "Model providers' charges for tokens.",
    "gpu_cost": "GPU capacity that was busy for the cell.",
    "storage_cost": "Storage that a rule gives to agents.",
    "network_cost": "Data transfer that a rule gives to agents.",
    "platform_cost": "Platforms and priced tool calls.",
    "training_cost": "Amortised training of the model in use.",
    "other_cost": "Other costs in scope; on __out_of_scope__ all of the bill outside the scope.",
    "idle_cost": "Capacity that was paid for and not used: an agent's own, or the pool's.",
}
_CLASS = {"token_cost": "token_api"}


def _cost(name: str, about: str) -> Column:
    cost_class = _CLASS.get(name, name.removesuffix("_cost"))
    formula = f"Σ allocated_cost of class {cost_class}, exact"
    if name == "idle_cost":
        formula += "; everything on __idle__"
    if name == "other_cost":
        formula += "; everything on __out_of_scope__"
    return money(name, about, formula, COST, "§2")


_TASKS = (
    count("tasks", "All tasks whose own cell this is.", "count", (TASK,), "§1"),
    count("ended_tasks", "Tasks that ended.", "count", ("fct_task.is_ended",), "§1"),
    count(
        "successes",
        "Tasks that succeeded, with or without a person's help.",
        "autonomous_successes + assisted_successes",
        (TASK,),
        "§1",
    ),
    count("autonomous_successes", "Successes without any person.", "count", (TASK,), "§1"),
    count("assisted_successes", "Successes with a person's help.", "count", (TASK,), "§1"),
    count(
        "failures",
        "Ended unresolved, reopened, rejected, found hallucinated, or open too long.",
        "count",
        (TASK,),
        "§1",
    ),
    count(
        "unconfirmed_tasks",
        "Closed in silence: ended, neither success nor value.",
        "count",
        (TASK,),
        "§1",
    ),
    count("open_tasks", "Not yet ended.", "count", (TASK,), "§1"),
    count(
        "unobserved_tasks",
        "Work without a ticket: it costs, its outcome is not known.",
        "count",
        (TASK,),
        "§1",
    ),
)

_VALUES = (
    money(
        "human_equivalent_cost",
        "What people would have cost for the successes credited here.",
        "Σ credit · T_h/60 · w over successes, rounded once",
        ("fct_task.human_equivalent_cost", CREDIT),
        "§3",
    ),
    money(
        "labour_value",
        "Working time that successes saved; negative where the agent was slower.",
        "Σ credit · (T_h·60 − T_a)/3600 · w over successes, rounded once",
        ("fct_task.labour_value", CREDIT),
        "§3",
    ),
    money(
        "speed_value",
        "What it was worth to have successes earlier; counts 0 where no delay cost is set.",
        "Σ credit · (baseline_cycle_hours − cycle_hours) · delay_cost_per_hour over successes",
        ("fct_task.speed_value", CREDIT),
        "§3",
    ),
    money(
        "direct_value",
        "Money that ended tasks brought or lost themselves, success or not.",
        "Σ credit · direct_value over ended tasks, unconfirmed ones left out, rounded once",
        ("fct_task.direct_value", CREDIT),
        "§3",
    ),
    money(
        "avoided_loss",
        "Declared losses that successes prevented.",
        "Σ credit · avoided_loss over successes, rounded once",
        ("fct_task.avoided_loss", CREDIT),
        "§3",
    ),
    money(
        "gross_value",
        "All value, before cost.",
        "labour_value + speed_value + direct_value + avoided_loss",
        VALUE_PARTS,
        "§3",
    ),
    money(
        "net_value",
        "Value less cost.",
        "gross_value − total_cost",
        ("gross_value", "total_cost"),
        "§3",
    ),
    money(
        "cash_saving",
        "The part of labour_value that becomes cash, by the signed-off realisation rate.",
        "labour_value · realisation_rate, rounded; 0 where no rate is signed off",
        ("labour_value", "dim_task_type.realisation_rate", "dim_task_type.approved_by"),
        "§3",
    ),
    money(
        "capacity_freed",
        "The rest of labour_value: time that is free, until someone turns it into cash.",
        "labour_value − cash_saving",
        ("labour_value", "cash_saving"),
        "§3",
    ),
    money(
        "comparable_inference_cost",
        "Tokens and GPU of kinds of task that people did before: what cost_ratio compares.",
        "token_cost + gpu_cost; 0 for types flagged is_novel",
        ("token_cost", "gpu_cost", "dim_task_type.is_novel"),
        "§3",
    ),
    money(
        "comparable_human_cost",
        "What people would have cost for the successes of these kinds.",
        "human_equivalent_cost; 0 for types flagged is_novel",
        ("human_equivalent_cost", "dim_task_type.is_novel"),
        "§3",
    ),
    money(
        "assumed_value",
        "The part of gross_value that rests on assumed minutes or rates.",
        "gross value of the tasks whose evidence is assumed, rounded once",
        ("fct_task.evidence", CREDIT, *(f"fct_task.{part}" for part in VALUE_PARTS)),
        "§9",
    ),
)

_RATIOS = (
    ratio(
        "roi",
        "What a unit of cost returned beyond itself.",
        "net_value / total_cost",
        ("net_value", "total_cost"),
        "§3",
        measure=quotient("net_value", "total_cost"),
    ),
    choice(
        "roi_reason",
        "Why there is no return.",
        "no_cost where total_cost is 0, negative_cost where credits exceed it",
        ("total_cost",),
        "§0",
        values=ROI_REASONS,
        nullable=True,
    ),
    ratio(
        "roi_cash",
        "The same, counting only what is cash.",
        "(cash_saving + direct_value + avoided_loss − total_cost) / total_cost",
        ("cash_saving", "direct_value", "avoided_loss", "total_cost"),
        "§3",
        measure=quotient("cash_saving + direct_value + avoided_loss - total_cost", "total_cost"),
    ),
    ratio(
        "cost_ratio",
        "Cost of inference against what people would have cost for the same successes; over 1"
        " the agent is dearer. Types that nobody did before are left out.",
        "comparable_inference_cost / comparable_human_cost",
        ("comparable_inference_cost", "comparable_human_cost"),
        "§3",
        measure=quotient("comparable_inference_cost", "comparable_human_cost"),
    ),
    ratio(
        "assumed_value_share",
        "How much of the value rests on assumptions.",
        "|assumed_value| / (|assumed_value| + |the rest of gross value|)",
        ("assumed_value", "gross_value"),
        "§9",
        bounds=(0, 1),
        measure=(
            "abs(cast(sum(assumed_value) as double)) / nullif("
            "abs(cast(sum(assumed_value) as double))"
            " + abs(cast(sum(gross_value - assumed_value) as double)), 0)"
        ),
    ),
)

DAILY_ROI = Mart(
    name="daily_roi",
    about="What each cell of work cost, what it was worth, and what it returned.",
    row="One row per day, agent, model version, task type, department and channel, reserved"
    " members included. People's own work is not in it: it is the baseline.",
    section="§3",
    columns=(
        *KEYS.values(),
        *_TASKS,
        *(_cost(name, about) for name, about in _COSTS.items()),
        money(
            "human_cost",
            "People's time on the agents' tasks: review, help, repair.",
            "Σ minutes · loaded hourly cost",
            ("fct_time_entry.human_cost",),
            "§2",
        ),
        money(
            "total_cost",
            "All costs of the row, people's time included.",
            " + ".join(COST_PARTS),
            COST_PARTS,
            "§2",
        ),
        *_VALUES,
        *_RATIOS,
        count(
            "tasks_without_labour_value",
            "Successes whose labour_value is not known: no baseline, or no length of inference.",
            "count",
            (TASK, "fct_task.labour_value"),
            "§3",
        ),
        count(
            "tasks_without_delay_cost",
            "Successes whose speed_value is not known, because no delay cost is set.",
            "count",
            ("fct_task.has_speed_value",),
            "§3",
        ),
        count(
            "entries_without_cost",
            "Time of people whose cost is not known: it is missing in human_cost, not 0.",
            "count of time entries",
            ("fct_time_entry.human_cost",),
            "§2",
        ),
        count(
            "unpriced_actions",
            "Model calls that have no price: their cost is missing here, not 0.",
            "count of actions with cost_status unpriced",
            ("fct_agent_action.cost_status",),
            "§2",
        ),
        *TRUST,
    ),
    notes=(
        "All money and all counts add up over any rows; a ratio never does: take it from sums.",
        "Value stands where it is credited (fct_task_credit), counts and human cost in the"
        " task's own cell.",
    ),
)
