"""Which days a run builds and reads, and which loads each day is made of.

A run sees everything that has landed; the days asked for say what is *built*. A day is built
again when the set of loads that can change it has changed. Those are the loads with rows on
the day itself, and the loads that touch, on any day, a task or a billing period that the day
has a part in; so the order of runs never shows in the result.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from roi_engine.marts.facts import REACH_DAYS
from roi_engine.sources.schema import UNDATED
from roi_engine.warehouse import draft, lake


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
    window, the close of its billing period. ``links.read`` must have been called on this
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


def days_of_periods(con: duckdb.DuckDBPyConnection, days: Collection[date]) -> list[date]:
    """Return the partitions of all lines of the billing periods that have a line on some days."""
    rows = con.execute(
        """
        select distinct line.day
        from charge_row as line
        inner join charge_row as judged
            on line.provider_name is not distinct from judged.provider_name
            and line.billing_account_id is not distinct from judged.billing_account_id
            and line.billing_period_start is not distinct from judged.billing_period_start
        where judged.day in (select unnest(?::date[]))
        """,
        [sorted(days)],
    ).fetchall()
    return [row[0] for row in rows]


def write_read_days(
    con: duckdb.DuckDBPyConnection, build: list[date], *, reopen_window_days: int
) -> None:
    """Fill ``ops.read_day``: per source, the partitions that building ``build`` needs.

    Of lines of a bill these are all days of each billing period that is needed, since exports are
    compared as wholes; they stand under the name of their table.
    """
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
                where first_day is not null and load_id in (
                    select load_id from day_load
                    where source = 'billing' and day in (select day from build_day)
                )
            ),
            billed as (select day from near union select day from charged),
            periods as (
                select provider_name, billing_account_id, billing_period_start
                from charge_row
                inner join billed on billed.day between first_day and last_day
                union
                select provider_name, billing_account_id, billing_period_start
                from training_period
            )
            select 'tokens', day from touched
            union all select 'gpu', day from near
            union all select 'tickets', day from around
            union all select 'billing', day from billed
            union all (
                select distinct 'charges', charge_row.day
                from charge_row
                inner join periods
                    on charge_row.provider_name is not distinct from periods.provider_name
                    and charge_row.billing_account_id
                        is not distinct from periods.billing_account_id
                    and charge_row.billing_period_start
                        is not distinct from periods.billing_period_start
            )
            """,
            [reopen_window_days + 1],
        )
