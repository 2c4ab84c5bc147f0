"""The rules that every DAG keeps, asked of what Airflow itself reads."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

EXTRACTS = {f"extract_{source}" for source in ("billing", "gpu", "tokens", "tickets")}
WRITERS = {"build_marts", "restate", "maintain"}
OTHERS = {"watch_days"}


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(PROJECT),
    }
    done = subprocess.run(
        [sys.executable, str(PROJECT / "tests/dags/describe.py"), str(PROJECT / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def dags(bag):
    return bag["dags"]


def test_every_file_is_read_without_an_error(bag):
    assert bag["errors"] == {}
    assert set(bag["dags"]) == EXTRACTS | WRITERS | OTHERS


def test_every_docstring_is_a_runbook(dags):
    for dag_id, dag in dags.items():
        assert "If it fails: docs/runbooks/" in dag["doc"], dag_id
        for word in dag["doc"].split():
            path = word.strip(':.,();"')
            if path.startswith("docs/runbooks/"):
                assert (PROJECT / path).is_file(), f"{dag_id} names {path}"


def test_a_dag_file_fits_a_screen_and_holds_no_logic():
    for path in (PROJECT / "dags").glob("*.py"):
        if path.name != "house.py":
            lines = path.read_text().splitlines()
            assert len(lines) <= 60, path
            imported = [line for line in lines if line.startswith(("import ", "from "))]
            allowed = ("from airflow.sdk ", "from dags.house ", "from datetime ")
            assert all(line.startswith(allowed) for line in imported), path


def test_parsing_imports_nothing_of_the_engine(tmp_path):
    """A DAG file that imports the engine at its top costs seconds at every parse."""
    code = (
        "import sys; import dags.build_marts, dags.extract_tokens, dags.maintain;"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('roi_engine', 'duckdb', 'polars', 'great_expectations', 'dbt')])"
    )
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_every_task_is_retried_and_tells_when_it_fails(dags):
    for dag_id, dag in dags.items():
        for task_id, task in dag["tasks"].items():
            where = f"{dag_id}.{task_id}"
            assert task["retries"] >= 2, where
            assert task["backoff"], where
            assert task["tells"], where
            assert task["owner"] == "data-engineering", where


def test_only_writers_of_releases_wait_in_the_pool(dags):
    for dag_id, dag in dags.items():
        pools = {task["pool"] for task in dag["tasks"].values()}
        assert pools == ({"lake_writer"} if dag_id in WRITERS else {"default_pool"}), dag_id


def test_the_run_at_two_is_for_yesterday(dags):
    for dag_id in EXTRACTS:
        assert dags[dag_id]["partition_of_02"] == "2026-02-28", dag_id
    assert dags["watch_days"]["partition_of_06"] == "2026-02-28"


def test_each_source_emits_its_own_asset_and_the_build_waits_for_all_four(dags):
    for dag_id in EXTRACTS:
        (task,) = dags[dag_id]["tasks"].values()
        assert task["outlets"] == [dag_id.removeprefix("extract_")]
    assert dags["build_marts"]["timetable"] == "PartitionedAssetTimetable"


@pytest.mark.parametrize("dag_id", ["build_marts", "restate"])
def test_the_stages_stand_in_order(dags, dag_id):
    tasks = dags[dag_id]["tasks"]
    assert {name: task["downstream"] for name, task in tasks.items()} == {
        "check": ["shape"],
        "shape": ["value"],
        "value": ["publish"],
        "publish": [],
    }
    assert tasks["publish"]["outlets"] == ["marts"]


@pytest.mark.parametrize("dag_id", ["build_marts", "restate"])
def test_a_build_that_has_begun_goes_before_one_that_waits(dags, dag_id):
    """Let in between two stages, another build would take the draft: both would begin again."""
    tasks = dags[dag_id]["tasks"]
    weights = [tasks[name]["weight"] for name in ("check", "shape", "value", "publish")]
    assert weights == sorted(set(weights))
    assert max(task["weight"] for task in dags["maintain"]["tasks"].values()) <= weights[0]


def test_nothing_catches_up_by_itself(dags):
    """History comes by `restate`, in one pass and with a reason."""
    assert not any(dag["catchup"] for dag in dags.values())
