"""What docker-compose.yml promises, read from the file; and by docker-compose where it is there."""

import os
import re
import shutil
import subprocess
from datetime import date

import pytest
import yaml

from roi_engine.operate.house import House
from roi_engine.operate.supervisor import COMPONENTS
from tests.conftest import PROJECT

FILE = PROJECT / "docker-compose.yml"
SECRETS = (
    "POSTGRES_PASSWORD",
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_SECRET_KEY",
)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(FILE.read_text())


def test_it_runs_the_commands_that_make_airflow_runs(compose):
    for name, arguments in COMPONENTS.items():
        assert compose["services"][name]["command"] == ["airflow", *arguments]


def test_airflow_is_configured_as_make_airflow_configures_it(compose, tmp_path):
    house = House(tmp_path, tmp_path / "lake", tmp_path / "inbox", date(2026, 1, 1))
    local = house.environment(28080)
    given = compose["services"]["scheduler"]["environment"]
    ours = {
        key
        for key in local
        if key.startswith(("AIRFLOW_", "ROI_", "GX_", "DBT_")) and local[key] != os.environ.get(key)
    }
    assert ours <= set(given)
    alike = [key for key in ours if re.search("PAUSED|EXECUTOR$|EXAMPLES|USAGE|HEARTBEAT", key)]
    assert len(alike) >= 6
    assert {key: given[key] for key in alike} == {key: local[key] for key in alike}


def test_nothing_is_published_beyond_loopback(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_service_is_root_or_may_become_it_and_each_image_is_pinned(compose):
    for name, service in compose["services"].items():
        assert service["user"] not in ("root", "0", "0:0"), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.search(r":\d+\.\d+", service["image"]), name
        assert "healthcheck" in service or name == "init", name
    base = re.search(r"^FROM (\S+)$", (PROJECT / "Dockerfile").read_text(), re.M).group(1)
    assert re.search(r":\d+\.\d+\.\d+", base)


def test_every_secret_comes_from_the_environment_with_a_sentence_when_missing():
    text = FILE.read_text()
    for secret in SECRETS:
        assert re.search(r"\$\{" + secret + r":\?set [^}]+\}", text), secret


@pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="docker-compose is not on this machine"
)
def test_docker_compose_reads_it_and_names_a_missing_secret():
    secrets = dict.fromkeys(SECRETS, "x")
    ask = ["docker-compose", "-f", str(FILE), "config", "-q"]
    assert subprocess.run(ask, env=os.environ | secrets, check=False).returncode == 0
    without = subprocess.run(
        ask,
        env=os.environ | secrets | {SECRETS[0]: ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert without.returncode != 0
    assert "set POSTGRES_PASSWORD" in without.stderr
