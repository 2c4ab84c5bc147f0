"""What bronze holds: one declaration per table, read by parsers, gate and dbt alike.

Bronze is the source's own rows, typed, not repaired. A value that does not fit its type is
NULL here, stands as text in ``_rejected`` (a JSON object, column → text), and its row is in
quarantine. Files lie in ``bronze/SOURCE/day=YYYY-MM-DD/TABLE-<load id>.parquet``.

Times are UTC, ``TIMESTAMP`` at microseconds. Money and quantities are ``DECIMAL(38,18)``, read
from text. Ids of persons are keyed hashes.
"""

from dataclasses import dataclass
from datetime import date

UNDATED = date(1970, 1, 1)
"""The partition of rows whose own day could not be read; no day is ever built from it."""

MONEY = "DECIMAL(38,18)"

LINEAGE = {
    "_load_id": "VARCHAR",
    "_source_file": "VARCHAR",
    "_source_row": "BIGINT",
    "_rejected": "VARCHAR",
}
"""Columns that every bronze row ends with."""


@dataclass(frozen=True, slots=True)
class Table:
    """One bronze table: its source, its name and its columns (name → DuckDB type).

    ``day_from`` names the TIMESTAMP column whose UTC date is the partition ``day``; reference
    tables have none and lie in ``bronze/reference/TABLE-<load id>.parquet``. A memo is compared
    with what is built, and nothing is built of it: it cannot block a day, nor stand in for one.
    """

    source: str
    name: str
    columns: dict[str, str]
    day_from: str | None = None
    is_memo: bool = False

    @property
    def all_columns(self) -> dict[str, str]:
        """Return the columns as they stand in the file, lineage last (without ``day``)."""
        return self.columns | LINEAGE


CHARGES = Table(
    "billing",
    "charges",
    {
        # identity: hash of the descriptive columns; equal lines are told apart downstream
        "line_key": "VARCHAR",
        "focus_version": "VARCHAR",
        "provider_name": "VARCHAR",
        "publisher_name": "VARCHAR",
        "invoice_issuer_name": "VARCHAR",
        "billing_account_id": "VARCHAR",
        "billing_account_name": "VARCHAR",
        "sub_account_id": "VARCHAR",
        "sub_account_name": "VARCHAR",
        "invoice_id": "VARCHAR",
        "charge_category": "VARCHAR",
        "charge_class": "VARCHAR",
        "charge_description": "VARCHAR",
        "charge_frequency": "VARCHAR",
        "resource_id": "VARCHAR",
        "resource_name": "VARCHAR",
        "resource_type": "VARCHAR",
        "region_id": "VARCHAR",
        "service_category": "VARCHAR",
        "service_subcategory": "VARCHAR",
        "service_name": "VARCHAR",
        "sku_id": "VARCHAR",
        "sku_meter": "VARCHAR",
        "sku_price_id": "VARCHAR",
        "sku_price_details": "VARCHAR",  # JSON object
        "pricing_category": "VARCHAR",
        "pricing_unit": "VARCHAR",
        "consumed_unit": "VARCHAR",
        "commitment_discount_id": "VARCHAR",
        "commitment_discount_status": "VARCHAR",
        "billing_currency": "VARCHAR",
        "tags": "VARCHAR",  # JSON object of text, keys trimmed, NULL when there are none
        "extra": "VARCHAR",  # JSON object: columns that FOCUS does not name (x_…), as text
        "consumed_quantity": MONEY,
        "pricing_quantity": MONEY,
        "billed_cost": MONEY,
        "effective_cost": MONEY,
        "list_cost": MONEY,
        "contracted_cost": MONEY,
        "billing_period_start": "TIMESTAMP",
        "billing_period_end": "TIMESTAMP",
        "charge_period_start": "TIMESTAMP",
        "charge_period_end": "TIMESTAMP",
    },
    day_from="charge_period_start",
)

