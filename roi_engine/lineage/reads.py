"""Which rows of the facts a figure is made from, and which rows of landed files these are.

A figure that a mart asks of the facts is read by the mart's own query, so that the rows shown add
up to it; what is made of other things is read by day and keys.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import duckdb

from roi_engine.marts import needs, required
from roi_engine.marts.columns import Column
from roi_engine.marts.daily_roi import BOOKED, CLASSES
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import FactQuery, Sum
from roi_engine.marts.queries import COST_BY_CELL

_MOST = 10
"""A fact shows this many of its loads; more are counted."""

_COSTS = {column: name for name, column in CLASSES.items()}

_ALSO = {"autonomous_value": ("is_alone", "true"), "assumed_value": ("evidence", "assumed")}
"""Column → key of its query, and the value of the rows that count; builders drop the others."""

Leaf = tuple[str, str]
"""A mart, and a column of it that is made from facts."""


@dataclass(frozen=True, slots=True)
class Load:
    """One landed file, and which of its rows a figure rests on."""

    load_id: str
    uri: str | None
    sha256: str
    rows: int
    first_row: int
    last_row: int

    def line(self) -> str:
        """Return it as one line for a terminal."""
        place = f"landing/sha256/{self.sha256[:2]}/{self.sha256}"
        span = f"row {self.first_row}"
        if self.last_row != self.first_row:
            span = f"{self.rows} facts of rows {self.first_row}…{self.last_row}"
        return f"{self.uri or 'a file that is not in the manifest'} · {span} · {place}"


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of one fact that a figure is made from.

    ``sums`` are of its numeric columns, over all the rows; ``narrowed`` says by what they were
    chosen. ``loads`` are the most used, ``all_loads`` is how many there are. ``note`` says what
    the files do not: of rows that stand in none, where they come from.
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    sums: dict[str, str]
    narrowed: str
    loads: tuple[Load, ...]
    all_loads: int
    note: str = ""

    def lines(self) -> Iterator[str]:
        """Return it for a terminal."""
        sums = "".join(f" · Σ {name} {total}" for name, total in self.sums.items())
        yield f"  {self.table} ({', '.join(self.columns)}): {self.rows:,} rows{sums}"
        yield f"    where {self.narrowed}"
        for load in self.loads:
            yield f"    {load.line()}"
        if self.all_loads > len(self.loads):
            yield f"    … of {self.all_loads} loads"
        if self.note:
            yield f"    {self.note}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a fact as SQL, with the values of its ``?``, and what is added up of them."""

    table: str
    columns: tuple[str, ...]
    source: str
    condition: str
    given: tuple[str, ...]
    sums: dict[str, str]
    """Label → aggregate in SQL."""
    words: str = ""
    """What stands for the condition before a reader."""
    note: str = ""

    @property
    def sql(self) -> str:
        """Return the rows as a query."""
        return f"select fact.* from {self.source} where {self.condition}"

    @property
    def narrowed(self) -> str:
        """Return the condition for a reader."""
        shown = self.words or self.condition
        for value in self.given:
            shown = shown.replace("?", value, 1)
        return shown


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a mart asks of a fact for one of its columns: a part of a query."""

    query: FactQuery
    where: str
    total: Sum | None

    @property
    def label(self) -> str:
        """Return what is added up: a column of the fact where it is one, else the sum's name."""
        if self.total is None:
            return ""
        plain = self.total.expression.isidentifier()
        name = self.total.expression if plain else self.total.name
        return f"credit · {name}" if self.total.times else name


def chosen(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    column: Column,
    leaves: Mapping[str, Mapping[Leaf, tuple[str, ...]]],
    where: Mapping[str, str],
) -> Iterator[Rows]:
    """Choose the rows of each fact; a task's value is found where it is credited.

    Args:
        con: A connection to an exported release.
        mart: The figure's mart.
        column: The figure's declaration.
        leaves: Fact → the columns of marts that are made from it → its columns that they take.
        where: The figure's day, then its keys.
    """
    day = date.fromisoformat(next(iter(where.values())))
    keys = {name: value for name, value in where.items() if name not in {"day", "as_of_day"}}
    looks_back = _looks_back(mart, column)
    found = {table: _asked(table, made, keys) for table, made in leaves.items()}
    is_joined = any(
        one.query.join and one.query.join.table == "fct_task_credit"
        for asked in found.values()
        for one in asked or ()
    )
    for table, made in sorted(leaves.items()):
        columns = tuple(dict.fromkeys(name for names in made.values() for name in names))
        if asked := found[table]:
            by_query: dict[str, list[_Asked]] = defaultdict(list)
            for one in asked:
                by_query[one.query.name].append(one)
            for parts in by_query.values():
                yield _by_query(parts, columns, keys, day, looks_back=looks_back)
        elif not (table == "fct_task_credit" and is_joined):
            reach = _reach(mart, table) if looks_back else 0
            by_credit = "fct_task_credit" in leaves
            rows = _by_key(con, table, columns, keys, (day, reach), by_credit=by_credit)
            if rows:
                yield rows


