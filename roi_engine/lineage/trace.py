"""From one figure of a mart down to the bytes: formula, facts, loads, rows.

What a figure is made from stands in its column's declaration; which rows these were is asked of
the newest release. ``prove`` makes the figure once more from those facts and compares.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from roi_engine import valuing, version
from roi_engine.marts import needs, required
from roi_engine.marts.columns import Column
from roi_engine.marts.declare import DECLARED
from roi_engine.settings import Settings
from roi_engine.warehouse import serving

_FACTS = ("fct_", "dim_")
_MOST = 10
"""A fact shows this many of its loads; more are counted."""


class NotTraceable(Exception):
    """There is no such figure; the message says which there are."""


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
    chosen. ``loads`` are the most used, ``all_loads`` is how many there are.
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    sums: dict[str, str]
    narrowed: str
    loads: tuple[Load, ...]
    all_loads: int


@dataclass(frozen=True, slots=True)
class Trace:
    """One figure with all that it rests on."""

    figure: str
    narrowed: str
    value: Any
    unit: str
    about: str
    formula: str
    source: str
    parts: dict[str, Any]
    reads: tuple[Read, ...]
    release: int
    snapshot: int
    as_of: date
    status: str
    code_version: str
    transform_run_id: str
    proven: bool | None

    def lines(self) -> Iterator[str]:
        """Return it for a terminal."""
        yield f"{self.figure} · {self.narrowed}"
        yield f"  = {'not known' if self.value is None else _text(self.value)} ({self.unit})"
        yield f"  {self.about}"
        if self.formula:
            yield f"  formula: {self.formula} ({self.source})"
        for name, value in self.parts.items():
            yield f"    {name} = {'not known' if value is None else _text(value)}"
        for read in self.reads:
            sums = "".join(f" · Σ {name} {total}" for name, total in read.sums.items())
            yield f"  {read.table} ({', '.join(read.columns)}): {read.rows:,} rows{sums}"
            yield f"    where {read.narrowed}"
            for load in read.loads:
                yield f"    {load.line()}"
            if read.all_loads > len(read.loads):
                yield f"    … of {read.all_loads} loads"
        yield (
            f"  release {self.release} (snapshot {self.snapshot}), {self.status} as of"
            f" {self.as_of} · code {self.code_version[:12]} · transform run"
            f" {self.transform_run_id[:12]}"
        )
        if self.proven is not None:
            yield "  made once more from these facts: " + ("equal" if self.proven else "DIFFERENT")


def trace(
    root: Path,
    mart: str,
    column: str,
    *,
    day: date,
    keys: Mapping[str, str],
    prove: bool = False,
) -> Trace:
    """Trace one figure of the newest release.

    Args:
        root: The lake.
        mart: A mart.
        column: One of its columns; of several rows together where it can be taken of a group.
        day: The figure's day; for a mart that is made whole, the day as of which it stands.
        keys: Dimension → value; those left out are all of them.
        prove: Make the figure once more from the released facts and compare.

    Raises:
        NotTraceable: The mart, column, key or row does not exist, or the rows have no figure in
            common.
        roi_engine.warehouse.serving.NoRelease: The lake has no release.
    """
    declared = _declared(mart, column, keys)
    with serving.connect(root) as con:
        where = {_day_of(mart): str(day)} | dict(keys)
        value = _value(con, mart, declared, where)
        parts, leaves = _inputs(con, mart, declared, where)
        about = _released(con, day)
        return Trace(
            figure=f"{mart}.{column}",
            narrowed=_narrowed(where),
            value=value,
            unit=declared.unit,
            about=declared.about,
            formula=declared.formula,
            source=declared.source,
            parts=parts,
            reads=tuple(_reads(con, mart, declared, leaves, where)),
            proven=_prove(con, mart, declared, where, about=about, day=day, value=value)
            if prove
            else None,
            **about,
        )


def _declared(mart: str, column: str, keys: Mapping[str, str]) -> Column:
    if mart not in DECLARED:
        raise NotTraceable(f"There is no mart {mart}; there are {', '.join(DECLARED)}.")
    names = [one.name for one in DECLARED[mart].columns]
    if column not in names:
        raise NotTraceable(f"{mart} has no column {column}; it has {', '.join(names)}.")
    unknown = set(keys) - set(DECLARED[mart].grain)
    if unknown:
        grain = ", ".join(name for name in DECLARED[mart].grain if name != _day_of(mart))
        raise NotTraceable(f"{mart} has no key {', '.join(sorted(unknown))}; its keys are {grain}.")
    return DECLARED[mart].column(column)


def _day_of(mart: str) -> str:
    grain = DECLARED[mart].grain
    return next(name for name in ("as_of_day", "day") if name in grain)


def _conditions(where: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the condition of a figure's rows, with its values apart."""
    return " and ".join(f'cast("{name}" as varchar) = ?' for name in where), list(where.values())


