"""Declaration of daily_fairness: whether agents serve one group of users as well as another."""

from roi_engine.marts.columns import COUNT, FLAG, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, key, ratio
from roi_engine.metrics.fairness import VERDICTS

TASK = "fct_task"
REASONS = ("small_group",)
_GROUP = (f"{TASK}.user_group", f"{TASK}.is_ended")


def _count(name: str, about: str, *inputs: str) -> Column:
    return Column(
        f"{name}_28d",
        COUNT,
        "count",
        about,
        "count over D−27 … D; NULL for a small group",
        (*inputs, *_GROUP),
        "§9",
        nullable=True,
        low=0,
    )


def _rate(name: str, about: str, part: str) -> Column:
    return ratio(
        f"{name}_28d",
        about,
        f"{part}_28d / ended_tasks_28d",
        (f"{part}_28d", "ended_tasks_28d"),
        "§9",
        bounds=(0, 1),
    )


def _against(name: str, part: str, verdict: str, harm: str) -> tuple[Column, ...]:
    inputs = (f"{part}_28d", "ended_tasks_28d", "reference_group")
    ends = (("", ""), ("_low", "Lower end of the interval: "), ("_high", "Upper end: "))
    return (
        *(
            ratio(
                f"{name}_ratio{end}_28d",
                f"{word}{'T' if not word else 't'}he group's {name} rate against the reference"
                " group's.",
                "p / q; by day on the log scale, below 100 tasks Donner and Zou's MOVER on"
                " Wilson's limits",
                inputs,
                "§9",
                bounds=(0, None),
            )
            for end, word in ends
        ),
        choice(
            f"{name}_verdict",
            verdict,
            harm,
            inputs,
            "§9",
            values=VERDICTS,
        ),
        Column(
            f"{name}_is_certain",
            FLAG,
            "yes or no",
            "The rule is broken beyond chance: even the interval's end says so.",
            "the interval of the ratio that is judged lies below 0.8",
            inputs,
            "§9",
        ),
    )


DAILY_FAIRNESS = Mart(
    name="daily_fairness",
    about="Whether agents serve one group of users as well as another, on the same kind of work.",
    row="One row per day, task type and group of users with an agent's ended task in the 28 days"
    " to it; groups of fewer than min_group_size show no figure.",
    section="§9",
    columns=(
        KEYS["day"],
        KEYS["task_type"],
        key(
            "user_group",
            "Of whom the work was for; __unknown__ where the ticket does not say.",
            (f"{TASK}.user_group",),
            "§9",
        ),
        Column(
            "reference_group",
            TEXT,
            "name",
            "The group that others are held against: the largest of the task type in the window,"
            " first by name among equals; __unknown__ only where there is no other. NULL where it"
            " is small itself.",
            "group of most ended tasks",
            _GROUP,
            "§9",
            nullable=True,
        ),
        Column(
            "is_reference",
            FLAG,
            "yes or no",
            "The row is the reference group itself.",
            "user_group = reference_group",
            ("reference_group",),
            "§9",
        ),
        choice(
            "suppressed_reason",
            "Why the row shows no figure: the group is so small that persons might be known by it.",
            "ended tasks of the window < min_group_size",
            _GROUP,
            "§0",
            values=REASONS,
            nullable=True,
        ),
        _count("ended_tasks", "Ended tasks of agents for the group.", f"{TASK}.agent_id"),
        _count("successes", "Of these, successes of both classes.", f"{TASK}.outcome_class"),
        _count("escalated_tasks", "Of these, handed to a person.", f"{TASK}.is_escalated"),
        _rate("success_rate", "Share of successes.", "successes"),
        _rate("escalation_rate", "Share handed to a person.", "escalated_tasks"),
        *_against(
            "success",
            "successes",
            "Four-fifths rule: below where the group succeeds less than four fifths as often.",
            "5 · k · n_ref < 4 · k_ref · n, exact",
        ),
        *_against(
            "escalation",
            "escalated_tasks",
            "Four-fifths rule on a harm: below where the reference group is handed over less than"
            " four fifths as often as this one.",
            "5 · k_ref · n < 4 · k · n_ref, exact",
        ),
        *TRUST,
    ),
    notes=(
        "Nothing here adds up, and nothing is shown by day: small groups could be worked out.",
        "Escalation is judged as a harm: groups are swapped, so that below is always the bad end.",
        "A difference may have causes outside the agent, such as harder cases; it asks for a look.",
    ),
)
