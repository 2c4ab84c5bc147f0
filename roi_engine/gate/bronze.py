"""Bronze as the gate reads it: a view per table, over the files of active loads and wanted days.

Beside the ``bronze_TABLE`` views there are two small tables for the rules on arrival:
``gate_schema`` (which column has which type in which day's files) and ``gate_volume`` (rows and
last instant of each day, against the days before). Both are read from the files' metadata.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from roi_engine import partitions
from roi_engine.gate.predicate import literal, quote
from roi_engine.partitions import File
from roi_engine.sources import schema
from roi_engine.sources.schema import Table

HISTORY_DAYS = 28
"""Four of each weekday: enough for a median, near enough to be usual."""

LEAST_DAYS = 3
"""Of fewer days there is no telling what is usual."""

LEAST_ROWS = 20
"""A handful of rows halves and doubles by chance."""


@contextmanager
def views(con: duckdb.DuckDBPyConnection, files: Collection[File]) -> Iterator[None]:
    """Hold a temporary view ``bronze_TABLE`` for every table of the schema.

    A column that the files lack is NULL, one of another type is cast where it can be; both are
    named in ``gate_schema``. A table without files is an empty view.
    """
    _create_views(con, files)
    try:
        yield
    finally:
        for table in schema.TABLES:
            con.execute(f"drop view if exists bronze_{table.name}")


def _create_views(con: duckdb.DuckDBPyConnection, files: Collection[File]) -> None:
    for table in schema.TABLES:
        paths = [file.path for file in files if file.table is table]
        body = rows(con, table, paths)
        con.execute(f"create or replace temporary view bronze_{table.name} as {body}")


def rows(con: duckdb.DuckDBPyConnection, table: Table, paths: Collection[Path]) -> str:
    """Return the query of a table's rows in some files, with every column of its declaration."""
    selected = [*table.all_columns.items(), *([("day", "DATE")] if table.day_from else [])]
    if not paths:
        fields = ", ".join(f"cast(null as {kind}) as {quote(name)}" for name, kind in selected)
        return f"select {fields} where false"
    read = partitions.scan(paths, by_day=table.day_from is not None)
    found = {row[0]: row[1] for row in con.execute(f"describe {read}").fetchall()}
    fields = ", ".join(_field(name, kind, found.get(name)) for name, kind in selected)
    return f"select {fields} from ({read})"


def _field(name: str, kind: str, found: str | None) -> str:
    if found is None:
        return f"cast(null as {kind}) as {quote(name)}"
    if found == kind:
        return quote(name)
    return f"try_cast({quote(name)} as {kind}) as {quote(name)}"


def create_schema_table(
    con: duckdb.DuckDBPyConnection,
    files: Collection[File],
    required: Collection[tuple[str, str, str]],
) -> None:
    """Create ``gate_schema``: a row per declared column and day, with the type that was found.

    Args:
        con: Where the table is made.
        files: The files to look into.
        required: (source, table, column) of the columns that a day cannot do without.
    """
    con.execute(
        "create or replace temporary table gate_schema (source varchar, table_name varchar,"
        " day date, column_name varchar, expected_type varchar, found_type varchar,"
        " required_type varchar, column_label varchar)"
    )
    if not files:
        return
    listed = ", ".join(literal(str(file.path)) for file in files)
    # files of one parser version look alike: one of each kind is described, not each file
    signatures = con.execute(
        f"""
        with signed as (
            select
                file_name,
                md5(string_agg(concat_ws(':', name, type, converted_type, logical_type), ','
                    order by name)) as signature
            from parquet_schema([{listed}])
            group by 1
        )
        select file_name, min(file_name) over (partition by signature) from signed"""
    ).fetchall()
    like = dict(signatures)
    types = {
        path: {
            row[0]: row[1]
            for row in con.execute(
                f"describe {partitions.scan([Path(path)], by_day=False)}"
            ).fetchall()
        }
        for path in sorted(set(like.values()))
    }
    kinds = {(file.table.name, file.day, like[str(file.path)]): file for file in files}
    needed = frozenset(required)
    rows = []
    for (_, day, sample), file in kinds.items():
        table = file.table
        for column, expected in table.all_columns.items():
            found = types[sample].get(column)
            is_required = (table.source, table.name, column) in needed
            rows.append(
                {
                    "source": table.source,
                    "table_name": table.name,
                    "day": day,
                    "column_name": column,
                    "expected_type": expected,
                    "found_type": found,
                    "required_type": found if is_required else expected,
                    "column_label": f"{table.name}.{column}",
                }
            )
    frame = pl.DataFrame(rows, schema_overrides={"day": pl.Date, "found_type": pl.String})
    con.register("gate_schema_rows", frame)
    con.execute("insert into gate_schema by name select distinct * from gate_schema_rows")
    con.unregister("gate_schema_rows")


def missing_columns(
    con: duckdb.DuckDBPyConnection,
) -> list[tuple[str, date | None, str]]:
    """Return (source, day, ``table.column``) of required columns that files lack, in order."""
    return con.execute(
        "select source, day, column_label from gate_schema where required_type is null"
        " order by source, day nulls first, column_label"
    ).fetchall()


