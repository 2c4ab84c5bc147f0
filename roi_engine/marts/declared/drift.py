"""Declaration of drift: what has moved since the window before, and what to do with an agent."""

from roi_engine.marts.columns import COUNT, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, quotient, ratio
from roi_engine.marts.declared.trials import SECTION, as_of_day, effect, share
from roi_engine.marts.facts import WINDOW_DAYS
from roi_engine.marts.queries_drift import DRIFT_DAYS, RUN_DAYS

KPIS = {
    "win_rate": ("drift_tasks", "autonomous_successes", "ended_tasks"),
    "cost_per_task": ("drift_tasks", "cost", "priced_tasks"),
    "asr_spend": ("drift_spend", "autonomous_spend", "spend"),
}
"""KPI → the query, numerator and denominator that it is made of."""

SUBJECTS = (
    *("task_type", "channel", "tokens", "latency"),
    *KPIS,
    *("unpriced_calls", "untyped_tasks", "model_versions", "agent"),
)
KINDS = ("input", "kpi", "quality", "version", "advice")
REASONS = (
    *("loses_money", "worse_on_same_inputs", "worse_on_new_inputs", "better"),
    *("inputs_drifted", "mix_changed", "nothing_moved", "not_known"),
)
_TASK = ("fct_task.task_type", "fct_task.channel", "fct_task.tokens")
_BINS = (*_TASK, "fct_task.inference_microseconds", "fct_agent_action.model_version")
_MEASURED = (
    *("fct_task.outcome_class", "fct_task.priced_cost", "fct_agent_action.cost_status"),
    "fct_cost_allocation.allocated_cost",
)
_THEN, _NOW = f"D−{DRIFT_DAYS - 1} … D−{WINDOW_DAYS}", f"D−{WINDOW_DAYS - 1} … D"
_PARTS = ("numerator_then", "denominator_then", "numerator_now", "denominator_now")


def _sum(name: str, about: str, formula: str) -> Column:
    return Column(name, MONEY, "of the subject", about, formula, _MEASURED, SECTION, additive=True)


def _value(name: str, about: str, when: str) -> Column:
    parts = (f"numerator_{when}", f"denominator_{when}")
    return ratio(
        name,
        about,
        " / ".join(parts),
        parts,
        SECTION,
        unit="of the subject",
        measure=quotient(*parts),
    )


def _versions(name: str, about: str, formula: str) -> Column:
    inputs = (f"fct_agent_action.{name.rpartition('s_')[0]}",)
    return Column(name, TEXT, "names", about, formula, inputs, SECTION, nullable=True)


