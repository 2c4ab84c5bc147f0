"""dbt as one step: its sources declared from ours, its run as a subprocess, its answer read."""

import argparse
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from roi_engine import version
from roi_engine.sources.schema import SOURCES, TABLES, Table
from roi_engine.warehouse import catalog
from roi_engine.warehouse.lake import OPS_TABLES

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
GENERATED = "# generated from roi_engine/sources/schema.py by `python -m roi_engine.dbt`\n"

log = logging.getLogger(__name__)


class DbtFailed(Exception):
    """dbt stopped; the message names each node that failed and why."""


# ---------------------------------------------------------------------- declarations


def location(table: Table) -> str:
    """Return the DuckDB expression that reads one bronze table, whatever days there are.

    The path is relative: dbt runs in the lake's folder, so that what it parsed holds for any lake.

    >>> from roi_engine.sources.schema import SAMPLES
    >>> location(SAMPLES)[:60]
    "read_parquet('bronze/gpu/day=*/samples-*.parquet', hive_part"
    """
    if table.day_from is None:
        return f"read_parquet('bronze/reference/{table.name}-*.parquet', union_by_name=true)"
    return (
        f"read_parquet('bronze/{table.source}/day=*/{table.name}-*.parquet',"
        " hive_partitioning=true, hive_types={{ '{{day: DATE}}' }}, union_by_name=true)"
    )


def _columns(columns: Mapping[str, str]) -> list[str]:
    return [
        f"          - {{ name: {name}, data_type: '{kind}' }}" for name, kind in columns.items()
    ]


def sources_yaml(source: str) -> str:
    """Return the ``_<source>__sources.yml`` of one bronze source."""
    lines = [GENERATED + "sources:", f"  - name: {source}", "    tables:"]
    for table in TABLES:
        if table.source == source:
            partition = {"day": "DATE"} if table.day_from else {}
            lines += [
                f"      - name: {table.name}",
                "        config:",
                "          meta:",
                f'            external_location: "{location(table)}"',
                "        columns:",
                *_columns(table.all_columns | partition),
            ]
    return "\n".join(lines) + "\n"


def ops_yaml() -> str:
    """Return the declaration of the tables that the pipeline keeps about itself."""
    lines = [GENERATED + "sources:", "  - name: ops", "    database: lake", "    schema: ops"]
    lines.append("    tables:")
    for name, columns in OPS_TABLES.items():
        parts = [part.strip().rsplit(" ", 1) for part in columns.split(", ")]
        lines += [
            f"      - name: {name}",
            "        columns:",
            *_columns(dict(parts)),
        ]
    return "\n".join(lines) + "\n"


def declarations() -> dict[Path, str]:
    """Return every generated dbt file with its text."""
    staging = PROJECT / "models" / "staging"
    files = {staging / s / f"_{s}__sources.yml": sources_yaml(s) for s in SOURCES}
    files[PROJECT / "models" / "_ops__sources.yml"] = ops_yaml()
    return files


