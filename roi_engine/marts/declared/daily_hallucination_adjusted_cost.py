"""Declaration of daily_hallucination_adjusted_cost: what unseen errors are expected to cost."""

from roi_engine.marts.columns import Mart
from roi_engine.marts.declared.common import (
    KEYS,
    TRUST,
    choice,
    complete_sum,
    count,
    money,
    quotient,
    ratio,
)

TASK = "fct_task.is_output_delivered"
REVIEW = ("fct_task.is_human_reviewed", "fct_task.is_hallucination")
EVALUATOR = ("fct_task.evaluator_id", "fct_task.evaluator_verdict")
SAMPLE = (*REVIEW, "fct_task.is_random_review", "fct_task.sampling_probability")
RATE_BASIS = ("reviewed", "pooled", "none")
COST_REASONS = ("no_rate", "no_liability", "no_remediation")
QUALITY = ("normal", "low")
_LOSS = (
    "fct_task.liability_per_hallucination",
    "fct_task.later_detected_probability",
    "fct_task.remediation_minutes",
    "fct_task.hourly_cost",
)
_VALUE = tuple(
    f"fct_task.{part}" for part in ("labour_value", "speed_value", "direct_value", "avoided_loss")
)

_COUNTS = (
    count("outputs", "Outputs delivered on the day.", "count of ended tasks", (TASK,), "§4"),
    count("reviewed", "Of these, reviewed by a person.", "count", REVIEW, "§4"),
    count("hallucinated", "Of these, found hallucinated by a person.", "count", REVIEW, "§4"),
    count(
        "unverified",
        "Outputs that no person reviewed.",
        "outputs − reviewed",
        ("outputs", "reviewed"),
        "§4",
    ),
    count(
        "window_reviewed",
        "People's reviews over the 28 days to this one, by the day of the output.",
        "count over D−27 … D",
        REVIEW,
        "§4",
        additive=False,
    ),
    count(
        "window_hallucinated",
        "Hallucinations that these found.",
        "count over D−27 … D",
        REVIEW,
        "§4",
        additive=False,
    ),
    ratio(
        "window_effective_reviews",
        "How many plain random reviews the window's weighted ones are worth; reviews that were"
        " neither random nor have a known chance are left out.",
        "(Σw)² / Σw², w = 1 / sampling probability, 1 where a random review has none",
        SAMPLE,
        "§4",
        unit="reviews",
        bounds=(0, None),
    ),
    ratio(
        "window_effective_hallucinations",
        "The hallucinations among them, on the same scale.",
        "window_effective_reviews · Σ w·h / Σ w",
        SAMPLE,
        "§4",
        unit="reviews",
        bounds=(0, None),
    ),
    count(
        "rubric_versions",
        "Versions of the rubric by which people judged these outputs; over 1, the rate mixes"
        " what was called a hallucination by different rules.",
        "count of distinct rubric_version, one that is not named counted as one",
        ("fct_quality_review.rubric_version", "fct_quality_review.reviewer_kind"),
        "§4",
        additive=False,
    ),
    count(
        "evaluator_seen",
        "Outputs of the window that count through a validated evaluator.",
        "count over D−27 … D of outputs without a random review by a person",
        EVALUATOR,
        "§4",
        additive=False,
    ),
    count(
        "evaluator_flagged",
        "Of these, flagged.",
        "count over D−27 … D",
        EVALUATOR,
        "§4",
        additive=False,
    ),
    count(
        "evaluators_rejected",
        "Evaluators that say nothing: not validated, no better than chance, or validated by another"
        " version of the rubric than one by which they judged in the window.",
        "count of evaluators with sensitivity + specificity ≤ 1, without validation, or with a"
        " verdict whose rubric_version is not that of the validation (where both are known)",
        (
            *(f"dim_evaluator.{part}" for part in ("tp", "fn", "tn", "fp", "rubric_version")),
            "fct_quality_review.rubric_version",
        ),
        "§4",
        additive=False,
    ),
)
_RATES = (
    ratio(
        "evaluator_corrected_rate",
        "The evaluators' share of flags, corrected for their own errors; shown unclipped.",
        "(p + Sp − 1) / (Se + Sp − 1), weighted by outputs seen",
        (
            *EVALUATOR,
            "dim_evaluator.tp",
            "dim_evaluator.fn",
            "dim_evaluator.tn",
            "dim_evaluator.fp",
        ),
        "§4",
    ),
    ratio(
        "hallucination_rate",
        "Estimated share of outputs that hallucinate.",
        "posterior mean: Beta(½ + h, ½ + n − h), or the pooled mixture from three cells up,"
        " times the evaluators' likelihood",
        (*SAMPLE, *EVALUATOR),
        "§4",
        bounds=(0, 1),
    ),
    ratio(
        "hallucination_rate_low",
        "Lower end of its 95 % interval.",
        "2.5 % quantile",
        ("hallucination_rate",),
        "§4",
        bounds=(0, 1),
    ),
    ratio(
        "hallucination_rate_high",
        "Upper end of its 95 % interval.",
        "97.5 % quantile",
        ("hallucination_rate",),
        "§4",
        bounds=(0, 1),
    ),
    choice(
        "rate_basis",
        "Where the rate comes from: the cell's own reviews, these pooled with its neighbours', or"
        " nowhere (then there is no rate and no adjusted figure).",
        "pooled where three or more cells of the task type have reviews in the window",
        SAMPLE,
        "§4",
        values=RATE_BASIS,
    ),
    choice(
        "interval_quality",
        "low when fewer than 100 outputs were looked at in the window.",
        "window_reviewed + evaluator_seen < 100",
        ("window_reviewed", "evaluator_seen"),
        "§0",
        values=QUALITY,
        nullable=True,
    ),
)
_COSTS = (
    ratio(
        "expected_undetected",
        "Hallucinations expected among the outputs that nobody verified.",
        "Σ P(hallucinated | unseen, passed or flagged by the evaluator)",
        ("unverified", "hallucination_rate"),
        "§4",
        unit="outputs",
        bounds=(0, None),
        measure=complete_sum("expected_undetected"),
    ),
    ratio(
        "expected_undetected_low",
        "Lower end of the 95 % interval of their number.",
        "the first of its likeliest 95 %, beta-binomial",
        ("expected_undetected",),
        "§4",
        unit="outputs",
        bounds=(0, None),
    ),
    ratio(
        "expected_undetected_high",
        "Upper end of the 95 % interval of their number.",
        "the last of its likeliest 95 %, beta-binomial",
        ("expected_undetected",),
        "§4",
        unit="outputs",
        bounds=(0, None),
    ),
    ratio(
        "hallucination_cost",
        "What they are expected to cost; 0 where there were no outputs.",
        "expected_undetected · (liability + P(later detected) · remediation_minutes/60 · w)",
        ("expected_undetected", *_LOSS),
        "§4",
        unit="currency",
        measure=complete_sum("hallucination_cost"),
    ),
    choice(
        "hallucination_cost_reason",
        "Why there is no hallucination_cost: no rate, or an assumption that nobody set.",
        "no_rate, else no_liability, else no_remediation",
        ("rate_basis", *_LOSS),
        "§4",
        values=COST_REASONS,
        nullable=True,
    ),
    money(
        "total_cost",
        "All cost of the row, people's time included.",
        "Σ allocated_cost + Σ human_cost",
        ("fct_cost_allocation.allocated_cost", "fct_time_entry.human_cost"),
        "§2",
    ),
    ratio(
        "hallucination_adjusted_cost",
        "What the row cost, with what its unseen errors are expected to cost.",
        "total_cost + hallucination_cost",
        ("total_cost", "hallucination_cost"),
        "§4",
        unit="currency",
        measure=complete_sum("hallucination_adjusted_cost"),
    ),
    ratio(
        "verified_outputs",
        "Outputs expected to be right.",
        "outputs − hallucinated − expected_undetected",
        ("outputs", "hallucinated", "expected_undetected"),
        "§4",
        unit="outputs",
        measure=complete_sum("verified_outputs"),
    ),
    ratio(
        "cost_per_verified_output",
        "What one right output cost.",
        "hallucination_adjusted_cost / verified_outputs",
        ("hallucination_adjusted_cost", "verified_outputs"),
        "§4",
        unit="currency per output",
        measure=quotient(
            "hallucination_adjusted_cost",
            "verified_outputs",
            known=("hallucination_adjusted_cost", "verified_outputs"),
        ),
    ),
    money(
        "gross_value",
        "All value credited here, before cost.",
        "labour + speed + direct + avoided_loss, each rounded once for this row",
        (*_VALUE, "fct_task_credit.credit"),
        "§3",
    ),
    ratio(
        "adjusted_value",
        "Value, less what unverified successes are expected to lose of theirs.",
        "gross_value − Σ P · value over unverified successes, P of the task's own cell",
        ("gross_value", "hallucination_rate", *_VALUE),
        "§4",
        unit="currency",
        measure=complete_sum("adjusted_value"),
    ),
    ratio(
        "adjusted_roi",
        "The return after hallucinations.",
        "(adjusted_value − hallucination_adjusted_cost) / hallucination_adjusted_cost",
        ("adjusted_value", "hallucination_adjusted_cost"),
        "§4",
        measure=quotient(
            "adjusted_value - hallucination_adjusted_cost",
            "hallucination_adjusted_cost",
            known=("adjusted_value", "hallucination_adjusted_cost"),
        ),
    ),
)

DAILY_HALLUCINATION_ADJUSTED_COST = Mart(
    name="daily_hallucination_adjusted_cost",
    about="What outputs cost once the errors that nobody saw are counted.",
    row="One row per day, agent, model version and task type.",
    section="§4",
    columns=(
        *(KEYS[name] for name in ("day", "agent_id", "model_version", "task_type")),
        *_COUNTS,
        *_RATES,
        *_COSTS,
        *TRUST,
    ),
    notes=(
        "Only a sample is reviewed: the rate is an estimate over the 28 days to the row's day.",
        "Figures that rest on an estimate are doubles; total_cost and gross_value are exact.",
    ),
)
