"""What must hold of the tables that people maintain, before a number rests on them.

A reference row has no day: what breaks a critical rule is quarantined and left out, and blocks
no day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations import arrival
from expectations.check import Check
from roi_engine.sources.schema import EVALUATIONS, SPANS, TICKETS

COST_CLASSES = [
    "token_api",
    "gpu",
    "storage",
    "network",
    "platform",
    "training",
    "other",
    "out_of_scope",
]
BUCKETS = ["input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output"]
TIERS = ["standard", "batch", "flex", "priority"]
BASES = ["measured", "published", "assumed"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The plain rules of one table.

    Attributes:
        key: Columns that together name a row, unique.
        required: Columns that every row fills (the key is not required by itself).
        sets: Column → the values that it may have.
        at_least_zero: Numbers below 0 make no sense.
        shares: Numbers from 0 to 1.
        periods: Pairs (later, earlier): the first is after the second, or with it where it may
            coincide.
        money: The table has amounts in ``currency``.
        key_severity: Severity of a key that occurs twice.
    """

    key: tuple[str, ...]
    required: tuple[str, ...]
    sets: Mapping[str, list[str]] = field(default_factory=dict)
    at_least_zero: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    periods: tuple[tuple[str, str], ...] = ()
    money: bool = False
    key_severity: str = "critical"


_VALIDITY = (("valid_to", "valid_from"),)

_MAY_COINCIDE = {"detected_at", "recovered_at", "reached_on"}
"""An incident is noticed as it begins, a goal reached on the first day; a validity has length."""

SHAPES = {
    "agents": Shape(
        key=("agent_id", "valid_from"),
        required=("agent_id",),
        sets={"kind": ["llm_agent", "human_team", "hybrid"]},
        periods=_VALIDITY,
    ),
    "task_types": Shape(
        key=("task_type", "valid_from"),
        required=("task_type",),
        sets={"basis": BASES},
        at_least_zero=(
            "baseline_minutes",
            "hourly_cost",
            "baseline_cycle_hours",
            "delay_cost_per_hour",
            "remediation_minutes",
            "liability_per_hallucination",
            "low",
        ),
        shares=("later_detected_probability", "realisation_rate"),
        periods=_VALIDITY,
        money=True,
    ),
    "model_aliases": Shape(
        key=("raw_model", "provider", "valid_from"),
        required=("raw_model", "model"),
        periods=_VALIDITY,
    ),
    "prices": Shape(
        key=("provider", "model", "bucket", "tier", "context_from", "valid_from"),
        required=("provider", "model", "bucket", "price_per_million", "currency"),
        sets={"bucket": BUCKETS, "tier": TIERS},
        at_least_zero=("price_per_million", "context_from"),
        periods=_VALIDITY,
        money=True,
    ),
    "price_book": Shape(
        key=(),
        required=("provider", "model", "bucket", "price_per_million", "currency"),
        sets={"bucket": BUCKETS},
        at_least_zero=("price_per_million", "context_from"),
        money=True,
    ),
    # the matcher leaves empty what it does not know: the warning on unpriced models says so
    "model_names": Shape(key=("provider", "raw_model"), required=("raw_model",)),
    "cost_classes": Shape(
        key=("order",),
        # two rules of one rank are told apart by their place in the file
        key_severity="warning",
        required=("order", "column", "pattern", "cost_class"),
        sets={"cost_class": COST_CLASSES},
    ),
    "gpu_resources": Shape(
        key=("resource_id", "hostname", "gpu_uuid", "valid_from"),
        required=("resource_id",),
        periods=_VALIDITY,
    ),
    "provider_aliases": Shape(key=("raw_provider",), required=("raw_provider", "provider")),
    "investments": Shape(
        key=(),
        required=("agent_id", "cost", "currency", "starts_on", "months"),
        sets={"kind": ["build", "integration", "prompts", "seats", "supervision"]},
        at_least_zero=("cost",),
        money=True,
    ),
    "time_entries": Shape(
        key=(),
        # one without a day counts on the day of the resolution, and says so
        required=("minutes",),
        sets={"kind": ["review", "escalation", "remediation", "supervision"]},
        at_least_zero=("minutes",),
    ),
    "evaluators": Shape(
        key=("evaluator_id", "rubric_version", "validated_on"),
        required=("evaluator_id", "tp", "fn", "tn", "fp"),
        at_least_zero=("tp", "fn", "tn", "fp"),
    ),
    "allocation_rules": Shape(
        key=("cost_class", "key", "value", "agent_id", "valid_from"),
        required=("cost_class", "key", "value", "agent_id", "share"),
        sets={"cost_class": COST_CLASSES},
        shares=("share",),
        periods=_VALIDITY,
    ),
    "wallets": Shape(
        key=("wallet_id", "valid_from"),
        required=("wallet_id", "period", "allowance", "currency"),
        sets={"period": ["day", "week", "month"]},
        at_least_zero=("allowance", "slope_limit_per_hour"),
        periods=_VALIDITY,
        money=True,
    ),
    "mandates": Shape(
        key=("mandate_id",),
        required=("mandate_id", "agent_id", "goal", "limit_amount", "currency", "valid_from"),
        at_least_zero=("limit_amount",),
        periods=(*_VALIDITY, ("reached_on", "valid_from")),
        money=True,
    ),
    "agent_transactions": Shape(
        key=("transaction_id",),
        required=("transaction_id", "day", "exchange", "value", "currency", "is_autonomous"),
        at_least_zero=("value",),
        money=True,
    ),
    "training_runs": Shape(
        key=("run_id",),
        required=("run_id", "model_version", "completed_on", "lifespan_days"),
        at_least_zero=("gpu_hours", "flops", "peak_vram_gib", "cost"),
        money=True,
    ),
    "experiments": Shape(
        key=("experiment_id",),
        required=("experiment_id", "metric", "arms", "starts_on"),
        sets={"unit": ["task", "user_group", "agent"]},
        at_least_zero=("minimum_effect",),
        periods=(("ends_on", "starts_on"),),
    ),
    "policies": Shape(
        key=("band", "valid_from"),
        required=("band", "decision"),
        sets={"decision": ["execute", "propose_only"]},
        at_least_zero=("budget_cap",),
        periods=_VALIDITY,
    ),
    "fx_rates": Shape(
        key=("day", "from_currency", "to_currency"),
        required=("day", "from_currency", "to_currency", "rate"),
    ),
    "field_mappings": Shape(
        key=("source", "system", "field"),
        required=("source", "system", "field", "path"),
        sets={"source": ["billing", "gpu", "tokens", "tickets"]},
    ),
    "incidents": Shape(
        key=("incident_id",),
        required=("incident_id", "started_at"),
        periods=(("recovered_at", "started_at"), ("detected_at", "started_at")),
    ),
    "service_hours": Shape(
        # a weekday may have several lines; that they lie apart is a rule of its own
        key=(),
        required=("weekday", "opens_at", "closes_at"),
        at_least_zero=("people",),
        periods=_VALIDITY,
    ),
}
"""Every reference table and its plain rules."""

