"""The validation page: which rules held, which rows are in quarantine, which days are blocked.

One HTML file that works from a disk: no script, no font, no picture, no request to anywhere. Great
Expectations has a page of its own, but it loads its style from the internet.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from html import escape
from pathlib import Path

import duckdb
import polars as pl

EXAMPLES = 5
"""Broken rows that the page names per rule; the rest is a query away."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --odd: #b26a00; --good: #2e7d32 }
@media (prefers-color-scheme: dark) { :root { --bad: #ef9a9a; --odd: #ffcc80; --good: #a5d6a7 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
.label { font-weight: 600; color: var(--odd) }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
.figures li { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem }
.figures b { display: block; font-size: 1.4rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem }
th, td { border-bottom: 1px solid var(--line) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto } small { opacity: .75 }
.critical { color: var(--bad) } .warning { color: var(--odd) } .passed { color: var(--good) }
code { overflow-wrap: anywhere }
"""


def quarantine_summary(con: duckdb.DuckDBPyConnection, relation: str) -> pl.DataFrame:
    """Return how many rows of quarantine break each rule, and the first few of them.

    Args:
        con: A connection that sees ``relation``.
        relation: A table or view with the columns of ``ops.quarantine``.

    Returns:
        source, rule, severity, stage, reason, rows, days and ``examples`` (text, one a line),
        worst first. One reason stands for a rule: parsers put the value into theirs.
    """
    answer = pl.from_arrow(
        con.execute(
            f"""
            with

            placed as (
                select
                    *,
                    row_number() over (
                        partition by source, rule, severity, stage
                        order by day, _source_file, _source_row, record
                    ) as place
                from {relation}
            )

            select
                source,
                rule,
                severity,
                stage,
                min(reason) as reason,
                count(*) as rows,
                count(distinct day) as days,
                string_agg(
                    'file ' || left(_source_file, 12) || ' row ' || _source_row || ': '
                        || left(coalesce(record, ''), 300),
                    chr(10) order by place
                ) filter (where place <= {EXAMPLES}) as examples
            from placed
            group by 1, 2, 3, 4
            order by severity, rows desc, source, rule, stage"""
        ).to_arrow_table()
    )
    if not isinstance(answer, pl.DataFrame):
        message = "a query must answer with a table"
        raise TypeError(message)
    return answer


def render(
    results: pl.DataFrame,
    quarantine: pl.DataFrame,
    blocked: Mapping[date, str],
    *,
    label: str = "",
) -> str:
    """Return the page.

    Args:
        results: Rows of ``ops.validation_result`` of one run.
        quarantine: What ``quarantine_summary`` returned.
        blocked: Day → reason.
        label: A word that must stand beside the numbers, such as ``SIMULATED DATA``.
    """
    overall = results.filter(pl.col("day").is_null())
    failed = overall.filter(~pl.col("success"))
    runs = ", ".join(sorted(set(results["run_id"].drop_nulls())))
    critical = failed.filter(severity="critical").height
    figures = [
        (str(len(blocked)), "days blocked", "critical" if blocked else "passed"),
        (str(critical), "critical rules broken", "critical" if critical else "passed"),
        (str(failed.height - critical), "warnings", "warning"),
        (f"{_total(quarantine)}", "rows in quarantine", ""),
        (str(overall.height), "rules judged", ""),
    ]
    body = [
        "<h1>Validation</h1>",
        f"<p><small>run {escape(runs) or 'without a result'}</small></p>",
        f'<p class="label">{escape(label)}</p>' if label else "",
        '<ul class="figures">',
        *(
            f'<li><b class="{kind}">{number}</b>{escape(text)}</li>'
            for number, text, kind in figures
        ),
        "</ul>",
        "<h2>Blocked days</h2>",
        _table(["day", "reason"], [[day.isoformat(), why] for day, why in sorted(blocked.items())])
        if blocked
        else "<p>None: every day that was asked for passed.</p>",
        "<h2>Broken rules</h2>",
        _broken(failed, results),
        "<h2>Quarantine</h2>",
        _quarantined(quarantine),
        "<h2>Rules that hold</h2>",
        _held(overall.filter(pl.col("success"))),
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            "<title>Validation</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            *(part for part in body if part),
            "</body>",
            "</html>",
            "",
        ]
    )


def write(
    path: Path,
    results: pl.DataFrame,
    quarantine: pl.DataFrame,
    blocked: Mapping[date, str],
    *,
    label: str = "",
) -> None:
    """Write the page to ``path``, whole or not at all (see ``render``)."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(render(results, quarantine, blocked, label=label), encoding="utf-8")
    draft.replace(path)


def _total(quarantine: pl.DataFrame) -> str:
    return f"{quarantine['rows'].sum():,}" if quarantine.height else "0"


def _broken(failed: pl.DataFrame, results: pl.DataFrame) -> str:
    if failed.is_empty():
        return "<p>None.</p>"
    by_day = results.filter(pl.col("day").is_not_null()).partition_by("rule", as_dict=True)
    rows = []
    # "critical" sorts before "warning", the larger damage before the smaller
    for row in failed.sort(
        "severity", "unexpected", "rule", descending=[False, True, False]
    ).iter_rows(named=True):
        days = by_day.get((row["rule"],))
        rows.append(
            [
                _severity(row["severity"]),
                f"<b>{escape(row['rule'])}</b><br><small>{escape(row['reason'])}</small>",
                f"{row['unexpected']:,} of {row['checked']:,}",
                escape(row["observed"] or ""),
                "" if days is None else _days(days),
            ]
        )
    return _table(["severity", "rule", "broken", "what was seen", "days"], rows, raw=True)


def _days(days: pl.DataFrame) -> str:
    lines = "".join(
        f"<br>{row['day'].isoformat()}: {row['unexpected']:,} of {row['checked']:,}"
        for row in days.sort("day").iter_rows(named=True)
    )
    return f"<details><summary>{days.height}</summary><small>{lines[4:]}</small></details>"


def _quarantined(quarantine: pl.DataFrame) -> str:
    if quarantine.is_empty():
        return "<p>Empty.</p>"
    rows = []
    for row in quarantine.iter_rows(named=True):
        examples = "<br>".join(escape(line) for line in (row["examples"] or "").split("\n"))
        rows.append(
            [
                _severity(row["severity"]),
                f"<b>{escape(row['rule'])}</b><br><small>{escape(row['reason'])}</small>",
                escape(f"{row['source']}, {row['stage']}"),
                f"{row['rows']:,}",
                f"<details><summary>show</summary><code>{examples}</code></details>",
            ]
        )
    return _table(["severity", "rule", "where", "rows", "first rows"], rows, raw=True)


def _held(held: pl.DataFrame) -> str:
    rows = [
        [
            _severity(row["severity"]),
            f"<b>{escape(row['rule'])}</b><br><small>{escape(row['reason'])}</small>",
            f"{row['checked']:,}",
        ]
        for row in held.iter_rows(named=True)
    ]
    table = _table(["severity", "rule", "rows judged"], rows, raw=True)
    return f"<details><summary>{held.height} rules</summary>{table}</details>"


def _severity(word: str) -> str:
    kind = word if word in ("critical", "warning") else ""
    return f'<span class="{kind}">{escape(word)}</span>'


def _table(head: list[str], rows: Iterable[list[str]], *, raw: bool = False) -> str:
    """Return a table; ``raw`` cells are HTML already, others are escaped."""
    counts = ("broken", "rows", "rows judged")
    classes = [' class="number"' if name in counts else "" for name in head]
    cells = "".join(
        f"<th{kind}>{escape(name)}</th>" for kind, name in zip(classes, head, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{cell if raw else escape(cell)}</td>"
            for kind, cell in zip(classes, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    table = f"<table><thead><tr>{cells}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'