DRIFT = Mart(
    name="drift",
    about="What has moved for each agent since the window before, and what to do about it.",
    row="One row per agent and subject, as of the newest day of the release; reserved members left"
    " out. The subject `agent` carries the advice.",
    section=SECTION,
    standing=True,
    columns=(
        as_of_day(("fct_task.day", "fct_cost_allocation.day")),
        KEYS["agent_id"],
        Column(
            "subject",
            TEXT,
            "name",
            "What is looked at: an input (kinds of work, channels, tokens and model time per task),"
            " a KPI, what is missing in the data, model versions, or the agent as a whole.",
            "",
            _BINS,
            SECTION,
            grain=True,
            values=SUBJECTS,
        ),
        choice(
            "kind",
            "Which columns the row fills: shifts of inputs and versions, changes of KPIs and of"
            " data quality, or the advice. Rows of a KPI, of versions and of the advice name the"
            " versions of both windows, several in the order of their names.",
            "",
            ("subject",),
            SECTION,
            values=KINDS,
        ),
        count("count_then", "Tasks, lines or calls of the earlier window.", _THEN, _BINS, SECTION),
        count("count_now", "Tasks, lines or calls of the later window.", _NOW, _BINS, SECTION),
        ratio(
            "psi",
            "How far the shares of the bins have moved (population stability index); tokens and"
            " model time in half octaves.",
            "Σ (q − p) · ln(q / p), half a count added to each bin",
            _BINS,
            SECTION,
            bounds=(0, None),
        ),
        ratio(
            "psi_noise",
            "What sampling alone would exceed one time in twenty.",
            "χ²₀.₉₅(bins − 1) · (1/n + 1/m)",
            _BINS,
            SECTION,
            bounds=(0, None),
        ),
        choice(
            "stability",
            "How grave the shift is; one that sampling explains is none.",
            "stable < 0.1 ≤ moderate ≤ 0.25 < major; stable where psi ≤ psi_noise",
            ("psi", "psi_noise"),
            SECTION,
            values=("stable", "moderate", "major", "unknown"),
            nullable=True,
        ),
        share(
            "ks",
            "Largest distance of the two distributions; of tokens and time.",
            "max |F − G|",
            _BINS,
        ),
        share(
            "ks_p_value",
            "How likely at least this distance is by chance.",
            "Kolmogorov and Smirnov",
            _BINS,
        ),
        _sum("numerator_then", "What the figure is made of, earlier window.", _THEN),
        _sum("denominator_then", "What it is divided by.", _THEN),
        _sum("numerator_now", "What the figure is made of, later window.", _NOW),
        _sum("denominator_now", "What it is divided by.", _NOW),
        _value("value_then", "The figure of the earlier window.", "then"),
        _value("value_now", "The figure of the later window.", "now"),
        effect("change", "What has changed.", "value_now − value_then", _PARTS),
        effect(
            "mix_effect",
            "Of this, because the work is of other kinds; kinds that came or went are mix.",
            "Σ (s₁ − s₀) · (r₀ − R₀) over task types",
            _PARTS,
        ),
        effect(
            "rate_effect",
            "Of this, because the same kinds of work came out otherwise.",
            "Σ s₀ · (r₁ − r₀) over task types",
            _PARTS,
        ),
        effect("interaction_effect", "Of this, both at once.", "Σ (s₁ − s₀) · (r₁ − r₀)", _PARTS),
        effect(
            "rate_standard_error",
            "Standard error of rate_effect.",
            "√ (Σ d₀² + Σ d₁²), d the days' Σ s₀ · (x − r · y)/Y; below 100 tasks √ Σ s₀² · (var"
            " r₀ + var r₁)",
            _PARTS,
        ),
        share("rate_p_value", "Of no rate effect.", "two-sided, Student's t", _PARTS),
        _versions("model_versions_then", "Model versions that answered earlier.", _THEN),
        _versions("model_versions_now", "Model versions that answered lately.", _NOW),
        _versions(
            "model_registry_versions_then",
            "Versions of the registered model that served earlier, as far as calls say.",
            _THEN,
        ),
        _versions(
            "model_registry_versions_now",
            "Versions of the registered model that served lately: a KPI that got worse did so with"
            " these.",
            _NOW,
        ),
        _versions(
            "feature_versions_then",
            "Versions of the features that models were given earlier, as far as calls say.",
            _THEN,
        ),
        _versions(
            "feature_versions_now",
            "Versions of the features that models were given lately: a KPI that got worse did so"
            " with these.",
            _NOW,
        ),
        ratio(
            "verified_asr_value",
            "What a unit of spend brought without people, less what unseen errors are known to"
            " cost; at most too high.",
            "(autonomous_value_28d − losses) / spend_28d",
            (
                *("daily_asr.autonomous_value_28d", "daily_asr.spend_28d"),
                "daily_hallucination_adjusted_cost.adjusted_value",
                "daily_hallucination_adjusted_cost.hallucination_cost",
            ),
            SECTION,
        ),
        Column(
            "days_under_one",
            COUNT,
            "days",
            "For how many mature days in a row the 28 days to them brought less than they cost.",
            f"day ≤ as_of − reopen_window_days, of the last {RUN_DAYS} days; asr_value_28d < 1",
            ("daily_asr.autonomous_value_28d", "daily_asr.spend_28d"),
            SECTION,
            nullable=True,
            low=0,
        ),
        choice(
            "advice",
            "What to do with the agent's version: by each KPI, and for the agent the gravest.",
            "retire, replace: under water for 56, 28 days and not better; retrain: worse on drifted"
            " inputs; replace: worse on the same; re-baseline: better, drifted or another mix",
            (
                *("rate_effect", "rate_p_value", "mix_effect", "value_then", "stability"),
                *("ks_p_value", "verified_asr_value", "days_under_one"),
            ),
            SECTION,
            values=("keep", "re-baseline", "retrain", "replace", "retire"),
            nullable=True,
        ),
        choice(
            "advice_reason",
            "Which line of the rule gave it.",
            "",
            ("advice",),
            SECTION,
            values=REASONS,
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        f"Two windows are compared: {_THEN} and {_NOW}. Broken rows that the checks kept out are"
        " in `ops.quarantine`, by load and not by agent: here stand the gaps that an agent has.",
    ),
)
