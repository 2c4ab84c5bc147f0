"""DuckDB's extensions come from the package index, not from a download at run time."""

import duckdb
import duckdb_extensions

NAMES = ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs")


def install(con: duckdb.DuckDBPyConnection) -> None:
    """Copy each extension's wheel into DuckDB's own folder, once a machine."""
    con.execute("set autoinstall_known_extensions = false")
    for name in NAMES:
        duckdb_extensions.import_extension(name, con=con)


def load(con: duckdb.DuckDBPyConnection) -> None:
    """Load what a lake needs; a home without the extensions gets them first."""
    try:
        con.execute("load ducklake; load sqlite_scanner")
    except duckdb.Error:
        install(con)
        con.execute("load ducklake; load sqlite_scanner")


if __name__ == "__main__":
    with duckdb.connect() as connection:
        install(connection)
