"""A DuckDB connection as SQLAlchemy sees it: just what Great Expectations asks of one.

Great Expectations speaks SQL through SQLAlchemy only, and the public dialect for DuckDB does not
work with SQLAlchemy 2.1 (docs/decisions/0006-expectations-engine.md). The judge sends plain
SELECTs with ``?`` parameters, and asks which columns a relation has; that is all that is here.
Nothing is ever written through it.
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.pool import StaticPool

_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "BIGINT": sa.BigInteger,
    "INTEGER": sa.Integer,
    "HUGEINT": sa.Numeric,
    "DOUBLE": sa.Double,
    "BOOLEAN": sa.Boolean,
    "DATE": sa.Date,
    "TIMESTAMP": sa.DateTime,
    "TIMESTAMP WITH TIME ZONE": sa.DateTime,
    "VARCHAR": sa.String,
}


class _Cursor:
    """Buffers the rows of one statement.

    DuckDB keeps one result per connection, SQLAlchemy may hold several. The judge reads counts,
    never rows, so what is buffered is one row long.
    """

    arraysize = 1
    rowcount = -1

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._rows: list[tuple[Any, ...]] = []
        self.description: Sequence[Any] | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        result = self._con.execute(statement, list(parameters))
        self.description = result.description
        self._rows = result.fetchall()

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.fetchmany(len(self._rows))

    def close(self) -> None:
        self._rows = []


class _Connection:
    """The caller's own connection, lent: its transaction and its end are the caller's."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def cursor(self) -> _Cursor:
        return _Cursor(self._con)

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Dbapi:
    paramstyle = "qmark"
    Error = duckdb.Error


class DuckDbDialect(DefaultDialect):
    """The dialect that SQLAlchemy's registry knows as ``duckdb``."""

    name = "duckdb"
    supports_statement_cache = True
    default_paramstyle = "qmark"

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return what SQLAlchemy takes for the driver's module."""
        return _Dbapi

    def initialize(self, connection: sa.Connection) -> None:
        """Ask nothing on connecting: there is no server, version or isolation to find out."""

    def do_ping(self, _: Any) -> bool:
        """Return True: a connection inside this process does not go away."""
        return True

    def has_table(self, connection: sa.Connection, table_name: str, *_: Any, **__: Any) -> bool:
        """Return whether a table or view of that name is in sight of the connection."""
        found = connection.exec_driver_sql(
            "select 1 from duckdb_tables() where table_name = ?"
            " union all select 1 from duckdb_views() where view_name = ?",
            (table_name, table_name),
        )
        return found.first() is not None

    def get_columns(
        self, connection: sa.Connection, table_name: str, *_: Any, **__: Any
    ) -> list[ReflectedColumn]:
        """Return the columns of a table or view, with types that bind and compare rightly."""
        quoted = table_name.replace('"', '""')
        rows = connection.exec_driver_sql(f'describe "{quoted}"').fetchall()
        return [
            {"name": row[0], "type": _column_type(row[1]), "nullable": True, "default": None}
            for row in rows
        ]


def _column_type(declared: str) -> sa.types.TypeEngine[Any]:
    if declared.startswith("DECIMAL"):
        return sa.Numeric(38, 18)
    return _TYPES.get(declared, sa.String)()


def engine(con: duckdb.DuckDBPyConnection) -> sa.Engine:
    """Return a SQLAlchemy engine whose only connection is ``con``."""
    sa.dialects.registry.register("duckdb", __name__, DuckDbDialect.__name__)
    return sa.create_engine("duckdb://", creator=lambda: _Connection(con), poolclass=StaticPool)
