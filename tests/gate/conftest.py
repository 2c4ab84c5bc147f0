# ruff: noqa: DTZ001 - bronze times are UTC and have no zone
"""Bronze made by hand: sound rows of every table, and a way to write them down."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from roi_engine.sources import schema

DAY = date(2026, 3, 2)
LOAD = "load1"

SOUND = {
    "charges": {
        "line_key": "k",
        "provider_name": "OpenAI",
        "billing_account_id": "acct",
        "charge_category": "Usage",
        "billing_currency": "USD",
        "billed_cost": Decimal("1.5"),
        "effective_cost": Decimal("1.25"),
        "list_cost": Decimal("2"),
        "billing_period_start": datetime(2026, 3, 1),
        "billing_period_end": datetime(2026, 4, 1),
        "charge_period_start": datetime(2026, 3, 2),
        "charge_period_end": datetime(2026, 3, 3),
    },
    "provider_costs": {
        "provider": "openai",
        "system": "openai_costs",
        "line_item": "gpt-5, input",
        "currency": "USD",
        "amount": Decimal("1.5"),
        "bucket_start": datetime(2026, 3, 2),
    },
    "spans": {
        "system": "otlp",
        "trace_id": "t",
        "span_id": "s",
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt",
        "agent_id": "bot",
        "input_tokens": 100,
        "output_tokens": 10,
        "cache_read_tokens": 40,
        "reasoning_tokens": 5,
        "input_includes_cache": True,
        "started_at": datetime(2026, 3, 2, 10),
        "ended_at": datetime(2026, 3, 2, 10, 0, 1),
    },
    "evaluations": {
        "trace_id": "t",
        "evaluator_id": "judge",
        "reviewer_kind": "evaluator",
        "is_hallucination": False,
        "sampling_probability": 0.1,
        "reviewed_at": datetime(2026, 3, 2, 11),
    },
    "tickets": {
        "system": "zendesk",
        "ticket_id": "zendesk:1",
        "status": "solved",
        "task_type": "support",
        "agent_id": "bot",
        "created_at": datetime(2026, 3, 2, 9),
        "resolved_at": datetime(2026, 3, 2, 12),
        "updated_at": datetime(2026, 3, 2, 12),
    },
    "samples": {
        "metric": "DCGM_FI_DEV_GPU_UTIL",
        "gpu_uuid": "GPU-1",
        "hostname": "node",
        "value": 50.0,
        "sampled_at": datetime(2026, 3, 2, 8),
    },
    "agents": {"agent_id": "bot", "kind": "llm_agent", "valid_from": date(2026, 1, 1)},
    "task_types": {
        "task_type": "support",
        "baseline_minutes": 10,
        "currency": "USD",
        "basis": "assumed",
        "valid_from": date(2026, 1, 1),
    },
    "model_aliases": {"raw_model": "gpt", "provider": "openai", "model": "gpt-5"},
    "prices": {
        "provider": "openai",
        "model": "gpt-5",
        "bucket": "output",
        "price_per_million": 10,
        "currency": "USD",
    },
    "price_book": {
        "provider": "openai",
        "model": "gpt-5",
        "bucket": "output",
        "price_per_million": 10,
        "currency": "USD",
    },
    "model_names": {
        "provider": "openai",
        "raw_model": "gpt",
        "canonical_provider": "openai",
        "model": "gpt-5",
    },
    "cost_classes": {
        "order": 1,
        "column": "ServiceCategory",
        "pattern": "AI",
        "cost_class": "token_api",
    },
    "gpu_resources": {"resource_id": "i-1", "gpu_uuid": "GPU-1", "hostname": "node"},
    "provider_aliases": {"raw_provider": "OpenAI", "provider": "openai"},
    "investments": {
        "agent_id": "bot",
        "kind": "build",
        "cost": 100,
        "currency": "USD",
        "starts_on": date(2026, 1, 1),
        "months": 12,
    },
    "time_entries": {
        "task_id": "c1",
        "started_at": datetime(2026, 3, 2),
        "minutes": 5,
        "kind": "review",
    },
    "evaluators": {"evaluator_id": "judge", "tp": 9, "fn": 1, "tn": 8, "fp": 2},
    "allocation_rules": {
        "cost_class": "storage",
        "key": "tag:team",
        "value": "x",
        "agent_id": "bot",
        "share": 1,
    },
    "wallets": {"wallet_id": "w", "period": "day", "allowance": 5, "currency": "USD"},
    "mandates": {
        "mandate_id": "m",
        "agent_id": "bot",
        "goal": "Answer every open ticket.",
        "limit_amount": 200,
        "currency": "USD",
        "valid_from": date(2026, 1, 1),
        "reached_on": date(2026, 1, 1),
    },
    "agent_transactions": {
        "transaction_id": "x",
        "day": DAY,
        "exchange": "market",
        "buyer_agent_id": "bot",
        "seller_agent_id": "peer",
        "value": 500,
        "currency": "USD",
        "is_autonomous": True,
    },
    "training_runs": {
        "run_id": "r",
        "model_version": "m",
        "currency": "USD",
        "completed_on": date(2026, 1, 1),
        "lifespan_days": 90,
    },
    "experiments": {
        "experiment_id": "e",
        "metric": "asr_spend",
        "arms": "a,b",
        "starts_on": date(2026, 1, 1),
    },
    "policies": {"band": "assisted", "decision": "propose_only"},
    "fx_rates": {"day": DAY, "from_currency": "EUR", "to_currency": "USD", "rate": Decimal("1.1")},
    "field_mappings": {"source": "tickets", "system": "jira", "field": "agent_id", "path": "x"},
    "incidents": {"incident_id": "i", "started_at": datetime(2026, 3, 2)},
    "service_hours": {"weekday": 1, "opens_at": "09:00", "closes_at": "17:00", "people": 2},
}
"""One row of every bronze table that keeps every rule."""

TABLES = {table.name: table for table in schema.TABLES}


class Bronze:
    """A bronze folder: write rows of a table, as a parser would have."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(
        self,
        name: str,
        rows: list[dict],
        *,
        day: date = DAY,
        load: str = LOAD,
        without: tuple[str, ...] = (),
        types: dict[str, str] | None = None,
    ) -> Path:
        """Write one file: each row is the sound one with some values of its own.

        ``_source_row`` counts from 1; ``without`` leaves columns out, ``types`` changes theirs.
        """
        table = TABLES[name]
        columns = {
            column: (types or {}).get(column, kind)
            for column, kind in table.all_columns.items()
            if column not in without
        }
        con = duckdb.connect()
        fields = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        con.execute(f"create table written ({fields})")
        for number, row in enumerate(rows, start=1):
            values = {
                **SOUND[name],
                "_load_id": load,
                "_source_file": f"sha-{name}",
                "_source_row": number,
                **row,
            }
            values = {column: value for column, value in values.items() if column in columns}
            names = ", ".join(f'"{column}"' for column in values)
            marks = ", ".join("?" * len(values))
            con.execute(f"insert into written ({names}) values ({marks})", list(values.values()))
        folder = self.root / table.source
        if table.day_from:
            folder /= f"day={day.isoformat()}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-{load}.parquet"
        con.execute(f"copy written to '{path}' (format parquet)")
        con.close()
        return path

    def write_sound(self) -> None:
        """Write one sound row of every table."""
        for name in SOUND:
            self.write(name, [{}])


@pytest.fixture
def bronze(tmp_path):
    return Bronze(tmp_path / "bronze")


@pytest.fixture
def con():
    con = duckdb.connect(config={"threads": "2", "memory_limit": "1GB"})
    yield con
    con.close()


@pytest.fixture(scope="session")
def make_bronze(tmp_path_factory):
    return lambda name: Bronze(tmp_path_factory.mktemp(name) / "bronze")
