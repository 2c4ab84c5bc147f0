"""The only door to the lake: DuckLake, attached as catalog ``lake``.

One connection is one DuckDB in memory with the lake attached. Schemas: ``ops`` (manifest,
quarantine, releases), ``facts`` and ``marts`` (what a release holds). What is made before a
release is in ``roi_engine.warehouse.draft``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from roi_engine.warehouse import catalog, extensions

SCHEMA_VERSION = 5


class LakeError(Exception):
    """The lake cannot be used as it is; the message is one sentence with the cure."""


class NotReady(LakeError):
    """There is no lake yet, or it is older than this engine: the next writer makes it ready."""


_ALERT = (
    "alert_id VARCHAR, rule VARCHAR, severity VARCHAR, day DATE, subject VARCHAR,"
    " message VARCHAR, runbook VARCHAR, raised_at TIMESTAMP, resolved_at TIMESTAMP"
)
_ALERT_3 = (
    "until DATE, owner VARCHAR, value DOUBLE, threshold DOUBLE, evidence VARCHAR,"
    " acknowledged_by VARCHAR, acknowledged_at TIMESTAMP, note VARCHAR"
)
"""What version 3 added to ``ops.alert``."""

OPS_TABLES = {
    "schema_version": "version INTEGER, applied_at TIMESTAMP",
    "manifest": (
        "seq BIGINT, load_id VARCHAR, source VARCHAR, system VARCHAR, tables VARCHAR,"
        " uri VARCHAR, sha256 VARCHAR, bytes BIGINT, rows BIGINT, fetched_at TIMESTAMP,"
        " interval_start DATE, interval_end DATE, extractor_version VARCHAR, status VARCHAR,"
        " previous_hash VARCHAR, row_hash VARCHAR"
    ),
    "quarantine": (
        "source VARCHAR, rule VARCHAR, reason VARCHAR, severity VARCHAR, day DATE,"
        " stage VARCHAR, _load_id VARCHAR, _source_file VARCHAR, _source_row BIGINT,"
        " record VARCHAR"
    ),
    "validation_result": (
        "run_id VARCHAR, source VARCHAR, day DATE, rule VARCHAR, expectation VARCHAR,"
        " column_name VARCHAR, severity VARCHAR, reason VARCHAR, success BOOLEAN,"
        " checked BIGINT, unexpected BIGINT, observed VARCHAR"
    ),
    "run_day": (
        "day DATE, status VARCHAR, reason VARCHAR, transform_run_id VARCHAR, is_requested BOOLEAN"
    ),
    "read_day": "source VARCHAR, day DATE",
    "active_load": "load_id VARCHAR, source VARCHAR, seq BIGINT",
    "rounding": "account_id VARCHAR, day DATE, measure VARCHAR, residual DECIMAL(38,18)",
    "draft": "token VARCHAR, stage VARCHAR, as_of DATE, code_version VARCHAR",
    "extraction": (
        "source VARCHAR, day DATE, extracted_at TIMESTAMP, new_loads BIGINT, run_id VARCHAR"
    ),
    "mark": "number BIGINT, door VARCHAR, mark VARCHAR, moved_at TIMESTAMP",
    "replaced_day": "release BIGINT, table_schema VARCHAR, table_name VARCHAR, day DATE",
    "alert": f"{_ALERT}, {_ALERT_3}",
    "restatement": (
        "release BIGINT, mart VARCHAR, day DATE, agent_id VARCHAR, metric VARCHAR,"
        " old DECIMAL(38,9), new DECIMAL(38,9), was_final BOOLEAN, cause VARCHAR,"
        " loads VARCHAR, old_transform_run_id VARCHAR, new_transform_run_id VARCHAR"
    ),
    "published": (
        "release BIGINT, snapshot_id BIGINT, day DATE, transform_run_id VARCHAR, status VARCHAR,"
        " as_of DATE, code_version VARCHAR, settings VARCHAR"
    ),
}
"""Tables that the pipeline keeps about itself (name → columns)."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    2: (
        f"create table lake.ops.alert ({_ALERT})",
        *(
            f"create table lake.ops.{name} ({OPS_TABLES[name]})"
            for name in ("draft", "extraction", "replaced_day")
        ),
    ),
    3: (
        *(f"alter table lake.ops.alert add column {column}" for column in _ALERT_3.split(", ")),
        f"create table lake.ops.restatement ({OPS_TABLES['restatement']})",
    ),
    4: (f"create table lake.ops.mark ({OPS_TABLES['mark']})",),
    5: ("drop schema if exists lake.build cascade",),
}
"""Version → the statements that bring a lake of the version before it there."""


def connect_memory(*, threads: int = 2, max_memory: str = "4GB") -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB with the project's fixed settings and no lake."""
    con = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "threads": str(threads),
            "memory_limit": max_memory,
            "preserve_insertion_order": "false",
        }
    )
    con.execute("set timezone = 'UTC'")
    extensions.load(con)
    return con


def attach_sql(root: Path, *, catalog_dsn: str | None = None, read_only: bool = False) -> str:
    """Return the ATTACH statement of the lake under ``root``."""
    data_path = f"{root.resolve()}/data/".replace("'", "''")
    options = [f"DATA_PATH '{data_path}'", "OVERRIDE_DATA_PATH true"]
    if catalog_dsn:
        target = f"ducklake:{catalog.sealed(catalog_dsn)}"
    else:
        target = f"ducklake:sqlite:{root.resolve() / 'catalog.sqlite'}"
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 5000"]
    if read_only:
        options.append("READ_ONLY")
    return f"ATTACH '{target.replace(chr(39), chr(39) * 2)}' AS lake ({', '.join(options)})"


