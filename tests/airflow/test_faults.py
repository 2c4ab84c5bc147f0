"""Faults on purpose under a real Airflow: afterwards the marts are those of an undisturbed run."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from roi_engine.operate import supervisor
from roi_engine.operate.rest import Rest, RunFailed
from roi_engine.settings import Settings
from roi_engine.warehouse import lake, serving
from tests.airflow.conftest import DAYS, SECONDS, Driver, different, exported

pytestmark = pytest.mark.slow


def writer(root, step, *, seconds=600):
    """Wait until a task has reached a step of the journal; return the lock's holder."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for path in sorted((root / "logs").glob("run-*.jsonl")):
            if f'"step": "{step}"' in path.read_text():
                return psutil.Process(int((root / ".lock").read_text()))
        time.sleep(0.01)
    pytest.fail(f"no task reached {step}")


@pytest.mark.parametrize("step", ["shape.begin", "publish.facts.fct_charge", "publish.commit"])
def test_a_task_killed_in_mid_write_is_retried(roi, house, driver, undisturbed, tmp_path, step):
    run = driver.restate(DAYS[0], DAYS[2], wait=False)
    writer(house.lake, step).send_signal(signal.SIGKILL)
    driver.rest.wait("restate", run, seconds=SECONDS)
    tries = driver.rest.get(f"dags/restate/dagRuns/{run}/taskInstances")["task_instances"]
    assert max(task["try_number"] for task in tries) >= 2
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []


def test_a_scheduler_killed_in_a_backfill_is_started_again(roi, house, undisturbed, tmp_path):
    with supervisor.airflow(house) as running, Rest(running) as rest:
        rest.ready({"restate"})
        driver = Driver(running, rest)
        run = driver.restate(DAYS[0], DAYS[2], wait=False)
        writer(house.lake, "shape.begin")
        for process in psutil.Process(running.processes["scheduler"]).children(recursive=True):
            process.kill()
        os.killpg(running.processes["scheduler"], signal.SIGKILL)
        time.sleep(1)
    with supervisor.airflow(house) as running, Rest(running) as rest:
        rest.wait("restate", run, seconds=SECONDS)
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []


def test_the_same_day_cleared_twice_at_once(roi, house, driver, undisturbed, tmp_path):
    driver.restate(DAYS[0], DAYS[1])
    run = driver.chain(DAYS[2])
    body = {"dry_run": False, "dag_run_id": run, "only_failed": False, "reset_dag_runs": True}

    def clear(_):
        try:
            driver.rest.post("dags/build_marts/clearTaskInstances", body)
        except httpx.HTTPStatusError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(clear, range(2)))
    # Airflow refuses the second of two at the very same moment
    assert answers[0] == 200
    assert answers[1] in (200, 409)
    other = driver.restate(DAYS[2], DAYS[2], wait=False, reason="the same day at the same time")
    driver.rest.wait("build_marts", run, seconds=SECONDS)
    driver.rest.wait("restate", other, seconds=SECONDS)
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []


