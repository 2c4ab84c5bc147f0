"""One more day on a year of history, against the same day on an empty lake: wall seconds, ratio.

    python benchmarks/one_more_day.py [--days 365] [--tasks-per-day 200]

Both lakes get a day of the same size (SIMULATED). On the long one the days before have been
released as of the evening before, so that the new day also moves what waited for it: tasks that
leave their reopen window, open ones that time out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

ROI = Path(sys.executable).parent / "roi"
FIRST = date(2025, 1, 1)


def roi(*arguments: object, **environment: str) -> tuple[float, str]:
    """Run a command; return its wall seconds and what it printed."""
    begun = time.perf_counter()
    done = subprocess.run(
        [str(ROI), *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - begun, done.stdout


def main() -> None:
    """Measure both and print the stages beside each other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--tasks-per-day", type=int, default=200)
    given = parser.parse_args()
    last = FIRST + timedelta(days=given.days)
    size = ("--tasks-per-day", given.tasks_per_day, "--agents", 6)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        roi("simulate", "--out", folder / "long", "--days", given.days + 1, "--start", FIRST, *size)
        roi("simulate", "--out", folder / "short", "--days", 1, "--start", last, *size)
        command = ("run", "--json", "--inbox")
        before = last - timedelta(days=1)
        span = ("--from", FIRST, "--to", before)
        history, _ = roi(
            *(*command, folder / "long/inbox", "--lake", folder / "a", *span),
            ROI_AS_OF=str(before),
        )
        more, said = roi(*command, folder / "long/inbox", "--lake", folder / "a", "--day", last)
        alone, said_alone = roi(
            *command, folder / "short/inbox", "--lake", folder / "b", "--day", last
        )
    print(f"SIMULATED DATA · {given.tasks_per_day} tasks a day")
    print(f"{given.days} days of history in one pass   {history:7.1f} s")
    print(f"one more day on them              {more:7.1f} s   ratio {more / alone:.2f}")
    print(f"the same day on an empty lake     {alone:7.1f} s")
    for name, text in (("on history", said), ("on an empty lake", said_alone)):
        report = json.loads(text)
        stages = " · ".join(f"{stage} {took:.1f}" for stage, took in report["seconds"].items())
        days = f"{report['days_built']} built, {report['days_aged']} aged"
        print(f"{name}: {days}, marts of {report['mart_days']}; {stages}")


if __name__ == "__main__":
    main()
