"""Which days a run builds and reads, and which loads each day is made of.

A run sees everything that has landed; the days asked for say what is *built*. A day is built
again when the set of loads that can change it has changed. Those are the loads with rows on
the day itself, and the loads that touch, on any day, a task or a billing period that the day
has a part in; so the order of runs never shows in the result.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from roi_engine.sources.schema import UNDATED
from roi_engine.warehouse import draft, lake

REACH_DAYS = 31
"""How far a daily mart looks back, itself included: a changed day is followed by as many."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a day waits before nothing of it can change (settings, in days)."""

    reopen_window_days: int = 7
    open_timeout_days: int = 30
    billing_close_days: int = 5

    def closed_on(self, day: date) -> date:
        """Return from when on a day with no task in doubt is final.

        >>> Waits().closed_on(date(2026, 1, 20))
        datetime.date(2026, 2, 13)
        """
        month_end = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return month_end + timedelta(days=self.billing_close_days + self.reopen_window_days)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does: the days to build and the id of each day's transformation.

    Attributes:
        as_of: Decides maturity.
        build: Days whose facts are built from bronze.
        aged: Released days of which nothing changed but their age: their facts are carried over,
            with the maturity of ``as_of``, and their marts are made anew.
        requested: Days that were asked for and of which something has landed.
        transform_run_ids: Day → the id of its transformation.
    """

    as_of: date
    build: list[date]
    aged: list[date]
    requested: frozenset[date]
    transform_run_ids: dict[date, str]


def transform_run_id(code_version: str, day: date, load_ids: Iterable[str]) -> str:
    """Return the id of one day's transformation: hash of code version, day and input loads.

    >>> transform_run_id("1", date(2026, 1, 1), ["b", "a"]) == transform_run_id(
    ...     "1", date(2026, 1, 1), ["a", "b"]
    ... )
    True
    """
    text = "\n".join([code_version, day.isoformat(), *sorted(load_ids)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _bronze(root: str, source: str, table: str) -> str:
    if source == "reference":
        path = f"{root}/reference/{table}-*.parquet"
        options = "union_by_name=true"
    else:
        path = f"{root}/{source}/day=*/{table}-*.parquet"
        options = "hive_partitioning=true, hive_types={'day': DATE}, union_by_name=true"
    return f"(select * from read_parquet('{path.replace(chr(39), chr(39) * 2)}', {options}))"


def read_links(
    con: duckdb.DuckDBPyConnection, *, bronze: str, timezone: str, reopen_window_days: int
) -> None:
    """Make temp tables ``day_load``, ``task_row`` and ``task_again`` from active loads.

    ``day_load`` (day, load_id, source) says which loads a day is made of, ``task_row`` (task_id,
    day, load_id, source) on which days a task has a part and which load says so, ``task_again``
    (task_id, later_task_id) which tasks its requester may have brought the same request to again.
    All are read by ``plan`` and ``write_read_days``.
    """

    def day(column: str) -> str:
        return f"cast(timezone('{timezone}', timezone('UTC', {column})) as date)"

    active = "_load_id in (select load_id from lake.ops.active_load)"
    tickets = _bronze(bronze, "tickets", "tickets")
    moments = ["created_at", "updated_at", "resolved_at", "closed_at", "reviewed_at"]
    ticket_days = " union all ".join(
        f"select task_id, {day(moment)} as day, _load_id from ticket_version"
        f" where {moment} is not null"
        for moment in moments
    )
    con.execute(f"""
        create or replace temp table ticket_version as
        select coalesce(correlation_id, ticket_id) as task_id, ticket_id, requester_id,
            task_type, follow_up_of, _load_id, {", ".join(moments)}
        from {tickets} where {active} and day <> date '{UNDATED}'
    """)
    con.execute(f"""
        create or replace temp table task_row as
        select distinct task_id, day, load_id, source from (
            select conversation_id as task_id, {day("started_at")} as day,
                _load_id as load_id, 'tokens' as source
            from {_bronze(bronze, "tokens", "spans")}
            where {active} and conversation_id is not null
                and started_at is not null
            union all
            select conversation_id, {day("reviewed_at")}, _load_id, 'tokens'
            from {_bronze(bronze, "tokens", "evaluations")}
            where {active} and conversation_id is not null and reviewed_at is not null
            union all
            select task_id, day, _load_id, 'tickets' from ({ticket_days})
        )
    """)
    # a follow-up can undo a success
    con.execute(f"""
        insert into task_row
        select distinct earlier.task_id, {day("later.created_at")}, later._load_id, 'tickets'
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
                ) + interval {reopen_window_days} day
    """)
    # minutes logged on one day for a ticket of another belong to the ticket's task
    entries = _bronze(bronze, "reference", "time_entries")
    con.execute(f"""
        insert into task_row
        with ticket_name as (
            select distinct ticket_id as name, task_id from ticket_version
            union
            select distinct split_part(ticket_id, ':', 2), task_id from ticket_version
        )
        select distinct coalesce(entry.task_id, ticket_name.task_id), {day("entry.started_at")},
            entry._load_id, 'reference'
        from {entries} as entry
        left join ticket_name on ticket_name.name = entry.ticket_id
        where entry.{active} and entry.started_at is not null
            and coalesce(entry.task_id, ticket_name.task_id) is not null
    """)
    con.execute(f"""
        create or replace temp table day_load as
        select distinct day, load_id, source from (
            select {day("started_at")} as day, _load_id as load_id, 'tokens' as source
            from {_bronze(bronze, "tokens", "spans")}
            where {active} and started_at is not null
            union all
            select {day("sampled_at")}, _load_id, 'gpu'
            from {_bronze(bronze, "gpu", "samples")}
            where {active} and sampled_at is not null
            union all
            select day, load_id, source from task_row
        )
    """)
    _read_billing(con, bronze=bronze, day=day, active=active)
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


def _read_billing(
    con: duckdb.DuckDBPyConnection, *, bronze: str, day: Callable[[str], str], active: str
) -> None:
    """Add billing loads: all exports of a period are inputs of each day that it charges.

    A provider's own report is an input of the days that it reports.
    """
    con.execute(f"""
        create or replace temp table charge_row as
        select _load_id as load_id, provider_name, billing_account_id, billing_period_start,
            concat_ws(' ', resource_id, resource_name, tags, sku_id, charge_description) as text,
            {day("charge_period_start")} as first_day,
            greatest(
                {day("charge_period_start")},
                {day("charge_period_end - interval 1 microsecond")}
            ) as last_day
        from {_bronze(bronze, "billing", "charges")}
        where {active} and charge_period_start is not null and charge_period_end is not null
    """)
    con.execute("""
        insert into day_load
        with spans as (
            select distinct provider_name, billing_account_id, billing_period_start,
                first_day, last_day
            from charge_row
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
    # a provider's day is a day in UTC, in whatever zone is reported: see fct_provider_report
    con.execute(f"""
        insert into day_load
        select distinct cast(bucket_start as date), _load_id, 'billing'
        from {_bronze(bronze, "billing", "provider_costs")}
        where {active} and bucket_start is not null
    """)
    # what was capitalised for a training run is paid off on the days after its completion
    con.execute(f"""
        insert into day_load
        select distinct amortised.day, charge_row.load_id, 'billing'
        from (
            select match_value,
                unnest(generate_series(
                    completed_on + 1,
                    coalesce(retired_on, completed_on + lifespan_days::integer),
                    interval 1 day
                ))::date as day
            from {_bronze(bronze, "reference", "training_runs")}
            where {active} and completed_on is not null and lifespan_days > 0
        ) as amortised
        inner join charge_row on contains(charge_row.text, amortised.match_value)
        where amortised.day <= (select max(last_day) from charge_row)
    """)


def newest_event_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """Return the newest day on which anything landed happened; the default of ``as_of``."""
    row = con.execute(
        "select max(interval_end) from lake.ops.manifest where status = 'landed'"
        " and source <> 'reference' and load_id in (select load_id from lake.ops.active_load)"
    ).fetchone()
    return row[0] if row else None


def plan(
    con: duckdb.DuckDBPyConnection,
    *,
    requested: Iterable[date] | None,
    as_of: date,
    code_version: str,
    waits: Waits,
) -> Plan:
    """Decide what to build; ``requested`` None means every day seen.

    A day of which nothing has landed is not built: an empty day would say that nothing happened.
    A released day is built again when its inputs changed, or when an open task of it times out.
    It has only aged when ``as_of`` has moved past something else that it waited for: a reopen
    window, the close of its billing period. ``read_links`` must have been called on this
    connection.
    """
    references = [
        row[0]
        for row in con.execute(
            # what a raw model name means is fixed by the price book: a name that is seen for the
            # first time matters on the days that use it, and these have a new load anyway
            "select load_id from lake.ops.active_load where source = 'reference' and load_id not in"
            " (select load_id from lake.ops.manifest where tables = 'model_names') order by 1"
        ).fetchall()
    ]
    inputs: dict[date, list[str]] = dict(
        con.execute(
            "select day, list(distinct load_id) from day_load where day <> ? group by day",
            [UNDATED],
        ).fetchall()
    )
    released = published(con)
    wanted = set(inputs) if requested is None else set(inputs) & set(requested)
    ids = {
        day: transform_run_id(code_version, day, [*inputs.get(day, []), *references])
        for day in wanted | set(released) | set(inputs)
    }
    stale = {day for day, (run_id, _, _) in released.items() if ids[day] != run_id}
    stale |= _timed_out(con, as_of, waits) & set(released)
    aged = _ripened(con, as_of, waits) & set(released)
    aged |= {
        day
        for day, (_, _, built_as_of) in released.items()
        if (built_as_of >= waits.closed_on(day)) != (as_of >= waits.closed_on(day))
    }
    fresh = {day for day in wanted if day in released and day not in stale}
    build = (wanted - fresh) | stale
    return Plan(as_of, sorted(build), sorted(aged - build), frozenset(wanted), ids)


def _timed_out(con: duckdb.DuckDBPyConnection, as_of: date, waits: Waits) -> set[date]:
    """Return the days of tasks that are open by their facts and not so as of a day, or were."""
    if not _has_facts(con):
        return set()
    rows = con.execute(
        f"""
        select distinct task_row.day
        from lake.facts.fct_task as task
        inner join task_row using (task_id)
        where (outcome_class = 'open' and created_day + {waits.open_timeout_days} < $as_of)
            or (failed_by = 'timed_out' and created_day + {waits.open_timeout_days} >= $as_of)
        """,
        {"as_of": as_of},
    ).fetchall()
    return {row[0] for row in rows}


def _ripened(con: duckdb.DuckDBPyConnection, as_of: date, waits: Waits) -> set[date]:
    """Return released days with a row whose maturity is another as of a day."""
    if not _has_facts(con):
        return set()
    rules = draft.mature(as_of, reopen_window_days=waits.reopen_window_days)
    rows = con.execute(
        " union ".join(
            f"select day from lake.facts.{fact} where coalesce(is_mature, false) <> ({rule})"
            for fact, rule in rules.items()
        )
    ).fetchall()
    return {row[0] for row in rows}


def _has_facts(con: duckdb.DuckDBPyConnection) -> bool:
    there = con.execute(
        "select count(*) from information_schema.tables where table_catalog = 'lake'"
        " and table_schema = 'facts' and table_name in ('fct_task', 'fct_ticket')"
    ).fetchone()
    return there == (2,)


def following(built: Iterable[date], known: Iterable[date]) -> list[date]:
    """Return the days whose windows hold a built day: each built day and the 30 after it.

    >>> days = [date(2026, 1, 1), date(2026, 1, 3), date(2026, 2, 9)]
    >>> [str(day) for day in following(days[:1], days)]
    ['2026-01-01', '2026-01-03']
    """
    after = {day + timedelta(days=shift) for day in built for shift in range(REACH_DAYS)}
    return sorted(after & set(known))


def window_run_ids(days: Iterable[date], runs: Mapping[date, str]) -> dict[date, str]:
    """Return the id of each mart day: hash of the runs that made the days of its window."""
    ids = {}
    for day in days:
        window = [day - timedelta(days=back) for back in range(REACH_DAYS)]
        text = "\n".join(runs[each] for each in window if each in runs)
        ids[day] = hashlib.sha256(text.encode()).hexdigest()[:32]
    return ids


def published(con: duckdb.DuckDBPyConnection) -> dict[date, tuple[str, str, date]]:
    """Return released day → (transform_run_id, status, as_of) of its newest release."""
    rows = con.execute("""
        select day, transform_run_id, status, as_of from lake.ops.published
        qualify row_number() over (partition by day order by release desc) = 1
    """).fetchall()
    return {day: (run_id, status, as_of) for day, run_id, status, as_of in rows}


def write_read_days(
    con: duckdb.DuckDBPyConnection, build: list[date], *, reopen_window_days: int
) -> None:
    """Fill ``ops.read_day``: per source, the partitions that building ``build`` needs."""
    con.execute("create or replace temp table build_day (day date)")
    if build:
        con.execute("insert into build_day select unnest(?::date[])", [build])
    with lake.transaction(con):
        con.execute("delete from lake.ops.read_day")
        con.execute(
            """
            insert into lake.ops.read_day
            with near as (
                select distinct day + shift::integer as day
                from build_day, (values (-1), (0), (1)) as shifts(shift)
            ),
            built as (
                select distinct task_id from task_row where day in (select day from build_day)
            ),
            linked as (
                select distinct day from task_row
                where task_id in (
                    select task_id from built
                    union
                    select later_task_id from task_again inner join built using (task_id)
                )
            ),
            touched as (select day from near union select day from linked),
            around as (
                select distinct day + shift::integer as day
                from touched, generate_series(-1, ?::integer) as shifts(shift)
            )
            , charged as (
                select distinct first_day + shift::integer as day
                from charge_row, (values (-1), (0), (1)) as shifts(shift)
                where load_id in (
                    select load_id from day_load
                    where source = 'billing' and day in (select day from build_day)
                )
            )
            select 'tokens', day from touched
            union all select 'gpu', day from near
            union all select 'tickets', day from around
            union all (select 'billing', day from near union select 'billing', day from charged)
            """,
            [reopen_window_days + 1],
        )
