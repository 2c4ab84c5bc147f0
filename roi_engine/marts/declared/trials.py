"""What the declarations about experiments share: keys, inputs, and short ways to say them."""

from roi_engine.marts.columns import DAY, FLAG, TEXT, Column
from roi_engine.marts.declared.common import key, ratio

SECTION = "§8"
EXPOSURE = "fct_experiment_exposure"
DIM = "dim_experiment"
UNITS = ("task", "user_group", "agent")
TASK_PARTS = tuple(
    f"fct_task.{name}"
    for name in (
        *("outcome_class", "is_ended", "is_escalated", "is_human_reviewed", "is_hallucination"),
        *("priced_cost", "labour_value", "speed_value", "direct_value", "avoided_loss"),
    )
)


def as_of_day(inputs: tuple[str, ...]) -> Column:
    """Declare the newest day of the release, which a standing mart's rows carry."""
    return Column(
        "as_of_day", DAY, "day", "Newest day of the release.", "", inputs, SECTION, grain=True
    )


def flag(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    """Declare a yes or no."""
    return Column(name, FLAG, "yes or no", about, formula, inputs, SECTION)


def text(name: str, about: str, inputs: tuple[str, ...]) -> Column:
    """Declare free text that may be missing."""
    return Column(name, TEXT, "text", about, "", inputs, SECTION, nullable=True)


def share(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    """Declare a double between 0 and 1."""
    return ratio(name, about, formula, inputs, SECTION, bounds=(0, 1))


def effect(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    """Declare a double in the unit of the row's metric."""
    return ratio(name, about, formula, inputs, SECTION, unit="of the metric")


EXPERIMENT_ID = key(
    "experiment_id",
    "The experiment, by the key of its feature flag.",
    (f"{DIM}.experiment_id",),
    "§8",
)
ARM = key(
    "arm", "The arm: on file, or one that only the feature flag knows.", (f"{EXPOSURE}.arm",), "§8"
)