_VALID_NOW = """
    coalesce(other.valid_from, date '0001-01-01') <= coalesce(this.valid_from, date '0001-01-01')
    and coalesce(other.valid_to, date '9999-12-31')
        > coalesce(this.valid_from, date '0001-01-01')"""


def _minute_of_day(time: str) -> str:
    """Return SQL for the minutes from midnight to a time HH:MM, NULL where it is none."""
    return f"""
        case when regexp_full_match({time}, '([01][0-9]|2[0-3]):[0-5][0-9]|24:00')
            then cast({time}[1:2] as integer) * 60 + cast({time}[4:5] as integer)
        end"""


_MAPPED = {
    "tickets": {*TICKETS.columns, *(column.removeprefix("is_") for column in TICKETS.columns)},
    "tokens": {*SPANS.columns, *EVALUATIONS.columns, "correlation_id"},
}
"""Source → the fields of it that a mapping can fill; the others are read in their own way only."""


def _is_mapped() -> str:
    cases = " ".join(
        f"when '{source}' then this.field in ({', '.join(map(repr, sorted(fields)))})"
        for source, fields in _MAPPED.items()
    )
    return f"coalesce(case this.source {cases} end, false)"


_SAME_HOURS = """
    other.department is not distinct from this.department
    and other.weekday = this.weekday
    and other.valid_from is not distinct from this.valid_from"""

