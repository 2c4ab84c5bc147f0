"""Declaration of experiment_readout: what a change did, and whether to ship it."""

from roi_engine.marts.columns import COUNT, DAY, MONEY, Column, Mart
from roi_engine.marts.declared.common import TRUST, choice, count, key, quotient, ratio
from roi_engine.marts.declared.trials import (
    ARM,
    DIM,
    EXPERIMENT_ID,
    EXPOSURE,
    SECTION,
    TASK_PARTS,
    UNITS,
    as_of_day,
    effect,
    flag,
    share,
    text,
)
from roi_engine.marts.queries_trials import METRICS, PRE_PERIOD_DAYS, TRIAL_DAYS
from roi_engine.marts.trial_effects import REASONS
from roi_engine.marts.trials import FIRST_DAYS, PLAN_DAYS

ROLES = ("primary", "guardrail", "secondary")
DECISIONS = ("invalid", "stop", "ship", "continue", "inconclusive")
VERDICTS = ("breached", "held", "open")
_LEVELS = ("numerator", "denominator")
_EFFECT = (*_LEVELS, "units", f"{EXPOSURE}.propensity")
_LOOK = (*_EFFECT, "planned_units")


def _sum(name: str, about: str, formula: str) -> Column:
    return Column(name, MONEY, "of the metric", about, formula, TASK_PARTS, SECTION, additive=True)