def read(con: duckdb.DuckDBPyConnection, rows: Rows, *, note: str = "") -> Read:
    """Count rows, add them up, and find the landed files that they are from."""
    sums = "".join(f", {total}" for total in rows.sums.values())
    counted, *totals = con.execute(
        f"select count(*){sums} from {rows.source} where {rows.condition}",
        rows.given,
    ).fetchone() or (0,)
    loads = con.execute(
        f"""
        select _load_id, any_value(landed.uri), _source_file, count(*), min(_source_row),
            max(_source_row)
        from ({rows.sql}) as read
        left join (
            select load_id, arg_max(uri, seq) as uri from ops.manifest group by load_id
        ) as landed on landed.load_id = read._load_id
        where _load_id is not null
        group by _load_id, _source_file order by count(*) desc, _load_id
        """,
        rows.given,
    ).fetchall()
    return Read(
        table=rows.table,
        columns=rows.columns,
        rows=counted,
        sums={
            name: format(total, "f") if isinstance(total, Decimal) else str(total)
            for name, total in zip(rows.sums, totals, strict=True)
            if total is not None
        },
        narrowed=rows.narrowed,
        loads=tuple(Load(load, uri, *rest) for load, uri, *rest in loads[:_MOST]),
        all_loads=len(loads),
        note=note,
    )


def _asked(
    table: str, made: Mapping[Leaf, Sequence[str]], keys: Mapping[str, str]
) -> list[_Asked] | None:
    """Return the parts of queries that give all these columns; None where one is not so given."""
    found: list[_Asked] = []
    for (mart, name), fields in made.items():
        parts = _parts(mart, name, table, fields, keys)
        if not parts or any(set(keys) - {key for key, _ in one.query.by} for one in parts):
            return None
        found += parts
    if table == COST_BY_CELL.table and _COSTS.keys() <= {name for _, name in made}:
        # all classes together are all rows
        return [_Asked(COST_BY_CELL, "", COST_BY_CELL.sums[0])]
    return found


def _parts(
    mart: str, name: str, table: str, fields: Sequence[str], keys: Mapping[str, str]
) -> list[_Asked]:
    if mart == "daily_roi" and name in _COSTS and table == COST_BY_CELL.table:
        is_plain = keys.get("agent_id", "__idle__") not in {"__idle__", "__out_of_scope__"}
        cost_class = "cost_class" if is_plain else BOOKED
        where = f"{cost_class} = '{_COSTS[name]}'"
        return [_Asked(COST_BY_CELL, where, COST_BY_CELL.sums[0])]
    queries = [
        query for one in (mart, *needs(mart)) for query in required(one) if query.table == table
    ]
    own = name.removesuffix("_28d")
    for query in queries:
        for total in query.sums:
            if total.name == own:
                return [_Asked(query, total.where, total)]
        for count in query.counts:
            if count.name == own:
                return [_Asked(query, count.where, None)]
    # the column is made of several sums, each of a column that has its name
    for query in queries:
        by = dict(query.by)
        also = ""
        if name in _ALSO and _ALSO[name][0] in by:
            key, value = _ALSO[name]
            also = f"cast({by[key]} as varchar) = '{value}'"
        parts = [
            _Asked(query, " and ".join(f"({each})" for each in (one.where, also) if each), one)
            for one in query.sums
            if one.name in fields and one.expression == one.name
        ]
        if parts and (also or len(parts) == len(fields)):
            return parts
    return []


