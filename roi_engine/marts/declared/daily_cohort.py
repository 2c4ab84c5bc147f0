"""Declaration of daily_cohort: each day's work, by the week in which it began."""

from roi_engine.marts.columns import DAY, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, money

TASK = "fct_task"
CREATED = f"{TASK}.created_day"
CLASSES = {
    "autonomous_successes": "successes without any person",
    "assisted_successes": "successes with a person's help",
    "failures": "failures",
    "unconfirmed_tasks": "tasks closed in silence",
    "open_tasks": "tasks that are open, on the day they last changed",
    "unobserved_tasks": "tasks without a ticket",
}
VALUE = (
    f"{TASK}.labour_value",
    f"{TASK}.speed_value",
    f"{TASK}.direct_value",
    f"{TASK}.avoided_loss",
)
COHORT_WEEK = Column(
    "cohort_week",
    DAY,
    "day",
    "Monday of the week in which the tasks were created; what belongs to no task counts in its"
    " own week.",
    "",
    (CREATED, f"{TASK}.day"),
    "§3",
    grain=True,
)

DAILY_COHORT = Mart(
    name="daily_cohort",
    about="What each day spent on, and got out of, the tasks that began in each week.",
    row="One row per day, week of creation and agent with spend, value or tasks.",
    section="§3, §5",
    columns=(
        KEYS["day"],
        COHORT_WEEK,
        KEYS["agent_id"],
        count(
            "tasks",
            "The agent's own tasks whose day this is: that of the resolution, else of the last"
            " change. Each task counts on one day.",
            "count",
            (CREATED, f"{TASK}.agent_id"),
            "§3",
        ),
        *(
            count(name, f"Of these, {words}.", "count", (f"{TASK}.outcome_class", CREATED), "§3")
            for name, words in CLASSES.items()
        ),
        money(
            "spend",
            "What the agent cost on the day, people's time left out, for tasks of the week.",
            "the agent's Σ allocated_cost of the day, shared over weeks by priced usage (where"
            " none is priced by tokens, where there is no usage in the day's own week), to the"
            " nano-unit by largest remainder",
            (
                "fct_cost_allocation.allocated_cost",
                "fct_agent_action.priced_cost",
                "fct_agent_action.input_uncached_tokens",
                CREATED,
            ),
            "§3",
        ),
        money(
            "human_cost",
            "People's time on the tasks, on the tasks' own day.",
            "Σ human_cost of tasks of which it is known",
            (f"{TASK}.human_cost", CREATED),
            "§3",
        ),
        count(
            "tasks_without_human_cost",
            "Tasks on which people spent time of unknown cost: it is missing here, not 0.",
            "count",
            (f"{TASK}.human_cost",),
            "§3",
        ),
        money(
            "gross_value",
            "Value credited to the agent, on the day on which it was resolved.",
            "labour + speed + direct + avoided_loss, each rounded once for this row",
            (*VALUE, "fct_task_credit.credit", CREATED),
            "§3",
        ),
        *TRUST,
    ),
    notes=("Everything adds up: over days to a cohort's figures to date, over weeks to a day's.",),
)
