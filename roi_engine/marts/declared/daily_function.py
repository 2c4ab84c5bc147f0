"""Declaration of daily_function: how much of a department's work and money is the agents'."""

from roi_engine.marts.columns import Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, money, quotient, ratio

_OUTPUT = "fct_task.is_output_delivered"
_HAND = ("fct_task.agent_id", "fct_task.is_escalated", "fct_task.human_minutes")

DAILY_FUNCTION = Mart(
    name="daily_function",
    about="How much of a department's output its agents deliver alone, and for which part of"
    " its money.",
    row="One row per day and department with an output or a cost, people's own work included.",
    section="§5",
    columns=(
        KEYS["day"],
        KEYS["department"],
        count("outputs", "Outputs delivered, by agents or by people.", "count", (_OUTPUT,), "§5"),
        count(
            "autonomous_outputs",
            "Of these, delivered by an agent without any person's hand in it.",
            "count, not escalated and without human minutes",
            (_OUTPUT, *_HAND),
            "§5",
        ),
        money(
            "agent_spend",
            "What the agents cost, unused and unallocated capacity included; people left out.",
            "Σ allocated_cost but __out_of_scope__ and __deferred__",
            ("fct_cost_allocation.allocated_cost",),
            "§5",
        ),
        money(
            "people_cost",
            "What people's time cost, on the agents' tasks and on their own.",
            "Σ human_cost of all time entries",
            ("fct_time_entry.human_cost",),
            "§5",
        ),
        money(
            "function_spend",
            "All spend of the function.",
            "agent_spend + people_cost",
            ("agent_spend", "people_cost"),
            "§5",
        ),
        ratio(
            "autonomy_share",
            "Share of the outputs that agents delivered alone.",
            "autonomous_outputs / outputs",
            ("autonomous_outputs", "outputs"),
            "§5",
            bounds=(0, 1),
            measure=quotient("autonomous_outputs", "outputs"),
        ),
        ratio(
            "treasury_share",
            "Share of the function's money that its agents spend.",
            "agent_spend / (agent_spend + people_cost)",
            ("agent_spend", "function_spend"),
            "§5",
            measure=quotient("agent_spend", "function_spend"),
        ),
        count(
            "entries_without_cost",
            "Time of people whose cost is not known: missing in people_cost, so that"
            " treasury_share is too high.",
            "count of time entries",
            ("fct_time_entry.human_cost",),
            "§2",
        ),
        *TRUST,
    ),
    notes=(
        "The two shares belong side by side: agents that deliver 30 % for 10 % of the money.",
        "People's time is known where it is logged or a person was assigned; where a department"
        " logs none for its own tasks, treasury_share is too high.",
    ),
)
