"""Declaration of roi_cohort: what became of the tasks of each week, and what they returned."""

from roi_engine.marts.columns import COUNT, MONEY, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, quotient, ratio
from roi_engine.marts.declared.daily_cohort import CLASSES

TASK = "fct_task"
DAILY = "daily_cohort"
SUCCESSES = {
    "autonomous_success": "successes without any person",
    "success": "successes, with or without a person's help",
}
ROI_REASONS = ("no_cost", "negative_cost")
SUCCESS_REASONS = ("not_followed", "no_tasks")
QUALITY = ("normal", "low")
_ENDS = (f"{TASK}.outcome_class", f"{TASK}.created_day", f"{TASK}.resolved_day")


def _to_date(name: str, about: str) -> Column:
    return Column(
        name, MONEY, "currency", about, "Σ over days", (f"{DAILY}.{name}",), "§3", additive=True
    )


ROI_COHORT = Mart(
    name="roi_cohort",
    about="What the tasks that began in each week have cost and brought to date, and how they"
    " ended.",
    row="One row per week of creation and agent, for the 26 weeks before the newest day's own"
    " week, and that week.",
    section="§3, §5",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", (f"{DAILY}.day",), "§3"),
        Column(
            "cohort_week",
            "DATE",
            "day",
            "Monday of the week in which the tasks were created.",
            "",
            (f"{DAILY}.cohort_week",),
            "§3",
            grain=True,
        ),
        KEYS["agent_id"],
        count(
            "tasks",
            "The agent's own tasks that were created in the week.",
            "Σ over days",
            (f"{DAILY}.tasks",),
            "§3",
        ),
        *(
            count(name, f"Of these, {words}.", "Σ over days", (f"{DAILY}.{name}",), "§3")
            for name, words in CLASSES.items()
        ),
        ratio(
            "open_share",
            "Share of the tasks with a ticket that are still open: until it is near 0, the"
            " cohort's return has cost in it that has not had time to bring anything.",
            "open_tasks / (tasks − unobserved_tasks)",
            ("open_tasks", "tasks", "unobserved_tasks"),
            "§3",
            bounds=(0, 1),
            measure=quotient("open_tasks", "tasks - unobserved_tasks"),
        ),
        _to_date("spend", "What the agent cost for tasks of the week to date."),
        _to_date("human_cost", "People's time on them to date."),
        _to_date("gross_value", "Value credited to the agent from tasks of the week to date."),
        ratio(
            "cohort_roi",
            "Return of the cohort to date: what came back on each unit of cost, beyond it.",
            "(gross_value − spend − human_cost) / (spend + human_cost)",
            ("gross_value", "spend", "human_cost"),
            "§3",
            measure=quotient("gross_value - spend - human_cost", "spend + human_cost"),
        ),
        choice(
            "cohort_roi_reason",
            "Why there is no return.",
            "by the sign of spend + human_cost",
            ("spend", "human_cost"),
            "§0",
            values=ROI_REASONS,
            nullable=True,
        ),
        Column(
            "horizon_days",
            COUNT,
            "days",
            "Age by which a task is settled: no ticket stays open longer, and its reopen window is"
            " over.",
            "open_timeout_days + reopen_window_days",
            (f"{TASK}.created_day",),
            "§5",
            low=1,
        ),
        count(
            "followed_tasks",
            "Tasks with a ticket of which created and resolved days are known.",
            "count",
            _ENDS,
            "§5",
        ),
        count(
            "settled_tasks",
            "Of these, ended and past their reopen window.",
            "count",
            _ENDS,
            "§5",
        ),
        *(
            ratio(
                f"{name}_share{end}",
                f"{word}share of the week's tasks that come to be {words}, at the horizon;"
                " open tasks count for as long as they were seen.",
                "Aalen–Johansen over days from creation to resolution + reopen window; Wilson's"
                " interval on the effective size",
                (*_ENDS, f"{TASK}.failed_by"),
                "§5",
                bounds=(0, 1),
            )
            for name, words in SUCCESSES.items()
            for end, word in (
                ("", "Expected: "),
                ("_low", "Lower end of the interval: "),
                ("_high", "Upper end of the interval: "),
            )
        ),
        choice(
            "success_share_reason",
            "Why there is no share: the cohort is younger than the horizon, and nobody knows yet"
            " what its open tasks will come to; or the agent has no task with a ticket in it.",
            "nobody was followed to the horizon while some are open; followed_tasks = 0",
            _ENDS,
            "§5",
            values=SUCCESS_REASONS,
            nullable=True,
        ),
        choice(
            "interval_quality",
            "low when fewer than 100 tasks are settled.",
            "settled_tasks < 100",
            ("settled_tasks",),
            "§0",
            values=QUALITY,
        ),
        *TRUST,
    ),
    notes=(
        "Cohorts are followed for 188 days: the 26 weeks before the newest day's own, and that"
        " week. Older cohorts stand in earlier releases, settled.",
        "A task is settled when its reopen window is over, whatever its outcome: a failure that is"
        " known early must not count before the successes that it competes with.",
    ),
)