def main() -> int:
    """Write the generated declarations, or check that they are fresh."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a file is stale")
    check = parser.parse_args().check
    stale = []
    for path, text in declarations().items():
        if not path.is_file() or path.read_text() != text:
            stale.append(path)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return 1 if check and stale else 0


# ------------------------------------------------------------------------------- run


OF_ONE_RUN = ("as_of", "read_from", "read_to")
"""Variables that change from run to run: given as ``dbt_metadata_envs`` (``macros/scope.sql``)."""

PARSED = Path(sys.prefix) / "var" / "roi"
"""Keeps the project as dbt parsed it, in the environment whose code this is."""

_PARSED_KEPT = 32


def build(
    *,
    lake: Path,
    variables: Mapping[str, object],
    catalog_dsn: str | None = None,
    threads: int = 2,
    max_memory: str = "4GB",
    inherit: Sequence[int] = (),
    unit_tests: bool = False,
) -> dict[str, float]:
    """Run ``dbt build`` against a lake and return seconds by node.

    dbt parses the project once for each choice of variables, whatever the lake (``PARSED``). The
    variables of ``OF_ONE_RUN`` are not part of it.

    ``inherit`` are open file descriptors that dbt keeps (the write lock).

    Raises:
        DbtFailed: A model or a test failed; the message says which and why.
    """
    root = lake.resolve()
    target = root / "logs" / "dbt"
    # a unit test chooses its own day, and only a --vars gives way to it
    apart = () if unit_tests else OF_ONE_RUN
    of_run = {name: str(variables[name]) for name in apart if name in variables}
    chosen = {name: value for name, value in variables.items() if name not in of_run}
    parsed = _parsed(chosen, target="postgres" if catalog_dsn else "sqlite")
    environment = os.environ | {
        **{f"DBT_ENV_CUSTOM_ENV_{name}": value for name, value in of_run.items()},
        **({"ROI_DBT_CATALOG": f"ducklake:{catalog.sealed(catalog_dsn)}"} if catalog_dsn else {}),
        "ROI_THREADS": str(threads),
        "ROI_MAX_MEMORY": max_memory,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [
        *(str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "build"),
        # unit tests test the models, not the data: they run in `make test`
        *(() if unit_tests else ("--exclude-resource-type", "unit_test")),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target", "postgres" if catalog_dsn else "sqlite"),
        *("--target-path", str(target), "--log-path", str(target)),
        *("--vars", json.dumps(chosen)),
        *(("--partial-parse-file-path", str(parsed)) if parsed.is_file() else ()),
    ]
    # what an earlier version left in the lake is not what this one would parse
    (target / "partial_parse.msgpack").unlink(missing_ok=True)
    # dbt inherits the write lock: if this process is killed, the lock lives as long as dbt
    done = subprocess.run(  # noqa: S603
        command,
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=inherit,
    )
    _keep_parsed(target / "partial_parse.msgpack", parsed)
    log.debug(done.stdout)
    results = target / "run_results.json"
    if done.returncode != 0:
        raise DbtFailed(_failure(done, results))
    nodes = json.loads(results.read_text())["results"]
    return {node["unique_id"]: node["execution_time"] for node in nodes}


def _parsed(variables: Mapping[str, object], *, target: str) -> Path:
    """Return where the project is kept as dbt parsed it: of this very code, and no other."""
    parts = [version.code_version(variables), target, str(PROJECT)]
    parts += [metadata.version(name) for name in ("dbt-core", "dbt-duckdb")]
    key = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
    return PARSED / f"dbt-{key[:32]}.msgpack"


def _keep_parsed(made: Path, parsed: Path) -> None:
    """Keep what dbt parsed for the next run; where that cannot be written it costs only time."""
    if parsed.is_file() or not made.is_file():
        return
    with suppress(OSError):
        parsed.parent.mkdir(parents=True, exist_ok=True)
        draft = parsed.with_suffix(f".{os.getpid()}")
        shutil.copyfile(made, draft)
        draft.replace(parsed)
        kept = sorted(parsed.parent.glob("dbt-*.msgpack"), key=lambda path: path.stat().st_mtime)
        for old in kept[:-_PARSED_KEPT]:
            old.unlink(missing_ok=True)


_DISK_IS_FULL = ("No space left on device", "database or disk is full", "disk I/O error")
"""How DuckDB, SQLite and the system say it, somewhere in what dbt says."""


def _failure(done: subprocess.CompletedProcess[str], results: Path) -> str:
    said = done.stdout + done.stderr
    if reason := next((words for words in _DISK_IS_FULL if words in said), None):
        return f"The lake cannot be written ({reason} while dbt ran): free its disk."
    failed = []
    if results.is_file():
        failed = [
            f"{node['unique_id']}: {' '.join(str(node['message']).split())}"
            for node in json.loads(results.read_text())["results"]
            if node["status"] in ("error", "fail", "runtime error")
        ]
    if failed:
        return "dbt stopped at " + "; ".join(failed)
    tail = " ".join(said.split())[-1500:]
    return f"dbt could not start: {tail}"


if __name__ == "__main__":
    sys.exit(main())
