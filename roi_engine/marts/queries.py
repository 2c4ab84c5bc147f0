"""The sums that marts ask for, each over one fact. Cells are a day's; agents also a window's."""

from roi_engine.marts.facts import REACH_DAYS, WINDOW_DAYS, Count, FactQuery, Join, Sum
from roi_engine.marts.money import CREDITED_SCALE, NANO, VALUE_SCALE

UNKNOWN = "__unknown__"
CELL = ("agent_id", "model_version", "task_type", "department", "channel")
WINDOW = WINDOW_DAYS - 1

SUCCESS = "outcome_class in ('autonomous_success', 'assisted_success')"
# auto-closed in silence: ended, but neither success nor value
VALUED = "coalesce(is_ended, false) and outcome_class <> 'unconfirmed'"
ENDED = "coalesce(is_ended, false)"
# minutes are NULL where a person had a hand in it and nobody knows for how long
ALONE = "not coalesce(is_escalated, false) and coalesce(human_minutes, 1) = 0"
FAMILIAR = "not coalesce(is_novel, false)"
NOT_CREDIT = "coalesce(charge_category, '') <> 'Credit'"
# capitalised money is on the balance, work without an agent is the baseline: neither is in a mart
CHARGED = "coalesce(agent_id, '') not in ('__deferred__', '__human__')"
BY_AN_AGENT = "coalesce(agent_id, '__human__') <> '__human__'"


def _keys(*names: str) -> tuple[tuple[str, str], ...]:
    """Name each key by itself; text that is missing becomes the reserved member."""
    return (("day", "day"), *((name, f"coalesce({name}, '{UNKNOWN}')") for name in names))


# most tasks credit their own cell whole, so only the others are joined: by the day, a few rows
CREDITS = Join(
    "fct_task_credit",
    on=("task_id", "day"),
    columns=(
        ("credit_agent_id", "agent_id"),
        ("credit_model_version", "model_version"),
        ("credit", "credit"),
    ),
    where="coalesce(is_shared, true)",
)
CREDIT = "coalesce(credit, 1)"
CREDITED_AGENT = f"coalesce(credit_agent_id, agent_id, '{UNKNOWN}')"
CREDITED_BY_AN_AGENT = "coalesce(credit_agent_id, agent_id, '__human__') <> '__human__'"
_CREDITED_CELL = (
    ("day", "day"),
    ("agent_id", CREDITED_AGENT),
    ("model_version", f"coalesce(credit_model_version, model_version, '{UNKNOWN}')"),
    ("task_type", f"coalesce(task_type, '{UNKNOWN}')"),
)
_BASIS = (
    Count("billed_lines", "coalesce(cost_basis, 'billed') in ('billed', 'mixed')"),
    Count("estimated_lines", "cost_basis in ('estimated', 'mixed')"),
)
_TIMED = "inference_microseconds is not null"


def _credited(name: str, expression: str, where: str) -> Sum:
    return Sum(name, expression, CREDITED_SCALE, where, times="credit")


