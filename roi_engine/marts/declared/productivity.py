"""Declaration of productivity: how much more gets done in an hour than by people."""

from roi_engine.marts.columns import TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, ratio

TASK = "fct_task"
RANKS = ("randomised_holdout", "staggered_rollout", "matched", "assumed", "none")
REASONS = ("no_baseline", "no_time")
QUALITY = ("normal", "low")
MAX_UNCOVERED = 0.2
"""Share of an agent's cases without people on the like up to which the others speak for all."""
_WORK = (f"{TASK}.human_minutes", f"{TASK}.inference_microseconds")
_STRATA = (f"{TASK}.channel", f"{TASK}.user_group")
_PEOPLE = (f"{TASK}.agent_id", f"{TASK}.human_minutes_basis")
_EXPOSURE = ("fct_experiment_exposure.experiment_id", "fct_experiment_exposure.arm")


def _with_ends(
    name: str, about: str, formula: str, inputs: tuple[str, ...], *, unit: str, low: float
) -> tuple[Column, ...]:
    return tuple(
        ratio(
            f"{name}{end}",
            about
            if not word
            else f"{word} of the 95 % interval; none where the baseline is assumed.",
            formula,
            inputs,
            "§3, §6",
            unit=unit,
            bounds=(low, None),
        )
        for end, word in (("", ""), ("_low", "Lower end"), ("_high", "Upper end"))
    )


PRODUCTIVITY = Mart(
    name="productivity",
    about="How many more cases an hour an agent gets done than people would on the same cases,"
    " and how well that is known.",
    row="One row per agent and task type with a case of known length in the 28 days to the newest"
    " day.",
    section="§3, §6",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", (f"{TASK}.day",), "§6"),
        KEYS["agent_id"],
        KEYS["task_type"],
        count(
            "cases",
            "Ended tasks of the agent of which the working time is known.",
            "count",
            (*_WORK, f"{TASK}.is_ended"),
            "§6",
        ),
        ratio(
            "work_minutes_mean",
            "Working time on such a task, the model's and people's together, on average.",
            "Σ (human minutes + model time) / cases",
            (*_WORK, "cases"),
            "§6",
            unit="minutes",
            bounds=(0, None),
        ),
        choice(
            "baseline_rank",
            "Where the baseline comes from, the best there is: people drawn by lot in an"
            " experiment; a roll-out at different times; people on cases of the same task type"
            " and channel; the minutes that the reference data assume; none.",
            "randomised_holdout: an arm of a running experiment that people alone handled, with"
            " min_group_size cases on either side. staggered_rollout: groups (task type × channel ×"
            " user group) of which the agent ends 80 % of the cases, and people alone ended them in"
            " the 28 days before it came, against 3 or more groups of the task type that no agent"
            " has reached; min_group_size cases of each before and in the window."
            f" matched: people's logged minutes, uncovered_share ≤ {MAX_UNCOVERED}. assumed:"
            " baseline_minutes of a task type that is not novel",
            (*_PEOPLE, *_EXPOSURE, f"{TASK}.baseline_minutes"),
            "§3",
            values=RANKS,
        ),
        Column(
            "experiment_id",
            TEXT,
            "name",
            "The experiment that drew the people.",
            "",
            _EXPOSURE,
            "§3",
            nullable=True,
        ),
        count(
            "baseline_cases",
            "People's cases that the baseline rests on; 0 where it is assumed.",
            "count",
            (*_PEOPLE, *_EXPOSURE),
            "§3",
        ),
        ratio(
            "uncovered_share",
            "Share of the agent's cases that the baseline does not speak of: of a channel in which"
            " no person's minutes on the task type are known, or outside a roll-out's groups.",
            "uncovered cases / cases",
            (*_STRATA, *_PEOPLE),
            "§3",
            bounds=(0, 1),
        ),
        *_with_ends(
            "baseline_minutes",
            "Minutes that such a case would take people, on the agent's own mix of cases.",
            "Σ over channels of the agent's share × people's mean; of a staggered roll-out Σ over"
            " its groups of people's mean before × how the other groups' means have moved; log"
            " scale, Student's t",
            (*_STRATA, *_PEOPLE, f"{TASK}.human_minutes", f"{TASK}.baseline_minutes"),
            unit="minutes",
            low=0,
        ),
        *_with_ends(
            "productivity_delta",
            "Cases an hour against people's on the same mix: 1 is twice as many.",
            "baseline_minutes / the agent's minutes over the same strata − 1; of a staggered"
            " roll-out / the minutes of all cases of its groups, people's too; log scale,"
            " Student's t",
            (*_WORK, *_STRATA, "baseline_minutes"),
            unit="ratio",
            low=-1,
        ),
        choice(
            "productivity_delta_reason",
            "Why there is no delta: nothing to compare with, or the agent took no time.",
            "by baseline_rank and work_minutes_mean",
            ("baseline_rank", "work_minutes_mean"),
            "§3",
            values=REASONS,
            nullable=True,
        ),
        choice(
            "interval_quality",
            "low when either side has fewer than 100 cases.",
            "cases < 100 or baseline_cases < 100",
            ("cases", "baseline_cases"),
            "§0",
            values=QUALITY,
        ),
        *TRUST,
    ),
    notes=(
        "Hard cases go to people, and no source says how hard a case was: a matched baseline is"
        " standardised to task type and channel only, and may still be too slow a person.",
        "An hour is an hour of anybody's work, the model's included; how much of people's time is"
        " left is `handle_minutes` of daily_kpi.",
    ),
)
