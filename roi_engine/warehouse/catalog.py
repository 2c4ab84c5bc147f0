"""The address of a shared catalog on Postgres, with its password kept out of every message.

DuckDB and dbt quote the whole address in their errors and logs. So the password is taken out of
it and handed to libpq where it looks by itself: ``PGPASSWORD`` in the process's environment.
"""

import os

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PREFIX = "postgres:"


def sealed(dsn: str) -> str:
    """Return the address without its password, which goes into this process's environment.

    Examples:
        >>> sealed("postgres:dbname=lake host=127.0.0.1 user=roi")
        'postgres:user=roi dbname=lake host=127.0.0.1'
    """
    parts = conninfo_to_dict(dsn.removeprefix(PREFIX))
    if password := parts.pop("password", None):
        os.environ["PGPASSWORD"] = str(password)
    return PREFIX + make_conninfo(
        "", **{name: str(value) for name, value in parts.items() if value}
    )


def connect(dsn: str) -> psycopg.Connection:
    """Open a session of the catalog's own server, outside DuckDB.

    Raises:
        psycopg.OperationalError: It does not answer; the message holds no password.
    """
    return psycopg.connect(sealed(dsn).removeprefix(PREFIX), autocommit=True)
