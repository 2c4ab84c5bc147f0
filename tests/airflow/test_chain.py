"""The real scheduler, dag-processor and api-server run the pipeline as `roi run` does."""

import json

import psutil

from tests.airflow.conftest import DAYS, SECONDS, different, exported


def listening(pids):
    """Return the addresses on which processes listen."""
    found = []
    for pid in pids:
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            found += [c.laddr for c in process.net_connections() if c.status == "LISTEN"]
    return found


def test_history_by_restate_and_the_last_day_by_assets_equal_roi_run(
    roi, house, driver, undisturbed, tmp_path
):
    health = driver.rest.get("monitor/health")
    assert {health[part]["status"] for part in ("scheduler", "dag_processor")} == {"healthy"}
    addresses = listening(driver.running.processes.values())
    assert addresses
    assert {address.ip for address in addresses} == {"127.0.0.1"}

    driver.restate(DAYS[0], DAYS[1])
    run = driver.chain(DAYS[2])

    seen = driver.rest.get(f"dags/build_marts/dagRuns/{run}")
    assert (seen["run_type"], seen["partition_key"]) == ("asset_triggered", DAYS[2])
    assert set(driver.rest.tasks("build_marts", run).values()) == {"success"}
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []
    reasons = roi.sql(house.lake, "select distinct release from published order by 1")
    assert [row["release"] for row in reasons] == [1, 2]

    # every task told OpenLineage where it began and how it ended
    events = [json.loads(line) for line in (house.lake / "logs/openlineage.jsonl").open()]
    kinds = {
        event["eventType"] for event in events if "build_marts.publish" in event["job"]["name"]
    }
    assert {"START", "COMPLETE"} <= kinds

    # a day that nobody extracted is told at 06:00, once, and `roi status` shows it
    late = driver.rest.trigger("watch_days", partition_key="2026-01-04")
    driver.rest.wait("watch_days", late, seconds=SECONDS)
    status = json.loads(roi("status", "--lake", house.lake, "--home", house.home, "--json"))
    told = sorted(a["subject"] for a in status["alerts"] if a["rule"] == "late_day")
    assert told == ["billing", "gpu", "tickets", "tokens"]
    assert status["next_runs"]["extract_billing"].startswith("2099-01-01T02:00")
    assert status["late"] == {}
