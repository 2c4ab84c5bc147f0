"""Who works in a simulated estate: agents, models, kinds of task, and their true rates.

No model is a real product: all are called ``sim-…``, so that no public price list
can price them by accident and a reader sees at once where a number came from.
"""

from dataclasses import dataclass, replace

BUCKETS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")
"""What a price list prices; reasoning tokens are output."""

DEPARTMENTS = ("support", "treasury", "operations", "claims", "research")
CHANNELS = ("chat", "email", "web", "phone")


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its canonical name, the names on the wire, and its list prices.

    ``raw`` holds the response model before and after the change halfway through the window.
    ``prices`` are per million tokens in the order of ``BUCKETS``; None is an unpriced model.
    """

    name: str
    provider: str
    raw: tuple[str, str]
    prices: tuple[str, str, str, str, str] | None
    later_prices: tuple[str, str, str, str, str] | None = None
    batch_prices: tuple[str, str, str, str, str] | None = None
    counts_cache_apart: bool = False
    caches: bool = True
    thinks: bool = False


# Prices with four decimals give fractions of a nano-unit per token, so rounding is exercised.
MODELS = (
    Model(
        "sim-sonnet",
        "anthropic",
        ("sim-sonnet-20251001", "sim-sonnet-20260110"),
        ("3", "0.3", "3.75", "6", "15"),
        later_prices=("2.4", "0.24", "3", "4.8", "12"),
        counts_cache_apart=True,
    ),
    Model(
        "sim-haiku",
        "anthropic",
        ("sim-haiku-20251001",) * 2,
        ("0.8", "0.08", "1", "1.6", "4"),
        counts_cache_apart=True,
    ),
    Model(
        "sim-omni",
        "openai",
        ("sim-omni-2025-11",) * 2,
        ("2.5", "1.25", "2.5", "2.5", "10"),
        batch_prices=("1.25", "0.625", "1.25", "1.25", "5"),
    ),
    Model(
        "sim-reason",
        "openai",
        ("sim-reason-1",) * 2,
        ("1.1", "0.275", "1.1", "1.1", "4.4"),
        thinks=True,
    ),
    Model(
        "sim-embed",
        "openai",
        ("sim-embed-3",) * 2,
        ("0.0213", "0.0213", "0.0213", "0.0213", "0"),
        caches=False,
    ),
    Model(
        "sim-flash",
        "google",
        ("sim-flash-002",) * 2,
        ("0.075", "0.01875", "0.075", "0.075", "0.3"),
    ),
    Model("sim-large", "mistral", ("sim-large-2411",) * 2, ("2", "2", "2", "2", "6"), caches=False),
    Model("sim-beta", "mistral", ("sim-beta-0",) * 2, None, caches=False),
    # its own GPUs pay for it: the price is 0 by decision, which is not the same as unknown
    Model("sim-llama", "self-hosted", ("sim-llama-ft-1",) * 2, ("0",) * 5, caches=False),
)
MODEL_INDEX = {model.name: index for index, model in enumerate(MODELS)}
NEVER_CALLED = "sim-image-1"
"""Raw name of a model that is billed and that no trace ever calls."""


@dataclass(frozen=True, slots=True)
class TaskType:
    """A kind of task: what a person would need for it, and what a mistake costs."""

    name: str
    baseline_minutes: str
    low: str
    high: str
    hourly_cost: str
    cycle_hours: str
    delay_cost: str
    remediation_minutes: str
    liability: str
    later_detected: str
    realisation_rate: str
    basis: str
    is_novel: bool = False


TASK_TYPES = (
    TaskType("question", "9", "4", "15", "38", "6", "0.4", "12", "1.5", "0.8", "0.2", "assumed"),
    TaskType("refund", "14", "9", "22", "38", "20", "0.6", "18", "9", "0.9", "0.3", "measured"),
    TaskType("fx_hedge", "25", "15", "40", "85", "3", "4", "30", "60", "0.95", "0.1", "measured"),
    TaskType(
        "it_incident", "32", "20", "60", "62", "9", "7", "25", "20", "0.7", "0.25", "measured"
    ),
    TaskType("claim", "28", "16", "45", "47", "48", "0.3", "35", "40", "0.85", "0.3", "published"),
    TaskType("market_brief", "0", "0", "0", "70", "", "", "20", "5", "0.5", "", "assumed", True),
)
TYPE_INDEX = {kind.name: index for index, kind in enumerate(TASK_TYPES)}


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent and its true rates; ``success`` has one rate per task type it works on."""

    agent_id: str
    category: str
    department: str
    share: float
    models: tuple[str, str]
    primary_share: float
    task_types: tuple[str, ...]
    success: tuple[float, ...]
    hallucination: tuple[float, ...]
    autonomy: float
    turns: float
    review_probability: float
    tool: str
    tool_cost: str | None = None
    long_share: float = 0.02
    helper: int | None = None
    manages_capital: bool = False
    initiated_by: str = "human"


