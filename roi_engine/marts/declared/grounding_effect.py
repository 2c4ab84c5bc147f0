"""Declaration of grounding_effect: how much retrieval moves the rate of hallucinations."""

from roi_engine.marts.columns import Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, ratio

TASK = "fct_task"
SIDES = {"grounded": "with retrieval", "ungrounded": "without retrieval"}
INFERENCES = ("association", "experiment")
REASONS = ("no_grounded_reviews", "no_ungrounded_reviews")
QUALITY = ("normal", "low")
_REVIEW = (f"{TASK}.is_human_reviewed", f"{TASK}.has_retrieval")


def _side(side: str, words: str) -> tuple[Column, ...]:
    return (
        count(
            f"{side}_outputs",
            f"Delivered outputs of the 28 days {words}.",
            "count",
            (f"{TASK}.is_output_delivered", f"{TASK}.has_retrieval"),
            "§4",
        ),
        count(f"{side}_reviewed", "Of these, reviewed by a person.", "count", _REVIEW, "§4"),
        count(
            f"{side}_hallucinated",
            "Of these, found hallucinated.",
            "count",
            (*_REVIEW, f"{TASK}.is_hallucination"),
            "§4",
        ),
        *(
            ratio(
                f"{side}_effective_{name}",
                f"{about}, as a plain sample of the same information would have them.",
                "Kish: (Σw)²/Σw², w = 1/sampling probability; reviews for a reason without a known"
                " chance are left out",
                (
                    *_REVIEW,
                    f"{TASK}.is_hallucination",
                    f"{TASK}.is_random_review",
                    f"{TASK}.sampling_probability",
                ),
                "§4",
                unit="outputs",
                bounds=(0, None),
            )
            for name, about in (("reviews", "Reviews"), ("hallucinations", "Hallucinations"))
        ),
        ratio(
            f"{side}_hallucination_rate",
            f"Share of outputs {words} that hallucinate.",
            f"{side}_effective_hallucinations / {side}_effective_reviews",
            (f"{side}_effective_hallucinations", f"{side}_effective_reviews"),
            "§4",
            bounds=(0, 1),
        ),
    )


GROUNDING_EFFECT = Mart(
    name="grounding_effect",
    about="How much retrieval moves the rate of hallucinations, and whether that is its doing.",
    row="One row per agent and task type with a reviewed output in the 28 days to the newest day.",
    section="§4",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", (f"{TASK}.day",), "§4"),
        KEYS["agent_id"],
        KEYS["task_type"],
        *(column for side, words in SIDES.items() for column in _side(side, words)),
        *(
            ratio(
                f"grounding_effect{end}",
                f"{word} with retrieval less the rate without; below 0 where retrieval helps.",
                "difference of rates; Newcombe's hybrid interval on Jeffreys' limits",
                tuple(f"{side}_hallucination_rate" for side in SIDES),
                "§4",
                bounds=(-1, 1),
            )
            for end, word in (
                ("", "Rate"),
                ("_low", "Lower end of the interval: rate"),
                ("_high", "Upper end of the interval: rate"),
            )
        ),
        choice(
            "grounding_effect_reason",
            "Why there is no effect: one side has no review whose chance is known.",
            "effective reviews of the side = 0",
            tuple(f"{side}_effective_reviews" for side in SIDES),
            "§4",
            values=REASONS,
            nullable=True,
        ),
        choice(
            "inference",
            "association: tasks that used retrieval may differ from the others. experiment: who"
            " used it was drawn, so the effect is its doing.",
            "experiment where every delivered output of the cell was in one running experiment,"
            " not crossed over, each arm of it wholly with or wholly without, and both occur",
            (
                "fct_experiment_exposure.arm",
                "fct_experiment_exposure.is_crossed_over",
                f"{TASK}.has_retrieval",
            ),
            "§4",
            values=INFERENCES,
        ),
        choice(
            "interval_quality",
            "low when fewer than 100 outputs were reviewed on either side.",
            "reviewed < 100",
            tuple(f"{side}_reviewed" for side in SIDES),
            "§0",
            values=QUALITY,
        ),
        *TRUST,
    ),
    notes=("Rates are those of people's reviews alone: nothing is pooled, no evaluator counts.",),
)
