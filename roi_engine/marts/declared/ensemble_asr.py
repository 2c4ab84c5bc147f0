"""Declaration of ensemble_asr: what agents that worked on one task together cost and earned."""

from roi_engine.marts.columns import Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, key, money, quotient, ratio

_ID = "fct_task.ensemble_id"
_PARTS = tuple(
    f"fct_task.{part}" for part in ("labour_value", "speed_value", "direct_value", "avoided_loss")
)
_CLASS = "fct_task.outcome_class"

ENSEMBLE_ASR = Mart(
    name="ensemble_asr",
    about="What agents that worked on one correlation id together cost in full, and earned once.",
    row="One row per day and ensemble: the set of agents that acted on a task, two or more.",
    section="§5",
    columns=(
        KEYS["day"],
        key("ensemble_id", "The agents' ids, sorted and joined by a plus sign.", (_ID,), "§5"),
        count("tasks", "Tasks they worked on together.", "count", (_ID,), "§5"),
        count("ended_tasks", "Of these, ended.", "count", ("fct_task.is_ended",), "§5"),
        count(
            "autonomous_successes",
            "Of these, successes without any person.",
            "count",
            (_CLASS,),
            "§5",
        ),
        money(
            "gross_value",
            "Value of their tasks, each counted once, however many agents have credit for it.",
            "Σ labour + speed + direct + avoided_loss of successes, direct_value of other ended"
            " tasks, rounded once; unconfirmed ones left out",
            (_CLASS, *_PARTS),
            "§5",
        ),
        money(
            "autonomous_value",
            "The part of it from tasks in which no person had a hand.",
            "as gross_value, not escalated and without human minutes",
            (_CLASS, *_PARTS, "fct_task.is_escalated", "fct_task.human_minutes"),
            "§5",
        ),
        money(
            "spend",
            "List price of all actions of these tasks, by whichever agent, on whichever day; what"
            " is flagged as overhead is no task's.",
            "Σ priced_cost",
            ("fct_task.priced_cost",),
            "§5",
        ),
        money(
            "human_cost",
            "People's time on these tasks.",
            "Σ human_cost",
            ("fct_task.human_cost",),
            "§5",
        ),
        ratio(
            "asr_value",
            "Value created without people, for a unit of spend.",
            "autonomous_value / spend",
            ("autonomous_value", "spend"),
            "§5",
            measure=quotient("autonomous_value", "spend"),
        ),
        ratio(
            "success_share",
            "Autonomous successes among tasks that ended.",
            "autonomous_successes / ended_tasks",
            ("autonomous_successes", "ended_tasks"),
            "§5",
            bounds=(0, 1),
            measure=quotient("autonomous_successes", "ended_tasks"),
        ),
        count(
            "unpriced_tasks",
            "Tasks of which no action has a known price: their spend is missing here, not 0.",
            "count",
            ("fct_task.priced_cost",),
            "§2",
        ),
        *TRUST,
    ),
    notes=(
        "Spend is the list price of the actions and not the bill: a bill is shared by agent and"
        " day, and the other actions of those agents are in it.",
        "What agents turn over with each other is in `daily_exchange`; `direct_value` is what a"
        " task earned, not what it turned over.",
    ),
)
