"""However it ends, Airflow leaves no process, no open port and no readable secret."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from roi_engine.operate import supervisor
from tests.conftest import ROI


def family(pids):
    """Return processes with all their children."""
    return [
        process
        for pid in pids
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    ]


def assert_gone(processes, port):
    _, alive = psutil.wait_procs(processes, timeout=90)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))


def test_nothing_is_left_when_the_block_ends(house):
    with supervisor.airflow(house) as running:
        processes = family(running.processes.values())
        assert len(processes) > 3
        # a second start in this home finds the first, but never for another lake
        assert supervisor.find(house) == running
        other = replace(house, lake=house.lake.with_name("other"))
        with (
            pytest.raises(supervisor.NotStarted, match="already runs over the lake"),
            supervisor.airflow(other),
        ):
            pass
    assert_gone(processes, int(running.url.rsplit(":", 1)[1]))
    assert not (house.home / "processes.json").exists()
    for path in (house.password_file, *(house.home / "secrets").iterdir()):
        assert os.stat(path).st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_when_it_is_interrupted(house, sign, code):
    command = [ROI, "airflow", "--lake", house.lake, "--inbox", house.inbox, "--home", house.home]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.readline()
    assert said.startswith("airflow http://127.0.0.1:"), said
    known = json.loads((house.home / "processes.json").read_text())
    processes = family(known["processes"].values())
    process.send_signal(sign)
    process.wait(timeout=180)
    assert process.returncode == code
    assert_gone(processes, known["port"])


STARTER = """
import subprocess, sys, time
from roi_engine.operate import guard
stubborn = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print(flush=True); time.sleep(600)"
)
watching = guard.Guard()
started = subprocess.Popen(
    [sys.executable, "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True
)
watching.add(started.pid)
started.stdout.readline()
print(started.pid, flush=True)
time.sleep(600)
"""


def test_a_process_that_will_not_end_does_not_outlive_a_killed_starter():
    """A scheduler may hang while it ends; to ask it once, at the starter's death, is not enough."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    stubborn = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.wait()
    stubborn.wait(timeout=90)


def test_what_a_crash_left_is_ended_by_the_next_start(house):
    """A kept Airflow outlives its starter; when a part of it dies, the rest is swept."""
    with supervisor.airflow(house, keep=True) as running:
        processes = family(running.processes.values())
    assert supervisor.find(house) == running
    psutil.Process(running.processes["scheduler"]).kill()
    time.sleep(0.5)
    assert supervisor.find(house) is None
    supervisor.sweep(house)
    assert_gone(processes, int(running.url.rsplit(":", 1)[1]))