def _by_query(
    parts: Sequence[_Asked],
    columns: tuple[str, ...],
    keys: Mapping[str, str],
    day: date,
    *,
    looks_back: bool,
) -> Rows:
    """Return the rows that a mart's own query adds up."""
    query = parts[0].query
    days = query.days([day]) if looks_back else [day]
    wheres = list(dict.fromkeys(one.where for one in parts))
    said = [query.where] if query.where else []
    if "" not in wheres:
        said.append(" or ".join(f"({one})" if len(wheres) > 1 else one for one in wheres))
    said = [f"({one})" if " or " in one else one for one in said]
    given: list[str] = []
    if query.reaches_back is None:
        said.append("day <= ?")
        given.append(str(day))
    else:
        said.append("day between ? and ?")
        given += [str(days[0]), str(day)]
    by = dict(query.by)
    said += [f"{by[name]} = ?" for name in keys]
    given += keys.values()
    by_label: dict[str, list[_Asked]] = defaultdict(list)
    for one in parts:
        if one.total is not None:
            by_label[one.label].append(one)
    sums = {label: _sum(ones, apart=len(wheres) > 1) for label, ones in by_label.items()}
    if query.join and query.join.table == "fct_task_credit":
        columns = (*columns, "fct_task_credit.credit")
    return Rows(
        query.table,
        columns,
        query.rows("facts", days),
        " and ".join(said),
        tuple(given),
        sums,
    )


def _sum(ones: Sequence[_Asked], *, apart: bool) -> str:
    """Return the aggregate of sums of one value; ``apart``: not all rows that are read count."""
    total = next(one.total for one in ones if one.total is not None)
    kept = " or ".join(f"({one.where})" for one in ones)
    is_part = apart and all(one.where for one in ones)
    return f"sum({total.value})" + (f" filter (where {kept})" if is_part else "")


def _by_key(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[str, ...],
    keys: Mapping[str, str],
    days: tuple[date, int | None],
    *,
    by_credit: bool,
) -> Rows | None:
    """Return a fact's rows of the days and keys; None where the release has no such fact."""
    kinds = dict(
        con.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'facts' and table_name = ?",
            [table],
        ).fetchall()
    )
    if not kinds:
        return None
    day, reach = days
    said, given = [], []
    if "day" in kinds and reach is None:
        said.append("day <= ?")
        given.append(str(day))
    elif "day" in kinds:
        said.append("day between ? and ?")
        given += [str(day - timedelta(days=reach or 0)), str(day)]
    own = {"agent_id", "model_version"} if by_credit and table == "fct_task" else set()
    said += [f"{name} = ?" for name in keys if name in kinds and name not in own]
    given += [value for name, value in keys.items() if name in kinds and name not in own]
    if credited := {name: value for name, value in keys.items() if name in own}:
        asked = " and ".join(f"{name} = ?" for name in credited)
        said.append(f"task_id in (select task_id from facts.fct_task_credit where {asked})")
        given += credited.values()
    numeric = ("DECIMAL", "BIGINT")
    summed = [name for name in columns if kinds.get(name, "").startswith(numeric)]
    return Rows(
        table,
        columns,
        f"facts.{table} as fact",
        " and ".join(said) or "true",
        tuple(given),
        {name: f"sum({name})" for name in summed},
        note="chosen by day and keys: which of them count, and how, the formula says"
        if table.startswith("fct_")
        else "",
    )


def _looks_back(mart: str, column: Column, seen: frozenset[str] = frozenset()) -> bool:
    """Say whether days before its own may stand in a figure, itself or by a column under it.

    A figure of one day can be had of a group of rows, from additive parts; one that cannot may
    have been estimated over more than its day.
    """
    declared = DECLARED[mart]
    if declared.standing or not column.aggregate:
        return True
    if column.name.endswith("_28d") or column.name.startswith("window_"):
        return True
    own = [name for name in column.inputs if name in declared.schema and name not in seen]
    return any(
        _looks_back(mart, declared.column(name), seen | {column.name, name})
        for name in own
        if name != column.name and not declared.column(name).grain
    )


def _reach(mart: str, table: str) -> int | None:
    """Return how many days back a mart asks of a fact, itself or by a mart it is built from.

    None: all of them.

    Examples:
        >>> _reach("daily_hallucination_adjusted_cost", "fct_task")
        27
    """
    queries = [query for name in (mart, *needs(mart)) for query in required(name)]
    reaches = [query.reaches_back for query in queries if table in query.tables]
    known = [reach for reach in reaches if reach is not None]
    return None if len(known) < len(reaches) else max(known, default=0)
