"""A run killed at any step leaves the last release, and the next run gives the same marts."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ROI

LANDING_STEPS = ["land.begin", "land.parse", "manifest.begin"]
STEPS = [
    "land.begin",
    "manifest.begin",
    "plan.begin",
    "check.begin",
    "shape.begin",
    "shape.running",
    "value.begin",
    "publish.begin",
    "publish.facts.fct_charge",
    "publish.marts.daily_roi",
    "publish.commit",
    "export.begin",
]


def kill_at(step: str, command: list[str], lake: Path) -> None:
    """Start a run and send SIGKILL as soon as its journal names the step."""
    before = set((lake / "logs").glob("run-*.jsonl"))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 900
    delay = 0.0
    wanted = step
    if step == "shape.running":
        # in the middle of dbt, whose own processes go on for a moment
        wanted, delay = "shape.begin", 8.0
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the run ended before {step}"
        new = set((lake / "logs").glob("run-*.jsonl")) - before
        if any(f'"step": "{wanted}"' in path.read_text() for path in new):
            time.sleep(delay)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return
        time.sleep(0.002)
    pytest.fail(f"the run never reached {step}")


@pytest.fixture(scope="module")
def estate(roi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    roi("simulate", "--out", folder, "--days", 3, "--tasks-per-day", 200, "--agents", 4)
    return folder


@pytest.fixture(scope="module")
def undisturbed(roi, estate, tmp_path_factory):
    """Return the export of a lake whose runs nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    roi("run", "--inbox", estate / "inbox", "--lake", folder / "lake")
    roi("export", "--lake", folder / "lake", "--to", folder / "out", "--format", "csv", "--facts")
    return folder / "out"


@pytest.mark.slow
def test_readers_see_the_old_release_and_the_next_run_gives_the_undisturbed_marts(
    roi, estate, undisturbed, tmp_path
):
    """One lake, killed while it lands; released for one day; killed at each later step."""
    lake = tmp_path / "lake"
    command = [str(ROI), "run", "--inbox", str(estate / "inbox"), "--lake", str(lake)]
    for step in LANDING_STEPS:
        kill_at(step, command, lake)
    roi(*command[1:], "--day", "2026-01-01")
    query = "select day, sum(total_cost) as cost, count(*) as n from daily_roi group by 1"
    before = roi.sql(lake, query)
    for step in STEPS:
        kill_at(step, command, lake)
        assert roi.sql(lake, query) == before, f"a reader saw half a run, killed at {step}"
    roi(*command[1:])
    out = tmp_path / "out"
    roi("export", "--lake", lake, "--to", out, "--format", "csv", "--facts")
    names = sorted(path.name for path in undisturbed.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    for name in names:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
