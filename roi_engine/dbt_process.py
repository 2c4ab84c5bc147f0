"""The process that dbt runs in: it parses at once, and builds when it is told what to read.

``roi_engine.dbt`` starts it and speaks to it: the arguments of every invocation as JSON on the
command line; then, on the standard input, one line of JSON with those of the build alone and the
environment that changes from run to run. Without such a line it ends and builds nothing.
"""

import json
import os
import sys

from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.functions import reset_metadata_vars

FAILED, BROKE = 1, 2
"""A node failed (``run_results.json`` says which); dbt itself stopped, and has said why."""


def main() -> int:
    """Parse, wait, build; return dbt's exit code."""
    common = json.loads(sys.argv[1])
    parsed = dbtRunner().invoke(["--no-use-colors", "parse", *common])
    if not isinstance(parsed.result, Manifest):
        return _said(parsed)
    line = sys.stdin.readline()
    if not line:
        return 0
    told = json.loads(line)
    os.environ.update(told["environment"])
    reset_metadata_vars()  # dbt has read the environment before, when there was nothing in it yet
    runner = dbtRunner(manifest=parsed.result)
    return _said(runner.invoke(["--no-use-colors", "build", *common, *told["arguments"]]))


def _said(result: dbtRunnerResult) -> int:
    if result.exception is not None:
        sys.stderr.write(f"{result.exception}\n")
        return BROKE
    return 0 if result.success else FAILED


if __name__ == "__main__":
    sys.exit(main())
