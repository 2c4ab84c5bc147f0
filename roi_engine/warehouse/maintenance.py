"""Keep a lake small, and prove that no release reads differently for it.

Everything that changes the catalog comes first, then the proof, and only then are files removed:
whatever DuckLake may get wrong is found while it can still be undone. A release never expires.

Rows that are inlined in the catalog (inserts of ten rows or fewer) stay there: a reader of a
SQLite catalog misses them while ``ducklake_flush_inlined_data`` runs, and they are few.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from roi_engine.warehouse.backup import undone_if_it_fails

GRACE = timedelta(days=1)
"""How long a file that no snapshot names stays for readers that attached before."""

_CATALOG = "__ducklake_metadata_lake"

_VERSIONS = f"""
    with versions as (
        select distinct release, snapshot_id
        from lake.ops.published
        inner join lake.snapshots() using (snapshot_id)
        union all
        select null, max(snapshot_id) from lake.snapshots()
    )
    select release, snapshot_id, schema_name, table_name
    from versions
    inner join {_CATALOG}.ducklake_table as tables
        on tables.begin_snapshot <= snapshot_id
        and coalesce(tables.end_snapshot > snapshot_id, true)
    inner join {_CATALOG}.ducklake_schema as schemas using (schema_id)
    where if(
        release is null,
        schema_name = 'ops',
        schema_name in ('facts', 'marts') or (schema_name, table_name) = ('ops', 'rounding')
    )
    order by all
"""
"""Which tables are proven: those of each release, and of what is at work now."""

Digests = Mapping[tuple[str, str], tuple[object, ...]]
"""(release, table) → what its content hashes to."""


class Changed(Exception):
    """A release reads differently after maintenance; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What maintenance did, in figures; sizes are of ``data/``."""

    files_before: int
    bytes_before: int
    files_after: int
    bytes_after: int
    snapshots_expired: int
    exports_dropped: int
    releases_proven: int

    def lines(self) -> list[str]:
        r"""Return the figures as lines for a terminal.

        Examples:
            >>> print("\n".join(Maintained(412, 9_500_000, 96, 4_200_000, 318, 2, 14).lines()))
            data: 412 files (9.5 MB) before, 96 files (4.2 MB) after
            318 snapshots expired that were no release, 2 older exports dropped
            14 releases read the same as before
        """
        return [
            f"data: {self.files_before} files ({self.bytes_before / 1e6:.1f} MB) before,"
            f" {self.files_after} files ({self.bytes_after / 1e6:.1f} MB) after",
            f"{self.snapshots_expired} snapshots expired that were no release,"
            f" {self.exports_dropped} older exports dropped",
            f"{self.releases_proven} releases read the same as before",
        ]


def maintain(
    con: duckdb.DuckDBPyConnection,
    root: Path,
    *,
    keep_exports: int = 3,
    hashed_whole: int = 30,
    grace: timedelta = GRACE,
    step: Callable[..., None] = lambda name, **facts: None,  # noqa: ARG005 - the caller's names
) -> Maintained:
    """Merge, expire, remove and prove; see docs/runbooks/maintenance.md.

    Args:
        con: The lake, writable, no transaction open, its lock held.
        root: The lake's folder.
        keep_exports: How many of the newest exported releases stay (and the current one).
        hashed_whole: How many of the newest releases are hashed in every column. Of older ones
            the rows are counted and the first column is hashed, which reads every file.
        grace: How old a file that no snapshot names must be to be removed.
        step: Told the name of each step and facts about it, for the log.

    Raises:
        Changed: A release reads differently. No file was removed, and a catalog in SQLite is
            as it was.
    """
    files, size = _measure(root)
    step("maintain.hash")
    before = digests(con, hashed_whole=hashed_whole)
    with undone_if_it_fails(con, root):
        expired = _expire(con, step)
        step("maintain.merge")
        con.execute("call ducklake_merge_adjacent_files('lake')")
        step("maintain.prove")
        _compare(before, digests(con, hashed_whole=hashed_whole))
    _remove_files(con, root, grace, step)
    dropped = _drop_exports(root, keep_exports)
    files_after, size_after = _measure(root)
    proven = len({label for label, _ in before if label.startswith("release")})
    return Maintained(files, size, files_after, size_after, expired, dropped, proven)


def digests(con: duckdb.DuckDBPyConnection, *, hashed_whole: int) -> Digests:
    """Hash every release's tables, and those of ``ops`` and ``build`` as they stand now."""
    con.execute("begin")  # one catalog read for all that follows
    try:
        tables = con.execute(_VERSIONS).fetchall()
        releases = sorted({row[0] for row in tables if row[0] is not None})
        light = set(releases[: max(0, len(releases) - hashed_whole)])
        found = {}
        for release, snapshot, schema, table in tables:
            label = "the newest snapshot" if release is None else f"release {release}"
            found[label, f"{schema}.{table}"] = digest(
                con,
                f'lake.{schema}."{table}" at (version => {snapshot})',
                whole=release not in light,
            )
    finally:
        con.execute("rollback")
    return found