# What providers themselves report of their days; compared with bills, never added to them.
PROVIDER_COSTS = Table(
    "billing",
    "provider_costs",
    {
        "provider": "VARCHAR",  # openai, anthropic
        "system": "VARCHAR",  # openai_costs, anthropic_costs
        "scope_id": "VARCHAR",  # project, workspace
        "line_item": "VARCHAR",  # else Anthropic's description, else its model
        "token_type": "VARCHAR",
        "tier": "VARCHAR",
        "currency": "VARCHAR",  # in capitals; NULL in the row of 0 of a bucket without amounts
        "amount": MONEY,  # in units of the currency; NULL could not be read
        "bucket_start": "TIMESTAMP",  # a bucket is a day (UTC)
    },
    day_from="bucket_start",
    is_memo=True,
)

SPANS = Table(
    "tokens",
    "spans",
    {
        "system": "VARCHAR",  # otlp, spans (flat Parquet), litellm, langfuse
        "trace_id": "VARCHAR",
        "span_id": "VARCHAR",
        "parent_span_id": "VARCHAR",
        "attempt_id": "VARCHAR",  # mapped id of the billed attempt; the latest record counts
        "scope_name": "VARCHAR",
        "service_name": "VARCHAR",
        "operation": "VARCHAR",  # gen_ai.operation.name
        "provider": "VARCHAR",  # raw: gen_ai.provider.name, else gen_ai.system
        "request_model": "VARCHAR",
        "response_model": "VARCHAR",
        "agent_id": "VARCHAR",
        "conversation_id": "VARCHAR",  # the correlation id = task_id
        "source_task_id": "VARCHAR",
        "tool_name": "VARCHAR",
        "tier": "VARCHAR",  # standard, batch, flex, priority; NULL = standard
        "initiated_by": "VARCHAR",  # human, schedule, event, agent
        "error_type": "VARCHAR",
        "currency": "VARCHAR",  # of stated_cost and logged_cost; NULL = USD
        "experiment_id": "VARCHAR",  # the feature flag's key
        "experiment_arm": "VARCHAR",  # the variant that the flag gave
        "experiment_unit_id": "VARCHAR",  # by mapping only; NULL = what experiments.csv says
        "model_registry_version": "VARCHAR",  # of the registered model that was asked
        "feature_version": "VARCHAR",  # of the features (feature set, index) that it was given
        "input_tokens": "BIGINT",  # as the source counts them
        "output_tokens": "BIGINT",  # reasoning included
        "cache_read_tokens": "BIGINT",
        "cache_write_tokens": "BIGINT",  # lifetime not said
        "cache_write_5m_tokens": "BIGINT",
        "cache_write_1h_tokens": "BIGINT",
        "reasoning_tokens": "BIGINT",
        "latency_us": "BIGINT",  # mapped latency, where the span has no duration
        "time_to_first_token_us": "BIGINT",
        "cpu_time_us": "BIGINT",  # of all cores together, of this step alone
        "peak_memory_bytes": "BIGINT",  # the most that the step had in use
        "received_bytes": "BIGINT",  # what came back to the caller
        "sent_bytes": "BIGINT",  # what the caller sent
        "stated_cost": MONEY,  # a price that the span itself states (a tool call's fee)
        "logged_cost": MONEY,  # what the run logged; for reconciliation only
        "experiment_propensity": "DOUBLE",  # how likely the arm was when it was given
        "input_includes_cache": "BOOLEAN",  # by scope name and provider
        "is_error": "BOOLEAN",
        "is_overhead": "BOOLEAN",
        "is_approved_by_human": "BOOLEAN",
        "started_at": "TIMESTAMP",
        "ended_at": "TIMESTAMP",
    },
    day_from="started_at",
)

EVALUATIONS = Table(
    "tokens",
    "evaluations",
    {
        "trace_id": "VARCHAR",
        "span_id": "VARCHAR",
        "conversation_id": "VARCHAR",
        "agent_id": "VARCHAR",
        "evaluator_id": "VARCHAR",  # gen_ai.evaluation.name, or as mapped
        "reviewer_kind": "VARCHAR",  # evaluator, human
        "rubric_version": "VARCHAR",
        "is_hallucination": "BOOLEAN",
        "is_random": "BOOLEAN",
        "sampling_probability": "DOUBLE",
        "reviewed_at": "TIMESTAMP",
    },
    day_from="reviewed_at",
)

