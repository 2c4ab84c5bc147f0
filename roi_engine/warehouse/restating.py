"""What a release changes of what was released before: one row a figure, with what caused it.

Nothing is kept twice: a figure that was never restated stands in its mart alone, and what was
filed first is the ``old`` of its earliest restatement.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb

_FOUND = "memory.restated"
_MOST_LOADS = 10
"""A row names this many loads; more only says that there were more."""


def compare(
    con: duckdb.DuckDBPyConnection,
    metrics: Mapping[str, Sequence[str]],
    days: Sequence[date],
    *,
    release: int,
    code_version: str,
    columns: Mapping[tuple[str, str], Mapping[str, str]],
) -> None:
    """Find every additive figure of a day × agent that the built marts change; ``write`` keeps it.

    A day that a mart did not have is new, not restated; a column that was NULL filed nothing. An
    agent that has no row on a day stands at 0.

    Args:
        con: The lake, with the draft open. Nothing is written into the lake.
        metrics: Daily mart → its additive columns, whole numbers or decimals.
        days: Days whose marts are replaced.
        release: Number of the release to be.
        code_version: Of the code that built it.
        columns: (schema, table) → column → type, of the lake.
    """
    con.execute(f"""
        create or replace table {_FOUND} (
            mart varchar, day date, agent_id varchar, metric varchar, old decimal(38, 9),
            new decimal(38, 9), old_run varchar, new_run varchar, before bigint,
            was_final boolean, cause varchar, loads varchar
        )
    """)
    for mart, names in sorted(metrics.items()):
        old, new = (columns.get((schema, mart), {}) for schema in ("marts", "draft"))
        kept = [name for name in names if name in old and name in new]
        if kept and {"day", "agent_id"} <= old.keys() & new.keys():
            _compare_mart(con, mart, kept, days, is_run_known="_transform_run_id" in old)
    _explain(con, release=release, code_version=code_version)


def write(con: duckdb.DuckDBPyConnection, release: int) -> None:
    """Write what ``compare`` found into ``ops.restatement``; part of the caller's transaction."""
    con.execute(f"""
        insert into lake.ops.restatement
        select {release}, mart, day, agent_id, metric, old, new, was_final, cause, loads,
            old_run, new_run
        from {_FOUND}
    """)


def _compare_mart(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    names: Sequence[str],
    days: Sequence[date],
    *,
    is_run_known: bool,
) -> None:
    sums = ", ".join(f'sum(cast("{name}" as decimal(38, 9))) as "{name}"' for name in names)
    run = "any_value(_transform_run_id)" if is_run_known else "cast(null as varchar)"

    def side(owner: str) -> str:
        return (
            f"select day, agent_id, {run} as run, {sums} from {owner}.{mart}"
            " where day in (select unnest(?::date[])) group by day, agent_id"
        )

    # what no row holds is 0, what a row does not know is NULL
    pairs = ", ".join(
        f"{{'metric': '{name}',"
        f" 'old': case when filed.agent_id is null then 0 else filed.\"{name}\" end,"
        f" 'new': case when built.agent_id is null then 0 else built.\"{name}\" end}}"
        for name in names
    )
    con.execute(
        f"""
        insert into {_FOUND} (mart, day, agent_id, metric, old, new, old_run, new_run)
        with filed as ({side("lake.marts")}),
        built as ({side("draft")}),
        both_sides as (
            select coalesce(filed.day, built.day) as day,
                coalesce(filed.agent_id, built.agent_id) as agent_id,
                (select max(run) from filed as of_day
                    where of_day.day = coalesce(filed.day, built.day)) as old_run,
                (select max(run) from built as of_day
                    where of_day.day = coalesce(filed.day, built.day)) as new_run,
                unnest([{pairs}]) as pair
            from filed
            full join built on filed.day = built.day and filed.agent_id = built.agent_id
        )
        select '{mart}', day, agent_id, pair.metric, pair.old, pair.new, old_run, new_run
        from both_sides
        where pair.old is not null and pair.old is distinct from pair.new
            and day in (select day from filed)
        """,
        [list(days), list(days)],
    )


def _explain(con: duckdb.DuckDBPyConnection, *, release: int, code_version: str) -> None:
    """Name what is different since the release that made each day: loads, code, or the time.

    The loads that counted then are read from that release itself. A load that touches a day or
    anything after the first day of its window may have changed it; a reference table always may.
    """
    con.execute(f"""
        update {_FOUND} set
            before = coalesce(
                (
                    select max(replaced.release) from lake.ops.replaced_day as replaced
                    where replaced.table_schema = 'marts'
                        and replaced.table_name = {_FOUND.split(".")[1]}.mart
                        and replaced.day = {_FOUND.split(".")[1]}.day
                        and replaced.release < {release}
                ),
                (select max(published.release) from lake.ops.published as published)
            ),
            was_final = coalesce(
                (
                    select arg_max(published.status, published.release) = 'final'
                    from lake.ops.published as published
                    where published.day = {_FOUND.split(".")[1]}.day
                ),
                false
            )
    """)
    con.execute("create or replace table memory.load_between (before bigint, load_id varchar)")
    releases = con.execute(f"""
        select distinct before, published.snapshot_id from {_FOUND}
        inner join lake.ops.published as published on published.release = before
    """).fetchall()
    for before, snapshot in releases:
        then = f"(select load_id from lake.ops.active_load at (version => {snapshot}))"
        con.execute(f"""
            insert into memory.load_between
            select {before}, load_id from (
                (select load_id from lake.ops.active_load except from {then})
                union
                (from {then} except select load_id from lake.ops.active_load)
            )
        """)
    con.execute(f"""
        create or replace table memory.load_by_day as
        select changed.before, changed.day,
            array_to_string(list_sort(list(distinct load_id))[1:{_MOST_LOADS}], ', ')
                || case when count(distinct load_id) > {_MOST_LOADS}
                    then ', … of ' || count(distinct load_id) else '' end as loads
        from (select distinct before, day from {_FOUND}) as changed
        inner join memory.load_between using (before)
        inner join (
            select load_id, max(interval_end) as last_day, max(source) as source
            from lake.ops.manifest group by load_id
        ) as landed using (load_id)
        where landed.source = 'reference' or landed.last_day >= changed.day - 27
        group by changed.before, changed.day
    """)
    con.execute(
        f"""
        create or replace table {_FOUND} as
        select found.* exclude (cause, loads),
            case
                when by_day.loads is not null then 'loads'
                when published.code_version <> ? then 'code'
                else 'as_of'
            end as cause,
            by_day.loads
        from {_FOUND} as found
        left join memory.load_by_day as by_day using (before, day)
        left join (select distinct release, code_version from lake.ops.published) as published
            on published.release = before
        """,
        [code_version],
    )
