"""Bills: FOCUS exports, version 1.0 to 1.4, as CSV or Parquet → ``charges``.

Providers' own cost reports, which are no bills, are read by ``roi_engine.sources.reports``.

A row is a billing line as the provider wrote it. Versions differ only in columns, so the
columns present tell which one it is; a name that changed between versions is looked up under
each of its names. Columns without a place in bronze go to ``extra`` as text: nothing is lost.

``line_key`` says which line it is, whatever it costs today: a hash of what describes the
charge, without amounts and quantities (a restated line keeps its key) and without InvoiceId
(it may be provisional). Lines that are equal in all of that share a key.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from roi_engine.sources import bronze, cells, delimited, files, reports
from roi_engine.sources.base import Context, Load, MissingColumn, Parsed, Unreadable
from roi_engine.sources.schema import CHARGES

_NAMES: dict[str, tuple[str, ...]] = {
    # 1.3 split the provider in two, 1.4 dropped the old names
    "provider_name": ("ServiceProviderName", "ProviderName", "PublisherName"),
    "publisher_name": ("PublisherName", "HostProviderName"),
    "invoice_issuer_name": ("InvoiceIssuerName", "InvoiceIssuer"),
    "region_id": ("RegionId", "Region"),
}
"""Bronze columns that have had several names, the newest first; the others are PascalCase."""

_REQUIRED = (
    "provider_name",
    "billing_account_id",
    "billing_currency",
    "billing_period_start",
    "charge_category",
    "charge_period_start",
    "charge_period_end",
    "billed_cost",
    "effective_cost",
)
"""Without one of these no line can be booked: whose, when, what, how much."""

_SINCE = {
    # newest first; a column of a version names it, whatever else is missing
    "1.4": ("InvoiceDetailId", "CommitmentProgramEligibilityDetails"),
    "1.3": ("ServiceProviderName", "HostProviderName", "AllocatedMethodId", "ContractApplied"),
    "1.2": ("InvoiceId", "BillingAccountType", "SubAccountType", "PricingCurrency"),
    "1.1": ("SkuMeter", "SkuPriceDetails", "ServiceSubcategory", "CapacityReservationId"),
}

_IDENTITY = (
    "provider_name",
    "billing_account_id",
    "sub_account_id",
    "billing_period_start",
    "charge_period_start",
    "charge_period_end",
    "charge_category",
    "charge_class",
    "charge_description",
    "resource_id",
    "region_id",
    "service_name",
    "sku_id",
    "sku_meter",
    "sku_price_id",
    "sku_price_details",
    "pricing_category",
    "pricing_unit",
    "consumed_unit",
    "commitment_discount_id",
    "commitment_discount_status",
    "billing_currency",
    "tags",
)
_OBJECTS = ("tags", "sku_price_details")
_MADE_HERE = ("line_key", "focus_version", "extra")


@dataclass(frozen=True, slots=True)
class _Export:
    """An opened export: SQL to stand after ``from``, and the SQL text of each of its columns."""

    relation: str
    columns: dict[str, str]
    refused: tuple[delimited.Refusal, ...] = ()

    def find(self, name: str) -> str | None:
        """Return the column's name as the export spells it (``billed_cost`` is BilledCost)."""
        return next((own for own in self.columns if _folded(own) == _folded(name)), None)


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one FOCUS export, or one page of a provider's own report.

    Raises:
        MissingColumn: A column is missing without which no line can be booked.
        Unreadable: The file is neither CSV nor Parquet, or damaged; or no page of the report.
    """
    if load.system in reports.REPORTS:
        return reports.parse(raw, load=load, context=context, out=out)
    plain = files.unpack(raw, temp=context.temp)
    with files.connect(context) as con:
        export = _parquet(con, plain.path) if plain.is_parquet else _csv(con, plain.path)
        zone = context.timezones.get(load.system, "UTC")
        written = bronze.write(con, _query(export, zone), table=CHARGES, load=load, out=out)
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
            for refusal in export.refused
        ],
    )
    return Parsed(
        rows={CHARGES.name: written.rows},
        days=written.days,
        quarantine=refused.vstack(written.quarantine),
    )


def _csv(con: duckdb.DuckDBPyConnection, path: Path) -> _Export:
    table = delimited.read(con, path)
    columns = {name: table.cell(index) for index, name in enumerate(table.columns) if name}
    return _Export(table.relation, columns, table.refused)


def _parquet(con: duckdb.DuckDBPyConnection, path: Path) -> _Export:
    scan = f"read_parquet({files.quoted(path)}, file_row_number = true, binary_as_string = true)"
    try:
        described = con.execute(f"describe select * from {scan}").fetchall()
    except duckdb.Error as error:
        raise Unreadable(f"The Parquet file is damaged: {str(error).splitlines()[0]}") from error
    columns = {}
    for name, column_type, *_ in described:
        if name == "file_row_number":
            continue
        own = files.identifier(name)
        is_nested = column_type.startswith(("MAP", "STRUCT")) or column_type.endswith("[]")
        # a double's text is the shortest that reads back as the same double
        columns[name] = f"to_json({own})::varchar" if is_nested else f"{own}::varchar"
    return _Export(f"(select *, file_row_number + 1 as _source_row from {scan})", columns)


def _query(export: _Export, zone: str) -> str:
    """Return the rows of ``charges`` with what was rejected and rounded in them."""
    found: dict[str, list[str]] = {}
    for column in CHARGES.columns:
        if column not in _MADE_HERE:
            own = [export.find(name) for name in _NAMES.get(column, (column,))]
            found[column] = [name for name in own if name]
    missing = [_NAMES.get(name, (_pascal(name),))[0] for name in _REQUIRED if not found[name]]
    if missing:
        raise MissingColumn(
            f"The file has no column {', '.join(missing)}: a FOCUS export needs"
            f" {'them' if len(missing) > 1 else 'it'}; export it again with all mandatory columns."
        )
    texts = {
        column: f"coalesce({', '.join(cells.said(export.columns[name]) for name in names)})"
        for column, names in found.items()
        if names
    }
    texts["focus_version"] = files.quoted(_version(export))
    placed = {name for names in found.values() for name in names}
    extra = [name for name in export.columns if name not in placed]
    if extra:
        pairs = ", ".join(
            f"{files.quoted(name)}, {cells.said(export.columns[name])}" for name in extra
        )
        # merging an empty object leaves out what is null
        merged = f"json_merge_patch('{{}}', json_object({pairs}))::varchar"
        texts["extra"] = f"nullif({merged}, '{{}}')"
    typed = cells.typed(export.relation, CHARGES, texts, objects=_OBJECTS, zone=zone)
    # two spellings of a frequency are one frequency: Usage-Based, Usage-based
    identity = [f"{name}::varchar" for name in _IDENTITY] + ["lower(charge_frequency)"]
    key = ", ".join(f"coalesce({part}, '')" for part in identity)
    return f"select * replace (md5(concat_ws(chr(31), {key})) as line_key) from ({typed})"


def _version(export: _Export) -> str:
    for version, names in _SINCE.items():
        if any(export.find(name) for name in names):
            return version
    return "1.0"


def _folded(name: str) -> str:
    """Return a name without case and underscores: some exports write ``billed_cost``."""
    return name if name.lower().startswith("x_") else name.replace("_", "").lower()


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