def test_a_blocked_day_in_the_middle_of_a_range(roi, house, driver, undisturbed, tmp_path):
    """The others go out and the run fails once, with the reason; the cure brings the day."""
    good = next(house.inbox.glob(f"gpu/**/*{DAYS[1]}*"))
    page = json.loads(good.read_text())
    for series in page["data"]["result"]:
        series["values"] = [[at, "-7"] for at, _ in series["values"]]
    bad = house.inbox / "gpu" / "wrong.json"
    bad.write_text(json.dumps(page))
    try:
        run = driver.restate(DAYS[0], DAYS[2], wait=False)
        with pytest.raises(RunFailed, match="failed in publish"):
            driver.rest.wait("restate", run, seconds=SECONDS)
    finally:
        bad.unlink()
    tasks = driver.rest.get(f"dags/restate/dagRuns/{run}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["try_number"] for task in tasks}["publish"] == 1
    released = roi.sql(house.lake, "select distinct day from daily_roi order by 1")
    assert [row["day"] for row in released] == [DAYS[0], DAYS[2]]
    status = json.loads(roi("status", "--lake", house.lake, "--json"))
    assert set(status["blocked"]) == {DAYS[1]}
    told = [(alert["rule"], alert["day"]) for alert in status["alerts"]]
    assert [each for each in told if each[0] in {"blocked_day", "task_failed"}] == [
        ("blocked_day", DAYS[1])
    ]

    roi("retract", "gpu/wrong.json", "--reason", "impossible values", "--lake", house.lake)
    driver.restate(DAYS[1], DAYS[1], reason="the wrong file was retracted")
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []
    status = json.loads(roi("status", "--lake", house.lake, "--json"))
    assert status["blocked"] == {}
    assert "blocked_day" not in {alert["rule"] for alert in status["alerts"]}


class Poller(threading.Thread):
    """Reads the exported release and the lake without a pause; counts what readers cannot stand."""

    def __init__(self, settings):
        super().__init__(daemon=True)
        self.settings = settings
        self.stop = threading.Event()
        self.failures: list[str] = []
        self.halves: list[str] = []
        self.waits: dict[str, list[float]] = {"release": [], "lake": []}

    def run(self):
        """Read until told to stop."""
        while not self.stop.is_set():
            for name, read in (("release", self._release), ("lake", self._lake)):
                begun = time.monotonic()
                try:
                    day = read()
                except (serving.NoRelease, lake.NotReady):
                    time.sleep(0.2)
                    continue
                except Exception as error:
                    self.failures.append(f"{name}: {error}")
                    continue
                self.waits[name].append(time.monotonic() - begun)
                if day:
                    self.halves.append(f"{name}: {day}")

    # a day is whole when its marts hold what its facts hold
    HALF = """
        select day, fact.cost, mart.cost from (
            select day, sum(allocated_cost) as cost from {0}facts.fct_cost_allocation
            where agent_id <> '__deferred__' group by day
        ) as fact
        full join (
            select day, sum(total_cost) - sum(human_cost) as cost
            from {0}marts.daily_roi group by day
        ) as mart using (day)
        where fact.cost is distinct from mart.cost
    """

    def _release(self):
        with serving.connect(self.settings.lake, threads=1) as con:
            return con.execute(self.HALF.format("")).fetchall()

    def _lake(self):
        with lake.connect(
            self.settings.lake, catalog_dsn=self.settings.dsn, read_only=True, threads=1
        ) as con:
            found = con.execute(
                "select count(*) from information_schema.tables where table_catalog = 'lake'"
                " and table_name in ('daily_roi', 'fct_cost_allocation')"
                " and table_schema in ('facts', 'marts')"
            ).fetchone()
            return con.execute(self.HALF.format("lake.")).fetchall() if found[0] == 2 else []


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_readers_never_fail_and_never_see_half_a_day(
    roi, house, undisturbed, tmp_path, catalog, request, monkeypatch
):
    if catalog == "postgres":
        address = request.getfixturevalue("postgres").database("polled")
        monkeypatch.setenv("ROI_CATALOG_DSN", f"postgres:{address}")
    poller = Poller(Settings(lake=house.lake))
    with supervisor.airflow(house) as running, Rest(running) as rest:
        rest.ready({"restate", "build_marts"})
        driver = Driver(running, rest)
        poller.start()
        driver.restate(DAYS[0], DAYS[1])
        driver.restate(DAYS[2], DAYS[2])
    poller.stop.set()
    poller.join()
    for name, waits in poller.waits.items():
        print(f"{catalog} {name}: {len(waits)} reads, longest {max(waits):.2f} s")  # noqa: T201
    assert poller.failures == []
    assert poller.halves == []
    assert all(len(waits) >= 20 for waits in poller.waits.values())
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []
