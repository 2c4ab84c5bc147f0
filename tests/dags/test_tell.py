"""Who is told of a task that failed, and of what only once."""

import os
import subprocess
import sys

import pytest

from roi_engine import alerts
from tests.conftest import PROJECT

ASK = """
import sys
from types import SimpleNamespace
from dags import house
kind = {"failed": RuntimeError, "blocked": house.Blocked}[sys.argv[1]]
house.tell({
    "task_instance": SimpleNamespace(dag_id="build_marts", task_id="publish"),
    "dag_run": SimpleNamespace(partition_key="2026-03-01", conf=None),
    "exception": kind("a check said no"),
})
"""


@pytest.mark.parametrize(("how", "told"), [("failed", ["task_failed"]), ("blocked", [])])
def test_a_blocked_day_is_told_by_the_gate_alone(tmp_path, how, told):
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "ROI_LAKE": str(tmp_path / "lake"),
        "PYTHONPATH": str(PROJECT),
    }
    asked = [sys.executable, "-c", ASK, how]
    subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert [alert.rule for alert in alerts.waiting(tmp_path / "lake")] == told
