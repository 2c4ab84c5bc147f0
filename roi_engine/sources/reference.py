"""Reference tables: the small CSVs that people keep → typed rows, one bronze file a table.

A file's header says which table it is, not its name: every column by which the table is known
must be there, and of several candidates the one with the most columns in common wins. Columns
that the table does not have are left alone, columns that are missing are NULL.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from roi_engine.sources import bronze, cells, delimited, files
from roi_engine.sources.base import Context, Load, MissingColumn, Parsed, Unreadable
from roi_engine.sources.schema import MODEL_NAMES, PRICE_BOOK, REFERENCE, Table

_KNOWN_BY: dict[str, tuple[str, ...]] = {
    "agents": ("agent_id", "kind"),
    "task_types": ("task_type", "baseline_minutes"),
    "model_aliases": ("raw_model", "model"),
    "prices": ("model", "bucket", "price_per_million"),
    "cost_classes": ("pattern", "cost_class"),
    "gpu_resources": ("resource_id", "gpu_uuid"),
    "provider_aliases": ("raw_provider", "provider"),
    "investments": ("agent_id", "cost", "starts_on"),
    "time_entries": ("minutes", "kind", "started_at"),
    "evaluators": ("evaluator_id", "tp", "fn", "tn", "fp"),
    "allocation_rules": ("cost_class", "key", "agent_id"),
    "wallets": ("wallet_id", "allowance"),
    "mandates": ("mandate_id", "limit_amount"),
    "agent_transactions": ("transaction_id", "exchange", "value"),
    "training_runs": ("run_id", "model_version"),
    "experiments": ("experiment_id", "metric"),
    "policies": ("band", "decision"),
    "fx_rates": ("from_currency", "to_currency", "rate"),
    "field_mappings": ("source", "system", "field", "path"),
    "incidents": ("incident_id", "started_at"),
    "service_hours": ("weekday", "opens_at", "closes_at"),
}
"""The columns that a table cannot be without; they also tell the tables apart."""

_NEEDED: dict[str, tuple[str, ...]] = {
    "agents": ("agent_id",),
    "task_types": ("task_type",),
    "model_aliases": ("raw_model", "model"),
    "prices": ("model", "bucket", "price_per_million"),
    "cost_classes": ("column", "pattern", "cost_class"),
    "provider_aliases": ("raw_provider", "provider"),
    "investments": ("agent_id", "cost", "currency", "starts_on"),
    "time_entries": ("minutes", "kind"),
    "evaluators": ("evaluator_id",),
    "allocation_rules": ("key", "agent_id"),
    "wallets": ("wallet_id",),
    "mandates": ("mandate_id",),
    "agent_transactions": ("transaction_id",),
    "training_runs": ("run_id",),
    "experiments": ("experiment_id",),
    "policies": ("band", "decision"),
    "fx_rates": ("day", "from_currency", "to_currency", "rate"),
    "field_mappings": ("source", "system", "field", "path"),
    "incidents": ("incident_id",),
    "service_hours": ("weekday", "opens_at", "closes_at"),
}
"""Cells without which a row says nothing: a row that lacks one goes to quarantine."""

_GENERATED = {table.name: table for table in (PRICE_BOOK, MODEL_NAMES)}
"""Tables that the engine writes itself; their load names them, for PRICE_BOOK looks like prices."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the reference tables tell a parser: field mappings, and who is an AI agent."""

    mappings: list[dict[str, str]]
    agent_ids: frozenset[str]


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one reference CSV; the name of its table is the one key of ``Parsed.rows``.

    Raises:
        MissingColumn: The table is clear, but a column is missing that it cannot be without.
        Unreadable: The file is no CSV, or its header is that of no table.
    """
    plain = files.unpack(raw, temp=context.temp)
    if plain.is_parquet:
        raise Unreadable("The file is Parquet: reference tables are CSV files.")
    with files.connect(context) as con:
        csv = delimited.read(con, plain.path)
        header = {_folded(name): csv.cell(index) for index, name in enumerate(csv.columns) if name}
        table = _GENERATED.get(load.system) or _table(header)
        texts = {name: cells.said(header[name]) for name in table.columns if name in header}
        zone = context.timezones.get("reference", "UTC")
        query = cells.typed(csv.relation, table, texts, zone=zone)
        written = bronze.write(con, query, table=table, load=load, out=out)
        incomplete = _incomplete(con, query, table)
    refused = bronze.refuse(
        load,
        [
            (
                refusal.row,
                "malformed_record",
                "critical",
                f"{refusal.reason}: {refusal.text[:80]}",
                None,
            )
            for refusal in csv.refused
        ]
        + [
            (row, "missing_value", "critical", f"{table.name}: the row has no {column}", None)
            for row, column in incomplete
        ],
    )
    return Parsed(
        rows={table.name: written.rows},
        days=frozenset(),
        quarantine=refused.vstack(written.quarantine),
    )


def known(mappings: Path | None, agents: Path | None) -> Known:
    """Read what parsers need from the bronze files of ``field_mappings`` and ``agents``."""
    rows: list[dict[str, str]] = []
    if mappings is not None:
        frame = pl.read_parquet(mappings, columns=["source", "system", "field", "path"])
        rows = frame.drop_nulls().to_dicts()
    ids: Iterable[str] = ()
    if agents is not None:
        frame = pl.read_parquet(agents, columns=["agent_id", "kind"])
        # a team of people may stand in agents.csv too; a ticket assigned to it is a person's
        ids = frame.filter(pl.col("kind").fill_null("llm_agent") != "human_team")[
            "agent_id"
        ].drop_nulls()
    return Known(rows, frozenset(ids))


def _table(header: dict[str, str]) -> Table:
    """Return the table that a header belongs to."""
    shared = {name: len(table.columns.keys() & header.keys()) for name, table in REFERENCE.items()}
    complete = [name for name in REFERENCE if set(_KNOWN_BY[name]) <= header.keys()]
    if complete:
        # more in common first; of equals the table of which less is missing
        best = max(complete, key=lambda name: (shared[name], -len(REFERENCE[name].columns)))
        return REFERENCE[best]
    nearest = max(REFERENCE, key=lambda name: shared[name] / len(REFERENCE[name].columns))
    missing = [column for column in _KNOWN_BY[nearest] if column not in header]
    if shared[nearest] * 2 > len(REFERENCE[nearest].columns):
        raise MissingColumn(f"The file looks like {nearest}.csv but has no {', '.join(missing)}.")
    raise Unreadable(
        f"The header ({', '.join(list(header)[:8])}) is that of no reference table:"
        f" name the columns as in one of {', '.join(sorted(REFERENCE))}."
    )


def _incomplete(con: files.Connection, query: str, table: Table) -> list[tuple[int, str]]:
    needed = _NEEDED.get(table.name, ())
    if not needed:
        return []
    cases = ", ".join(
        f"case when {files.identifier(name)} is null then {files.quoted(name)} end"
        for name in needed
    )
    # a value that was refused is in quarantine already
    return con.execute(
        f"""
        select _source_row, missing from (
            select _source_row, _rejected, unnest([{cases}]) as missing from ({query})
        )
        where missing is not null
            and not coalesce(list_contains(json_keys(_rejected), missing), false)
        order by 1, 2
        """
    ).fetchall()


def _folded(name: str) -> str:
    return name.strip().lower().replace(" ", "_")
