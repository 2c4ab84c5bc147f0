"""Declarations of sensitivity and bounds: what of a return is assumed, and what holds anyway."""

from roi_engine.marts.columns import COUNT, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, ratio
from roi_engine.metrics.sensitivity import INPUTS

QUARTER = 0.25
"""Half the range of an assumption for which nobody gave one."""
RANGES = ("given", "signed_off_to_all", "plus_minus_25")
BASES = ("adjusted_roi", "roi")
REASONS = ("not_set", "no_minutes", "not_adjusted")

_ROI = ("daily_roi.gross_value", "daily_roi.total_cost")
_LABOUR = (
    "daily_roi.labour_value",
    "daily_roi.human_equivalent_cost",
    "daily_roi.cash_saving",
    "fct_task.baseline_minutes",
)
_LOSS = (
    "daily_hallucination_adjusted_cost.expected_undetected",
    "daily_hallucination_adjusted_cost.hallucination_cost",
    "fct_task.liability_per_hallucination",
    "fct_task.remediation_minutes",
)
_ALL = (*_ROI, *_LABOUR, *_LOSS)
_RANGE = ("dim_task_type.baseline_minutes", "dim_task_type.low", "dim_task_type.high")

SENSITIVITY = Mart(
    name="sensitivity",
    about="How much an agent's return hangs on each number that was only assumed.",
    row="One row per agent and assumed input, over the 28 days to the newest day.",
    section="§9",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("daily_roi.day",), "§9"),
        KEYS["agent_id"],
        Column(
            "input",
            TEXT,
            "name",
            "The assumption: minutes and hourly cost of people, the share of freed time that"
            " counts, and what an unseen error costs.",
            "",
            _LABOUR,
            "§9",
            grain=True,
            values=INPUTS,
        ),
        choice(
            "roi_basis",
            "Which return it is about: adjusted for unseen errors where these are known.",
            "adjusted_roi where the window's hallucination_cost is known, else roi",
            _LOSS,
            "§9",
            values=BASES,
        ),
        ratio("roi", "The return as assumed.", "(value − cost) / cost", _ALL, "§9"),
        ratio(
            "assumed",
            "The input as assumed; a mean over kinds of work where there are several.",
            "minutes by successes, hourly cost by minutes, else as losses; losses by"
            " expected_undetected, or by outputs where that is 0 or not known; 1 for"
            " realisation_rate",
            _ALL,
            "§9",
            unit="minutes, currency or share",
        ),
        ratio(
            "low",
            "Lowest credible value.",
            "low of task_types.csv for baseline_minutes; the signed-off rate for realisation_rate;"
            " else 25 % less",
            (*_ALL, *_RANGE),
            "§9",
            unit="minutes, currency or share",
        ),
        ratio(
            "high",
            "Highest credible value.",
            "high of task_types.csv; 1 for realisation_rate; else 25 % more",
            (*_ALL, *_RANGE),
            "§9",
            unit="minutes, currency or share",
        ),
        choice(
            "range_basis",
            "Where low and high come from: given in task_types.csv, the signed-off rate up to"
            " all, or 25 % to both sides because nobody said.",
            "given where each kind of work of the agent has low and high",
            _RANGE,
            "§9",
            values=RANGES,
            nullable=True,
        ),
        choice(
            "reason",
            "Why the return does not move with the input: nobody set it, no success has minutes of"
            " people, or the return is not adjusted for unseen errors.",
            "not_adjusted where roi_basis is roi",
            (*_ALL, "roi_basis"),
            "§9",
            values=REASONS,
            nullable=True,
        ),
        ratio("roi_at_low", "The return at low, all else as assumed.", "", (*_ALL, *_RANGE), "§9"),
        ratio(
            "roi_at_high", "The return at high, all else as assumed.", "", (*_ALL, *_RANGE), "§9"
        ),
        ratio(
            "swing",
            "How far apart these two are.",
            "|roi_at_high − roi_at_low|",
            ("roi_at_low", "roi_at_high"),
            "§9",
            bounds=(0, None),
        ),
        Column(
            "swing_rank",
            COUNT,
            "rank",
            "1 for the input that matters most.",
            "by swing, ties in the order of the inputs",
            ("swing",),
            "§9",
            nullable=True,
            low=1,
        ),
        ratio(
            "break_even",
            "Value of the input at which the return is 0, all else as assumed.",
            "between 0 and ten times assumed (1 for realisation_rate); NULL where there is none",
            _ALL,
            "§9",
            unit="minutes, currency or share",
            bounds=(0, None),
        ),
        ratio(
            "roi_low_together",
            "Lowest return with all inputs free in their ranges; alike on each row of the agent.",
            "least over all corners",
            (*_ALL, *_RANGE),
            "§9",
        ),
        ratio(
            "roi_high_together",
            "Highest return with all inputs free in their ranges.",
            "greatest over all corners",
            (*_ALL, *_RANGE),
            "§9",
        ),
        *TRUST,
    ),
    notes=(
        "An input moves for all kinds of work of the agent in proportion.",
        "An input with a `reason` has no return at its ends and is left out of the range together."
        " Outputs of one day of which rate or loss is not known leave the return unadjusted.",
        "Unseen errors take the same share of people's time as of the whole value of a cell.",
    ),
)

