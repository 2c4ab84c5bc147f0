"""What each load touches: tasks, days and billing periods, read once of its bronze rows.

Which days must be built is asked of everything that has ever landed. A load's rows never change,
so what is read of them is kept in a DuckDB database beside the catalog, and a run opens the files
of new loads alone. The database is worth nothing by itself: one that is missing, broken or of
other code is made anew, and no backup holds it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from roi_engine import partitions, version
from roi_engine.sources import schema
from roi_engine.sources.files import quoted
from roi_engine.sources.schema import UNDATED, Table

FILE = ".links.duckdb"
"""In the lake's folder; dotted, since it is passing."""

_MOMENTS = ("created_at", "updated_at", "resolved_at", "closed_at", "reviewed_at")

_TABLES = {
    "about": "timezone varchar, code varchar",
    "kept": "load_id varchar",
    "ticket_version": (
        "task_id varchar, ticket_id varchar, requester_id varchar, task_type varchar,"
        f" follow_up_of varchar, load_id varchar, {', '.join(f'{m} timestamp' for m in _MOMENTS)}"
    ),
    "task_day": "task_id varchar, day date, load_id varchar, source varchar",
    "plain_day": "day date, load_id varchar, source varchar",
    "charge": (
        "load_id varchar, provider_name varchar, billing_account_id varchar,"
        " billing_period_start timestamp, first_day date, last_day date, day date"
    ),
    "charge_text": (
        "load_id varchar, provider_name varchar, billing_account_id varchar,"
        " billing_period_start timestamp, text varchar"
    ),
}

_PERIOD = ("provider_name", "billing_account_id", "billing_period_start")


def read(con: duckdb.DuckDBPyConnection, root: Path, *, timezone: str, window_days: int) -> None:
    """Make temp tables of what the active loads touch; ``scope`` asks them.

    ``day_load`` (day, load_id, source) says which loads a day is made of, ``task_row`` (task_id,
    day, load_id, source) on which days a task has a part and which load says so, ``task_again``
    (task_id, later_task_id) which tasks its requester may have brought the same request to again,
    ``charge_row`` which days of which billing period a load charges, and ``training_period`` which
    periods a training run may have been charged in.

    Args:
        con: The lake, writable.
        root: The lake's folder.
        timezone: Whose days are meant.
        window_days: How long after its end a task can come back.
    """
    with _opened(con, root, timezone=timezone):
        _keep(con, root / "bronze", timezone=timezone)
        active = "load_id in (select load_id from lake.ops.active_load)"
        for name, kept in (("ticket_version", "ticket_version"), ("charge_row", "charge")):
            con.execute(f"create or replace temp table {name} as from links.{kept} where {active}")
        con.execute(
            "create or replace temp table day_load as"
            f" select distinct day, load_id, source from links.plain_day where {active}"
        )
        con.execute(
            "create or replace temp table task_row as"
            f" select distinct task_id, day, load_id, source from links.task_day where {active}"
        )
        _link_training(con, root / "bronze", active)
    _link_tasks(con, root / "bronze", timezone=timezone, window_days=window_days)
    _link_bills(con)


# ------------------------------------------------------------------------- what is kept


@contextmanager
def _opened(con: duckdb.DuckDBPyConnection, root: Path, *, timezone: str) -> Iterator[None]:
    """Attach the database as ``links``; one that does not fit is begun anew."""
    path = root.resolve() / FILE
    code = version.source_hash()
    try:
        con.execute(f"attach {quoted(path)} as links")
        fits = con.execute("select timezone, code from links.about").fetchone() == (timezone, code)
    except duckdb.Error:
        fits = False
    if not fits:
        con.execute("detach database if exists links")
        for name in (FILE, f"{FILE}.wal"):
            (root / name).unlink(missing_ok=True)
        con.execute(f"attach {quoted(path)} as links")
        for name, columns in _TABLES.items():
            con.execute(f"create table links.{name} ({columns})")
        con.execute("insert into links.about values (?, ?)", [timezone, code])
    try:
        yield
    finally:
        con.execute("detach links")


