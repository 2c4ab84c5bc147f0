"""What planning asks: days of daily marts over a bounded reach, and facts behind them."""

from roi_engine.marts.facts import CREDIT_SCALE, Count, FactQuery, Sum
from roi_engine.marts.histograms import bucket_sql
from roi_engine.marts.money import CREDITED_SCALE, NANO, VALUE_SCALE
from roi_engine.marts.queries import (
    ALONE,
    BY_AN_AGENT,
    CREDIT,
    CREDITED_AGENT,
    CREDITED_BY_AN_AGENT,
    CREDITS,
    ENDED,
    SUCCESS,
    UNKNOWN,
    VALUED,
    WINDOW,
)

TRUST = ("evidence", "cost_basis", "status")
HISTORY_DAYS = 90
"""Days that projections look at."""
YEAR_DAYS = 366
"""Days over which investments and training runs are followed."""

_NAMED = "not starts_with(agent_id, '__')"
_BY_CREDIT = ("agent_id", CREDITED_AGENT)
_DELIVERED = f"coalesce(is_output_delivered, false) and {BY_AN_AGENT}"
_VALUE = (
    "coalesce(labour_value, 0) + coalesce(speed_value, 0)"
    " + coalesce(direct_value, 0) + coalesce(avoided_loss, 0)"
)


