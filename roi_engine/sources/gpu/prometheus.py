"""What Prometheus says, as tables: its JSON answers, or exposition text with times.

Either way the database then holds ``series`` (series_id, metric, names and texts of its
labels), ``points`` (_source_row, series_id, at_text, text) and ``lines`` (_source_row, reason)
with a reason for whatever is no sample.
"""

from pathlib import Path

import duckdb

from roi_engine.sources import refusals
from roi_engine.sources.base import Unreadable
from roi_engine.sources.files import quoted

MAX_ANSWER_BYTES = 512 * 1024 * 1024
"""A JSON answer is read whole: page by time, as Prometheus wants it anyway (11,000 points)."""

_LEAST = 16 * 1024 * 1024
_MAX_LINE_BYTES = 1024 * 1024
_LABELS = r'\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}'
# never two ways to go on, so that the matcher needs no way back: three times as fast
_LINE = rf"^([a-zA-Z_:][a-zA-Z0-9_:]*)({_LABELS})? +([^ ]+)(?: +([^ ]+)(?: .*)?)?$"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"'


def read_answers(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read answers to range queries (``matrix``) or instant ones (``vector``).

    Raises:
        Unreadable: The file is cut, no answer, a failure, or Prometheus warns about it.
    """
    size = path.stat().st_size
    if size > MAX_ANSWER_BYTES:
        raise Unreadable(
            f"The answer is larger than {MAX_ANSWER_BYTES >> 20} MiB: ask for less time at once."
        )
    try:
        con.execute(
            f"""
            create temp table answers as
            select row_number() over () as answer, *
            from read_json(
                {quoted(path)},
                format = 'auto',
                records = true,
                maximum_object_size = {max(size + 1, _LEAST)},
                columns = {{
                    status: 'varchar',
                    error: 'varchar',
                    warnings: 'varchar[]',
                    data: 'struct(resultType varchar, result struct(
                        metric map(varchar, varchar), "values" varchar[][], "value" varchar[]
                    )[])'
                }}
            )
            """
        )
    except duckdb.Error as error:
        raise Unreadable(
            f"The file is no whole answer of Prometheus ({refusals.problem(error)})."
        ) from error
    for answer in con.execute(
        "select status, error, warnings, data.resultType from answers order by answer"
    ).fetchall():
        _refuse_partial(*answer)
    con.execute(
        """
        create temp table results as
        select row_number() over () as series_id, result.*
        from (select unnest(data.result) as result from answers);

        create temp table series as
        select
            series_id,
            metric['__name__'] as metric,
            map_keys(metric) as names,
            map_values(metric) as texts
        from results;

        create temp table points as
        select
            row_number() over () as _source_row,
            series_id,
            point[1] as at_text,
            point[2] as text
        from (select series_id, unnest(coalesce("values", ["value"])) as point from results);

        create temp table lines as
        select
            _source_row,
            concat('sample ', _source_row, ' is no pair of a time and a value') as reason
        from points
        where at_text is null or text is null
        """
    )


def _refuse_partial(
    status: str | None, error: str | None, warnings: list[str] | None, kind: str | None
) -> None:
    if status is None:
        raise Unreadable("The file is JSON, but no answer of Prometheus: it has no status.")
    if status != "success":
        raise Unreadable(f"Prometheus answered {status!r} ({error}): ask again.")
    if warnings:
        raise Unreadable(f"Prometheus warns that its answer may be partial ({warnings[0]}).")
    if kind not in ("matrix", "vector"):
        raise Unreadable(f"The answer is a {kind}: ask for a range vector such as metric[1d].")


def read_text(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read exposition text, OpenMetrics or the older kind, a sample a line.

    Raises:
        Unreadable: No line is a sample.
    """
    names = "['metric', 'labels', 'text', 'at_text']"
    try:
        con.execute(
            f"""
            create temp table lines as
            select
                _source_row,
                parts,
                case
                    when parts.metric = ''
                        then concat('line ', _source_row, ' is no sample of a metric')
                    when parts.at_text = ''
                        then concat('line ', _source_row, ' has no time: it cannot be dated')
                end as reason
            from (
                select
                    row_number() over () as _source_row,
                    rtrim(replace(line, chr(9), ' '), concat(' ', chr(13))) as sample,
                    regexp_extract(sample, {quoted(_LINE)}, {names}) as parts
                from read_csv(
                    {quoted(path)}, columns = {{line: 'varchar'}}, header = false,
                    auto_detect = false, delim = '', quote = '', escape = '',
                    max_line_size = {_MAX_LINE_BYTES}
                )
            )
            where not regexp_matches(coalesce(sample, ''), '^ *(#|$)')
            """
        )
    except duckdb.InvalidInputException as error:
        raise Unreadable(f"The file is no exposition text ({refusals.problem(error)}).") from error
    samples = con.execute("select count(*) filter (where reason is null) from lines").fetchone()
    if samples == (0,):
        raise Unreadable("No line of the file is a sample of a metric with its time.")
    con.execute(
        f"""
        create temp table found as
        select parts.metric as metric, parts.labels as labels, min(_source_row) as series_id
        from lines
        where reason is null
        group by 1, 2;

        create temp table series as
        select
            series_id,
            metric,
            regexp_extract_all(labels, {quoted(_LABEL)}, 1) as names,
            list_transform(
                regexp_extract_all(labels, {quoted(_LABEL)}, 2),
                lambda text: replace(replace(text, '\\"', '"'), '\\\\', '\\')
            ) as texts
        from found;

        create temp table points as
        select _source_row, series_id, parts.at_text as at_text, parts.text as text
        from lines
        join found on lines.parts.metric = found.metric and lines.parts.labels = found.labels
        where reason is null
        """
    )