def _keep(con: duckdb.DuckDBPyConnection, bronze: Path, *, timezone: str) -> None:
    """Read what active loads touch that were not read yet, in one transaction."""
    new = [
        row[0]
        for row in con.execute(
            "select load_id from lake.ops.active_load where source <> 'reference'"
            " and load_id not in (from links.kept)"
        ).fetchall()
    ]
    if not new:
        return

    day = partial(partitions.day_of, timezone=timezone)

    def rows(table: Table) -> str:
        return f"({_rows(bronze, table, new)})"

    con.execute("begin")
    try:
        con.execute(f"""
            insert into links.ticket_version by name
            select coalesce(correlation_id, ticket_id) as task_id, ticket_id, requester_id,
                task_type, follow_up_of, _load_id as load_id, {", ".join(_MOMENTS)}
            from {rows(schema.TICKETS)} where day <> date '{UNDATED}'
        """)
        con.execute(f"""
            insert into links.task_day
            select distinct conversation_id, {day("started_at")}, _load_id, 'tokens'
            from {rows(schema.SPANS)}
            where conversation_id is not null and started_at is not null
            union
            select conversation_id, {day("reviewed_at")}, _load_id, 'tokens'
            from {rows(schema.EVALUATIONS)}
            where conversation_id is not null and reviewed_at is not null
        """)
        # a provider's day is a day in UTC, in whatever zone is reported: see fct_provider_report
        con.execute(f"""
            insert into links.plain_day
            select distinct {day("started_at")}, _load_id, 'tokens'
            from {rows(schema.SPANS)} where started_at is not null
            union all
            select distinct {day("sampled_at")}, _load_id, 'gpu'
            from {rows(schema.SAMPLES)} where sampled_at is not null
            union all
            select distinct cast(bucket_start as date), _load_id, 'billing'
            from {rows(schema.PROVIDER_COSTS)} where bucket_start is not null
        """)
        con.execute(f"""
            insert into links.charge
            select distinct _load_id, {", ".join(_PERIOD)}, {day("charge_period_start")},
                greatest(
                    {day("charge_period_start")},
                    {day("charge_period_end - interval 1 microsecond")}
                ),
                day
            from {rows(schema.CHARGES)}
        """)
        words = [
            name
            for name, kind in schema.CHARGES.columns.items()
            if kind == "VARCHAR" and name != "line_key"
        ]
        con.execute(f"""
            insert into links.charge_text
            select distinct _load_id, {", ".join(_PERIOD)}, concat_ws(' ', {", ".join(words)})
            from {rows(schema.CHARGES)}
        """)
        con.execute("insert into links.kept select unnest(?::varchar[])", [new])
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise


def _rows(bronze: Path, table: Table, loads: Collection[str]) -> str:
    """Return the query of a table's rows in all files of some loads, whatever their day."""
    wanted = {*loads, partitions.NO_LOAD}
    found = sorted((bronze / table.source).glob(f"day=*/{table.name}-*.parquet"))
    paths = [path for path in found if path.stem.rpartition("-")[2] in wanted]
    return partitions.scan(paths, by_day=True)


def _reference(bronze: Path, table: Table) -> str:
    paths = sorted((bronze / "reference").glob(f"{table.name}-*.parquet"))
    return (
        f"(select * from ({partitions.scan(paths, by_day=False)})"
        " where _load_id in (select load_id from lake.ops.active_load))"
    )


# --------------------------------------------------------------------- how it hangs together


