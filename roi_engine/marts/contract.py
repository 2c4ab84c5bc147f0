"""The columns of facts and dims that marts read, with their types: what dbt must deliver."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

_EXACT, _MONEY, _RATE = pl.Decimal(38, 18), pl.Decimal(38, 9), pl.Decimal(18, 9)
_CREDIT = pl.Decimal(10, 9)
_TEXT, _FLAG, _WHOLE, _DAY, _DOUBLE = pl.String(), pl.Boolean(), pl.Int64(), pl.Date(), pl.Float64()
_INSTANT = pl.Datetime("us")

_CELL: dict[str, pl.DataType] = {
    "agent_id": _TEXT,
    "model_version": _TEXT,
    "task_type": _TEXT,
    "department": _TEXT,
    "channel": _TEXT,
}
FACTS: dict[str, dict[str, pl.DataType]] = {
    "fct_cost_allocation": {
        "charge_id": _TEXT,
        "day": _DAY,
        **_CELL,
        "outcome_class": _TEXT,
        "cost_class": _TEXT,
        "charge_category": _TEXT,
        "cost_basis": _TEXT,
        "allocated_cost": _MONEY,
        "reason": _TEXT,
    },
    "fct_charge": {
        "charge_id": _TEXT,
        "day": _DAY,
        "provider": _TEXT,
        "model": _TEXT,
        "origin": _TEXT,
        "billing_period_start": pl.Datetime("us"),
        "invoice_id": _TEXT,
        "charge_category": _TEXT,
        "charge_class": _TEXT,
        "cost_class": _TEXT,
        "billed_cost": _EXACT,
        "list_cost": _EXACT,
        "cost": _MONEY,
        "cost_basis": _TEXT,
        "currency": _TEXT,
        "billing_currency": _TEXT,
    },
    "fct_gateway_cost": {
        "action_id": _TEXT,
        "day": _DAY,
        "provider": _TEXT,
        "logged_cost": _MONEY,
        "priced_cost": _MONEY,
    },
    "fct_provider_report": {
        "day": _DAY,
        "provider": _TEXT,
        "system": _TEXT,
        "reported_cost": _MONEY,
    },
    "fct_time_entry": {
        "task_id": _TEXT,
        "day": _DAY,
        **_CELL,
        "human_cost": _MONEY,
        "basis": _TEXT,
        "roster": _TEXT,
        "minutes": _EXACT,
        "is_day_assumed": _FLAG,
    },
    "fct_duty": {
        "day": _DAY,
        "roster": _TEXT,
        "duty_microseconds": _WHOLE,
    },
    "fct_task": {
        "task_id": _TEXT,
        "day": _DAY,
        "created_day": _DAY,
        **_CELL,
        "user_group": _TEXT,
        "outcome_class": _TEXT,
        "is_ended": _FLAG,
        "is_output_delivered": _FLAG,
        "is_escalated": _FLAG,
        "is_mature": _FLAG,
        "is_novel": _FLAG,
        "has_speed_value": _FLAG,
        "human_equivalent_cost": _EXACT,
        "labour_value": _EXACT,
        "speed_value": _EXACT,
        "direct_value": _EXACT,
        "avoided_loss": _EXACT,
        "capital_allocated": _EXACT,
        "human_cost": _MONEY,
        "human_minutes": _EXACT,
        "is_human_reviewed": _FLAG,
        "is_hallucination": _FLAG,
        "is_random_review": _FLAG,
        "sampling_probability": _DOUBLE,
        "evaluator_id": _TEXT,
        "evaluator_verdict": _FLAG,
        "evidence": _TEXT,
        "failed_by": _TEXT,
        "failure_reason": _TEXT,
        "is_approved_by_human": _FLAG,
        "inference_microseconds": _WHOLE,
        "priced_cost": _MONEY,
        "tokens": _WHOLE,
        "cpu_microseconds": _WHOLE,
        "peak_memory_bytes": _WHOLE,
        "received_bytes": _WHOLE,
        "sent_bytes": _WHOLE,
        "model_registry_version": _TEXT,
        "feature_version": _TEXT,
        "remediation_minutes": _EXACT,
        "hourly_cost": _EXACT,
        "liability_per_hallucination": _EXACT,
        "later_detected_probability": _DOUBLE,
        "resolved_day": _DAY,
        "handled_by": _TEXT,
        "human_minutes_basis": _TEXT,
        "cycle_microseconds": _WHOLE,
        "first_response_microseconds": _WHOLE,
        "business_cycle_microseconds": _WHOLE,
        "value_microseconds": _WHOLE,
        "handoff_microseconds": _WHOLE,
        "is_reopened": _FLAG,
        "is_one_touch": _FLAG,
        "has_retrieval": _FLAG,
        "satisfaction": _DOUBLE,
        "baseline_minutes": _EXACT,
        "ensemble_id": _TEXT,
    },
    "fct_task_credit": {
        "task_id": _TEXT,
        "day": _DAY,
        "agent_id": _TEXT,
        "model_version": _TEXT,
        "credit": _CREDIT,
        "is_shared": _FLAG,
    },
    "fct_agent_action": {
        "action_id": _TEXT,
        "day": _DAY,
        "agent_id": _TEXT,
        "task_id": _TEXT,
        "model_version": _TEXT,
        "operation": _TEXT,
        "tool": _TEXT,
        "is_rollup": _FLAG,
        "is_redundant": _FLAG,
        "initiated_by": _TEXT,
        "is_approved_by_human": _FLAG,
        "cost_status": _TEXT,
        "priced_cost": _MONEY,
        "input_uncached_tokens": _WHOLE,
        "cache_read_tokens": _WHOLE,
        "cache_write_5m_tokens": _WHOLE,
        "cache_write_1h_tokens": _WHOLE,
        "output_visible_tokens": _WHOLE,
        "reasoning_tokens": _WHOLE,
        "provider": _TEXT,
        "model": _TEXT,
        "tier": _TEXT,
        "price_id": _TEXT,
        "price_currency": _TEXT,
        "is_error": _FLAG,
        "started_at": _INSTANT,
        "latency_microseconds": _WHOLE,
        "time_to_first_token_seconds": _DOUBLE,
        "model_registry_version": _TEXT,
        "feature_version": _TEXT,
    },
    "fct_wallet_entry": {
        "wallet_id": _TEXT,
        "day": _DAY,
        "agent_id": _TEXT,
        "period": _TEXT,
        "period_start": _DAY,
        "period_days": _WHOLE,
        "allowance": _MONEY,
        "slope_limit_per_hour": _MONEY,
        "spent": _MONEY,
        "wallet_peak_hour_priced_cost": _MONEY,
        "is_first_entry": _FLAG,
    },
    "dim_mandate": {
        "mandate_id": _TEXT,
        "agent_id": _TEXT,
        "goal": _TEXT,
        "limit_amount": _MONEY,
        "valid_from": _DAY,
        "valid_to": _DAY,
        "reached_on": _DAY,
        "approved_by": _TEXT,
    },
    "fct_transaction": {
        "transaction_id": _TEXT,
        "day": _DAY,
        "exchange": _TEXT,
        "buyer_agent_id": _TEXT,
        "seller_agent_id": _TEXT,
        "value": _MONEY,
        "is_autonomous": _FLAG,
        "evidence": _TEXT,
    },
    "dim_policy": {
        "band": _TEXT,
        "decision": _TEXT,
        "budget_cap": _MONEY,
        "approval": _TEXT,
        "valid_from": _DAY,
        "valid_to": _DAY,
    },
    "fct_experiment_exposure": {
        "experiment_id": _TEXT,
        "unit": _TEXT,
        "unit_id": _TEXT,
        "arm": _TEXT,
        "day": _DAY,
        "propensity": _DOUBLE,
        "task_id": _TEXT,
        "is_crossed_over": _FLAG,
        "is_in_period": _FLAG,
    },
    "dim_experiment": {
        "experiment_id": _TEXT,
        "hypothesis": _TEXT,
        "metric": _TEXT,
        "unit": _TEXT,
        "arms": _TEXT,
        "allocation": _TEXT,
        "starts_on": _DAY,
        "ends_on": _DAY,
        "minimum_effect": _DOUBLE,
        "guardrails": _TEXT,
    },
    "dim_price": {
        "price_id": _TEXT,
        "provider": _TEXT,
        "model": _TEXT,
        "tier": _TEXT,
        "context_from": _WHOLE,
        "input_uncached_per_million": _RATE,
        "cache_read_per_million": _RATE,
        "cache_write_5m_per_million": _RATE,
        "cache_write_1h_per_million": _RATE,
        "output_per_million": _RATE,
        "valid_from": pl.Datetime("us"),
        "valid_to": pl.Datetime("us"),
    },
    "fct_ticket": {
        "ticket_id": _TEXT,
        "day": _DAY,
        "agent_id": _TEXT,
        "task_type": _TEXT,
        "department": _TEXT,
        "channel": _TEXT,
        "ended_day": _DAY,
        "is_excluded": _FLAG,
    },
    "fct_incident": {
        "incident_id": _TEXT,
        "day": _DAY,
        "agent_id": _TEXT,
        "started_at": _INSTANT,
        "detected_at": _INSTANT,
        "recovered_at": _INSTANT,
    },
    "fct_gpu_usage": {
        "day": _DAY,
        "gpu_uuid": _TEXT,
        "agent_id": _TEXT,
        "dedicated_agent_id": _TEXT,
        "model": _TEXT,
        "busy_microseconds": _WHOLE,
        "capacity_microseconds": _WHOLE,
        "peak_vram_mib": _WHOLE,
        "vram_capacity_mib": _WHOLE,
    },
    "fct_training_run": {
        "run_id": _TEXT,
        "day": _DAY,
        "model_version": _TEXT,
        "gpu_hours": _EXACT,
        "flops": _DOUBLE,
        "peak_vram_gib": _EXACT,
        "completed_on": _DAY,
        "lifespan_days": _WHOLE,
        "retired_on": _DAY,
        "opening_balance": _MONEY,
        "additions": _MONEY,
        "amortised": _MONEY,
        "written_off": _MONEY,
        "closing_balance": _MONEY,
    },
    "dim_investment": {
        "agent_id": _TEXT,
        "cost": _MONEY,
        "starts_on": _DAY,
        "ends_on": _DAY,
        "approved_by": _TEXT,
    },
    "dim_agent": {
        "agent_id": _TEXT,
        "category": _TEXT,
        "valid_from": _DAY,
        "valid_to": _DAY,
    },
    "dim_task_type": {
        "task_type": _TEXT,
        "baseline_minutes": _EXACT,
        "low": _EXACT,
        "high": _EXACT,
        "is_novel": _FLAG,
        "realisation_rate": _DOUBLE,
        "approved_by": _TEXT,
        "valid_from": _DAY,
        "valid_to": _DAY,
    },
    "dim_evaluator": {
        "evaluator_id": _TEXT,
        "tp": _WHOLE,
        "fn": _WHOLE,
        "tn": _WHOLE,
        "fp": _WHOLE,
        "valid_from": _DAY,
        "valid_to": _DAY,
    },
}
"""Table → column → type, as in the lake."""


def fact(table: str, rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """Return rows as a typed fact; what a row does not say is NULL.

    Money is given as text or Decimal, never as a float.

    Raises:
        ValueError: A row names a column that marts do not read.

    Examples:
        >>> fact("dim_evaluator", [{"evaluator_id": "judge", "tp": 9}]).height
        1
    """
    schema = FACTS[table]
    given = [dict(row) for row in rows]
    for row in given:
        unknown = set(row) - set(schema)
        if unknown:
            raise ValueError(f"{table} has no column {sorted(unknown)}")
    decimals = {
        name: pl.String() for name, dtype in schema.items() if isinstance(dtype, pl.Decimal)
    }
    columns: dict[str, list[Any]] = {
        name: [
            None if row.get(name) is None else str(row[name]) if name in decimals else row[name]
            for row in given
        ]
        for name in schema
    }
    frame = pl.DataFrame(columns, schema={**schema, **decimals})
    return frame.with_columns(pl.col(name).cast(schema[name]) for name in decimals)