def digest(con: duckdb.DuckDBPyConnection, relation: str, *, whole: bool) -> tuple[object, ...]:
    """Count and hash the rows of a relation in any order, with its columns' names and types.

    Unless ``whole``, only the first column is hashed.
    """
    return con.execute(
        f"select count(*), sum(hash(read)), any_value(typeof(read)) from (from {relation}) as read"
        if whole
        else f"select count(*), sum(hash(key)) from (from {relation}) as read(key)"
    ).fetchall()[0]


def _compare(before: Digests, after: Digests) -> None:
    for label, table in sorted(before.keys() | after.keys()):
        if before.get((label, table)) != after.get((label, table)):
            message = (
                f"{table} of {label} reads differently after maintenance:"
                " no file was removed; see docs/runbooks/maintenance.md."
            )
            raise Changed(message)


def _expire(con: duckdb.DuckDBPyConnection, step: Callable[..., None]) -> int:
    """Expire every snapshot that is no release and not the newest."""
    doomed = [
        row[0]
        for row in con.execute(
            "select snapshot_id from lake.snapshots()"
            " where snapshot_id not in (select snapshot_id from lake.ops.published)"
            " and snapshot_id < (select max(snapshot_id) from lake.snapshots()) order by 1"
        ).fetchall()
    ]
    step("maintain.expire", snapshots=len(doomed))
    if doomed:
        con.execute(f"call ducklake_expire_snapshots('lake', versions => {doomed})")
    return len(doomed)


def _remove_files(
    con: duckdb.DuckDBPyConnection, root: Path, grace: timedelta, step: Callable[..., None]
) -> None:
    """Remove what has been unnamed for longer than ``grace``; never a file that is named."""
    until = datetime.now(UTC) - grace
    named = {
        Path(path).name
        for (path,) in con.execute(
            f"select path from {_CATALOG}.ducklake_data_file"
            f" union all select path from {_CATALOG}.ducklake_delete_file"
        ).fetchall()
    }
    for function in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files"):
        query = f"from {function}('lake', older_than => $until, dry_run => $dry_run)"
        listed = con.execute(query, {"until": until, "dry_run": True}).fetchall()
        if wrong := sorted(named & {Path(path).name for (path,) in listed}):
            message = (
                f"{function} would remove {wrong[0]}, which a snapshot names:"
                " no file of its list was removed; see docs/runbooks/maintenance.md."
            )
            raise Changed(message)
        step("maintain.remove", function=function, files=len(listed))
        con.execute(query, {"until": until, "dry_run": False})
    there = {path.name for path in (root / "data").rglob("*.parquet")}
    if missing := sorted(named - there):
        message = f"{missing[0]}, which a snapshot names, is not in {root / 'data'} any more."
        raise Changed(message)


def _drop_exports(root: Path, keep: int) -> int:
    """Drop exported releases beyond the newest ``keep``, but for the current one, and drafts."""
    home = root / "release"
    current = (home / "current").resolve()
    exports = sorted(
        (path for path in home.glob("*") if path.name.isdigit()), key=lambda path: int(path.name)
    )
    dropped = [path for path in exports[: max(0, len(exports) - keep)] if path != current]
    for path in [*dropped, *home.glob(".draft-*")]:
        shutil.rmtree(path)
    return len(dropped)


def _measure(root: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in (root / "data").rglob("*.parquet")]
    return len(sizes), sum(sizes)
