"""Make a release: replace the built days in one transaction, then export it for readers.

A release is one DuckLake snapshot, named in ``ops.published``. Whatever fails before the commit
changes nothing; what fails after it is repaired by ``export`` on the next run, since the export
is derived from the snapshot.
"""

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from roi_engine.warehouse import changes, restating
from roi_engine.warehouse.draft import AGEING
from roi_engine.warehouse.lake import LakeError, know_empty, transaction

FACT_PREFIXES = ("fct_", "dim_")
_OPS = ("rounding",)
"""What dbt builds for ``ops``; every other table of a draft is a mart."""
_EXPORTED = ("facts", "marts", "ops")


Columns = Mapping[tuple[str, str], Mapping[str, str]]
"""(schema, table) → column → type, of every table of the lake."""


def columns(con: duckdb.DuckDBPyConnection) -> Columns:
    """Return what tables the lake has, in the order of their names, with their columns.

    Those of an open draft stand under the schema ``draft``. Asked once for all: the catalog
    answers for every table at the price of one.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, name, kind in con.execute(
        "select if(database_name = 'draft', 'draft', schema_name) as owner, table_name,"
        " column_name, data_type from duckdb_columns() where database_name in ('lake', 'draft')"
        " and (database_name, schema_name, table_name) not in"
        " (select (database_name, schema_name, view_name) from duckdb_views())"
        " order by owner, table_name, column_index"
    ).fetchall():
        found.setdefault((schema, table), {})[name] = kind
    return found


def built_tables(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the tables of the open draft that a release takes: schema → names, sorted."""
    names = [name for schema, name in columns(con) if schema == "draft"]
    return {
        "facts": [name for name in names if name.startswith(FACT_PREFIXES)],
        "marts": [name for name in names if not name.startswith((*FACT_PREFIXES, *_OPS))],
        "ops": [name for name in names if name.startswith(_OPS)],
    }


def publish(
    con: duckdb.DuckDBPyConnection,
    *,
    fact_days: Sequence[date],
    aged: Sequence[date],
    mart_days: Sequence[date],
    keys: Mapping[str, str],
    published: Iterable[tuple[date, str, str]],
    as_of: date,
    code_version: str,
    settings: Mapping[str, object],
    message: str,
    metrics: Mapping[str, Sequence[str]] | None = None,
    also: Callable[[], None] = lambda: None,
    step: Callable[[str], None] = lambda _: None,
) -> int:
    """Replace the built days in ``facts`` and ``marts`` in one transaction; return the release.

    Args:
        con: The lake, writable, its lock held, with the draft open.
        fact_days: Days whose facts are replaced.
        aged: Days of which only the facts that say how mature they are are replaced.
        mart_days: Days whose marts are replaced (the fact days and those after them).
        keys: Fact table → its key column; rows of a built key on other days are replaced too,
            because a task can change its day.
        published: (day, transform_run_id, status) of each built day.
        as_of: The day that decided maturity.
        code_version: Hash of the code that made the numbers.
        settings: The choices that change published numbers.
        message: What the snapshot's author says.
        metrics: Daily mart → its additive columns; what changes of them is kept as restated.
        also: Called inside the transaction, for what must change with the release.
        step: Told the name of each step, for the log.

    Raises:
        LakeError: Another writer committed in between (the lock was not held).
    """
    with transaction(con):
        tables, there = built_tables(con), columns(con)
        release = _next(con, "select coalesce(max(release), 0) + 1 from lake.ops.published")
        snapshot = _next(con, "select max(snapshot_id) + 1 from lake.snapshots()")
        restating.compare(
            con,
            metrics or {},
            mart_days,
            release=release,
            code_version=code_version,
            columns=there,
        )
    con.execute("begin")
    try:
        con.execute("call lake.set_commit_message(?, ?)", ["roi", message])
        replace = partial(_replace, con, release=release, columns=there, step=step)
        ageing = [name for name in tables["facts"] if name in AGEING]
        others = [name for name in tables["facts"] if name not in AGEING]
        replace(tables["ops"], "ops", days=fact_days, keys={})
        replace(ageing, "facts", days=[*fact_days, *aged], keys=keys)
        replace(others, "facts", days=fact_days, keys=keys)
        replace(tables["marts"], "marts", days=mart_days, keys={})
        con.executemany(
            "insert into lake.ops.published values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [release, snapshot, day, run_id, status, as_of, code_version, json.dumps(settings)]
                for day, run_id, status in published
            ],
        )
        restating.write(con, release)
        also()
        step("publish.commit")
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    made = _next(con, "select max(snapshot_id) from lake.snapshots()")
    if made != snapshot:
        message = f"Release {release} was expected as snapshot {snapshot} but is {made}."
        raise LakeError(message)
    return release


