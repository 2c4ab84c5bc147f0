"""Columns that every mart has, and short ways to declare the usual kinds."""

from roi_engine.marts.columns import COUNT, DAY, FLAG, MONEY, RATIO, TEXT, Column
from roi_engine.marts.parts import COST_BASIS, EVIDENCE, STATUS

ZERO = "§0"


def quotient(numerator: str, denominator: str, *, known: tuple[str, ...] = ()) -> str:
    """Return the SQL of a ratio of sums, NULL where the denominator is not positive.

    Args:
        numerator: Columns, added or subtracted.
        denominator: The same.
        known: Columns of which no row may be NULL: a sum that skips rows is no sum.

    Examples:
        >>> quotient("net_value", "total_cost")
        'case when sum(total_cost) > 0 then cast(sum(net_value) as double) / sum(total_cost) end'
    """
    conditions = [f"sum({denominator}) > 0", *(f"count(*) = count({name})" for name in known)]
    ratio_of = f"cast(sum({numerator}) as double) / sum({denominator})"
    return f"case when {' and '.join(conditions)} then {ratio_of} end"


def complete_sum(name: str) -> str:
    """Return the SQL of a sum that is NULL where any row's part is not known.

    Examples:
        >>> complete_sum("hallucination_cost")
        'case when count(*) = count(hallucination_cost) then sum(hallucination_cost) end'
    """
    return f"case when count(*) = count({name}) then sum({name}) end"


def money(
    name: str,
    about: str,
    formula: str,
    inputs: tuple[str, ...],
    source: str,
    *,
    low: float | None = None,
) -> Column:
    """Declare exact money that adds up over rows."""
    return Column(name, MONEY, "currency", about, formula, inputs, source, additive=True, low=low)


def count(
    name: str,
    about: str,
    formula: str,
    inputs: tuple[str, ...],
    source: str,
    *,
    additive: bool = True,
) -> Column:
    """Declare a number of things."""
    return Column(name, COUNT, "count", about, formula, inputs, source, additive=additive, low=0)


def ratio(
    name: str,
    about: str,
    formula: str,
    inputs: tuple[str, ...],
    source: str,
    *,
    unit: str = "ratio",
    bounds: tuple[float | None, float | None] = (None, None),
    measure: str = "",
) -> Column:
    """Declare a double that is NULL where it is not defined, and never adds up as it stands."""
    low, high = bounds
    return Column(
        name,
        RATIO,
        unit,
        about,
        formula,
        inputs,
        source,
        nullable=True,
        low=low,
        high=high,
        measure=measure,
    )


def choice(
    name: str,
    about: str,
    formula: str,
    inputs: tuple[str, ...],
    source: str,
    *,
    values: tuple[str, ...],
    nullable: bool = False,
) -> Column:
    """Declare a word out of a short list."""
    return Column(
        name,
        TEXT,
        "word",
        about,
        formula,
        inputs,
        source,
        nullable=nullable,
        values=values,
    )


def key(name: str, about: str, inputs: tuple[str, ...], source: str) -> Column:
    """Declare a part of the grain."""
    is_day = name == "day" or name.endswith("_day")
    kind, unit = (DAY, "day") if is_day else (TEXT, "name")
    return Column(name, kind, unit, about, "", inputs, source, grain=True)


KEYS = {
    "day": key(
        "day",
        "Calendar day in the reporting time zone: costs on the day they were incurred, value on"
        " the day a task was resolved.",
        ("fct_cost_allocation.day", "fct_task.day"),
        ZERO,
    ),
    "agent_id": key(
        "agent_id",
        "The agent, or a reserved member: __unallocated__ (nobody to charge), __out_of_scope__"
        " (on the bill, not part of what agents cost), __idle__ (capacity that nobody used).",
        ("fct_cost_allocation.agent_id", "fct_task.agent_id", "fct_task_credit.agent_id"),
        ZERO,
    ),
    "model_version": key(
        "model_version",
        "The model that answered, by the provider's own name.",
        ("fct_cost_allocation.model_version", "fct_task_credit.model_version"),
        "§1",
    ),
    "task_type": key(
        "task_type",
        "Kind of work; __unknown__ when no ticket says it.",
        ("fct_cost_allocation.task_type", "fct_task.task_type"),
        "§1",
    ),
    "department": key(
        "department",
        "Department that the work was for.",
        ("fct_cost_allocation.department", "fct_task.department"),
        "§1",
    ),
    "channel": key(
        "channel",
        "Channel by which the work came in.",
        ("fct_cost_allocation.channel", "fct_task.channel"),
        "§1",
    ),
}

TRUST = (
    choice(
        "evidence",
        "Weakest evidence behind the row's value and human cost: measured, published, or assumed.",
        "assumed if any part is assumed, else published if any is, else measured",
        ("fct_task.evidence", "fct_time_entry.basis"),
        "§0, §9",
        values=EVIDENCE,
    ),
    choice(
        "cost_basis",
        "Whether the costs come from bills, from estimates until the bill lands, or from both.",
        "billed, estimated, or mixed, over the row's cost lines; billed where there are none",
        ("fct_cost_allocation.cost_basis",),
        "§0, §2",
        values=COST_BASIS,
    ),
    choice(
        "status",
        "final when the row can no longer change by late bills, reopened or open tasks;"
        " provisional until then. A row with window figures is as weak as its weakest day.",
        "as_of ≥ end of the month + billing_close_days + reopen_window_days, all tasks mature",
        ("fct_task.is_mature", "fct_cost_allocation.outcome_class"),
        ZERO,
        values=STATUS,
    ),
    Column(
        "currency",
        TEXT,
        "ISO 4217",
        "Currency of all money in the row.",
        "the setting reporting_currency",
        (),
        ZERO,
    ),
    Column(
        "_transform_run_id",
        TEXT,
        "hash",
        "The transform run that made the row: code version, day and input loads.",
        "hash(code version, day, input load ids)",
        ("ops.run_day.transform_run_id",),
        "architecture §7",
        nullable=True,
    ),
)


def rate_drifted(about: str, prefix: str = "") -> Column:
    """Declare the flag that a window's hallucination rate is not today's (``rate_drift``)."""
    return Column(
        "is_rate_drifted",
        FLAG,
        "yes or no",
        about,
        f"{prefix}0 outside the interval of h₂/n₂ − h₁/n₁ (Newcombe, Wilson's limits, 1 − 0.05 /"
        " the agent's cells compared), effective reviews of D−27 … D−14 and D−13 … D; NULL where a"
        " half has none",
        (
            *("fct_task.is_human_reviewed", "fct_task.is_hallucination"),
            *("fct_task.is_random_review", "fct_task.sampling_probability"),
        ),
        "§4",
        nullable=True,
    )