def _narrowed(where: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in where.items())


def _value(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    column: Column,
    where: Mapping[str, str],
    schema: str = "marts",
) -> Any:
    """Return the figure: a single row's, or what its declaration says of a group of rows."""
    condition, given = _conditions(where)
    rows = f"{schema}.{mart} where {condition}"
    (count,) = con.execute(f"select count(*) from {rows}", given).fetchone() or (0,)
    if count == 0:
        raise NotTraceable(f"{mart} has no row with {_narrowed(where)}.")
    if count > 1 and not column.aggregate:
        left = [name for name in DECLARED[mart].grain if name not in where]
        raise NotTraceable(
            f"{count} rows of {mart} have {_narrowed(where)}, and {column.name} cannot be taken of"
            f" several: name one with --key ({', '.join(left)})."
        )
    shown = f'"{column.name}"' if count == 1 else column.aggregate
    (value,) = con.execute(f"select {shown} from {rows}", given).fetchone() or (None,)
    return value


def _inputs(
    con: duckdb.DuckDBPyConnection, mart: str, column: Column, where: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """Return the mart columns under a figure with their values, and fact → columns at the end."""
    parts: dict[str, Any] = {}
    leaves: dict[str, dict[str, None]] = {}
    waiting = [(mart, name) for name in column.inputs]
    while waiting:
        home, name = waiting.pop(0)
        table, _, field = name.rpartition(".")
        if table.startswith(_FACTS):
            leaves.setdefault(table, {})[field] = None
            continue
        home = table or home
        if home not in DECLARED or field not in DECLARED[home].schema:
            continue  # a table of ops: it stands in the last line
        shown = field if home == mart else f"{home}.{field}"
        if shown in parts or (home, field) == (mart, column.name):
            continue
        under = DECLARED[home].column(field)
        parts[shown] = _part(con, home, under, where) if home == mart else "see there"
        waiting += [(home, each) for each in under.inputs]
    return parts, {table: tuple(columns) for table, columns in leaves.items()}


def _part(
    con: duckdb.DuckDBPyConnection, mart: str, column: Column, where: Mapping[str, str]
) -> Any:
    try:
        return _value(con, mart, column, where)
    except NotTraceable:
        return "differs by row"


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


def _reads(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    column: Column,
    leaves: Mapping[str, tuple[str, ...]],
    where: Mapping[str, str],
) -> Iterator[Read]:
    """Find the rows of each fact; a task's value is found where it is credited."""
    day = date.fromisoformat(next(iter(where.values())))
    looks_back = _looks_back(mart, column)
    keys = {name: value for name, value in where.items() if name not in {"day", "as_of_day"}}
    by_credit = "fct_task_credit" in leaves
    for table, columns in sorted(leaves.items()):
        kinds = dict(
            con.execute(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = 'facts' and table_name = ?",
                [table],
            ).fetchall()
        )
        if not kinds:
            continue
        said, given = [], []
        reach = _reach(mart, table) if looks_back else 0
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
        condition = " and ".join(said) or "true"
        yield _read(con, table, columns, kinds=kinds, condition=condition, given=given)


def _read(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[str, ...],
    *,
    kinds: Mapping[str, str],
    condition: str,
    given: list[str],
) -> Read:
    rows = f"facts.{table} where {condition}"
    summed = [name for name in columns if kinds.get(name, "").startswith(("DECIMAL", "BIGINT"))]
    sums = ", ".join(f"sum({name})" for name in summed)
    counted, *totals = con.execute(
        f"select count(*){', ' + sums if sums else ''} from {rows}", given
    ).fetchone() or (0,)
    loads = con.execute(
        f"""
        select _load_id, any_value(landed.uri), _source_file, count(*), min(_source_row),
            max(_source_row)
        from (from {rows}) as read
        left join (
            select load_id, arg_max(uri, seq) as uri from ops.manifest group by load_id
        ) as landed on landed.load_id = read._load_id
        where _load_id is not null
        group by _load_id, _source_file order by count(*) desc, _load_id
        """,
        given,
    ).fetchall()
    shown = condition
    for value in given:
        shown = shown.replace("?", value, 1)
    return Read(
        table=table,
        columns=columns,
        rows=counted,
        sums={
            name: format(total, "f") if isinstance(total, Decimal) else str(total)
            for name, total in zip(summed, totals, strict=True)
            if total is not None
        },
        narrowed=shown,
        loads=tuple(Load(load, uri, *rest) for load, uri, *rest in loads[:_MOST]),
        all_loads=len(loads),
    )


def _released(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, Any]:
    """Return what is on record of the release, and of a day in it."""
    found = con.execute(
        """
        select arg_max(transform_run_id, release), arg_max(status, release)
        from ops.published where day <= ?
            and day = (select max(day) from ops.published where day <= ?)
        """,
        [day, day],
    ).fetchone()
    newest = con.execute(
        "select release, snapshot_id, as_of, code_version from ops.published"
        " order by release desc limit 1"
    ).fetchone()
    if found is None or newest is None or found[0] is None:
        raise NotTraceable(f"{day} has not been released.")
    release, snapshot, as_of, code = newest
    return {
        "release": release,
        "snapshot": snapshot,
        "as_of": as_of,
        "status": found[1],
        "code_version": code,
        "transform_run_id": found[0],
    }


def _prove(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    column: Column,
    where: Mapping[str, str],
    *,
    about: Mapping[str, Any],
    day: date,
    value: Any,
) -> bool:
    """Make the mart of the day once more from the released facts; return whether it says so too.

    Raises:
        NotTraceable: Another version of the engine made the release.
    """
    as_of, said = con.execute(
        "select as_of, settings from ops.published order by release desc limit 1"
    ).fetchone() or (day, "{}")
    runs = dict(
        con.execute(
            "select day, arg_max(transform_run_id, release) from ops.published group by day"
        ).fetchall()
    )
    settings = Settings(**json.loads(said))
    code, made_by = version.code_version(settings.published_choices()), about["code_version"]
    if code != made_by:
        raise NotTraceable(
            f"Release {about['release']} was made by another version of the engine"
            f" ({made_by[:12]}, this is {code[:12]}): prove it with that one, or run again."
        )
    params = valuing.params(settings, days=[day], as_of=as_of, newest=max(runs), runs=runs)
    if DECLARED[mart].standing:
        params = replace(params, days=(max(runs),))
    names = [*needs(mart), mart]
    made = dict(valuing.made(con, names, schema="main", params=params))[mart]
    con.register("proof", made)
    con.execute("create schema if not exists proven")
    con.execute(f"create or replace view proven.{mart} as from proof")
    try:
        return bool(_value(con, mart, column, where, schema="proven") == value)
    except NotTraceable:
        return False


def _text(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