_OUT = "daily_hallucination_adjusted_cost"
_SEEN = (f"{_OUT}.outputs", f"{_OUT}.reviewed", f"{_OUT}.hallucinated")
_TASKS = ("fct_task.outcome_class", "fct_task.agent_id", "fct_task.task_type")
_UNSEEN = (
    *("fct_task.labour_value", "fct_task.speed_value", "fct_task.direct_value"),
    *("fct_task.avoided_loss", "fct_task.is_human_reviewed", "fct_task_credit.credit"),
)
_EACH = (
    *("fct_task.liability_per_hallucination", "fct_task.remediation_minutes"),
    *("fct_task.hourly_cost", "fct_task.later_detected_probability"),
)
_ADJUSTED = (*_ROI, *_UNSEEN, *_EACH)


def _bound(name: str, about: str, formula: str, inputs: tuple[str, ...], unit: str) -> Column:
    share = (0, 1) if name.startswith("right_share") else (None, None)
    return ratio(name, about, formula, inputs, "§9", unit=unit, bounds=share)


def _bounds(
    stem: str, about: str, formula: str, inputs: tuple[str, ...], unit: str = "ratio"
) -> tuple[Column, Column]:
    """Declare the least and the greatest that the facts allow."""
    return (
        _bound(f"{stem}_at_least", f"{about}: at least this.", formula, inputs, unit),
        _bound(f"{stem}_at_most", f"{about}: at most this.", formula, inputs, unit),
    )


BOUNDS = Mart(
    name="bounds",
    about="What holds of an agent whatever its unreviewed outputs were, and whatever people would"
    " have made of its tasks.",
    row="One row per agent with outputs or tasks in the 28 days to the newest day.",
    section="§9",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("fct_task.day",), "§9"),
        KEYS["agent_id"],
        count(
            "known_right",
            "Outputs reviewed and found right.",
            "Σ reviewed − hallucinated",
            _SEEN,
            "§9",
        ),
        count("known_wrong", "Outputs found hallucinated.", "Σ hallucinated", _SEEN[2:], "§9"),
        count(
            "unreviewed",
            "Outputs that nobody reviewed.",
            "Σ unverified",
            (f"{_OUT}.unverified",),
            "§9",
        ),
        *_bounds(
            "right_share",
            "Share of outputs that are right",
            "[right, right + unreviewed] / outputs",
            (*_SEEN, f"{_OUT}.unverified"),
        ),
        *_bounds(
            "adjusted_value",
            "Value once unseen errors are taken off",
            "gross value with none and with all unreviewed successes wrong",
            (*_ROI[:1], *_UNSEEN),
            "currency",
        ),
        *_bounds(
            "adjusted_cost",
            "Cost once unseen errors are counted; NULL where nobody set what one costs",
            "total cost with none and with all unreviewed outputs wrong",
            (*_ROI[1:], *_EACH),
            "currency",
        ),
        *_bounds(
            "adjusted_roi",
            "The return once unseen errors are counted",
            "corners of value and cost",
            _ADJUSTED,
        ),
        count("succeeded", "The agent's tasks that succeeded.", "count", _TASKS, "§9"),
        count("failed", "The agent's tasks that failed.", "count", _TASKS, "§9"),
        count("unseen", "The agent's tasks whose outcome is not known.", "count", _TASKS, "§9"),
        count(
            "people_tasks",
            "People's tasks of the kinds that the agent does.",
            "count",
            _TASKS,
            "§9",
            additive=False,
        ),
        *_bounds(
            "effect",
            "Difference that the agent makes to the success share, against people on the same"
            " tasks",
            "Manski's bounds: what nobody saw is anything from never to always; 1 apart or more",
            _TASKS,
            "share",
        ),
        *TRUST,
    ),
    notes=(
        "These are no intervals of confidence: nothing is sampled or believed.",
        "How far a claimed figure lies inside them is how much of it is assumption.",
    ),
)
