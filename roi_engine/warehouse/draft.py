"""What dbt and the engine make before a release: a DuckDB database beside the catalog.

It is attached as ``draft`` while a stage needs it, by one process at a time (the write lock), and
ends with the release that takes it. In the lake itself every table that is created costs a reading
of the whole catalog, and stays in it for ever.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

FILE = ".draft.duckdb"
"""In the lake's folder; dotted, since it is passing: no backup holds it."""

AGEING = ("fct_task", "fct_ticket")
"""Facts that say of a row whether it is mature as of the build."""


def mature(as_of: date, *, reopen_window_days: int) -> dict[str, str]:
    """Return fact → the SQL of its ``is_mature``, from what else stands in the row.

    Nothing else of a row depends on the date, except that an open task times out.

    >>> print(mature(date(2026, 1, 20), reopen_window_days=7)["fct_task"])
    outcome_class <> 'open' and day + 7 <= date '2026-01-20'
    """
    window = f"{reopen_window_days} <= date '{as_of}'"
    return {
        "fct_task": f"outcome_class <> 'open' and day + {window}",
        "fct_ticket": f"coalesce(ended_day + {window}, false)",
    }


def carry_over(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], *, as_of: date, reopen_window_days: int
) -> None:
    """Take the released rows of days that have only aged into the draft, as old as they are now.

    They are what dbt would make of the same loads, whose hash is the id of their transformation.

    Args:
        con: The lake, with the draft open.
        days: Released days, none of which the draft holds.
        as_of: Decides maturity.
        reopen_window_days: How long an ended task can come back.
    """
    listed = ", ".join(f"date '{day}'" for day in days)
    for fact, rule in mature(as_of, reopen_window_days=reopen_window_days).items():
        released = f"lake.facts.{fact}"
        con.execute(f"create table if not exists draft.{fact} as from {released} limit 0")
        con.execute(
            f"insert into draft.{fact} by name select * replace ({rule} as is_mature)"
            f" from {released} where day in ({listed})"
        )
    con.execute(
        "update draft.fct_task set status = if(is_mature, 'final', 'provisional')"
        f" where day in ({listed})"
    )


def is_there(root: Path) -> bool:
    """Say whether a draft was begun under ``root`` and neither released nor discarded."""
    return (root / FILE).is_file()


def discard(root: Path) -> None:
    """Remove the draft under ``root``; call it while nobody has it open."""
    for name in (FILE, f"{FILE}.wal"):
        (root / name).unlink(missing_ok=True)


@contextmanager
def opened(con: duckdb.DuckDBPyConnection, root: Path) -> Iterator[None]:
    """Attach the draft under ``root``, which is made if there is none, as ``draft``."""
    path = str(root.resolve() / FILE).replace("'", "''")
    con.execute(f"attach '{path}' as draft")
    try:
        yield
    finally:
        con.execute("detach draft")
