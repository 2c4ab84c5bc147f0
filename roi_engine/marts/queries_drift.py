"""What drift asks of the facts: the last 28 days of each agent and the 28 before them."""

from roi_engine.marts.facts import WINDOW_DAYS, Count, FactQuery, Sum
from roi_engine.marts.money import NANO
from roi_engine.marts.queries import ENDED, NOT_CREDIT, UNKNOWN

DRIFT_DAYS = 2 * WINDOW_DAYS
"""Both windows together."""

RUN_DAYS = DRIFT_DAYS + 14
"""How far back a loss is followed: both windows, and the days that are not mature yet."""

SERVED = ("model_registry_version", "feature_version")
"""Versions that stand behind a model's name, where the source says them."""

_AGENTS = "not starts_with(agent_id, '__')"


def _bucket(column: str) -> str:
    """Return the half octave of a whole number: edges grow by √2, and 0 stands with 1."""
    return f"cast(floor(2 * log2(greatest({column}, 1))) as bigint)"


def _keys(*names: str) -> tuple[tuple[str, str], ...]:
    known = (("day", "day"), ("agent_id", "agent_id"))
    return (*known, *((name, f"coalesce({name}, '{UNKNOWN}')") for name in names))


DRIFT_TASKS = FactQuery(
    "drift_tasks",
    "fct_task",
    by=_keys("task_type", "channel"),
    sums=(
        Sum("cost", "priced_cost", NANO, ENDED),
        Sum("cost_squared", "priced_cost", 2 * NANO, ENDED, squared=True),
    ),
    counts=(
        Count("tasks"),
        Count("ended_tasks", ENDED),
        Count("autonomous_successes", f"{ENDED} and outcome_class = 'autonomous_success'"),
        Count("priced_tasks", f"{ENDED} and priced_cost is not null"),
    ),
    where=_AGENTS,
    reaches_back=DRIFT_DAYS - 1,
    about="Tasks of each agent by kind and channel, how they ended and what they cost.",
)
DRIFT_TOKENS = FactQuery(
    "drift_tokens",
    "fct_task",
    by=(*_keys(), ("bucket", _bucket("tokens"))),
    counts=(Count("tasks"),),
    where=f"{_AGENTS} and tokens is not null",
    reaches_back=DRIFT_DAYS - 1,
    about="Tasks of each agent by how many tokens they took, in half octaves.",
)
DRIFT_LATENCY = FactQuery(
    "drift_latency",
    "fct_task",
    by=(*_keys(), ("bucket", _bucket("inference_microseconds"))),
    counts=(Count("tasks"),),
    where=f"{_AGENTS} and inference_microseconds is not null",
    reaches_back=DRIFT_DAYS - 1,
    about="Tasks of each agent by how long the model took, in half octaves.",
)
DRIFT_SPEND = FactQuery(
    "drift_spend",
    "fct_cost_allocation",
    by=_keys("task_type"),
    sums=(
        Sum("spend", "allocated_cost", NANO, NOT_CREDIT),
        Sum(
            "autonomous_spend",
            "allocated_cost",
            NANO,
            f"outcome_class = 'autonomous_success' and {NOT_CREDIT}",
        ),
    ),
    counts=(Count("lines"),),
    where=_AGENTS,
    reaches_back=DRIFT_DAYS - 1,
    about="What each agent was charged by kind of work, and how much led to goals reached alone.",
)
DRIFT_CALLS = FactQuery(
    "drift_calls",
    "fct_agent_action",
    by=(*_keys("model_version"), *((name, name) for name in SERVED)),
    counts=(
        Count("calls", "cost_status in ('priced', 'unpriced')"),
        Count("unpriced_calls", "cost_status = 'unpriced'"),
    ),
    where=f"{_AGENTS} and not coalesce(is_rollup, false)",
    reaches_back=DRIFT_DAYS - 1,
    about="Calls of each agent by model version and the versions behind it, and how many have no"
    " price.",
)
DRIFT_RETURN = FactQuery(
    "drift_return",
    "daily_asr",
    by=(
        *_keys(),
        *((name, name) for name in ("evidence", "cost_basis", "status")),
    ),
    sums=(
        Sum("autonomous_value_28d", "autonomous_value_28d", NANO),
        Sum("spend_28d", "spend_28d", NANO),
    ),
    where=_AGENTS,
    reaches_back=RUN_DAYS - 1,
    about="What each agent's money brought, window by window.",
)
DRIFT_LOSS = FactQuery(
    "drift_loss",
    "daily_hallucination_adjusted_cost",
    by=(
        *_keys("model_version", "task_type"),
        ("adjusted_value", "adjusted_value"),
        ("hallucination_cost", "hallucination_cost"),
    ),
    sums=(Sum("gross_value", "gross_value", NANO),),
    where=_AGENTS,
    reaches_back=WINDOW_DAYS - 1,
    about="What unseen errors are expected to cost each agent.",
)