TICKETS = Table(
    "tickets",
    "tickets",
    {
        "system": "VARCHAR",  # zendesk, servicenow, jira
        "ticket_id": "VARCHAR",  # system:number
        "correlation_id": "VARCHAR",
        "status": "VARCHAR",  # the vendor's own word
        "status_category": "VARCHAR",  # Jira's new, indeterminate or done; else NULL
        "resolution": "VARCHAR",
        "task_type": "VARCHAR",
        "department": "VARCHAR",
        "channel": "VARCHAR",
        "user_group": "VARCHAR",
        "agent_id": "VARCHAR",  # the AI agent that handled it, by mapping or agents.csv
        "assignee_id": "VARCHAR",  # keyed hash; NULL when nobody or only the agent was assigned
        "requester_id": "VARCHAR",  # keyed hash
        "priority": "VARCHAR",
        "initiated_by": "VARCHAR",
        "failure_reason": "VARCHAR",
        "outcome": "VARCHAR",  # mapped outcome, as text
        "follow_up_of": "VARCHAR",  # ticket_id of the ticket that this one follows up
        "reviewer_kind": "VARCHAR",
        "rubric_version": "VARCHAR",
        "version_number": "BIGINT",  # sys_mod_count or sequence, where the system has one
        "reopen_count": "BIGINT",
        "reassignment_count": "BIGINT",
        "reply_count": "BIGINT",
        "human_minutes": MONEY,
        "satisfaction": MONEY,
        "direct_value": MONEY,
        "avoided_loss": MONEY,
        "capital_allocated": MONEY,
        "sampling_probability": "DOUBLE",
        "is_success": "BOOLEAN",  # the mapping's verdict; NULL when no mapping says
        "is_escalated": "BOOLEAN",
        "is_excluded": "BOOLEAN",  # merged, spam, deleted
        "is_auto_closed": "BOOLEAN",
        "is_rejected": "BOOLEAN",
        "is_hallucination": "BOOLEAN",
        "is_random": "BOOLEAN",
        "is_person_assigned": "BOOLEAN",
        "created_at": "TIMESTAMP",
        "first_response_at": "TIMESTAMP",
        "resolved_at": "TIMESTAMP",
        "closed_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",  # the version's own time
        "reviewed_at": "TIMESTAMP",
    },
    day_from="created_at",
)

SAMPLES = Table(
    "gpu",
    "samples",
    {
        "metric": "VARCHAR",
        "gpu_uuid": "VARCHAR",
        "gpu_index": "VARCHAR",
        "hostname": "VARCHAR",
        "gpu_model": "VARCHAR",
        "namespace": "VARCHAR",
        "pod": "VARCHAR",
        "container": "VARCHAR",
        "mig_profile": "VARCHAR",
        "mig_id": "VARCHAR",
        "value": "DOUBLE",
        "sampled_at": "TIMESTAMP",
    },
    day_from="sampled_at",
)

_BASIS = {"approved_by": "VARCHAR", "approved_on": "DATE", "evidence_uri": "VARCHAR"}
_VALID = {"valid_from": "DATE", "valid_to": "DATE"}


def _reference(name: str, columns: dict[str, str]) -> Table:
    return Table("reference", name, columns)


