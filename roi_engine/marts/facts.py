"""What marts ask of the facts: sums per day and cell, as data that any engine can execute.

The big group-by runs where it is fastest (DuckDB today); a mart's builder sees its answers only.
Sums come back exact: as decimals from SQL, or as whole numbers of 10^-scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, TypeAlias

import polars as pl

WINDOW_DAYS = 28
"""Length of the trailing window D−27 … D."""

REACH_DAYS = 31
"""How far any daily mart looks back, itself included: a month that a wallet's allowance is for.

When a day changes, the marts of this many days from it on are made anew.
"""

Frames: TypeAlias = Mapping[str, pl.DataFrame | pl.LazyFrame]
"""Answers by query name (for builders), or facts by table name (for ``run``)."""

CREDIT_SCALE = 9
"""Credits are nano-shares: whole multiples of 10⁻⁹ that sum to 1 per task."""


@dataclass(frozen=True, slots=True)
class Sum:
    """An exact sum.

    ``expression`` is SQL that every engine here reads the same; ``scale`` is the number of
    decimals of the sum; ``times`` names a credit column that multiplies each row exactly (a row
    that has none counts whole);
    ``squared`` sums squares, of values below 10¹⁰ with half the sum's decimals. ``product`` names a
    second expression that each row is multiplied by, both below 10¹⁰ and rounded first to half the
    sum's decimals.
    """

    name: str
    expression: str
    scale: int
    where: str = ""
    times: str = ""
    squared: bool = False
    product: str = ""

    @property
    def value(self) -> str:
        """Return the SQL of what each row adds."""
        value = f"({self.expression})"
        if self.times:
            # (38,18) × (10,9) is (38,27): exact; a wider credit would not fit 38 digits.
            # The fact has that type: a cast of a wider one costs more than the join.
            credit = f"decimal(10, {CREDIT_SCALE})"
            value += f" * coalesce(cast({self.times} as {credit}), cast(1 as {credit}))"
        elif self.squared:
            value = _half(self.expression, self.scale)
            value += f" * {value}"
        elif self.product:
            factors = (self.expression, self.product)
            value = " * ".join(_half(factor, self.scale) for factor in factors)
        return value


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows, of those that meet ``where``."""

    name: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest of whole numbers; NULL where there is none."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Join:
    """Columns of a second table, renamed (new name, its own), beside each row of the first.

    ``same_days`` reads of the second table only the days that the query covers, whatever day the
    matching row of the first is on. ``where`` names the rows of the second that are looked at.
    """

    table: str
    on: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    how: Literal["inner", "left"] = "left"
    same_days: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class FactQuery:
    """A grouped sum over one fact.

    ``by`` gives the keys (name, expression); NULL keys stay NULL. ``reaches_back`` is how many
    days before each requested one it must cover (0, or 27 for windows); None for a dimension,
    which is read whole.
    """

    name: str
    table: str
    by: tuple[tuple[str, str], ...]
    sums: tuple[Sum, ...] = ()
    counts: tuple[Count, ...] = ()
    peaks: tuple[Peak, ...] = ()
    where: str = ""
    join: Join | None = None
    reaches_back: int | None = 0
    about: str = field(default="", compare=False)

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the facts that it reads."""
        return (self.table, self.join.table) if self.join else (self.table,)

    def days(self, requested: Sequence[date]) -> list[date]:
        """Return the days it must cover for the requested ones, in order.

        Examples:
            >>> query = FactQuery("q", "fct_task", by=(("day", "day"),), reaches_back=1)
            >>> [str(day) for day in query.days([date(2026, 1, 3)])]
            ['2026-01-02', '2026-01-03']
        """
        back = range((self.reaches_back or 0) + 1)
        return sorted({day - timedelta(days=n) for day in requested for n in back})

    def sql(self, schema: str, requested: Sequence[date]) -> str:
        """Return the query as SQL text over the facts in ``schema``, for the days it must cover.

        Days are written as literals, so that partitions outside them are not opened. There is
        no ORDER BY: builders sort.

        Examples:
            >>> query = FactQuery(
            ...     "q",
            ...     "fct_task",
            ...     by=(("day", "day"),),
            ...     counts=(Count("tasks"),),
            ...     where="is_ended",
            ... )
            >>> print(query.sql("lake.facts", [date(2026, 1, 3)]))
            select
                day as "day",
                count(*) as "tasks"
            from lake.facts.fct_task as fact
            where (is_ended)
                and day in (date '2026-01-03')
            group by 1
        """
        columns = [f'{expression} as "{name}"' for name, expression in self.by]
        columns += [f'sum({s.value}){_filter(s.where)} as "{s.name}"' for s in self.sums]
        columns += [f'count(*){_filter(c.where)} as "{c.name}"' for c in self.counts]
        columns += [f'max({peak.expression}) as "{peak.name}"' for peak in self.peaks]
        listed = ", ".join(f"date '{day}'" for day in self.days(requested))
        text = "select\n    " + ",\n    ".join(columns)
        text += f"\nfrom {self.rows(schema, self.days(requested))}"
        conditions = [f"({self.where})"] if self.where else []
        if self.reaches_back is not None:
            conditions.append(f"day in ({listed})")
        if conditions:
            text += "\nwhere " + "\n    and ".join(conditions)
        return text + "\ngroup by " + ", ".join(str(n + 1) for n in range(len(self.by)))

    def rows(self, schema: str, days: Sequence[date]) -> str:
        """Return what stands after FROM: the fact, and beside each row what is joined to it."""
        if not self.join:
            return f"{schema}.{self.table} as fact"
        kept = [*self.join.on, *(f'{own} as "{new}"' for new, own in self.join.columns)]
        other = f"select {', '.join(kept)} from {schema}.{self.join.table} as other"
        looked_at = [f"({self.join.where})"] if self.join.where else []
        if "day" in self.join.on or self.join.same_days:
            listed = ", ".join(f"date '{day}'" for day in days)
            looked_at.append(f"day in ({listed})")
        if looked_at:
            other += f" where {' and '.join(looked_at)}"
        return (
            f"{schema}.{self.table} as fact"
            f"\n{self.join.how} join ({other}) as joined using ({', '.join(self.join.on)})"
        )


def run(query: FactQuery, facts: Frames, requested: Sequence[date]) -> pl.DataFrame:
    """Answer a query from fact frames, in Polars alone; for tests and small estates.

    Args:
        query: What is asked.
        facts: Fact tables by name, typed as in the lake.
        requested: The days that marts are built for.

    Returns:
        One row a key; sums as whole numbers of 10^-scale (Int128), counts as Int64.
    """
    frame = facts[query.table].lazy()
    if query.reaches_back is not None:
        frame = frame.filter(pl.col("day").is_in(query.days(requested)))
    if query.join:
        frame = frame.join(
            _looked_at(query.join, facts, query.days(requested)),
            on=list(query.join.on),
            how=query.join.how,
        )
    if query.where:
        frame = frame.filter(pl.sql_expr(query.where))
    keys = [pl.sql_expr(expression).alias(name) for name, expression in query.by]
    values: list[pl.Expr] = []
    for total in query.sums:
        value = pl.sql_expr(total.expression)
        values.append(_where(value, total.where).alias(total.name))
        if total.times:
            whole = pl.lit(1).cast(pl.Decimal(10, CREDIT_SCALE))
            credit = pl.col(total.times).cast(pl.Decimal(10, CREDIT_SCALE)).fill_null(whole)
            values.append(credit.alias(f"{total.name}.credit"))
        if total.product:
            values.append(pl.sql_expr(total.product).alias(f"{total.name}.product"))
    values += [
        _where(pl.lit(1, dtype=pl.Int64), count.where).alias(count.name) for count in query.counts
    ]
    values += [pl.sql_expr(peak.expression).alias(peak.name) for peak in query.peaks]
    rows = frame.select(*keys, *values).collect()
    exact: list[pl.Series] = []
    for total in query.sums:
        if total.times:
            worth = _exact(rows, total.name, total.scale - CREDIT_SCALE)
            exact.append(worth * _exact(rows, f"{total.name}.credit", CREDIT_SCALE))
        elif total.squared:
            root = _exact(rows, total.name, total.scale // 2)
            exact.append(root * root)
        elif total.product:
            factors = (total.name, f"{total.name}.product")
            left, right = (_rounded(rows, name, total.scale // 2) for name in factors)
            exact.append((left * right).alias(total.name))
        else:
            exact.append(_exact(rows, total.name, total.scale))
    names = [name for name, _ in query.by]
    peaks = [peak.name for peak in query.peaks]
    summed = [total.name for total in query.sums] + [count.name for count in query.counts]
    return (
        rows.select(*names, *exact, *(count.name for count in query.counts), *peaks)
        .group_by(names)
        .agg(
            *(pl.col(name).sum() for name in summed),
            *(pl.col(name).max() for name in peaks),
        )
        .sort(names, nulls_last=True)
    )


def _looked_at(join: Join, facts: Frames, days: list[date]) -> pl.LazyFrame:
    """Return the rows and columns of the second table, renamed."""
    other = facts[join.table].lazy()
    if join.same_days:
        other = other.filter(pl.col("day").is_in(days))
    if join.where:
        other = other.filter(pl.sql_expr(join.where))
    return other.select(*join.on, *(pl.col(own).alias(new) for new, own in join.columns))


def answer(query: FactQuery, facts: Frames) -> pl.DataFrame:
    """Return a query's answer with its sums as Int128 of 10^-scale and missing sums as 0.

    A peak that is missing stays NULL.

    Accepts what ``run`` gives and what a database gives for ``FactQuery.sql`` (decimals).

    Raises:
        ValueError: A column is missing, or a sum is not exact.
    """
    frame = facts[query.name].lazy().collect()
    names = [name for name, _ in query.by]
    wanted = [*names, *(s.name for s in query.sums), *(c.name for c in query.counts)]
    wanted += [peak.name for peak in query.peaks]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise ValueError(f"the answer to {query.name} has no column {', '.join(missing)}")
    return frame.select(
        *(_key(frame, name) for name in names),
        *(_exact(frame, total.name, total.scale).fill_null(0) for total in query.sums),
        *(frame[count.name].cast(pl.Int64).fill_null(0) for count in query.counts),
        *(frame[peak.name].cast(pl.Int64) for peak in query.peaks),
    )


def _key(frame: pl.DataFrame, name: str) -> pl.Series:
    """Text, dates, booleans and numbers as they are; a column of NULLs only has no type."""
    column = frame[name]
    return column.cast(pl.String) if column.dtype == pl.Null else column


def _exact(frame: pl.DataFrame, name: str, scale: int) -> pl.Series:
    """Return a column as whole numbers of 10^-scale."""
    column = frame[name]
    if isinstance(column.dtype, pl.Decimal):
        digits = scale - column.dtype.scale
        unit = pl.Series([10 ** abs(digits)], dtype=pl.Int128)
        values = column.to_physical().cast(pl.Int128)
        if digits >= 0:
            return values * unit
        if (values % unit != 0).any():
            raise ValueError(f"{name} has more than the {scale} decimals that are declared")
        return values // unit
    if column.dtype == pl.Null or column.dtype.is_integer():
        return column.cast(pl.Int128)
    raise ValueError(f"{name} is {column.dtype}: a sum of money or counts must be exact")


def _rounded(frame: pl.DataFrame, name: str, scale: int) -> pl.Series:
    """Return a column as whole numbers of 10^-scale, half away from zero as SQL casts decimals."""
    column = frame[name]
    if not isinstance(column.dtype, pl.Decimal) or column.dtype.scale <= scale:
        return _exact(frame, name, scale)
    unit = 10 ** (column.dtype.scale - scale)
    values = pl.col(name)
    size = (values.abs() + pl.lit(unit // 2, pl.Int128)) // pl.lit(unit, pl.Int128)
    raw = column.to_physical().cast(pl.Int128).to_frame()
    return raw.select((values.sign() * size).alias(name)).to_series()


def _half(expression: str, scale: int) -> str:
    """Return the SQL of a factor with half the decimals of its product."""
    return f"cast({expression} as decimal(19, {scale // 2}))"


def _filter(where: str) -> str:
    return f" filter (where {where})" if where else ""


def _where(value: pl.Expr, where: str) -> pl.Expr:
    return pl.when(pl.sql_expr(where)).then(value) if where else value