COST_BY_CELL = FactQuery(
    "cost_by_cell",
    "fct_cost_allocation",
    by=_keys(*CELL, "cost_class"),
    sums=(Sum("cost", "allocated_cost", NANO),),
    counts=_BASIS,
    where=CHARGED,
    about="What each cell was charged, by cost class.",
)
COST_BY_AGENT = FactQuery(
    "cost_by_agent",
    "fct_cost_allocation",
    by=_keys("agent_id", "task_type"),
    sums=(
        Sum("spend", "allocated_cost", NANO),
        Sum("spend_without_credits", "allocated_cost", NANO, NOT_CREDIT),
        Sum(
            "autonomous_spend",
            "allocated_cost",
            NANO,
            f"outcome_class = 'autonomous_success' and {NOT_CREDIT}",
        ),
        Sum(
            "overhead_spend",
            "allocated_cost",
            NANO,
            "outcome_class = 'overhead' or cost_class = 'idle'",
        ),
    ),
    counts=_BASIS,
    where=CHARGED,
    reaches_back=WINDOW,
    about="What each agent was charged, and how much of it went where.",
)
HUMAN_BY_CELL = FactQuery(
    "human_by_cell",
    "fct_time_entry",
    by=_keys(*CELL),
    sums=(Sum("human_cost", "human_cost", NANO),),
    counts=(
        Count("assumed_entries", "basis = 'assumed'"),
        Count("entries_without_cost", "human_cost is null"),
    ),
    where=BY_AN_AGENT,
    about="People's time on agents' tasks.",
)
HUMAN_BY_AGENT = FactQuery(
    "human_by_agent",
    "fct_time_entry",
    by=_keys("agent_id"),
    sums=(Sum("human_cost", "human_cost", NANO),),
    counts=(Count("assumed_entries", "basis = 'assumed'"),),
    where=BY_AN_AGENT,
    reaches_back=WINDOW,
    about="People's time on agents' tasks.",
)
VALUE_BY_CELL = FactQuery(
    "value_by_cell",
    "fct_task",
    by=(
        *_CREDITED_CELL,
        ("department", f"coalesce(department, '{UNKNOWN}')"),
        ("channel", f"coalesce(channel, '{UNKNOWN}')"),
        ("evidence", "coalesce(evidence, 'assumed')"),
        ("is_alone", ALONE),
    ),
    sums=(
        _credited("human_equivalent_cost", "human_equivalent_cost", SUCCESS),
        _credited("labour_value", "labour_value", SUCCESS),
        _credited("speed_value", "speed_value", SUCCESS),
        # whatever the outcome
        _credited("direct_value", "direct_value", VALUED),
        _credited("avoided_loss", "avoided_loss", SUCCESS),
    ),
    counts=(Count("credited_tasks"),),
    where=f"{ENDED} and {CREDITED_BY_AN_AGENT}",
    join=CREDITS,
    reaches_back=WINDOW,
    about="Value of ended tasks where it is credited, with and without a person in it.",
)
TASKS_BY_CELL = FactQuery(
    "tasks_by_cell",
    "fct_task",
    by=_keys(*CELL),
    counts=(
        Count("tasks"),
        Count("ended_tasks", ENDED),
        Count("successes", SUCCESS),
        Count("autonomous_successes", "outcome_class = 'autonomous_success'"),
        Count("assisted_successes", "outcome_class = 'assisted_success'"),
        Count("failures", "outcome_class = 'failure'"),
        Count("unconfirmed_tasks", "outcome_class = 'unconfirmed'"),
        Count("open_tasks", "outcome_class = 'open'"),
        Count("unobserved_tasks", "outcome_class = 'unobserved'"),
        Count("tasks_without_labour_value", f"{SUCCESS} and labour_value is null"),
        Count("tasks_without_delay_cost", f"{SUCCESS} and not coalesce(has_speed_value, false)"),
    ),
    where=BY_AN_AGENT,
    about="Tasks in their own cell, by how they ended.",
)
_NOT_WON = f"{ENDED} and outcome_class <> 'autonomous_success' and {FAMILIAR}"
_REJECTED = "coalesce(failed_by, '') = 'rejected'"
_BOTH_KNOWN = "human_cost is not null and human_equivalent_cost is not null"
TASKS_BY_AGENT = FactQuery(
    "tasks_by_agent",
    "fct_task",
    by=_keys("agent_id"),
    sums=(
        Sum("baseline_cost", "human_equivalent_cost", VALUE_SCALE, f"{ENDED} and {FAMILIAR}"),
        Sum(
            "excess_cost",
            "greatest(human_cost - human_equivalent_cost, 0)",
            VALUE_SCALE,
            f"{_NOT_WON} and {_BOTH_KNOWN}",
        ),
        Sum("human_minutes", "human_minutes", VALUE_SCALE, ENDED),
        Sum("inference_microseconds", "inference_microseconds", 0, ENDED),
        Sum("capital_allocated", "capital_allocated", VALUE_SCALE, ENDED),
        Sum(
            "capital_return",
            "direct_value",
            VALUE_SCALE,
            f"{VALUED} and capital_allocated is not null",
        ),
    ),
    counts=(
        Count("ended_tasks", ENDED),
        Count("autonomous_successes", "outcome_class = 'autonomous_success'"),
        Count("familiar_tasks", f"{ENDED} and {FAMILIAR}"),
        Count("baseline_tasks", f"{ENDED} and {FAMILIAR} and human_equivalent_cost is not null"),
        Count("not_won_tasks", f"{_NOT_WON} and {_BOTH_KNOWN}"),
        Count("rejected_tasks", f"{ENDED} and {_REJECTED}"),
        Count("decided_tasks", f"{ENDED} and (is_approved_by_human is not null or {_REJECTED})"),
        Count("accepted_tasks", f"{ENDED} and is_approved_by_human and not ({_REJECTED})"),
        Count("violations", "coalesce(failure_reason, '') = 'policy_violation'"),
        Count("published_tasks", f"{ENDED} and evidence = 'published'"),
        Count("assumed_tasks", f"{ENDED} and coalesce(evidence, 'assumed') = 'assumed'"),
    ),
    where=BY_AN_AGENT,
    reaches_back=WINDOW,
    about="Tasks of each agent, what a person would have cost, and what people cost beyond that.",
)
EFFORT = FactQuery(
    "effort",
    "fct_task",
    by=_keys("agent_id", "task_type"),
    sums=(
        Sum("cost", "priced_cost", NANO),
        Sum("cost_squared", "priced_cost", 2 * NANO, squared=True),
        Sum("duration", "inference_microseconds", 0),
        Sum("duration_squared", "inference_microseconds", 0, squared=True),
    ),
    counts=(Count("priced_tasks", "priced_cost is not null"), Count("timed_tasks", _TIMED)),
    where=f"{ENDED} and {BY_AN_AGENT}",
    reaches_back=WINDOW,
    about="How much tasks of one kind differ in cost and in model time.",
)
WALLETS = FactQuery(
    "wallets",
    "fct_wallet_entry",
    by=(
        *_keys("wallet_id", "agent_id"),
        ("period", "period"),
        ("period_start", "period_start"),
        ("period_days", "period_days"),
        ("is_first_entry", "coalesce(is_first_entry, false)"),
    ),
    sums=(
        Sum("allowance", "allowance", NANO),
        Sum("slope_limit_per_hour", "slope_limit_per_hour", NANO),
        Sum("spent", "spent", NANO),
        Sum("peak_hour_cost", "wallet_peak_hour_priced_cost", NANO),
    ),
    counts=(
        Count("allowances", "allowance is not null"),
        Count("slopes", "slope_limit_per_hour is not null"),
    ),
    reaches_back=REACH_DAYS - 1,
    about="Allowance of each wallet, what its agents spent, and their dearest hour.",
)
MATURITY = FactQuery(
    "maturity",
    "fct_task",
    by=(("day", "day"),),
    counts=(Count("tasks"), Count("immature_tasks", "not coalesce(is_mature, true)")),
    reaches_back=WINDOW,
    about="Tasks whose outcome may still change.",
)
OPEN_COST = FactQuery(
    "open_cost",
    "fct_cost_allocation",
    by=(("day", "day"),),
    counts=(Count("open_lines", "outcome_class = 'open'"),),
    reaches_back=WINDOW,
    about="Days that paid for tasks which are still open.",
)
_OUTPUT = (*_keys("agent_id", "model_version", "task_type"),)
_VERDICT = (
    ("evaluator_id", "evaluator_id"),
    ("is_flagged", "evaluator_verdict"),
)
_DELIVERED = f"coalesce(is_output_delivered, false) and {BY_AN_AGENT}"
REVIEWS = FactQuery(
    "reviews",
    "fct_task",
    by=(
        *_OUTPUT,
        ("is_reviewed", "coalesce(is_human_reviewed, false)"),
        ("is_hallucination", "coalesce(is_hallucination, false)"),
        ("is_random", "coalesce(is_random_review, false)"),
        ("sampling_probability", "sampling_probability"),
        *_VERDICT,
    ),
    counts=(Count("outputs"),),
    where=f"{_DELIVERED} and (coalesce(is_human_reviewed, false) or evaluator_id is not null)",
    reaches_back=WINDOW,
    about="Outputs that a person or an evaluator looked at.",
)
RUBRICS = FactQuery(
    "rubrics",
    "fct_quality_review",
    by=(
        *_OUTPUT,
        ("is_by_person", "reviewer_kind = 'human'"),
        ("evaluator_id", "evaluator_id"),
        ("rubric_version", f"coalesce(rubric_version, '{UNKNOWN}')"),
    ),
    counts=(Count("reviews"),),
    # a person's review that a later one replaced judged by a rubric that no longer counts
    where="is_latest or reviewer_kind <> 'human'",
    reaches_back=WINDOW,
    about="By which version of the rubric outputs were reviewed.",
)
OUTPUTS = FactQuery(
    "outputs",
    "fct_task",
    by=(
        *_OUTPUT,
        ("is_reviewed", "coalesce(is_human_reviewed, false)"),
        ("is_hallucination", "coalesce(is_hallucination, false)"),
        *_VERDICT,
        # as they are: a cast of each row's decimals costs more than the grouping
        ("liability", "liability_per_hallucination"),
        ("remediation_minutes", "remediation_minutes"),
        ("hourly_cost", "hourly_cost"),
        ("later_detected", "coalesce(later_detected_probability, 1.0)"),
        ("evidence", "coalesce(evidence, 'assumed')"),
    ),
    counts=(Count("outputs"),),
    where=_DELIVERED,
    about="Delivered outputs, who verified them, and what an error in one would cost.",
)
EXPOSURE = FactQuery(
    "exposure",
    "fct_task",
    by=(
        *_CREDITED_CELL,
        ("own_agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("own_model_version", f"coalesce(model_version, '{UNKNOWN}')"),
        *_VERDICT,
    ),
    sums=(
        _credited(
            "value",
            "coalesce(labour_value, 0) + coalesce(speed_value, 0)"
            " + coalesce(direct_value, 0) + coalesce(avoided_loss, 0)",
            "",
        ),
    ),
    where=(
        f"{SUCCESS} and {_DELIVERED} and not coalesce(is_human_reviewed, false)"
        f" and {CREDITED_BY_AN_AGENT}"
    ),
    join=CREDITS,
    about="Value of successes that no person verified, by credited and by own cell.",
)
TOKENS = " + ".join(
    f"coalesce({bucket}, 0)"
    for bucket in (
        "input_uncached_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "output_visible_tokens",
        "reasoning_tokens",
    )
)
_INITIATOR_KNOWN = f"coalesce(initiated_by, '{UNKNOWN}') <> '{UNKNOWN}'"
ACTIONS = FactQuery(
    "actions",
    "fct_agent_action",
    by=(
        *_keys("agent_id"),
        ("step", f"coalesce(tool, operation, '{UNKNOWN}')"),
    ),
    sums=(
        Sum("tokens", TOKENS, 0),
        Sum("priced_cost", "priced_cost", NANO),
        Sum("comparable_cost", "priced_cost", NANO, "is_redundant is not null"),
        Sum("redundant_cost", "priced_cost", NANO, "is_redundant"),
    ),
    counts=(
        Count("actions"),
        Count("unpriced_actions", "cost_status = 'unpriced'"),
        Count("uncosted_actions", "priced_cost is null"),
        Count("initiated_actions", _INITIATOR_KNOWN),
        Count(
            "autonomous_actions",
            f"{_INITIATOR_KNOWN} and initiated_by <> 'human'"
            " and not coalesce(is_approved_by_human, false)",
        ),
    ),
    where=f"not coalesce(is_rollup, false) and {BY_AN_AGENT}",
    reaches_back=WINDOW,
    about="Billed attempts and steps, by tool or else by operation; roll-up spans left out.",
)
UNPRICED = FactQuery(
    "unpriced",
    "fct_agent_action",
    by=(
        *_keys("agent_id", "model_version"),
        *((name, f"coalesce(of_{name}, '{UNKNOWN}')") for name in CELL[2:]),
    ),
    counts=(Count("unpriced_actions"),),
    where=f"cost_status = 'unpriced' and not coalesce(is_rollup, false) and {BY_AN_AGENT}",
    join=Join(
        "fct_task",
        on=("task_id",),
        columns=tuple((f"of_{name}", name) for name in CELL[2:]),
    ),
    about="Actions with no price, in the cell of their task.",
)
TASK_TYPES = FactQuery(
    "task_types",
    "dim_task_type",
    by=(
        ("task_type", "task_type"),
        ("valid_from", "valid_from"),
        ("valid_to", "valid_to"),
        ("is_novel", "coalesce(is_novel, false)"),
        ("realisation_rate", "realisation_rate"),
        ("approved_by", "approved_by"),
    ),
    reaches_back=None,
    about="Task types as dated reference rows.",
)
EVALUATORS = FactQuery(
    "evaluators",
    "dim_evaluator",
    by=(
        ("evaluator_id", "evaluator_id"),
        ("valid_from", "valid_from"),
        ("valid_to", "valid_to"),
        ("tp", "tp"),
        ("fn", "fn"),
        ("tn", "tn"),
        ("fp", "fp"),
        ("validated_by", "rubric_version"),
    ),
    reaches_back=None,
    about="Validation counts of automatic evaluators.",
)