def _link_tasks(
    con: duckdb.DuckDBPyConnection, bronze: Path, *, timezone: str, window_days: int
) -> None:
    day = partial(partitions.day_of, timezone=timezone)
    ticket_days = " union ".join(
        f"select task_id, {day(moment)} as day, load_id, 'tickets' from ticket_version"
        f" where {moment} is not null"
        for moment in _MOMENTS
    )
    con.execute(f"insert into task_row {ticket_days}")
    # a follow-up can undo a success
    con.execute(f"""
        insert into task_row
        select distinct earlier.task_id, {day("later.created_at")}, later.load_id, 'tickets'
        from ticket_version as earlier
        inner join ticket_version as later on later.follow_up_of = earlier.ticket_id
        where later.created_at is not null
    """)
    # So can a later task of the same requester and type; brought to another agent, it makes the
    # earlier one's spend redundant. Which agent that is, is known from the later task's actions.
    con.execute(f"""
        create or replace temp table task_again as
        select distinct earlier.task_id, later.task_id as later_task_id
        from ticket_version as earlier
        inner join ticket_version as later
            on later.requester_id = earlier.requester_id
            and later.task_type = earlier.task_type
            and later.created_at >= earlier.created_at
        where later.task_id <> earlier.task_id
            and later.created_at
                <= greatest(
                    earlier.created_at, earlier.updated_at, earlier.closed_at, earlier.resolved_at
                ) + interval {window_days} day
    """)
    # minutes logged on one day for a ticket of another belong to the ticket's task
    con.execute(f"""
        insert into task_row
        with ticket_name as (
            select distinct ticket_id as name, task_id from ticket_version
            union
            select distinct split_part(ticket_id, ':', 2), task_id from ticket_version
        )
        select distinct coalesce(entry.task_id, ticket_name.task_id), {day("entry.started_at")},
            entry._load_id, 'reference'
        from {_reference(bronze, schema.REFERENCE["time_entries"])} as entry
        left join ticket_name on ticket_name.name = entry.ticket_id
        where entry.started_at is not null
            and coalesce(entry.task_id, ticket_name.task_id) is not null
    """)
    con.execute("insert into day_load select distinct day, load_id, source from task_row")
    # a task's every day is an input of its every other day
    con.execute("""
        insert into day_load
        select distinct here.day, there.load_id, there.source
        from task_row as here
        inner join task_row as there using (task_id)
        where here.day <> there.day
            and task_id in (
                select task_id from task_row group by task_id having count(*) > 1
            )
    """)
    # and all that is known of a task is an input of the days of those that it may have repeated,
    # never the other way
    con.execute("""
        insert into day_load
        select distinct earlier.day, later.load_id, later.source
        from task_again
        inner join task_row as earlier using (task_id)
        inner join task_row as later on later.task_id = task_again.later_task_id
    """)


def _link_bills(con: duckdb.DuckDBPyConnection) -> None:
    """Add billing loads: all exports of a period are inputs of each day that it charges."""
    con.execute("""
        insert into day_load
        with spans as (
            select distinct provider_name, billing_account_id, billing_period_start,
                first_day, last_day
            from charge_row
            where first_day is not null and last_day is not null
        ),
        charged as (
            select distinct provider_name, billing_account_id, billing_period_start,
                unnest(generate_series(first_day, last_day, interval 1 day))::date as day
            from spans
        ),
        exports as (
            select distinct provider_name, billing_account_id, billing_period_start, load_id
            from charge_row
        )
        select distinct charged.day, exports.load_id, 'billing'
        from charged
        inner join exports
            on charged.provider_name is not distinct from exports.provider_name
            and charged.billing_account_id is not distinct from exports.billing_account_id
            and charged.billing_period_start is not distinct from exports.billing_period_start
    """)
    # what was capitalised for a training run is paid off on the days after its completion
    con.execute("""
        insert into day_load
        select distinct amortised.day, training_period.load_id, 'billing'
        from (
            select match_value,
                unnest(generate_series(
                    completed_on + 1,
                    coalesce(retired_on, completed_on + lifespan_days::integer),
                    interval 1 day
                ))::date as day
            from training_period
            where completed_on is not null and lifespan_days > 0
        ) as amortised
        inner join training_period using (match_value)
        where amortised.day <= (select max(last_day) from charge_row)
    """)


def _link_training(con: duckdb.DuckDBPyConnection, bronze: Path, active: str) -> None:
    """Find the periods whose lines have all words of what a training run is matched by.

    Which of them it really is, dbt decides by the column that is named: some may be too many here,
    none is missing. Words are compared, since text in a bill's JSON is escaped.
    """
    con.execute(f"""
        create or replace temp table training_period as
        with training_run as (
            select match_value, completed_on, retired_on, lifespan_days,
                list_filter(
                    regexp_split_to_array(match_value, '[^A-Za-z0-9_. -]+'), word -> word <> ''
                ) as words
            from {_reference(bronze, schema.REFERENCE["training_runs"])}
            where match_value is not null
        )
        select distinct training_run.* exclude (words), charge_text.* exclude (text)
        from training_run
        inner join links.charge_text as charge_text
            on list_aggregate(
                list_transform(words, word -> contains(charge_text.text, word)) || [true],
                'bool_and'
            )
        where {active}
    """)
