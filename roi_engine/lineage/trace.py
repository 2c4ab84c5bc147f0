"""From one figure of a mart down to the bytes: formula, facts, loads, rows.

What a figure is made from stands in its column's declaration; which rows these were is asked of
the newest release. ``prove`` makes the figure once more from those facts and compares.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from roi_engine import valuing, version
from roi_engine.lineage import behind, reads
from roi_engine.marts import needs
from roi_engine.marts.columns import Column
from roi_engine.marts.declare import DECLARED
from roi_engine.settings import Settings
from roi_engine.warehouse import serving

_FACTS = ("fct_", "dim_")


class NotTraceable(Exception):
    """There is no such figure; the message says which there are."""


class NotProvable(Exception):
    """A figure cannot be made once more here; the message says why."""


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
    reads: tuple[reads.Read, ...]
    release: int
    snapshot: int
    as_of: date
    status: str
    code_version: str
    transform_run_id: str
    proven: bool | None
    not_proven: str
    """Why it was not made once more, where that was asked."""

    def lines(self) -> Iterator[str]:
        """Return it for a terminal."""
        yield f"{self.figure} · {self.narrowed}"
        yield f"  = {'not known' if self.value is None else _text(self.value)} ({self.unit})"
        yield f"  {self.about}"
        if self.formula:
            yield f"  formula: {self.formula} ({self.source})"
        for name, value in self.parts.items():
            yield f"    {name} = {'not known' if value is None else _text(value)}"
        for one in self.reads:
            yield from one.lines()
        yield (
            f"  release {self.release} (snapshot {self.snapshot}), {self.status} as of"
            f" {self.as_of} · code {self.code_version[:12]} · transform run"
            f" {self.transform_run_id[:12]}"
        )
        if self.proven is not None:
            yield "  made once more from these facts: " + ("equal" if self.proven else "DIFFERENT")
        if self.not_proven:
            yield f"  not made once more: {self.not_proven}"


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
        proven, not_proven = None, ""
        if prove:
            try:
                proven = _prove(con, mart, declared, where, about=about, day=day, value=value)
            except NotProvable as error:
                not_proven = str(error)
        return Trace(
            figure=f"{mart}.{column}",
            narrowed=_narrowed(where),
            value=value,
            unit=_unit(con, mart, declared, where),
            about=declared.about,
            formula=declared.formula,
            source=declared.source,
            parts=parts,
            reads=tuple(_reads(con, mart, declared, leaves, where)),
            proven=proven,
            not_proven=not_proven,
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


def _unit(
    con: duckdb.DuckDBPyConnection, mart: str, column: Column, where: Mapping[str, str]
) -> str:
    """Return the unit, with the rows' own currency in it."""
    if "currency" not in column.unit or "currency" not in DECLARED[mart].schema:
        return column.unit
    condition, given = _conditions(where)
    found = con.execute(
        f"select distinct currency from marts.{mart} where {condition} order by 1", given
    ).fetchall()
    return column.unit.replace("currency", " and ".join(name for (name,) in found if name))


def _inputs(
    con: duckdb.DuckDBPyConnection, mart: str, column: Column, where: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, dict[reads.Leaf, tuple[str, ...]]]]:
    """Return the mart columns under a figure with their values, and what of each fact they take."""
    parts: dict[str, Any] = {}
    leaves: dict[str, dict[reads.Leaf, tuple[str, ...]]] = {}
    waiting = [((mart, column.name), name) for name in column.inputs]
    while waiting:
        leaf, name = waiting.pop(0)
        table, _, field = name.rpartition(".")
        if table.startswith(_FACTS):
            made = leaves.setdefault(table, {})
            made[leaf] = (*made.get(leaf, ()), field)
            continue
        home = table or leaf[0]
        if home not in DECLARED or field not in DECLARED[home].schema:
            continue  # a table of ops: it stands in the last line
        shown = field if home == mart else f"{home}.{field}"
        if shown in parts or (home, field) == (mart, column.name):
            continue
        under = DECLARED[home].column(field)
        parts[shown] = _part(con, home, under, where) if home == mart else "see there"
        waiting += [((home, field), each) for each in under.inputs]
    return parts, leaves


def _reads(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    column: Column,
    leaves: Mapping[str, Mapping[reads.Leaf, tuple[str, ...]]],
    where: Mapping[str, str],
) -> Iterator[reads.Read]:
    for rows in reads.chosen(con, mart, column, leaves, where):
        said = [one for one in (rows.note, behind.keep(con, rows)) if one]
        yield reads.read(con, rows, note="; ".join(said))
    yield from behind.follow(con)


def _part(
    con: duckdb.DuckDBPyConnection, mart: str, column: Column, where: Mapping[str, str]
) -> Any:
    try:
        return _value(con, mart, column, where)
    except NotTraceable:
        return "differs by row"


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
        NotProvable: Another version of the engine made the release.
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
        raise NotProvable(
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