def find(root: Path, *, catalog_dsn: str | None = None) -> None:
    """Refuse a folder without a lake; one with a shared catalog is looked for when it is opened.

    Raises:
        NotReady: There is no lake.
    """
    file = root / "catalog.sqlite"
    # one without a byte is what a run that was killed at its first breath leaves behind
    if not catalog_dsn and not (file.is_file() and file.stat().st_size):
        message = f"There is no lake in {root}: write one with `roi run --inbox DIR --lake {root}`."
        raise NotReady(message)


@contextmanager
def connect(
    root: Path,
    *,
    catalog_dsn: str | None = None,
    read_only: bool = False,
    threads: int = 2,
    max_memory: str = "4GB",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the lake under ``root``; it is made on the first writing open.

    Raises:
        LakeError: There is no lake to read, or a newer version of the engine wrote it.
    """
    if not read_only:
        for part in ("data", "landing/sha256", "bronze", "release", "logs"):
            (root / part).mkdir(parents=True, exist_ok=True)
    else:
        find(root, catalog_dsn=catalog_dsn)
    con = connect_memory(threads=threads, max_memory=max_memory)
    try:
        _attach(con, root, catalog_dsn=catalog_dsn, read_only=read_only)
        con.execute("use lake")
        if not read_only:
            _prepare(con)
        _check_version(con)
        yield con
    finally:
        con.close()


_DAMAGED = ("file is not a database", "malformed")
"""How SQLite says of a catalog that it is none any more."""


def _attach(
    con: duckdb.DuckDBPyConnection, root: Path, *, catalog_dsn: str | None, read_only: bool
) -> None:
    try:
        con.execute(attach_sql(root, catalog_dsn=catalog_dsn, read_only=read_only))
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        if not catalog_dsn:
            # a reader of a catalog in WAL mode writes too: its index of the log
            if any(words in reason for words in ("disk I/O error", "disk is full")):
                cure = "free its disk"
            elif "readonly database" in reason:
                cure = "let this user write there, since who reads a log of SQLite's writes too"
            elif any(words in reason for words in _DAMAGED):
                cure = "its catalog.sqlite is damaged, put back a backup (docs/runbooks/backup.md)"
            else:
                cure = "see docs/runbooks/failed_run.md"
            message = f"The lake in {root} cannot be opened ({reason}): {cure}."
            raise LakeError(message) from error
        if read_only and "does not exist" in reason:
            message = (
                f"There is no lake in this catalog yet: write one with `roi run --inbox DIR"
                f" --lake {root}`."
            )
            raise NotReady(message) from error
        message = f"The lake's catalog on Postgres cannot be opened: {reason}."
        raise LakeError(message) from error


def _prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make the schemas and ops tables of a new lake, or bring an older one forward.

    Each is one transaction: a lake is of one version or of the other.
    """
    version = _version(con)
    if version is not None and version >= SCHEMA_VERSION:
        return
    con.execute("begin")
    if version is None:
        for schema in ("ops", "facts", "marts"):
            con.execute(f"create schema if not exists lake.{schema}")
        for name, columns in OPS_TABLES.items():
            con.execute(f"create table if not exists lake.ops.{name} ({columns})")
            know_empty(con, f"lake.ops.{name}")
    else:
        for step in range(version + 1, SCHEMA_VERSION + 1):
            for statement in MIGRATIONS[step]:
                con.execute(statement)
    con.execute(
        "insert into lake.ops.schema_version values (?, now() at time zone 'UTC')",
        [SCHEMA_VERSION],
    )
    con.execute("commit")


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Hold one transaction: all of it is committed, or nothing.

    For reading too: a query in a transaction of its own reads the lake's catalog anew.
    """
    con.execute("begin")
    try:
        yield
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise


def know_empty(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Give a table without a row its statistics; call it in the transaction that made the table.

    DuckLake writes statistics with the first row. Until then it looks for them in the catalog
    once for every column of every query: some milliseconds a column, a second for a wide mart
    (duckdb/ducklake pull request 1313, which the pinned extension does not have yet). A row that
    is deleted in its own transaction leaves no file, only the statistics.
    """
    name, kind, *_ = con.execute(f"describe {table}").fetchall()[0]
    con.execute(f'insert into {table} by name select cast(null as {kind}) as "{name}"')
    con.execute(f"delete from {table}")


def _version(con: duckdb.DuckDBPyConnection) -> int | None:
    found = con.execute(
        "select count(*) from information_schema.tables"
        " where table_catalog = 'lake' and table_schema = 'ops' and table_name = 'schema_version'"
    ).fetchone()
    if not (found and found[0]):
        return None
    row = con.execute("select max(version) from lake.ops.schema_version").fetchone()
    return row[0] if row else None


def _check_version(con: duckdb.DuckDBPyConnection) -> None:
    version = _version(con)
    if version is not None and version > SCHEMA_VERSION:
        message = (
            f"This lake has schema version {version}, this engine knows {SCHEMA_VERSION}:"
            " update the engine."
        )
        raise LakeError(message)
    if version is None or version < SCHEMA_VERSION:
        message = (
            f"This lake has schema version {version or 0}, this engine knows {SCHEMA_VERSION}:"
            " the next `roi run` brings it forward."
        )
        raise NotReady(message)
