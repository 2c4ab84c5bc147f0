"""dbt as one step: its sources declared from ours, its run as a subprocess, its answer read."""

import argparse
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Self

from roi_engine import disk, partitions, version
from roi_engine.sources.schema import SOURCES, TABLES
from roi_engine.warehouse import catalog
from roi_engine.warehouse.lake import OPS_TABLES

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
PROCESS = Path(__file__).with_name("dbt_process.py")
GENERATED = "# generated from roi_engine/sources/schema.py by `python -m roi_engine.dbt`\n"

log = logging.getLogger(__name__)


class DbtFailed(Exception):
    """dbt stopped; the message names each node that failed and why."""


# ---------------------------------------------------------------------- declarations


def _columns(columns: Mapping[str, str]) -> list[str]:
    return [
        f"          - {{ name: {name}, data_type: '{kind}' }}" for name, kind in columns.items()
    ]


def sources_yaml(source: str) -> str:
    """Return the ``_<source>__sources.yml`` of one bronze source.

    Its tables are the views that ``partitions.show`` makes over what a run reads.
    """
    database, owner = partitions.SHOWN.split(".")
    lines = [GENERATED + "sources:", f"  - name: {source}"]
    lines += [f"    database: {database}", f"    schema: {owner}", "    tables:"]
    for table in TABLES:
        if table.source == source:
            partition = {"day": "DATE"} if table.day_from else {}
            lines += [
                f"      - name: {table.name}",
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


Seconds = dict[str, float]
"""dbt's node → how long it took."""

PARSED = Path(sys.prefix) / "var" / "roi"
"""Keeps the project as dbt parsed it, in the environment whose code this is."""

_PARSED_KEPT = 32


@dataclass(slots=True)
class Process:
    """dbt in a process of its own, for one build of one lake.

    It parses the project once for each choice of variables, whatever the lake (``PARSED``), and as
    soon as it begins: whoever knows that there will be a build begins early, and does other work
    meanwhile. Leave it as a context, so that one that was not asked to build ends.

    Attributes:
        lake: The lake's folder.
        variables: Those of the project that do not change from run to run.
        catalog_dsn: A catalog on Postgres, None for SQLite's.
        threads: DuckDB's.
        max_memory: DuckDB's limit.
        inherit: Open file descriptors that dbt keeps (the write lock).
    """

    lake: Path
    variables: Mapping[str, object]
    catalog_dsn: str | None = None
    threads: int = 2
    max_memory: str = "4GB"
    inherit: Sequence[int] = ()
    _running: subprocess.Popen[str] | None = field(default=None, init=False)
    _said: IO[str] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Begin nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what was not asked to build, or was interrupted."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None
        if self._said is not None:
            self._said.close()
            self._said = None

    def begin(self) -> None:
        """Start dbt and let it parse; to begin twice is to begin once."""
        if self._running is not None:
            return
        parsed, target = self._parsed, self._target
        target.mkdir(parents=True, exist_ok=True)
        # what an earlier version left in the lake is not what this one would parse
        (target / "partial_parse.msgpack").unlink(missing_ok=True)
        (target / "run_results.json").unlink(missing_ok=True)
        arguments = [
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target", self._catalog),
            *("--target-path", str(target), "--log-path", str(target)),
            # a line for each node; what was asked of the database stands in target/run
            *("--log-level-file", "info"),
            *("--vars", json.dumps(dict(self.variables))),
            *(("--partial-parse-file-path", str(parsed)) if parsed.is_file() else ()),
        ]
        dsn = self.catalog_dsn
        environment = os.environ | {
            **({"ROI_DBT_CATALOG": f"ducklake:{catalog.sealed(dsn)}"} if dsn else {}),
            "ROI_THREADS": str(self.threads),
            "ROI_MAX_MEMORY": self.max_memory,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
        }
        # a file, not a pipe: nobody reads it before dbt has ended
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (in __exit__)
        # dbt inherits the write lock: if this process is killed, the lock lives as long as dbt
        self._running = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", str(PROCESS), json.dumps(arguments)],
            env=environment,
            cwd=self.lake.resolve(),
            stdin=subprocess.PIPE,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=self.inherit,
        )

    def build(self, of_run: Mapping[str, object], *, unit_tests: bool = False) -> Seconds:
        """Run ``dbt build`` and return seconds by node.

        Args:
            of_run: Variables that change from run to run, given as ``dbt_metadata_envs``
                (``macros/scope.sql``): as ``--vars`` each run would parse the whole project anew.
            unit_tests: Run them too. They test the models, not the data, and choose their own day:
                give it among ``variables``, since only those give way to it.

        Raises:
            DbtFailed: A model or a test failed; the message says which and why.
        """
        self.begin()
        if self._running is None or self._said is None:  # begin() has made both
            raise AssertionError
        environment = {f"DBT_ENV_CUSTOM_ENV_{name}": str(value) for name, value in of_run.items()}
        arguments = () if unit_tests else ("--exclude-resource-type", "unit_test")
        told = {"environment": environment, "arguments": arguments}
        with suppress(BrokenPipeError):  # dbt could not start: it says why
            self._running.communicate(json.dumps(told) + "\n")
        code = self._running.wait()
        self._running = None
        self._said.seek(0)
        said = self._said.read()
        _keep_parsed(self._target / "partial_parse.msgpack", self._parsed)
        log.debug(said)
        results = self._target / "run_results.json"
        if code != 0:
            raise DbtFailed(_failure(said, results))
        nodes = json.loads(results.read_text())["results"]
        return {node["unique_id"]: node["execution_time"] for node in nodes}

    @property
    def _catalog(self) -> str:
        return "postgres" if self.catalog_dsn else "sqlite"

    @property
    def _target(self) -> Path:
        return self.lake.resolve() / "logs" / "dbt"

    @property
    def _parsed(self) -> Path:
        """Where the project is kept as dbt parsed it: of this very code, and no other."""
        parts = [version.code_version(self.variables), self._catalog, str(PROJECT)]
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


def _failure(said: str, results: Path) -> str:
    if told := disk.full(said, " while dbt ran"):
        return told
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