REFERENCE = {
    table.name: table
    for table in [
        _reference(
            "agents",
            {
                "agent_id": "VARCHAR",
                "name": "VARCHAR",
                "kind": "VARCHAR",
                "category": "VARCHAR",
                "department": "VARCHAR",
                "owner": "VARCHAR",
                "wallet_id": "VARCHAR",
                "autonomy_level": "VARCHAR",
                **_VALID,
            },
        ),
        _reference(
            "task_types",
            {
                "task_type": "VARCHAR",
                "baseline_minutes": MONEY,
                "hourly_cost": MONEY,
                "currency": "VARCHAR",
                "baseline_cycle_hours": MONEY,
                "delay_cost_per_hour": MONEY,
                "remediation_minutes": MONEY,
                "liability_per_hallucination": MONEY,
                "later_detected_probability": "DOUBLE",
                "realisation_rate": "DOUBLE",
                "is_novel": "BOOLEAN",
                "basis": "VARCHAR",
                "source": "VARCHAR",
                "low": MONEY,
                "high": MONEY,
                **_BASIS,
                **_VALID,
            },
        ),
        _reference(
            "model_aliases",
            {"raw_model": "VARCHAR", "provider": "VARCHAR", "model": "VARCHAR", **_VALID},
        ),
        _reference(
            "prices",
            {
                "provider": "VARCHAR",
                "model": "VARCHAR",
                "bucket": "VARCHAR",
                "tier": "VARCHAR",
                "context_from": "BIGINT",
                "price_per_million": MONEY,
                "currency": "VARCHAR",
                "source": "VARCHAR",
                "valid_from": "TIMESTAMP",
                "valid_to": "TIMESTAMP",
            },
        ),
        _reference(
            "cost_classes",
            {
                "order": "BIGINT",
                "column": "VARCHAR",
                "pattern": "VARCHAR",
                "cost_class": "VARCHAR",
            },
        ),
        _reference(
            "gpu_resources",
            {
                "resource_id": "VARCHAR",
                "hostname": "VARCHAR",
                "gpu_uuid": "VARCHAR",
                "dedicated_agent_id": "VARCHAR",
                "capacity_source": "VARCHAR",
                **_VALID,
            },
        ),
        _reference("provider_aliases", {"raw_provider": "VARCHAR", "provider": "VARCHAR"}),
        _reference(
            "investments",
            {
                "agent_id": "VARCHAR",
                "kind": "VARCHAR",
                "cost": MONEY,
                "currency": "VARCHAR",
                "starts_on": "DATE",
                "months": "BIGINT",
                **_BASIS,
            },
        ),
        _reference(
            "time_entries",
            {
                "ticket_id": "VARCHAR",
                "task_id": "VARCHAR",
                "person_kind": "VARCHAR",
                "started_at": "TIMESTAMP",
                "minutes": MONEY,
                "kind": "VARCHAR",
            },
        ),
        _reference(
            "evaluators",
            {
                "evaluator_id": "VARCHAR",
                "tp": "BIGINT",
                "fn": "BIGINT",
                "tn": "BIGINT",
                "fp": "BIGINT",
                "rubric_version": "VARCHAR",
                "validated_on": "DATE",
            },
        ),
        _reference(
            "allocation_rules",
            {
                "cost_class": "VARCHAR",
                "key": "VARCHAR",
                "value": "VARCHAR",
                "agent_id": "VARCHAR",
                "share": MONEY,
                **_VALID,
            },
        ),
        _reference(
            "wallets",
            {
                "wallet_id": "VARCHAR",
                "period": "VARCHAR",
                "allowance": MONEY,
                "currency": "VARCHAR",
                "slope_limit_per_hour": MONEY,
                **_VALID,
            },
        ),
        _reference(
            "mandates",
            {
                "mandate_id": "VARCHAR",
                "agent_id": "VARCHAR",
                "goal": "VARCHAR",
                "limit_amount": MONEY,
                "currency": "VARCHAR",
                "reached_on": "DATE",
                **_BASIS,
                **_VALID,
            },
        ),
        _reference(
            "agent_transactions",
            {
                "transaction_id": "VARCHAR",
                "day": "DATE",
                "exchange": "VARCHAR",
                "buyer_agent_id": "VARCHAR",  # NULL: a party outside the estate
                "seller_agent_id": "VARCHAR",
                "value": MONEY,
                "currency": "VARCHAR",
                "is_autonomous": "BOOLEAN",  # no person approved it
                "evidence_uri": "VARCHAR",  # where the market's own record of it is
            },
        ),
        _reference(
            "training_runs",
            {
                "run_id": "VARCHAR",
                "model_version": "VARCHAR",
                "gpu_hours": MONEY,
                "flops": "DOUBLE",
                "peak_vram_gib": MONEY,
                "cost": MONEY,
                "currency": "VARCHAR",
                "completed_on": "DATE",
                "lifespan_days": "BIGINT",
                "retired_on": "DATE",
                "match_key": "VARCHAR",
                "match_value": "VARCHAR",
            },
        ),
        _reference(
            "experiments",
            {
                "experiment_id": "VARCHAR",
                "hypothesis": "VARCHAR",
                "metric": "VARCHAR",
                "unit": "VARCHAR",
                "arms": "VARCHAR",
                "allocation": "VARCHAR",
                "starts_on": "DATE",
                "ends_on": "DATE",
                "minimum_effect": "DOUBLE",
                "guardrails": "VARCHAR",
            },
        ),
        _reference(
            "policies",
            {
                "band": "VARCHAR",
                "decision": "VARCHAR",
                "budget_cap": MONEY,
                "approval": "VARCHAR",
                **_VALID,
            },
        ),
        _reference(
            "fx_rates",
            {
                "day": "DATE",
                "from_currency": "VARCHAR",
                "to_currency": "VARCHAR",
                "rate": MONEY,
                "source": "VARCHAR",
            },
        ),
        _reference(
            "field_mappings",
            {
                "source": "VARCHAR",
                "system": "VARCHAR",
                "field": "VARCHAR",
                "path": "VARCHAR",
                "note": "VARCHAR",
            },
        ),
        _reference(
            "incidents",
            {
                "incident_id": "VARCHAR",
                "agent_id": "VARCHAR",
                "started_at": "TIMESTAMP",
                "detected_at": "TIMESTAMP",
                "recovered_at": "TIMESTAMP",
                "severity": "VARCHAR",
            },
        ),
        _reference(
            "service_hours",
            {
                "department": "VARCHAR",  # NULL: every department that has no line of its own
                "weekday": "BIGINT",  # 1 is Monday, 7 is Sunday
                "opens_at": "VARCHAR",  # HH:MM, local time of the reporting zone
                "closes_at": "VARCHAR",  # up to 24:00
                "people": MONEY,  # on duty then; NULL where nobody says
                **_BASIS,
                **_VALID,
            },
        ),
    ]
}