def create_volume_table(
    con: duckdb.DuckDBPyConnection, root: Path, days: Collection[date], loads: Collection[str]
) -> None:
    """Create ``gate_volume``: rows and last instant per source and wanted day, and what is usual.

    Rows are expected of a source from its first day to the newest day of all sources; on other
    days ``expected_rows`` is NULL.
    Usual is the median of the same weekday in the four weeks before, or, where fewer than three
    of those have rows, of the seven days before; where there are fewer than three again, nothing
    is usual and the column is NULL. Counts come from the files' metadata.
    """
    seen = frozenset(days)
    before = {
        day - timedelta(days=back) for day in seen for back in range(1, HISTORY_DAYS + 1)
    } | seen
    found = partitions.find_files(root, dict.fromkeys(schema.SOURCES, before), loads)
    files = [file for file in found if file.day is not None]
    con.execute(
        "create or replace temporary table gate_landed"
        " (source varchar, day date, landed_rows bigint, last_at timestamp)"
    )
    for table in schema.TABLES:
        # a report is no bill: it must not hide that the bill is missing, nor look like half of one
        paths = [str(file.path) for file in files if file.table is table and not table.is_memo]
        if not paths:
            continue
        listed = ", ".join(literal(path) for path in paths)
        con.execute(
            f"""
            insert into gate_landed
            select
                {literal(table.source)},
                cast(regexp_extract(file_name, 'day=(\\d{{4}}-\\d{{2}}-\\d{{2}})', 1) as date),
                sum(row_group_num_rows),
                max(try_cast(stats_max_value as timestamp))
            from parquet_metadata([{listed}])
            where path_in_schema = {literal(table.day_from)}
            group by 1, 2"""
        )
    wanted = pl.DataFrame({"day": sorted(seen)}, schema={"day": pl.Date}).join(
        pl.DataFrame({"source": [each for each in schema.SOURCES if each != "reference"]}),
        how="cross",
    )
    con.register("gate_wanted", wanted)
    con.register("gate_span", _spans(root, loads))
    con.execute(_VOLUME)
    con.unregister("gate_span")
    con.unregister("gate_wanted")
    con.execute("drop table gate_landed")


def _spans(root: Path, loads: Collection[str]) -> pl.DataFrame:
    """Return the first and the last day of each source of which rows have landed."""
    wanted = frozenset(loads)
    counted = {(each.source, each.name) for each in schema.TABLES if not each.is_memo}

    def has_rows(source: str, folder: Path) -> bool:
        parts = (path.stem.rpartition("-") for path in folder.glob("*.parquet"))
        return any((source, name) in counted and load in wanted for name, _, load in parts)

    found = []
    for source in schema.SOURCES:
        undated = f"day={schema.UNDATED.isoformat()}"
        folders = sorted(each for each in (root / source).glob("day=*") if each.name != undated)
        first = next((each for each in folders if has_rows(source, each)), None)
        if first is not None:
            last = next(each for each in reversed(folders) if has_rows(source, each))
            days = [date.fromisoformat(each.name.removeprefix("day=")) for each in (first, last)]
            found.append([source, *days])
    kinds = {"source": pl.String, "first_day": pl.Date, "last_day": pl.Date}
    return pl.DataFrame(found, schema=kinds, orient="row")


_VOLUME = f"""
    create or replace temporary table gate_volume as

    with

    landed as (
        select
            source,
            day,
            cast(sum(landed_rows) as bigint) as landed_rows,
            -- hours from the day's last row to the end of the day
            date_diff('microsecond', max(last_at), cast(day + 1 as timestamp)) / 3.6e9 as early
        from gate_landed
        group by source, day
    ),

    usual as (
        select
            wanted.source,
            wanted.day,
            count(*) filter (is_weekday) as weekdays,
            count(*) filter (is_last_week) as last_days,
            median(earlier.landed_rows) filter (is_weekday) as weekday_rows,
            median(earlier.landed_rows) filter (is_last_week) as last_rows,
            median(earlier.early) filter (is_weekday) as weekday_early,
            median(earlier.early) filter (is_last_week) as last_early
        from gate_wanted as wanted
        inner join landed as earlier
            on earlier.source = wanted.source
            and earlier.day < wanted.day
            and earlier.day >= wanted.day - {HISTORY_DAYS}
        cross join lateral (
            select
                date_diff('day', earlier.day, wanted.day) % 7 = 0 as is_weekday,
                earlier.day >= wanted.day - 7 as is_last_week
        ) as which
        group by 1, 2
    ),

    chosen as (
        select
            source,
            day,
            case
                when weekdays >= {LEAST_DAYS} then weekday_rows
                when last_days >= {LEAST_DAYS} then last_rows
            end as usual_rows,
            case
                when weekdays >= {LEAST_DAYS} then weekday_early
                when last_days >= {LEAST_DAYS} then last_early
            end as usual_early
        from usual
    )

    select
        wanted.source,
        wanted.day,
        coalesce(landed.landed_rows, 0) as landed_rows,
        case
            when wanted.day between spans.first_day and (select max(last_day) from gate_span)
            then coalesce(landed.landed_rows, 0)
        end as expected_rows,
        chosen.usual_rows,
        case
            when chosen.usual_rows >= {LEAST_ROWS} and landed.landed_rows > 0
            then landed.landed_rows / chosen.usual_rows
        end as rows_over_usual,
        landed.early - chosen.usual_early as hours_earlier_than_usual,
        coalesce(landed.landed_rows, 0) || ' rows'
            || case
                when chosen.usual_rows is null then ''
                else ' (usually ' || cast(round(chosen.usual_rows) as bigint) || ')'
            end as volume_label
    from gate_wanted as wanted
    left join landed using (source, day)
    left join chosen using (source, day)
    left join gate_span as spans using (source)
"""