EXPERIMENT_READOUT = Mart(
    name="experiment_readout",
    about="What each arm of each experiment did to each metric, and what to do today.",
    row="One row per experiment, arm and metric, as of the newest day of the release.",
    section=SECTION,
    standing=True,
    columns=(
        as_of_day((f"{EXPOSURE}.day",)),
        EXPERIMENT_ID,
        ARM,
        key(
            "metric",
            "What is compared: " + "; ".join(f"{m.name} = {m.about}" for m in METRICS) + ".",
            (f"{DIM}.metric", f"{DIM}.guardrails"),
            SECTION,
        ),
        choice(
            "role",
            "What the metric is to the experiment: its own, one that must not get worse, or none.",
            "primary: on file as its metric; guardrail: on file with a limit",
            (f"{DIM}.metric", f"{DIM}.guardrails"),
            SECTION,
            values=ROLES,
        ),
        flag(
            "is_reference",
            "The arm that the others are compared with; its effects are NULL.",
            "the first arm on file",
            (f"{DIM}.arms",),
        ),
        text("hypothesis", "What the experiment was begun to find out.", (f"{DIM}.hypothesis",)),
        choice(
            "unit",
            "What is randomised, and so what counts once however often it comes.",
            "as on file; a task where it does not say",
            (f"{DIM}.unit",),
            SECTION,
            values=UNITS,
        ),
        Column("starts_on", DAY, "day", "First day.", "", (f"{DIM}.starts_on",), SECTION),
        Column(
            "ends_on",
            DAY,
            "day",
            "First day after it; NULL while it runs without an end on file.",
            "",
            (f"{DIM}.ends_on",),
            SECTION,
            nullable=True,
        ),
        choice(
            "better",
            "Whether more of the metric is better; NULL for a metric that is not offered.",
            "",
            (f"{DIM}.metric",),
            SECTION,
            values=("up", "down"),
            nullable=True,
        ),
        count(
            "units",
            "Units that were given the arm and saw no other.",
            "count, over the period on file",
            (f"{EXPOSURE}.unit_id", f"{EXPOSURE}.is_in_period"),
            SECTION,
            additive=False,
        ),
        count(
            "logged_units",
            "Of these, units with a logged propensity.",
            "count",
            (f"{EXPOSURE}.propensity",),
            SECTION,
            additive=False,
        ),
        count(
            "crossed_over_units",
            "Units that saw another arm too; they are in no figure of any arm.",
            "count",
            (f"{EXPOSURE}.is_crossed_over",),
            SECTION,
            additive=False,
        ),
        count(
            "open_units",
            "Tasks of the arm that have not ended; they are in no rate yet.",
            "count",
            ("fct_task.is_ended",),
            SECTION,
            additive=False,
        ),
        Column(
            "planned_units",
            COUNT,
            "count",
            "Units that the arm will have at its planned end; NULL in the first week.",
            f"units of the first {FIRST_DAYS} days · planned days / {FIRST_DAYS};"
            f" {PLAN_DAYS} days where no end is on file",
            ("units", "starts_on", "ends_on"),
            SECTION,
            nullable=True,
            low=0,
        ),
        ratio(
            "expected_units",
            "Of logged_units, those that the arm should have; of all units where none is logged.",
            "Σ over days of all arms' units · n / Σ (1/propensity) of the arm; by the allocation"
            " on file where none is logged",
            (f"{EXPOSURE}.propensity", f"{DIM}.allocation"),
            SECTION,
            unit="count",
        ),
        choice(
            "sample_ratio_basis",
            "What expected_units rests on.",
            "",
            (f"{EXPOSURE}.propensity", f"{DIM}.allocation"),
            SECTION,
            values=("logged", "planned", "none"),
        ),
        share(
            "sample_ratio_p_value",
            "How likely a split at least this far from the intended one is by chance.",
            "χ² over all arms",
            ("units", "expected_units"),
        ),
        flag(
            "is_sample_ratio_mismatch",
            "The assignment is broken: nothing else in the row can be trusted.",
            "sample_ratio_p_value < 0.001",
            ("sample_ratio_p_value",),
        ),
        _sum("numerator", "x of the metric, summed over the arm's tasks.", "Σ x"),
        _sum("denominator", "y of the metric, summed alike.", "Σ y"),
        ratio(
            "level",
            "The metric of the arm as it stands.",
            "numerator / denominator",
            _LEVELS,
            SECTION,
            unit="of the metric",
            measure=quotient("numerator", "denominator"),
        ),
        choice(
            "weighting",
            "How units were weighted in the comparison: by 1 / propensity where propensities"
            " varied; none where they varied and the metric cannot be weighted.",
            "varied: n · Σw² > (Σw)², w = 1/propensity in whole millionths",
            (f"{EXPOSURE}.propensity",),
            SECTION,
            values=("equal", "inverse_propensity", "none"),
        ),
        choice(
            "covariate",
            "What the comparison was adjusted by: agents and groups have a time before the"
            " experiment, tasks have none.",
            f"the unit's own metric over the {PRE_PERIOD_DAYS} days before starts_on",
            ("unit", "fct_task.created_day"),
            SECTION,
            values=("none", "pre_period"),
        ),
        effect("adjusted_reference", "Level of the reference, adjusted.", "R − θ·Z̄", _EFFECT),
        effect("adjusted_level", "Level of the arm, adjusted.", "R − θ·Z̄", _EFFECT),
        effect(
            "difference",
            "What the arm changed.",
            "adjusted_level − adjusted_reference",
            ("adjusted_level", "adjusted_reference"),
        ),
        effect(
            "difference_low",
            "Lower end of its 95 % interval, for one look at the planned end only.",
            "Welch's t on linearised units",
            _EFFECT,
        ),
        effect("difference_high", "Upper end of it.", "Welch's t on linearised units", _EFFECT),
        effect("standard_error", "Standard error of the difference.", "√ Σ var / n", _EFFECT),
        share("p_value", "Of no difference, for one look at the planned end.", "Welch", _EFFECT),
        share(
            "p_value_holm",
            "Adjusted for the experiment's many arms and metrics.",
            "Holm over all rows of the experiment",
            ("p_value",),
        ),
        ratio(
            "lift",
            "The change relative to the reference.",
            "difference / adjusted_reference",
            ("difference", "adjusted_reference"),
            SECTION,
        ),
        ratio("lift_low", "Lower end of its 95 % interval.", "Fieller", _EFFECT, SECTION),
        ratio("lift_high", "Upper end of it.", "Fieller", _EFFECT, SECTION),
        ratio(
            "variance_reduction",
            "Share of the variance that the covariate took away.",
            "1 − var adjusted / var",
            _EFFECT,
            SECTION,
        ),
        effect(
            "sequence_low",
            "Lower end of the 95 % confidence sequence: it may be looked at every day.",
            "difference − critical · standard_error",
            _LOOK,
        ),
        effect(
            "sequence_high",
            "Upper end of it.",
            "difference + critical · standard_error",
            _LOOK,
        ),
        share(
            "sequence_p_value", "Always-valid p-value of no difference.", "from the mixture", _LOOK
        ),
        share(
            "sequence_p_value_holm",
            "Adjusted for the experiment's many arms and metrics.",
            "Holm over all rows of the experiment",
            ("sequence_p_value",),
        ),
        effect(
            "guardrail_limit",
            "By how much the metric may get worse; NULL for what is no guardrail.",
            "on file",
            (f"{DIM}.guardrails",),
        ),
        choice(
            "guardrail",
            "Whether the harm is over its limit, under it, or not yet known to be either.",
            "the confidence sequence of the harm against guardrail_limit",
            ("guardrail_limit", "sequence_low", "sequence_high"),
            SECTION,
            values=VERDICTS,
            nullable=True,
        ),
        effect(
            "minimum_effect",
            "Smallest difference that would matter; on the experiment's own metric.",
            "on file",
            (f"{DIM}.minimum_effect",),
        ),
        share(
            "power",
            "Chance that the planned experiment sees minimum_effect.",
            "at planned_units, by the confidence sequence",
            ("minimum_effect", "standard_error", "planned_units"),
        ),
        effect(
            "detectable_effect",
            "Smallest difference that the planned experiment sees four times in five.",
            "(critical + 0.84) · standard error at planned_units",
            ("standard_error", "planned_units"),
        ),
        choice(
            "decision",
            "What to do today; on the row of the experiment's own metric, NULL elsewhere.",
            "invalid: split broken; stop: harm, worse, or no effect worth having is left; ship:"
            " better and every guardrail held; continue: planned units not seen; else inconclusive",
            ("is_sample_ratio_mismatch", "sequence_low", "sequence_high", "guardrail", "power"),
            SECTION,
            values=DECISIONS,
            nullable=True,
        ),
        choice(
            "reason",
            "Why effects are NULL, the first that applies; first_week and few_units leave only the"
            " confidence sequence out.",
            "",
            (f"{EXPOSURE}.arm", "units"),
            SECTION,
            values=REASONS,
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        f"Exposures and tasks of the last {TRIAL_DAYS} days are read, and for agents and groups the"
        f" {PRE_PERIOD_DAYS} days before. An experiment that began earlier has no effects while it"
        " runs (reason `longer_than_reach`), and no rows once it is over: its read-out stays in the"
        " releases until then.",
        "Costs are list prices of the calls, known at once and never restated by a bill, so that"
        " arms are compared by what they used.",
    ),
)
