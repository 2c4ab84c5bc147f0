"""What is generated from the declarations: docs/metrics.md, and the marts as dbt sees them.

``python -m roi_engine.marts.generate`` writes the files, ``--check`` only says which are stale.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from roi_engine.marts import needs, required
from roi_engine.marts.columns import Column, Mart
from roi_engine.marts.declare import DECLARED, lineage
from roi_engine.marts.declared.guide import CONVENTIONS, DECISIONS

ROOT = Path(__file__).parents[2]
_HEAD = "generated from roi_engine/marts/declared by `python -m roi_engine.marts.generate`"


def texts() -> dict[str, str]:
    """Return path (from the project's root) → what the file must hold.

    Examples:
        >>> sorted(texts())[-1]
        'docs/metrics.md'
    """
    return {
        "docs/metrics.md": _guide(),
        "dbt_project/models/marts/_marts__sources.yml": _sources(),
        "dbt_project/models/marts/_marts__exposures.yml": _exposures(),
    }


def stale(root: Path = ROOT) -> list[str]:
    """Return the paths of generated files that are missing or no longer say what is declared."""
    return [
        path
        for path, text in texts().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path = ROOT) -> list[str]:
    """Write the stale files and return their paths."""
    paths = stale(root)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(texts()[path], encoding="utf-8")
    return paths


def _guide() -> str:
    parts = [
        f"<!-- {_HEAD} -->",
        "# Metrics",
        "What every number of the daily marts means, in which unit, and what it is made from."
        " The § signs name the sections of the definition of record.",
        "## How to read them",
        "\n".join(f"- **{title}.** {text}" for title, text in CONVENTIONS),
        "## The marts",
        "\n".join(f"- [`{m.name}`](#{m.name}) ({m.section}): {m.about}" for m in _marts()),
        *(_mart(mart) for mart in _marts()),
        "## Choices",
        "Where the definitions leave something open, this is what was chosen, and when.",
        _table(
            ("date", "where it shows", "choice"),
            [(day, _code(where), text) for day, where, text in DECISIONS],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _marts() -> list[Mart]:
    return list(DECLARED.values())


def _mart(mart: Mart) -> str:
    origins = lineage(mart.name)
    rows = [
        (
            _code(column.name),
            _reserved(column.about) + _values(column),
            column.unit,
            _reserved(column.formula),
            "yes" if column.additive else "by its sums" if column.measure else "",
            column.source,
        )
        for column in mart.columns
    ]
    made_from = [
        (_code(name), ", ".join(_code(origin) for origin in sources))
        for name, sources in origins.items()
        if sources
    ]
    asked = [(_code(q.name), ", ".join(map(_code, q.tables)), q.about) for q in required(mart.name)]
    return "\n\n".join(
        [
            f"## {mart.name}",
            mart.about,
            mart.row,
            *mart.notes,
            _table(("column", "what it says", "unit", "formula", "adds up", "source"), rows),
            "<details><summary>Which facts each column is made from</summary>",
            _table(("column", "facts"), made_from),
            "What is asked of the facts, summed there and read here:",
            _table(("sums", "facts", "what"), asked),
            "</details>",
        ]
    )


def _values(column: Column) -> str:
    return f" One of {', '.join(map(_code, column.values))}." if column.values else ""


def _reserved(text: str) -> str:
    """Write reserved members as code; bare, their underscores would print as bold."""
    return re.sub(r"__\w+?__", lambda found: _code(found[0]), text)


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _sources() -> str:
    lines = [
        f"# {_HEAD}",
        "sources:",
        "  - name: marts",
        '    description: "Daily marts that the engine makes from the facts."',
        "    database: lake",
        "    schema: marts",
        "    tables:",
    ]
    for mart in _marts():
        lines += [
            f"      - name: {mart.name}",
            f"        description: {_quoted(f'{mart.about} {mart.row}')}",
            "        columns:",
        ]
        for column in mart.columns:
            lines += [
                f"          - name: {column.name}",
                f"            data_type: {_quoted(column.type.lower())}",
                f"            description: {_quoted(column.about)}",
            ]
    return "\n".join(lines) + "\n"


def _exposures() -> str:
    lines = [f"# {_HEAD}", "exposures:"]
    for mart in _marts():
        read = {table for query in required(mart.name) for table in query.tables}
        tables = sorted(read | set(needs(mart.name)))
        lines += [
            f"  - name: engine_{mart.name}",
            f"    label: {_quoted(f'{mart.name}, as the engine builds it')}",
            "    type: application",
            "    maturity: high",
            f"    description: {_quoted(mart.about)}",
            "    owner:",
            "      name: Agent economics",
            "    depends_on:",
            *(
                f"      - source('marts', '{table}')"
                if table in DECLARED
                else f"      - ref('{table}')"
                for table in tables
            ),
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Quote for YAML; a JSON string is one."""
    return json.dumps(text, ensure_ascii=False)


def main(arguments: list[str] | None = None) -> int:
    """Write the generated files, or with ``--check`` report stale ones; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any is stale")
    options = parser.parse_args(arguments)
    paths = stale() if options.check else write()
    verb = "is stale: run python -m roi_engine.marts.generate" if options.check else "written"
    sys.stdout.writelines(f"{path} {verb}\n" for path in paths)
    return 1 if options.check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
