"""Declaration of review_plan: which outputs people should review next."""

from roi_engine.marts.columns import COUNT, MONEY, NUMBER, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, rate_drifted, ratio

_ADJUSTED = "daily_hallucination_adjusted_cost"
_RATE = tuple(
    f"{_ADJUSTED}.{name}"
    for name in ("hallucination_rate", "hallucination_rate_low", "hallucination_rate_high")
)
_LOST = (f"{_ADJUSTED}.gross_value", f"{_ADJUSTED}.adjusted_value")
_UNDETECTED = f"{_ADJUSTED}.expected_undetected"
_LOSS = f"{_ADJUSTED}.hallucination_cost"
_STAKES = (*_RATE, *_LOST, _UNDETECTED, _LOSS, f"{_ADJUSTED}.unverified")
REASONS = ("no_rate", "no_loss", "nothing_left")

REVIEW_PLAN = Mart(
    name="review_plan",
    about="Which outputs people should review next, so that a minute tells most about the return.",
    row="One row per agent, model version and kind of work with outputs in the 28 days to the"
    " newest day.",
    section="§4",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", (f"{_ADJUSTED}.day",), "§4"),
        *(KEYS[name] for name in ("agent_id", "model_version", "task_type")),
        count("outputs", "Outputs of the window.", "Σ outputs", (f"{_ADJUSTED}.outputs",), "§4"),
        count(
            "unverified",
            "Of these, reviewed by no person: what is left to review.",
            "Σ unverified",
            (f"{_ADJUSTED}.unverified",),
            "§4",
        ),
        ratio(
            "hallucination_rate",
            "Estimated share of them that hallucinates, as on the cell's newest day.",
            "its latest row with a rate; where that drifted, (½ + h) / (1 + n) of D−13 … D",
            (*_RATE[:1], "is_rate_drifted"),
            "§4",
            bounds=(0, 1),
        ),
        rate_drifted(
            "The rate moved inside the window: the plan goes by the reviews of its later half"
            " alone, which are fewer, so that more are worth their minutes."
        ),
        ratio(
            "value_per_output",
            "What an output that turns out wrong takes off the value.",
            "Σ (gross_value − adjusted_value) / Σ expected_undetected",
            (*_LOST, _UNDETECTED),
            "§4",
            unit="currency per output",
        ),
        ratio(
            "loss_per_hallucination",
            "What it costs on top.",
            "Σ hallucination_cost / Σ expected_undetected",
            (_LOSS, _UNDETECTED),
            "§4",
            unit="currency per output",
        ),
        Column(
            "reviews",
            COUNT,
            "reviews",
            "Reviews to do next; draw them at random from the unverified outputs.",
            "greedy by gain per minute, within the minutes of the setting review_minutes",
            _STAKES,
            "§4",
            additive=True,
            low=0,
        ),
        Column(
            "minutes",
            NUMBER,
            "minutes",
            "Time that they take.",
            "reviews · the setting minutes_per_review",
            ("reviews",),
            "§4",
            additive=True,
            low=0,
        ),
        ratio(
            "gain_per_minute",
            "By how much the first review lowers the variance of adjusted net value, a minute: the"
            " order in which to begin.",
            "(V(0) − V(1)) / minutes, V the expected variance after n reviews",
            _STAKES,
            "§4",
            unit="currency² per minute",
            bounds=(0, None),
        ),
        Column(
            "review_rank",
            COUNT,
            "rank",
            "1 for the cell to begin with.",
            "by gain_per_minute, ties by name",
            ("gain_per_minute",),
            "§4",
            nullable=True,
            low=1,
        ),
        Column(
            "adjusted_cost",
            MONEY,
            "currency",
            "Cost of the window with what its unreviewed outputs are expected to cost.",
            "Σ total_cost + unverified · hallucination_rate · loss_per_hallucination, rounded;"
            " NULL where one of these is not known",
            (f"{_ADJUSTED}.total_cost", "unverified", "hallucination_rate", _LOSS, _UNDETECTED),
            "§4",
            nullable=True,
        ),
        ratio(
            "roi_width_before",
            "Width of the 95 % interval of the cell's adjusted ROI, as far as unreviewed outputs"
            " make it.",
            "3.92 · √V(0) / adjusted_cost",
            (*_STAKES, "adjusted_cost"),
            "§4",
            bounds=(0, None),
        ),
        ratio(
            "roi_width_expected",
            "The width to expect after these reviews.",
            "3.92 · √V(reviews) / adjusted_cost",
            (*_STAKES, "adjusted_cost", "reviews"),
            "§4",
            bounds=(0, None),
        ),
        ratio(
            "all_roi_width_before",
            "The same for all rows together; alike on every row.",
            "3.92 · √Σ V(0) / Σ adjusted_cost over the rows that have both",
            (*_STAKES, "adjusted_cost"),
            "§4",
            bounds=(0, None),
        ),
        ratio(
            "all_roi_width_expected",
            "The width to expect for all rows together.",
            "3.92 · √Σ V(reviews) / Σ adjusted_cost over the rows that have both",
            (*_STAKES, "adjusted_cost", "reviews"),
            "§4",
            bounds=(0, None),
        ),
        choice(
            "review_reason",
            "Why the cell can have none: no rate (review some at random to begin with), nobody set"
            " what an error costs, or nothing left to review.",
            "nothing_left, else no_rate, else no_loss",
            _STAKES,
            "§4",
            values=REASONS,
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        "The posterior is Beta(½ + h, ½ + n − h) where the cell's own reviews alone made the rate"
        " (after a drift, those of the last 14 days), else the Beta"
        " with the rate's mean and the width of its interval.",
        "How long a review takes is the setting minutes_per_review: an assumption.",
    ),
)
