"""A live door's secret may be an Airflow connection."""

import json
import os
import subprocess
import sys

from tests.conftest import PROJECT

ASK = "import json; from dags.house import connection; print(json.dumps(connection('desk')))"


def test_a_connection_is_looked_up_in_airflow(tmp_path):
    known = {"conn_type": "http", "host": "x.example", "port": 8443, "login": "a", "password": "pw"}
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_DESK": json.dumps(known),
        "PYTHONPATH": str(PROJECT),
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "url": "https://x.example:8443",
        "user": "a",
        "secret": "pw",
    }
