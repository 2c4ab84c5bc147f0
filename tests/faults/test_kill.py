"""A run killed at any step leaves the last release, and the next run gives the same marts."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ROI

pytestmark = pytest.mark.xdist_group("kill")

STEPS = [
    "land.begin",
    "land.parsed",
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
    deadline = time.monotonic() + 180
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


@pytest.fixture(scope="module")
def released(roi, estate, tmp_path_factory):
    """Return a lake with a first release of the first day."""
    lake = tmp_path_factory.mktemp("killed") / "lake"
    roi("run", "--inbox", estate / "inbox", "--lake", lake, "--day", "2026-01-01")
    return lake


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_leaves_the_last_release(roi, estate, released, step, tmp_path):
    lake = tmp_path / "lake"
    subprocess.run(["cp", "-a", str(released), str(lake)], check=True)
    (estate / "inbox" / "reference").touch()
    query = "select count(*) as n, max(day) as day from daily_roi"
    before = roi.sql(lake, query)
    command = [str(ROI), "run", "--inbox", str(estate / "inbox"), "--lake", str(lake)]
    kill_at(step, command, lake)
    after = roi.sql(lake, query)
    committed = json.loads(roi("status", "--lake", lake, "--json"))["release"] == 2
    assert after == before or committed
    assert json.loads((lake / "release" / "current" / "release.json").read_text())["release"] == 1


@pytest.mark.slow
def test_after_every_kill_the_next_run_gives_the_undisturbed_marts(
    roi, estate, undisturbed, tmp_path
):
    """One lake, killed at each step in turn, then left to finish."""
    lake = tmp_path / "lake"
    command = [str(ROI), "run", "--inbox", str(estate / "inbox"), "--lake", str(lake)]
    for step in STEPS:
        kill_at(step, command, lake)
    roi(*command[1:])
    out = tmp_path / "out"
    roi("export", "--lake", lake, "--to", out, "--format", "csv", "--facts")
    names = sorted(path.name for path in undisturbed.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    for name in names:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
