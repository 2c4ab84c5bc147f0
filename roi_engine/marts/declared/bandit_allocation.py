"""Declaration of bandit_allocation: the traffic that each arm has earned, and what it is worth."""

from roi_engine.marts.columns import TEXT, Column, Mart
from roi_engine.marts.declared.common import TRUST, choice, count, quotient, ratio
from roi_engine.marts.declared.trials import (
    ARM,
    DIM,
    EXPERIMENT_ID,
    EXPOSURE,
    SECTION,
    TASK_PARTS,
    UNITS,
    as_of_day,
    flag,
    share,
)
from roi_engine.marts.queries_trials import TRIAL_DAYS

HALF_LIFE_DAYS = 14
"""After how many days an outcome counts half: an arm can fall from favour and return."""

_SEEN = ("successes", "trials", f"{EXPOSURE}.day")
_WEIGHTED = (*TASK_PARTS, f"{EXPOSURE}.propensity")


def _discounted(name: str, about: str, formula: str) -> Column:
    return ratio(name, about, formula, _SEEN, SECTION, unit="tasks", bounds=(0, None))


BANDIT_ALLOCATION = Mart(
    name="bandit_allocation",
    about="Which arm of each experiment is probably best, and what share of traffic it has earned.",
    row="One row per experiment and arm, as of the newest day of the release.",
    section=SECTION,
    standing=True,
    columns=(
        as_of_day((f"{EXPOSURE}.day",)),
        EXPERIMENT_ID,
        ARM,
        Column(
            "metric",
            TEXT,
            "name",
            "What the arms race for: the experiment's own metric, a share of tasks.",
            "",
            (f"{DIM}.metric",),
            SECTION,
        ),
        choice(
            "unit",
            "What is randomised; only tasks race.",
            "as on file; a task where it does not say",
            (f"{DIM}.unit",),
            SECTION,
            values=UNITS,
        ),
        flag(
            "is_reference",
            "The arm that harm is measured against; it is never barred.",
            "the first arm on file",
            (f"{DIM}.arms",),
        ),
        flag(
            "is_adaptive",
            "Whether the logged propensities have varied: is it a bandit yet?",
            "n · Σw² > (Σw)² in an arm, w = 1/propensity in whole millionths",
            (f"{EXPOSURE}.propensity",),
        ),
        count(
            "units",
            "Units that were given the arm and saw no other.",
            "count",
            (f"{EXPOSURE}.unit_id", f"{EXPOSURE}.is_crossed_over", f"{EXPOSURE}.is_in_period"),
            SECTION,
        ),
        count(
            "logged_units",
            "Of these, units with a logged propensity.",
            "count",
            (f"{EXPOSURE}.propensity",),
            SECTION,
        ),
        count("successes", "x of the metric.", "Σ x", TASK_PARTS, SECTION),
        count("trials", "y of the metric.", "Σ y", TASK_PARTS, SECTION),
        ratio(
            "rate",
            "The metric of the arm as it stands; of a bandit it is biased.",
            "successes / trials",
            ("successes", "trials"),
            SECTION,
            bounds=(0, 1),
            measure=quotient("successes", "trials"),
        ),
        _discounted(
            "discounted_wins",
            "Wins as they count today; where less is better, what did not happen is a win.",
            f"Σ ½^(days ago / {HALF_LIFE_DAYS}) · wins",
        ),
        _discounted(
            "discounted_losses",
            "Losses as they count today.",
            f"Σ ½^(days ago / {HALF_LIFE_DAYS}) · losses",
        ),
        flag(
            "is_barred",
            "A guardrail keeps the arm out: it does more harm than is accepted.",
            "experiment_readout.guardrail = breached on any metric",
            (f"{DIM}.guardrails", *TASK_PARTS),
        ),
        share(
            "best_probability",
            "Chance that the arm's rate is the highest of those in the race; NULL where barred.",
            "∫ f · Π F of Beta(1 + wins, 1 + losses)",
            ("discounted_wins", "discounted_losses", "is_barred"),
        ),
        share(
            "allocation",
            "Share of the next traffic, to be logged as propensity with each choice.",
            "floor + (1 − k · floor) · best_probability; 0 where barred; floor 0.02",
            ("best_probability",),
        ),
        share(
            "weighted_rate",
            "The metric as if the arm had always had all the traffic.",
            "Σ w·x / Σ w·y, w = 1 / logged propensity",
            _WEIGHTED,
        ),
        share("weighted_rate_low", "Lower end of its 95 % interval.", "logit scale, t", _WEIGHTED),
        share("weighted_rate_high", "Upper end of it.", "logit scale, t", _WEIGHTED),
        choice(
            "reason",
            "Why an arm has no allocation.",
            "",
            (f"{DIM}.metric", f"{DIM}.unit"),
            SECTION,
            values=("unit_is_no_task", "metric_is_no_share"),
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        f"Exposures of the last {TRIAL_DAYS} days count. What a fixed split would have become as a"
        " bandit is shown too: `is_adaptive` says whether it is one.",
    ),
)