_DERIVED = {
    "service_hours": {
        "times_not_read": f"""
            cast(this.opens_at is not null and {_minute_of_day("this.opens_at")} is null as integer)
            + cast(
                this.closes_at is not null and {_minute_of_day("this.closes_at")} is null as integer
            )""",
        "minutes_open": f"""
            {_minute_of_day("this.closes_at")} - {_minute_of_day("this.opens_at")}""",
        # the row itself is one of them
        "windows_at_once": f"""
            (
                select count(*) from bronze_service_hours as other
                where {_SAME_HOURS}
                    and {_minute_of_day("other.opens_at")} < {_minute_of_day("this.closes_at")}
                    and {_minute_of_day("other.closes_at")} > {_minute_of_day("this.opens_at")}
            )""",
    },
    "fx_rates": {"decimals_lost": "cast(this.rate <> round(this.rate, 9) as integer)"},
    "field_mappings": {"is_mapped": f"cast({_is_mapped()} as integer)"},
    "time_entries": {"subject": "coalesce(this.ticket_id, this.task_id)"},
    # 0 where nobody is named, or where an agent trades with itself
    "agent_transactions": {
        "parties": """
            case
                when coalesce(this.buyer_agent_id, this.seller_agent_id) is null then 0
                when this.buyer_agent_id = this.seller_agent_id then 0
                else 2
            end"""
    },
    # the sum can only exceed 1 from an instant on at which some rule begins
    "allocation_rules": {
        "shares_of_its_key": f"""
            (
                select sum(other.share) from bronze_allocation_rules as other
                where other.cost_class = this.cost_class
                    and other.key = this.key
                    and other.value = this.value
                    and {_VALID_NOW}
            )"""
    },
    "evaluators": {
        "positives": "this.tp + this.fn",
        "negatives": "this.tn + this.fp",
        # Se + Sp > 1 without a division: tp·(tn+fp) + tn·(tp+fn) > (tp+fn)·(tn+fp)
        "informedness": """
            cast(this.tp as hugeint) * (this.tn + this.fp)
            + cast(this.tn as hugeint) * (this.tp + this.fn)
            - cast(this.tp + this.fn as hugeint) * (this.tn + this.fp)""",
    },
}

_EXTRA: dict[str, list[tuple[str, dict[str, object], str, str]]] = {
    "field_mappings": [
        (
            "field_is_read",
            {"column": "is_mapped", "min_value": 1},
            "warning",
            "No such field is read of this source, so the mapping does nothing: see docs/spans.md"
            " for tokens; of tickets it is a column of the bronze table, with or without its is_.",
        )
    ],
    "service_hours": [
        (
            "weekday_of_a_week",
            {"column": "weekday", "min_value": 1, "max_value": 7},
            "critical",
            "A week has the days 1 (Monday) to 7 (Sunday).",
        ),
        (
            "times_of_day",
            {"column": "times_not_read", "max_value": 0},
            "critical",
            "A time is HH:MM, from 00:00 to 24:00, on the clock of the reporting zone.",
        ),
        (
            "opens_before_it_closes",
            {"column": "minutes_open", "min_value": 1},
            "critical",
            "Hours over midnight are two lines: one to 24:00, one from 00:00 of the next weekday.",
        ),
        (
            "windows_lie_apart",
            {"column": "windows_at_once", "max_value": 1},
            "critical",
            "Hours that overlap would count the same minutes twice.",
        ),
    ],
    "agent_transactions": [
        (
            "two_parties",
            {"column": "parties", "min_value": 2},
            "critical",
            "Between an agent and itself, or two parties that nobody knows, nothing changes hands.",
        )
    ],
    "training_runs": [
        (
            "lifespan_positive",
            {"column": "lifespan_days", "min_value": 1},
            "critical",
            "A run is written off over its lifespan, a day at the least.",
        )
    ],
    "investments": [
        (
            "months_positive",
            {"column": "months", "min_value": 1},
            "critical",
            "An investment is spread over its months, one at the least.",
        )
    ],
    "fx_rates": [
        (
            "rate_positive",
            {"column": "rate", "min_value": 0, "strict_min": True},
            "critical",
            "A rate of 0 or less would make money vanish.",
        ),
        (
            "rate_read_whole",
            {"column": "decimals_lost", "max_value": 0},
            "warning",
            "A rate is read to 9 decimals, and this one has more: it is rounded.",
        ),
    ],
    "allocation_rules": [
        (
            "shares_within_one",
            {"column": "shares_of_its_key", "max_value": 1},
            "critical",
            "More than the whole of a charge cannot be given away.",
        )
    ],
    "evaluators": [
        (
            "positives_seen",
            {"column": "positives", "min_value": 1},
            "critical",
            "Sensitivity is unknown for an evaluator that was shown no hallucination.",
        ),
        (
            "negatives_seen",
            {"column": "negatives", "min_value": 1},
            "critical",
            "Specificity is unknown for an evaluator that was shown no sound output.",
        ),
        (
            "better_than_chance",
            {"column": "informedness", "min_value": 0, "strict_min": True},
            "critical",
            "With Se + Sp <= 1 its verdicts carry no signal, and the correction divides by it.",
        ),
    ],
}
"""Bounds with a reason of their own: table → (name, arguments of *between*, severity, reason)."""


