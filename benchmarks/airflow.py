"""A 14-day range under Airflow against `roi run`: wall seconds and their ratio.

    python benchmarks/airflow.py [--days 14] [--tasks-per-day 500]

The estate is simulated first and is not counted; neither is the start of Airflow, which is
printed by itself.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from roi_engine.operate.house import House
from roi_engine.operate.rest import Rest
from roi_engine.operate.supervisor import airflow

ROI = Path(sys.executable).parent / "roi"
FIRST = date(2026, 1, 1)


def roi(*arguments: object) -> float:
    """Run a command; return its wall seconds."""
    begun = time.perf_counter()
    subprocess.run([str(ROI), *map(str, arguments)], check=True, capture_output=True)
    return time.perf_counter() - begun


def restate(folder: Path, days: int) -> tuple[float, float]:
    """Return the seconds of Airflow's start and of the same range as one `restate`."""
    begun = time.perf_counter()
    house = House(folder / "airflow", folder / "lake", folder / "estate/inbox", date(2099, 1, 1))
    with airflow(house) as running, Rest(running) as rest:
        rest.ready({"restate"})
        started = time.perf_counter()
        last = FIRST + timedelta(days=days - 1)
        conf = {"first": str(FIRST), "last": str(last), "reason": "benchmark"}
        rest.wait("restate", rest.trigger("restate", conf=conf), seconds=7200)
        return started - begun, time.perf_counter() - started


def main() -> None:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--tasks-per-day", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        roi(
            *("simulate", "--out", folder / "estate", "--days", given.days),
            *("--tasks-per-day", given.tasks_per_day, "--agents", 6),
        )
        span = ("--from", FIRST, "--to", FIRST + timedelta(days=given.days - 1))
        alone = roi("run", "--inbox", folder / "estate/inbox", "--lake", folder / "alone", *span)
        start, under = restate(folder, given.days)
    print(f"{given.days} days × {given.tasks_per_day} tasks (simulated)")
    print(f"roi run                {alone:7.1f} s")
    print(f"restate under Airflow  {under:7.1f} s   ratio {under / alone:.2f}")
    print(f"start of Airflow       {start:7.1f} s")


if __name__ == "__main__":
    main()