def _next(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 1


def _replace(
    con: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    schema: str,
    *,
    release: int,
    columns: Columns,
    days: Sequence[date],
    keys: Mapping[str, str],
    step: Callable[[str], None],
) -> None:
    """Replace days of tables, and rows of a built key wherever they are; note which days these are.

    A day in ``ops.replaced_day`` may hold other rows than before; null stands for every day.
    """
    note = f"insert into lake.ops.replaced_day select distinct {release}, '{schema}', ?, "
    for name in names:
        step(f"publish.{schema}.{name}")
        target, source = f"lake.{schema}.{name}", f"draft.{name}"
        new = columns["draft", name]
        old = columns.get((schema, name), {})
        if not old:
            con.execute(f"create table {target} as from {source} limit 0")
            know_empty(con, target)
        elif list(old.items()) != list(new.items()):
            _migrate(con, target, source, old=old, new=new)
            con.execute(f"{note} cast(null as date)", [name])
        if "day" in new:
            con.execute(f"{note} unnest(?::date[])", [name, list(days)])
        if old == new and (schema == "marts" or "day" not in new):
            _replace_changed(con, source, target, names=list(new), days=days)
            continue
        if "day" not in new:
            con.execute(f"delete from {target}")
        else:
            con.execute(
                f"delete from {target} where day in (select unnest(?::date[]))", [list(days)]
            )
        if key := keys.get(name):
            con.execute(
                f"{note} day from {target} where {key} in (select {key} from {source})", [name]
            )
            con.execute(f"delete from {target} where {key} in (select {key} from {source})")
        con.execute(f"insert into {target} by name from {source}")


def _replace_changed(
    con: duckdb.DuckDBPyConnection,
    source: str,
    target: str,
    *,
    names: Sequence[str],
    days: Sequence[date],
) -> None:
    """Replace only the days that hold other rows: a window makes many marts anew, few differ.

    What is written anew is a file more, and a list of deleted rows that every reader of the table
    has to read from then on. Facts are not compared: their days are built because they changed.
    """
    found = changes.against_draft(con, source, target, names=names, days=days)
    if "day" not in names:
        if found.get(None):
            con.execute(f"delete from {target}")
        if found:
            con.execute(f"insert into {target} by name from {source}")
        return
    if stale := [day for day, was_there in found.items() if was_there]:
        con.execute(f"delete from {target} where day in (select unnest(?::date[]))", [stale])
    same = sorted(set(days) - found.keys())
    con.execute(
        f"insert into {target} by name from {source}"
        " where (day in (select unnest(?::date[]))) is not true",
        [same],
    )


def _migrate(
    con: duckdb.DuckDBPyConnection,
    target: str,
    source: str,
    *,
    old: Mapping[str, str],
    new: Mapping[str, str],
) -> None:
    """Give a released table the columns of the built one and keep its rows.

    A day that is not rebuilt (a check blocks it) keeps what it had; a new column is null there,
    and a dropped one stays readable in the releases before.
    """
    kept = ", ".join(
        f'cast("{name}" as {kind}) as "{name}"' for name, kind in new.items() if name in old
    )
    con.execute(f"create or replace temp table migrated as select {kept or '1'} from {target}")
    con.execute(f"drop table {target}")
    con.execute(f"create table {target} as from {source} limit 0")
    if kept:
        con.execute(f"insert into {target} by name from migrated")
    con.execute("drop table migrated")


def current(con: duckdb.DuckDBPyConnection) -> tuple[int, int] | None:
    """Return (release, snapshot) of the newest release, None before the first."""
    row = con.execute(
        "select release, snapshot_id from lake.ops.published order by release desc limit 1"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else None


def export_release(con: duckdb.DuckDBPyConnection, root: Path) -> Path | None:
    """Write ``release/<snapshot>/SCHEMA/TABLE/DAY.parquet`` and point ``current`` at it.

    Days that did not change since the release before are hard links, so a release costs what
    changed. ``current`` is a symbolic link, renamed atomically. Returns the folder.
    """
    found = current(con)
    if found is None:
        return None
    release, snapshot = found
    home = root / "release"
    folder = home / str(snapshot)
    link = home / "current"
    if folder.is_dir() and link.exists() and link.resolve() == folder.resolve():
        return folder
    if link.exists() and not (link.is_symlink() and link.resolve().name.isdecimal()):
        message = (
            f"{link} is not the link to a release that it must be: remove it and run again, and"
            " it is made anew from the lake."
        )
        raise LakeError(message)
    draft = home / f".draft-{snapshot}"
    shutil.rmtree(draft, ignore_errors=True)
    before = link.resolve() if link.exists() else None
    con.execute("begin")  # the catalog is read once, not for every table
    try:
        replaced = _replaced(con, before)
        kinds = changes.between(con, int(before.name), snapshot) if before else {}
        for (schema, table), names in columns(con).items():
            if schema in _EXPORTED:
                _export_table(
                    *(con, schema, table),
                    names=list(names),
                    snapshot=snapshot,
                    draft=draft,
                    before=before,
                    replaced=replaced.get((schema, table), set()) if replaced is not None else None,
                    kind=kinds.get((schema, table), changes.Kind.CHANGED),
                )
    finally:
        con.execute("rollback")
    about = {"release": release, "snapshot": snapshot}
    (draft / "release.json").write_text(json.dumps(about) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    pointer = home / ".current-next"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(str(snapshot))
    pointer.replace(link)
    return folder


def _export_table(
    con: duckdb.DuckDBPyConnection,
    schema: str,
    table: str,
    *,
    names: Sequence[str],
    snapshot: int,
    draft: Path,
    before: Path | None,
    replaced: Collection[date | None] | None,
    kind: changes.Kind,
) -> None:
    """Write one table of a snapshot; a day whose rows did not change is linked, not written."""
    target = draft / schema / table
    target.mkdir(parents=True)
    former = before / schema / table if before else None
    if former and former.is_dir() and kind is changes.Kind.UNTOUCHED:
        _link(former, target)
        return
    relation = f"lake.{schema}.{table} at (version => {snapshot})"
    order = ", ".join(f'"{name}"' for name in names)
    if "day" not in names or schema == "ops":
        con.execute(
            f"copy (select * from {relation} order by {order}) to '{target}/all.parquet'"
            " (format parquet, compression zstd)"
        )
        return
    written = "day is not null"
    if former and former.is_dir() and replaced is not None and None not in replaced:
        past = int(former.parents[1].name)
        if kind is changes.Kind.GROWN:
            changed = changes.grown_days(con, schema, table, past, snapshot)
        else:
            changed = {day for day in replaced if day}
            kept = changed & _days(former)
            changed -= changes.same_days(con, f"lake.{schema}.{table}", kept, past, snapshot)
        for day in _days(former) - changed:
            (target / f"day={day}").mkdir()
            _link(former / f"day={day}", target / f"day={day}")
        listed = ", ".join(f"date '{day}'" for day in sorted(changed))
        written = f"day in ({listed})" if listed else ""
    if written:
        con.execute(
            f"copy (select * from {relation} where {written} order by {order})"
            f" to '{target}' (format parquet, compression zstd, partition_by (day),"
            " write_partition_columns true, overwrite_or_ignore true)"
        )
    if not any(target.iterdir()):  # a table without a row is there all the same, with its columns
        con.execute(
            f"copy (select * from {relation}) to '{target}/empty.parquet'"
            " (format parquet, compression zstd)"
        )


def _days(folder: Path) -> set[date]:
    """Return the days of an exported table."""
    return {date.fromisoformat(path.name.removeprefix("day=")) for path in folder.glob("day=*")}


def _link(former: Path, target: Path) -> None:
    """Link what is in a folder into another; by names, since paths cost more than the links."""
    with os.scandir(former) as entries:
        for entry in entries:
            place = f"{target}/{entry.name}"
            if entry.is_dir():
                os.mkdir(place)
                _link(Path(entry.path), Path(place))
            else:
                os.link(entry.path, place)


def _replaced(
    con: duckdb.DuckDBPyConnection, before: Path | None
) -> Mapping[tuple[str, str], Collection[date | None]] | None:
    """Return (schema, table) → the days that were written since an export, None for every day.

    None as a whole: nothing of the export is known to hold, since there is none, or a release of
    an older engine lies between.
    """
    if before is None:
        return None
    since = json.loads((before / "release.json").read_text(encoding="utf-8"))["release"]
    unknown = con.execute(
        "select release from lake.ops.published where release > ?"
        " except select release from lake.ops.replaced_day",
        [since],
    ).fetchall()
    if unknown:
        return None
    found: dict[tuple[str, str], set[date | None]] = {}
    for schema, table, day in con.execute(
        "select distinct table_schema, table_name, day from lake.ops.replaced_day"
        " where release > ?",
        [since],
    ).fetchall():
        found.setdefault((schema, table), set()).add(day)
    return found