def checks() -> list[Check]:
    """Return the checks of the source ``reference``, one a table."""
    return [
        *arrival.checks("reference"),
        *(
            Check(
                "reference",
                table,
                gx.ExpectationSuite(name=table, expectations=list(_rules(table, shape))),
                derived=_derived(table, shape),
                required=shape.required,
            )
            for table, shape in SHAPES.items()
        ),
    ]


def _derived(table: str, shape: Shape) -> dict[str, str]:
    """Return a column per plain rule: it names the fields of a row that break it, or is NULL."""
    derived = dict(_DERIVED.get(table, {}))
    derived["unfilled"] = _named(
        [(column, f'this."{column}" is null') for column in shape.required]
    )
    if shape.sets:
        derived["unknown"] = _named(
            [
                (column, f'this."{column}" not in ({", ".join(repr(each) for each in values)})')
                for column, values in shape.sets.items()
            ]
        )
    if shape.at_least_zero or shape.shares:
        derived["impossible"] = _named(
            [(column, f'this."{column}" < 0') for column in shape.at_least_zero]
            + [(column, f'this."{column}" not between 0 and 1') for column in shape.shares]
        )
    if shape.periods:
        derived["reversed"] = _named(
            [
                (later, f"this.{later} {'<' if later in _MAY_COINCIDE else '<='} this.{earlier}")
                for later, earlier in shape.periods
            ]
        )
    if shape.key:
        key = ", ".join(f'this."{column}"' for column in shape.key)
        derived["rows_of_its_key"] = f"count(*) over (partition by {key})"
    if shape.money:
        derived["is_convertible"] = """
            this.currency = (select reporting_currency from gate_settings)
            or exists (
                select 1 from bronze_fx_rates as fx
                where fx.from_currency = this.currency
                    and fx.to_currency = (select reporting_currency from gate_settings)
                    and fx.rate > 0
            )"""
    return derived


def _named(conditions: list[tuple[str, str]]) -> str:
    """Return SQL for the names of the fields whose condition is true, NULL if there are none."""
    cases = ", ".join(f"case when {sql} then '{column}' end" for column, sql in conditions)
    return f"nullif(concat_ws(', ', {cases}), '')"


def _rules(table: str, shape: Shape) -> Iterator[gxe.Expectation]:
    yield arrival.readable()
    plain = {
        "unfilled": (
            "fields_filled",
            f"A row of {table}.csv without {' or '.join(shape.required)} cannot be used.",
        ),
        "unknown": (
            "words_known",
            "A word that is not on the list would be read by no rule: "
            + "; ".join(f"{column} is {' or '.join(each)}" for column, each in shape.sets.items())
            + ".",
        ),
        "impossible": (
            "numbers_possible",
            "A number below 0, or a share outside 0 to 1, is a slip of the pen.",
        ),
        "reversed": (
            "ends_after_it_starts",
            "The end is exclusive: a row that ends before it begins never holds.",
        ),
    }
    derived = _derived(table, shape)
    for column, (name, reason) in plain.items():
        if column in derived:
            yield gxe.ExpectColumnValuesToBeNull(
                column=column, severity="critical", notes=reason, meta={"rule": name}
            )
    if table == "time_entries":
        yield gxe.ExpectColumnValuesToNotBeNull(
            column="subject",
            severity="critical",
            notes="Minutes that name neither ticket nor task can be charged to nothing.",
            meta={"rule": "subject_present"},
        )
    if shape.key:
        yield gxe.ExpectColumnValuesToBeBetween(
            column="rows_of_its_key",
            max_value=1,
            severity=shape.key_severity,
            notes=f"Two rows of one key ({', '.join(shape.key)}): nobody can say which counts.",
            meta={"rule": "key_unique"},
        )
    for name, kwargs, severity, reason in _EXTRA.get(table, []):
        yield gxe.ExpectColumnValuesToBeBetween(
            **kwargs,
            severity=severity,
            notes=reason,
            # whoever keeps the table looks there, warned or refused
            meta={"rule": name, "quarantine": True},
        )
    if shape.money:
        yield gxe.ExpectColumnValuesToBeInSet(
            column="is_convertible",
            value_set=[True],
            severity="critical",
            notes="No rate to the reporting currency in fx_rates.csv, and none is ever 1.0.",
            meta={"rule": "currency_is_convertible"},
        )