# The price book of the genai-prices package, flattened once per release of the package.
PRICE_BOOK = Table(
    "reference",
    "price_book",
    {
        "provider": "VARCHAR",
        "model": "VARCHAR",
        "bucket": "VARCHAR",  # input_uncached, cache_read, cache_write_5m, cache_write_1h, output
        "tier": "VARCHAR",
        "context_from": "BIGINT",
        "price_per_million": MONEY,
        "currency": "VARCHAR",
        "source": "VARCHAR",
        "valid_from": "TIMESTAMP",
        "valid_to": "TIMESTAMP",
    },
)

# What the package's own matcher makes of each raw model name seen; NULL where it knows none.
MODEL_NAMES = Table(
    "reference",
    "model_names",
    {
        "provider": "VARCHAR",  # as the span says it; NULL where it says none
        "raw_model": "VARCHAR",
        "canonical_provider": "VARCHAR",  # as in price_book
        "model": "VARCHAR",  # as in price_book
    },
)

TABLES = (
    *(CHARGES, PROVIDER_COSTS, SPANS, EVALUATIONS, TICKETS, SAMPLES),
    *REFERENCE.values(),
    *(PRICE_BOOK, MODEL_NAMES),
)
EXTRACTED = ("billing", "gpu", "tokens", "tickets")
"""Sources that are asked for a day; the reference tables come with each of them."""

SOURCES = (*EXTRACTED, "reference")
