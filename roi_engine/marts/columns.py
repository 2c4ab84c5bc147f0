"""The form of a declaration: a mart is its columns, and each column says what it is."""

from dataclasses import dataclass, field

import polars as pl

MONEY, COUNT, RATIO, NUMBER, TEXT, DAY, FLAG = (
    "DECIMAL(38,9)",
    "BIGINT",
    "DOUBLE",
    "DOUBLE",
    "VARCHAR",
    "DATE",
    "BOOLEAN",
)
_POLARS: dict[str, pl.DataType] = {
    "DECIMAL(38,9)": pl.Decimal(38, 9),
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "BOOLEAN": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a mart, said once.

    ``about`` is one sentence for a reader from finance. ``inputs`` are what it is made from, as
    ``table.column`` of the facts or as plain names of this mart's own columns. ``values`` are
    all the values an enumerated column may have. A column that is not ``additive`` must not be
    summed over rows; its ``measure``, where it has one, is the SQL aggregate over additive columns
    that gives it at any level.
    """

    name: str
    type: str
    unit: str
    about: str
    formula: str = ""
    inputs: tuple[str, ...] = ()
    source: str = ""
    grain: bool = False
    nullable: bool = False
    additive: bool = False
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    measure: str = ""
    histogram: tuple[str, str, float] | None = None
    """Where a percentile of any group of rows is read off: mart, measure, quantile."""

    @property
    def aggregate(self) -> str:
        """Return the SQL that gives the column for a group of rows; empty where nothing can.

        Examples:
            >>> Column("spend", MONEY, "currency", "Cost.", additive=True).aggregate
            'sum(spend)'
        """
        return self.measure or (f"sum({self.name})" if self.additive else "")

    @property
    def dtype(self) -> pl.DataType:
        """Return the Polars type."""
        return _POLARS[self.type]


@dataclass(frozen=True, slots=True)
class Mart:
    """A mart: its name, what it answers, what a row is, and its columns in order."""

    name: str
    about: str
    row: str
    columns: tuple[Column, ...]
    section: str
    notes: tuple[str, ...] = field(default=())
    standing: bool = False
    """Made whole in each release as of its newest day; else replaced day by day."""

    @property
    def grain(self) -> tuple[str, ...]:
        """Return the columns that identify a row."""
        return tuple(column.name for column in self.columns if column.grain)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Return the Polars schema."""
        return {column.name: column.dtype for column in self.columns}

    @property
    def sql_types(self) -> dict[str, str]:
        """Return name → DuckDB type, in the table's order."""
        return {column.name: column.type for column in self.columns}

    def column(self, name: str) -> Column:
        """Return the declaration of a column.

        Raises:
            KeyError: The mart has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame in the declared columns, types and order, sorted by grain.

        Raises:
            ValueError: A column is missing or of another type, or the grain is not unique.
        """
        wrong = [
            f"{name} ({frame.schema.get(name, 'missing')}, declared {dtype})"
            for name, dtype in self.schema.items()
            if frame.schema.get(name) != dtype
        ]
        if wrong:
            raise ValueError(f"{self.name} does not match its declaration: {', '.join(wrong)}")
        rows = frame.select(list(self.schema)).sort(self.grain)
        if rows.select(self.grain).is_duplicated().any():
            raise ValueError(f"{self.name} has two rows of the same {', '.join(self.grain)}")
        return rows
