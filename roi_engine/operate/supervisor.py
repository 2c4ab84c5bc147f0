"""Start Airflow's own processes on loopback, watch them, and leave none behind.

The components run apart (api-server, scheduler, dag-processor), since ``standalone`` opens log
servers on every interface. Each is a session of its own, is ended by a guard when this process
dies, and is named in ``AIRFLOW_HOME/processes.json``, so that what a crash left is ended by the
next start.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from roi_engine.operate import guard
from roi_engine.operate.house import House

COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
"""Name → arguments of ``airflow``. Nothing here is deferred, so there is no triggerer."""

_FIRST_PORT = 28080
_HEALTHY_SECONDS = 300


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
    watching = None if keep else guard.Guard()
    try:
        for name, arguments in COMPONENTS.items():
            started[name] = _start(house, name, arguments, environment)
            if watching is not None:
                watching.add(started[name].pid)
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
        if watching is not None:
            watching.close()


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
        lost = {name: pid for name, pid in known["processes"].items() if guard.born(pid) is None}
        stop(_still(known) | lost, house)


def stop(processes: dict[str, int], house: House) -> None:
    """End the sessions of processes, and forget them."""
    guard.end(processes.values())
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
    house: House, name: str, arguments: tuple[str, ...], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    folder = house.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            [_airflow(), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
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
    born = {name: guard.born(pid) for name, pid in pids.items()}
    text = json.dumps({"port": port, "processes": pids, "born": born, "serves": _serves(house)})
    (house.home / "processes.json").write_text(text + "\n", encoding="utf-8")


def _remembered(house: House) -> dict | None:
    path = house.home / "processes.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _still(known: dict) -> dict[str, int]:
    """Return the remembered processes that live, and are not others under a reused id."""
    began = known["born"]
    return {name: pid for name, pid in known["processes"].items() if guard.born(pid) == began[name]}
