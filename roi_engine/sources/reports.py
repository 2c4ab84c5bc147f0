"""What OpenAI and Anthropic report that a day has cost → ``provider_costs``.

A document is one page of the report as the provider's API answers it (``roi_engine.doors.reports``
names the references); it may hold several buckets, each a whole day (UTC). A row is one amount of
a bucket. An amount that cannot be read leaves its row without one, and stands in quarantine: its
day's total is then not known, which is not the same as smaller. A bucket without amounts is one
row of 0: the provider says that the day has cost nothing.

Amounts are read from the text of the document, digit by digit. OpenAI writes JSON numbers in
units of the currency, Anthropic decimal texts in cents.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from roi_engine.sources import bronze, cells, files, refusals
from roi_engine.sources.base import Context, Load, Parsed, Unreadable
from roi_engine.sources.schema import MONEY, PROVIDER_COSTS

_MAX_BYTES = 64 * 1024 * 1024
"""A page of a day has kilobytes, and the whole page is held in memory."""

_LATEST = 7_258_118_399
"""The last second of 2199, as for every other time."""


@dataclass(frozen=True, slots=True)
class _Report:
    """Where a provider's report says what, as JSON paths in a bucket and in one of its results."""

    provider: str
    begins: str
    ends: str
    is_epoch: bool
    amount: str
    currency: str
    is_cents: bool
    texts: dict[str, tuple[str, ...]]


