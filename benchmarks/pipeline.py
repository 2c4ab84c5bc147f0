"""One day from bytes to marts: wall seconds and peak memory by stage.

    python benchmarks/pipeline.py [--folder DIR]

Each estate is simulated first and is not counted. Seconds are this machine's; compare stages, and
runs of one machine. Memory is the largest resident set of the run (its own, and dbt's) so far.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROI = Path(sys.executable).parent / "roi"
SPANS_PER_TASK = 4.28
"""What the simulator gives; the real number of spans is printed."""

CASES = {
    "flat Parquet, 1M spans": (1_000_000, "parquet"),
    "OTLP JSON, 200k spans": (200_000, "otlp"),
}


def roi(*arguments: object) -> dict:
    """Run a command and return its JSON."""
    command = [str(ROI), *map(str, arguments), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(folder: Path, spans: int, kind: str) -> None:
    """Simulate a day, run it, and print its stages."""
    estate = roi(
        *("simulate", "--out", folder / "estate", "--days", 1, "--agents", 6),
        *("--tasks-per-day", int(spans / SPANS_PER_TASK), "--spans", kind),
    )
    report = roi("run", "--inbox", folder / "estate" / "inbox", "--lake", folder / "lake")
    print(f"{estate['spans']:,} spans, {estate['tasks']:,} tasks (simulated)")
    print(f"{'stage':<10}{'seconds':>10}{'peak MiB':>10}")
    for stage, seconds in report["seconds"].items():
        print(f"{stage:<10}{seconds:>10.1f}{report['peak_mib'][stage]:>10.0f}")
    print(f"{'total':<10}{sum(report['seconds'].values()):>10.1f}", flush=True)


def main() -> None:
    """Measure each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where estates and lakes go (default: temp)")
    given = parser.parse_args().folder
    for name, (spans, kind) in CASES.items():
        with tempfile.TemporaryDirectory(dir=given) as folder:
            print(f"\n{name}")
            measure(Path(folder), spans, kind)


if __name__ == "__main__":
    main()