ROLES = (
    Agent("support-triage", "customer_service", "support", 0.34, ("sim-sonnet", "sim-haiku"), 0.7,
          ("question", "refund"), (0.86, 0.78), (0.05, 0.08), 0.82, 1.6, 0.12, "crm_lookup"),
    Agent("billing-helper", "customer_service", "support", 0.20, ("sim-omni", "sim-reason"), 0.8,
          ("refund",), (0.8,), (0.06,), 0.74, 1.3, 0.1, "ledger_lookup"),
    Agent("treasury-trader", "finance", "treasury", 0.10, ("sim-reason", "sim-omni"), 0.75,
          ("fx_hedge",), (0.72,), (0.04,), 0.9, 1.8, 0.15, "market_data", "0.0125",
          manages_capital=True, initiated_by="event"),
    Agent("sre-oncall", "operations", "operations", 0.14, ("sim-llama", "sim-haiku"), 0.8,
          ("it_incident",), (0.58,), (0.1,), 0.55, 2.2, 0.1, "run_command", long_share=0.15,
          initiated_by="event"),
    Agent("claims-adjuster", "operations", "claims", 0.14, ("sim-large", "sim-beta"), 0.75,
          ("claim", "refund"), (0.66, 0.7), (0.09, 0.07), 0.6, 1.5, 0.1, "policy_search"),
    Agent("research-writer", "research", "research", 0.08, ("sim-flash", "sim-omni"), 0.65,
          ("market_brief",), (0.75,), (0.14,), 0.88, 2.6, 0.2, "web_search", "0.005",
          initiated_by="schedule"),
)  # fmt: skip

HUMAN_SHARE = 0.12
"""Share of all tickets that go to people, and get the harder cases."""
HARD_SHARE = {"agent": 0.2, "human": 0.8}
HARD_PENALTY = 0.15
"""What a hard case takes from an agent's success rate."""
DRIFT_SUCCESS, DRIFT_HALLUCINATION = -0.12, 2.5
"""What the drift does to the first agent: added to its success, multiplied with its errors."""
AUTO_CLOSED_SHARE = 0.03
"""Share of accepted Zendesk outcomes that nobody ever confirmed."""
UNTICKETED_SHARE = 0.03
"""Share of an agent's tasks that leave traces and no ticket."""
TRIGGERED_REVIEW = {False: 0.02, True: 0.2}
"""How likely a complaint triggers a review of an output that is right, or wrong."""
EVALUATOR_ID, EVALUATOR_SHARE = "grounding-judge", 0.4
SENSITIVITY, SPECIFICITY = 0.85, 0.93
VALIDATION = {"tp": 170, "fn": 30, "tn": 558, "fp": 42}
"""Counts of the evaluator's validation: 200 wrong and 600 right outputs."""


def agents(count: int) -> tuple[Agent, ...]:
    """Return ``count`` agents: the roles in turn, numbered from the second round on.

    Shares add up to 1. The first role gets the second as its helper where there is one.

    Examples:
        >>> [agent.agent_id for agent in agents(7)][-1], agents(2)[0].helper
        ('support-triage-2', 1)
    """
    if count < 1:
        raise ValueError("an estate needs at least one agent")
    drawn = [ROLES[index % len(ROLES)] for index in range(count)]
    total = sum(role.share for role in drawn)
    return tuple(
        replace(
            role,
            agent_id=role.agent_id + (f"-{index // len(ROLES) + 1}" if index >= len(ROLES) else ""),
            share=role.share / total,
            helper=index + 1 if index % len(ROLES) == 0 and index + 1 < count else None,
        )
        for index, role in enumerate(drawn)
    )
