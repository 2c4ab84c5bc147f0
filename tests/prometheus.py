"""A real Prometheus on loopback for tests; skipped with the reason where its programs are not."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

PROGRAMS = "ROI_TEST_PROMETHEUS"
"""Names the folder of ``prometheus`` and ``promtool`` where they are not on the path."""


@dataclass(frozen=True)
class Prometheus:
    """A running server: its address, and the version it says it is."""

    url: str
    version: str


def program(name: str) -> str:
    """Return where a program of Prometheus is; skip the test where it is not."""
    given = os.environ.get(PROGRAMS)
    found = shutil.which(name, path=given) if given else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is neither on the path nor in the folder that {PROGRAMS} names")
    return found


@contextmanager
def server(openmetrics: str, *, web: str | None = None) -> Iterator[Prometheus]:
    """Run a server on a free port of loopback that holds the samples of an OpenMetrics text.

    ``web`` is the text of its ``web.yml`` (users and their hashed passwords), if any.
    """
    promtool, prometheus = program("promtool"), program("prometheus")
    home = Path(tempfile.mkdtemp(prefix="roi-prometheus-"))
    try:
        (home / "samples.om").write_text(openmetrics)
        (home / "prometheus.yml").write_text("scrape_configs: []\n")
        backfill = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        # one block for all the time there is: a block every two hours takes a minute a month
        backfill += ["--max-block-duration=2000h", home / "samples.om", home / "data"]
        subprocess.run(backfill, check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [prometheus, f"--config.file={home}/prometheus.yml"]
        command += [f"--storage.tsdb.path={home}/data", "--storage.tsdb.retention.time=100y"]
        command += [f"--web.listen-address=127.0.0.1:{port}"]
        if web is not None:
            (home / "web.yml").write_text(web)
            command += [f"--web.config.file={home}/web.yml"]
        with (
            (home / "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=home) as process,
        ):
            try:
                version = _until_ready(f"http://127.0.0.1:{port}", home / "log", process)
                yield Prometheus(f"http://127.0.0.1:{port}", version)
            finally:
                process.terminate()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _until_ready(url: str, log: Path, process: subprocess.Popen) -> str:
    for _ in range(300):
        try:
            # 401 where users are asked for: it is up, and says no version
            answer = requests.get(f"{url}/-/ready", timeout=5)
            if answer.status_code == 401:
                return ""
            if answer.ok:
                info = requests.get(f"{url}/api/v1/status/buildinfo", timeout=5).json()
                return info["data"]["version"]
        except requests.ConnectionError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    return pytest.fail(log.read_text()[-1000:])