REPORTS = {
    "openai_costs": _Report(
        provider="openai",
        begins="$.start_time",
        ends="$.end_time",
        is_epoch=True,
        amount="$.amount.value",
        currency="$.amount.currency",
        is_cents=False,
        texts={"scope_id": ("$.project_id",), "line_item": ("$.line_item",)},
    ),
    "anthropic_costs": _Report(
        provider="anthropic",
        begins="$.starting_at",
        ends="$.ending_at",
        is_epoch=False,
        amount="$.amount",
        currency="$.currency",
        is_cents=True,
        texts={
            "scope_id": ("$.workspace_id",),
            "line_item": ("$.description", "$.model"),
            "token_type": ("$.token_type",),
            "tier": ("$.service_tier",),
        },
    ),
}
"""System → its report."""


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one page of a provider's cost report.

    Raises:
        Unreadable: The file is no JSON, or no page of the report that its folder names.
    """
    plain = files.unpack(raw, temp=context.temp)
    if plain.is_parquet or plain.path.stat().st_size > _MAX_BYTES:
        raise Unreadable(_no_page(load.system))
    with files.connect(context) as con:
        _read(con, plain.path, load.system)
        typed = f"select {_columns(load.system)} from entries where refused is null"
        written = bronze.write(con, typed, table=PROVIDER_COSTS, load=load, out=out)
        wrong = "(select _source_row, coalesce(refused, doubt) as reason from entries)"
        refused = refusals.malformed(con, f"(from {wrong} where reason is not null)", load)
    return Parsed(
        rows={PROVIDER_COSTS.name: written.rows},
        days=written.days,
        quarantine=refused.vstack(written.quarantine),
    )


def _no_page(system: str) -> str:
    return (
        f"The file is no page of a cost report, as billing/{system} must be: bring the provider's"
        " answer as it came, with its buckets of a day in data."
    )


def _read(con: duckdb.DuckDBPyConnection, path: Path, system: str) -> None:
    """Make ``entries``: a row per result, or per bucket without results, and what is wrong with it.

    ``refused`` says why an entry lies on no day, ``doubt`` why its amount is not known.
    """
    report = REPORTS[system]
    # a number between quotes is its own text: JSON readers make doubles of numbers. Within a
    # text of JSON every quote is escaped, so what looks like a key is one.
    con.execute(
        rf"""
        create temp table page as
        select regexp_replace(
            content, '("(value|amount)"\s*:\s*)(-?[0-9][0-9.eE+-]*)', '\1"\3"', 'g'
        ) as page
        from read_text({files.quoted(path)})
        """
    )
    is_page = con.execute(
        """
        select case when json_valid(page) then json_type(page, '$.data') = 'ARRAY' end
        from page
        """
    ).fetchone()
    if is_page != (True,):
        raise Unreadable(_no_page(system))
    begins, ends = (f"json_extract_string(bucket, '{at}')" for at in (report.begins, report.ends))
    con.execute(
        f"""
        create temp table entries as

        with

        buckets as (

            select unnest(json_extract(page, '$.data[*]')) as bucket from page

        ),

        timed as (

            select
                {_moment(begins, is_epoch=report.is_epoch)} as bucket_start,
                {_moment(ends, is_epoch=report.is_epoch)} as bucket_end,
                {ends} is null as is_open,
                case json_type(bucket, '$.results')
                    when 'ARRAY' then json_extract(bucket, '$.results[*]')
                end as results
            from buckets

        ),

        parted as (

            -- a bucket without results is one entry without a result
            select
                *,
                unnest(case when len(results) > 0 then results else [null::json] end) as result
            from timed

        ),

        said as (

            select
                row_number() over () as _source_row,
                bucket_start,
                bucket_end,
                is_open,
                results is null as has_no_list,
                len(results) = 0 as is_nothing,
                coalesce(json_type(result) = 'OBJECT', false) as is_object,
                {cells.said(f"json_extract_string(result, '{report.amount}')")} as amount,
                upper({cells.said(f"json_extract_string(result, '{report.currency}')")})
                    as currency,
                {_texts(report)}
            from parted

        ),

        read as (

            select
                * exclude (amount),
                amount as amount_text,
                case when is_nothing then 0 else {_money("amount", report)} end as amount
            from said

        )

        select
            *,
            case
                when bucket_start is null then 'a bucket does not say when it begins'
                when
                    bucket_start <> date_trunc('day', bucket_start)
                    or not (is_open or coalesce(
                        bucket_end = bucket_start + interval 1 day, false
                    ))
                    then concat('the bucket of ', bucket_start, ' is no whole day (UTC)')
                when has_no_list
                    then concat('the bucket of ', bucket_start::date, ' has no list of results')
            end as refused,
            case
                when is_nothing then null
                when not is_object then 'an entry of results is no object'
                when amount_text is null then 'an entry has no amount'
                when amount is null
                    then concat('amount: "', left(amount_text, 80), '" is not {cells.kind(MONEY)}')
                when coalesce(not regexp_full_match(currency, '[A-Z]{{3}}'), true)
                    then concat('currency: "', left(currency, 80), '" is no code of a currency')
            end as doubt
        from read
        """
    )


def _columns(system: str) -> str:
    """Return the columns of ``provider_costs`` from ``entries``, without amounts in doubt."""
    given = {
        "provider": files.quoted(REPORTS[system].provider),
        "system": files.quoted(system),
        "amount": "case when doubt is null then amount end",
    } | {name: name for name in ("bucket_start", "currency", *REPORTS[system].texts)}
    columns = [
        f"{given.get(name, 'null')}::{kind} as {name}"
        for name, kind in PROVIDER_COSTS.columns.items()
    ]
    # what cannot be read is named entry by entry: no cell of the row is refused on its own
    return ", ".join([*columns, "_source_row", "null as _rejected", "null as _rounded"])


def _texts(report: _Report) -> str:
    return ", ".join(
        "coalesce("
        + ", ".join(cells.said(f"json_extract_string(result, '{path}')") for path in paths)
        + f") as {name}"
        for name, paths in report.texts.items()
    )


def _moment(text: str, *, is_epoch: bool) -> str:
    if is_epoch:
        seconds = f"try_cast({text} as bigint)"
        moment = f"make_timestamp({seconds} * 1000000)"
        return f"case when {seconds} between 0 and {_LATEST} then {moment} end"
    return cells.cast(text, "TIMESTAMP")


def _money(text: str, report: _Report) -> str:
    """Return SQL of an amount in units of its currency, exactly: cents move the point.

    Examples:
        >>> found = duckdb.sql("select " + _money("'123.456'", REPORTS["anthropic_costs"]))
        >>> str(found.fetchone()[0])
        '1.234560000000000000'
    """
    as_said = cells.cast(text, MONEY)
    if not report.is_cents:
        return as_said
    digits = f"regexp_extract({text}, '^[^eE]*')"
    exponent = f"coalesce(try_cast(nullif(regexp_extract({text}, '[eE](.*)$', 1), '') as int), 0)"
    moved = f"concat({digits}, 'e', {exponent} - 2)"
    return f"case when {as_said} is not null then {cells.cast(moved, MONEY)} end"
