"""Start Airflow's own processes on loopback, watch them, and leave none behind.

The components run apart (api-server, scheduler, dag-processor), since ``standalone`` opens log
servers on every interface. Each is a session of its own, is told to end when this process dies,
and is named in ``AIRFLOW_HOME/processes.json``, so that what a crash left is ended by the next
start.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from roi_engine.operate.house import House

COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
"""Name → arguments of ``airflow``. Nothing here is deferred, so there is no triggerer."""

_FIRST_PORT = 28080
_HEALTHY_SECONDS = 300
_GRACE_SECONDS = 20
_PR_SET_PDEATHSIG = 1


class NotStarted(Exception):
    """Airflow could not be started; the message says which process and where its log is."""


@dataclass(frozen=True, slots=True)
class Running:
    """A local Airflow that answers."""

    house: House
    url: str
    processes: dict[str, int]


@contextmanager
def airflow(house: House, *, keep: bool = False) -> Iterator[Running]:
    """Run a local Airflow for as long as the block lasts; with ``keep``, beyond it.

    One that already runs in this home is used as it is, and left running.

    Raises:
        NotStarted: A process ended, the API did not answer in time, or the one that runs in
            this home was started over another lake or inbox.
    """
    if (running := find(house)) is not None:
        _refuse_other(house)
        yield running
        return
    sweep(house)
    house.home.mkdir(parents=True, exist_ok=True)
    (house.lake / "logs").mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = house.environment(port)
    _migrate(house, environment)
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, arguments in COMPONENTS.items():
            started[name] = _start(house, name, arguments, environment, dies_with_us=not keep)
            _remember(house, port, started)
        running = Running(house, f"http://127.0.0.1:{port}", _pids(started))
        _wait_until_healthy(running, started)
        yield running
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            stop(_pids(started), house)


def find(house: House) -> Running | None:
    """Return the Airflow that runs in this home and answers, if there is one."""
    known = _remembered(house)
    if known is None or known["processes"] != _still(known):
        return None
    url = f"http://127.0.0.1:{known['port']}"
    return Running(house, url, known["processes"]) if _health(url) else None


def sweep(house: House) -> None:
    """End what an earlier start left behind (a crash, a kill)."""
    known = _remembered(house)
    if known is not None:
        # a group outlives its leader (a scheduler's workers), and keeps its id from being reused
        orphaned = {name: pid for name, pid in known["processes"].items() if _born(pid) is None}
        stop(_still(known) | orphaned, house)


def stop(processes: dict[str, int], house: House) -> None:
    """End the sessions of processes: politely, then by force; wait until they are gone."""
    if threading.current_thread() is threading.main_thread():
        # a second Ctrl-C must not leave half of them behind
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, signal.SIG_IGN)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes.values():
            with suppress(ProcessLookupError):
                os.killpg(pid, sign)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline and any(map(_group_lives, processes.values())):
            time.sleep(0.1)
    (house.home / "processes.json").unlink(missing_ok=True)


def end_on_signals() -> None:
    """Make a polite kill and a closed terminal end this process as Ctrl-C does.

    Ctrl-C is named too: a shell that starts a job in the background lets it ignore that.
    """

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, end)


def free_port(first: int | None = None) -> int:
    """Return the first port from ``first`` on that nobody listens on at 127.0.0.1."""
    first = first or _FIRST_PORT
    for port in range(first, first + 200):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"No port between {first} and {first + 199} is free on 127.0.0.1."
    raise NotStarted(message)


def _migrate(house: House, environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [_airflow(), "db", "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = " ".join((done.stdout + done.stderr).split())[-600:]
        message = f"Airflow's metadata database in {house.home} cannot be made ready: {tail}"
        raise NotStarted(message)


def _start(
    house: House,
    name: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    *,
    dies_with_us: bool,
) -> subprocess.Popen[bytes]:
    folder = house.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)

    def end_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            [_airflow(), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent if dies_with_us else None,  # noqa: PLW1509
        )


def _wait_until_healthy(running: Running, started: dict[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while time.monotonic() < deadline:
        for name, process in started.items():
            if process.poll() is not None:
                message = (
                    f"Airflow's {name} ended with code {process.returncode}:"
                    f" see {running.house.home / 'logs' / name}.log."
                )
                raise NotStarted(message)
        health = _health(running.url) or {}
        states = [health.get(part, {}).get("status") for part in ("scheduler", "dag_processor")]
        if states == ["healthy", "healthy"]:
            return
        time.sleep(0.5)
    message = (
        f"Airflow did not become healthy in {_HEALTHY_SECONDS} s:"
        f" see the logs in {running.house.home / 'logs'}."
    )
    raise NotStarted(message)


def _health(url: str) -> dict[str, dict[str, str]] | None:
    try:
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=20, trust_env=False)
        return answer.json() if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None


def _airflow() -> str:
    return str(Path(sys.executable).parent / "airflow")


def _pids(started: dict[str, subprocess.Popen[bytes]]) -> dict[str, int]:
    return {name: process.pid for name, process in started.items()}


def _serves(house: House) -> dict[str, str]:
    return {"lake": str(house.lake.resolve()), "inbox": str(house.inbox.resolve())}


def _refuse_other(house: House) -> None:
    """Refuse an Airflow whose tasks would write another lake than the one that is asked for."""
    known = (_remembered(house) or {}).get("serves", {})
    for name, path in _serves(house).items():
        if known.get(name, path) != path:
            message = (
                f"In {house.home} an Airflow already runs over the {name} {known[name]}, not over"
                f" {path}: end it first (roi airflow --home {house.home} --stop), or give another"
                " --home."
            )
            raise NotStarted(message)


def _remember(house: House, port: int, started: dict[str, subprocess.Popen[bytes]]) -> None:
    pids = _pids(started)
    born = {name: _born(pid) for name, pid in pids.items()}
    text = json.dumps({"port": port, "processes": pids, "born": born, "serves": _serves(house)})
    (house.home / "processes.json").write_text(text + "\n", encoding="utf-8")


def _remembered(house: House) -> dict | None:
    path = house.home / "processes.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _still(known: dict) -> dict[str, int]:
    """Return the remembered processes that live, and are not others under a reused id."""
    return {
        name: pid for name, pid in known["processes"].items() if _born(pid) == known["born"][name]
    }


def _born(pid: int) -> str | None:
    """Return when a process began, in clock ticks since boot; None when there is none.

    Its environment would not do: a process that sets its title writes over it.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    is_dead = fields[0] == "Z"
    return None if is_dead else fields[19]


def _group_lives(pid: int) -> bool:
    """Return whether any process of a session's group is left; a zombie child is collected."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