def _own(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


def _money(*names: str) -> tuple[Sum, ...]:
    return tuple(Sum(name, name, NANO) for name in names)


def _whole(*names: str) -> tuple[Sum, ...]:
    return tuple(Sum(name, name, 0) for name in names)


SPEND_DAYS = FactQuery(
    "spend_days",
    "daily_asr",
    by=_own("day", "agent_id", *TRUST),
    sums=(
        *_money("spend", "human_cost", "spend_without_credits", "autonomous_spend"),
        *_money("gross_value", "autonomous_value"),
        *_whole("actions"),
    ),
    where="agent_id <> '__out_of_scope__'",
    reaches_back=HISTORY_DAYS - 1,
    about="Cost, value and actions of each agent's days.",
)
PLAN_CELLS = FactQuery(
    "plan_cells",
    "daily_roi",
    by=_own("agent_id", "task_type", *TRUST),
    sums=(*_money("gross_value", "total_cost"), *_whole("ended_tasks")),
    where=_NAMED,
    reaches_back=WINDOW,
    about="Tasks, value and cost of each agent in each kind of work, over the window.",
)
GPU_WORK = FactQuery(
    "gpu_work",
    "fct_gpu_usage",
    by=(("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),),
    sums=(
        *_whole("busy_microseconds", "capacity_microseconds", "peak_vram_mib"),
        Sum("vram_capacity", "capacity_microseconds * vram_capacity_mib", 0),
    ),
    reaches_back=WINDOW,
    about="GPU time and memory that agents' own workloads held, and what there was.",
)
RUNS = FactQuery(
    "runs",
    "fct_training_run",
    by=(
        *_own("run_id", "day", "model_version", "flops", "completed_on", "lifespan_days"),
        *_own("retired_on"),
        ("gpu_hours", "cast(gpu_hours as double)"),
        ("peak_vram_gib", "cast(peak_vram_gib as double)"),
    ),
    sums=_money("opening_balance", "additions", "amortised", "written_off", "closing_balance"),
    reaches_back=YEAR_DAYS - 1,
    about="Training runs on the books, day by day.",
)
MODEL_DAYS = FactQuery(
    "model_days",
    "daily_roi",
    by=_own("day", "model_version", *TRUST),
    sums=_money("gross_value", "total_cost", "training_cost"),
    where=_NAMED,
    reaches_back=YEAR_DAYS - 1,
    about="Value credited to each model version, and its cost.",
)
ADJUSTED_CELLS = FactQuery(
    "adjusted_cells",
    "daily_hallucination_adjusted_cost",
    by=_own(
        *("day", "agent_id", "model_version", "task_type", "rate_basis", "evaluator_seen"),
        *("hallucination_rate", "hallucination_rate_low", "hallucination_rate_high"),
        *("window_effective_reviews", "window_effective_hallucinations"),
        *("expected_undetected", "hallucination_cost", "adjusted_value", *TRUST),
    ),
    sums=(
        *_money("gross_value", "total_cost"),
        *_whole("outputs", "reviewed", "hallucinated", "unverified"),
    ),
    where=_NAMED,
    reaches_back=WINDOW,
    about="What each cell's outputs are worth once unseen errors count.",
)
AGENT_VALUE = FactQuery(
    "agent_value",
    "daily_roi",
    by=_own("day", "agent_id", "model_version", "task_type", *TRUST),
    sums=(
        *_money("human_equivalent_cost", "labour_value", "cash_saving", "gross_value"),
        *_money("total_cost"),
    ),
    where=_NAMED,
    reaches_back=WINDOW,
    about="Parts of each agent's value and its cost over the window, by what pools its rate.",
)
SUCCESS_MINUTES = FactQuery(
    "success_minutes",
    "fct_task",
    by=(_BY_CREDIT, ("task_type", f"coalesce(task_type, '{UNKNOWN}')")),
    sums=(
        Sum("successes", CREDIT, VALUE_SCALE),
        Sum("minutes", "baseline_minutes", CREDITED_SCALE, times="credit"),
    ),
    where=(
        f"{SUCCESS} and baseline_minutes is not null and human_equivalent_cost is not null"
        f" and {CREDITED_BY_AN_AGENT}"
    ),
    join=CREDITS,
    reaches_back=WINDOW,
    about="Successes credited to each agent, and the minutes a person would have taken.",
)
LOSSES = FactQuery(
    "losses",
    "fct_task",
    by=(
        ("day", "day"),
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("task_type", f"coalesce(task_type, '{UNKNOWN}')"),
        ("is_reviewed", "coalesce(is_human_reviewed, false)"),
        # as they are: a cast of each row's decimals costs more than the grouping
        ("liability", "liability_per_hallucination"),
        ("remediation_minutes", "remediation_minutes"),
        ("hourly_cost", "hourly_cost"),
        ("later_detected", "coalesce(later_detected_probability, 1.0)"),
    ),
    counts=(Count("outputs"),),
    where=_DELIVERED,
    reaches_back=WINDOW,
    about="What an error in a delivered output would cost, reviewed or not.",
)
UNSEEN_VALUE = FactQuery(
    "unseen_value",
    "fct_task",
    by=(_BY_CREDIT,),
    sums=(
        Sum("value", _VALUE, CREDITED_SCALE, times="credit"),
        Sum("gain", f"greatest({_VALUE}, 0)", CREDITED_SCALE, times="credit"),
    ),
    where=(
        f"{SUCCESS} and {_DELIVERED} and not coalesce(is_human_reviewed, false)"
        f" and {CREDITED_BY_AN_AGENT}"
    ),
    join=CREDITS,
    reaches_back=WINDOW,
    about="Value of successes that no person verified, and the part of it over 0.",
)
OUTCOMES = FactQuery(
    "outcomes",
    "fct_task",
    by=(
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("task_type", f"coalesce(task_type, '{UNKNOWN}')"),
    ),
    counts=(
        Count("succeeded", SUCCESS),
        Count("failed", "outcome_class = 'failure'"),
        Count("unseen", "outcome_class in ('unconfirmed', 'unobserved', 'open')"),
    ),
    reaches_back=WINDOW,
    about="How tasks stand, of agents and of people.",
)
TASK_RANGES = FactQuery(
    "task_ranges",
    "dim_task_type",
    by=(
        *_own("task_type", "valid_from", "valid_to"),
        ("baseline_minutes", "cast(baseline_minutes as double)"),
        ("low", "cast(low as double)"),
        ("high", "cast(high as double)"),
    ),
    reaches_back=None,
    about="Between what minutes a person's work on a task lies, as dated reference rows.",
)
AGENT_BANDS = FactQuery(
    "agent_bands",
    "daily_asr",
    by=_own(
        *("day", "agent_id", "band", "asr_spend_28d", "asr_spend_low_28d", "asr_spend_high_28d"),
        *("asr_value_28d", *TRUST),
    ),
    sums=_money("spend_28d"),
    where=_NAMED,
    reaches_back=2 * (WINDOW + 1) - 1,
    about="Bands and ratios of each agent's days, of this window and the one before.",
)
AGENT_NET = FactQuery(
    "agent_net",
    "daily_asr",
    by=_own("day", "agent_id"),
    sums=_money("gross_value", "spend", "human_cost"),
    where=_NAMED,
    reaches_back=YEAR_DAYS - 1,
    about="Value and cost of each agent's days over a year.",
)
INVESTMENTS = FactQuery(
    "investments",
    "dim_investment",
    by=(
        # line by line: each is spread on its own, to the last nano-unit
        *_own("agent_id", "starts_on", "ends_on", "_source_file", "_source_row"),
        ("is_approved", "approved_by is not null"),
    ),
    sums=_money("cost"),
    reaches_back=None,
    about="What was invested in each agent, and over which days it is spread.",
)
CATEGORIES = FactQuery(
    "categories",
    "dim_agent",
    by=_own("agent_id", "category", "valid_from", "valid_to"),
    reaches_back=None,
    about="The category of each agent, as dated reference rows.",
)
TOKEN_TASKS = FactQuery(
    "token_tasks",
    "fct_task",
    by=(
        _BY_CREDIT,
        ("bucket", bucket_sql("cast(tokens as double)")),
        ("evidence", "coalesce(evidence, 'assumed')"),
    ),
    sums=(
        Sum("tasks", CREDIT, VALUE_SCALE),
        Sum("tokens", "tokens", CREDIT_SCALE, times="credit"),
        Sum("priced_cost", "priced_cost", CREDITED_SCALE, times="credit"),
        Sum("gain", _VALUE, CREDITED_SCALE, SUCCESS, times="credit"),
        Sum(
            "direct_value",
            "direct_value",
            CREDITED_SCALE,
            f"{VALUED} and not ({SUCCESS})",
            times="credit",
        ),
    ),
    counts=(Count("unpriced_tasks", "priced_cost is null"),),
    where=f"{ENDED} and coalesce(tokens, 0) > 0 and {CREDITED_BY_AN_AGENT}",
    join=CREDITS,
    reaches_back=WINDOW,
    about="Value and list price of ended tasks by how many tokens they took.",
)
ENSEMBLES = FactQuery(
    "ensembles",
    "fct_task",
    by=(
        *_own("day", "ensemble_id"),
        ("evidence", "coalesce(evidence, 'assumed')"),
    ),
    sums=(
        Sum("won", _VALUE, VALUE_SCALE, SUCCESS),
        Sum("direct", "direct_value", VALUE_SCALE, f"{VALUED} and not ({SUCCESS})"),
        Sum("won_alone", _VALUE, VALUE_SCALE, f"{SUCCESS} and {ALONE}"),
        Sum(
            "direct_alone",
            "direct_value",
            VALUE_SCALE,
            f"{VALUED} and not ({SUCCESS}) and {ALONE}",
        ),
        Sum("spend", "priced_cost", NANO),
        Sum("human_cost", "human_cost", NANO),
    ),
    counts=(
        Count("tasks"),
        Count("ended_tasks", ENDED),
        Count("autonomous_successes", "outcome_class = 'autonomous_success'"),
        Count("unpriced_tasks", "priced_cost is null"),
    ),
    where="ensemble_id is not null",
    about="Tasks that several agents worked on; value once, list price of all actions in full.",
)
FUNCTION_OUTPUTS = FactQuery(
    "function_outputs",
    "fct_task",
    by=(("day", "day"), ("department", f"coalesce(department, '{UNKNOWN}')")),
    counts=(
        Count("outputs"),
        Count("autonomous_outputs", f"{BY_AN_AGENT} and {ALONE}"),
        Count("published_tasks", "evidence = 'published'"),
        Count("assumed_tasks", "coalesce(evidence, 'assumed') = 'assumed'"),
    ),
    where="coalesce(is_output_delivered, false)",
    about="Delivered outputs of a department, by agents alone and by anybody.",
)
FUNCTION_PEOPLE = FactQuery(
    "function_people",
    "fct_time_entry",
    by=(("day", "day"), ("department", f"coalesce(department, '{UNKNOWN}')")),
    sums=(Sum("human_cost", "human_cost", NANO),),
    counts=(
        Count("assumed_entries", "basis = 'assumed'"),
        Count("entries_without_cost", "human_cost is null"),
    ),
    about="People's time in a department, on agents' tasks and on their own.",
)
