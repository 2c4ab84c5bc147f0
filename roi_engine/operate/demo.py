"""One command that shows it all: a simulated estate through the real Airflow, to the table."""

import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.console import Console

from roi_engine.operate.house import PROJECT, USER, House
from roi_engine.operate.rest import Rest
from roi_engine.operate.supervisor import airflow, find
from roi_engine.report import summary
from roi_engine.simulate import write_estate
from roi_engine.sources.schema import EXTRACTED
from roi_engine.warehouse import serving

DAYS = 14
FIRST = date(2026, 1, 1)
TASKS_PER_DAY = 500
AGENTS = 6
DAGS = {
    *(f"extract_{source}" for source in EXTRACTED),
    *("build_marts", "restate", "maintain", "watch_days"),
}
_RUN_SECONDS = 1800


def show(folder: Path = PROJECT / "demo", *, keep: bool = False) -> None:
    """Run the whole pipeline on a simulated estate and print its last day.

    Whatever an earlier call left in ``folder`` (estate, lake, Airflow's home) is used again.

    Raises:
        NotStarted: Airflow could not be started.
        RunFailed: A DAG run failed.
    """
    out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000)
    last = FIRST + timedelta(days=DAYS - 1)
    estate, lake = folder / "estate", folder / "lake"
    out.print(f"simulated estate: {_estate(estate)}")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    house = House(folder / "airflow", lake, estate / "inbox", schedule_start=tomorrow)
    is_new = not house.password_file.is_file()
    password = house.password()
    running_before = find(house) is not None
    with airflow(house, keep=keep) as running, Rest(running) as rest:
        secret = password if is_new else f"in {house.password_file}"
        out.print(f"airflow {running.url} (user {USER}, password {secret})")
        rest.ready(DAGS)
        line = Progress(out)
        history = {
            "first": FIRST.isoformat(),
            "last": (last - timedelta(days=1)).isoformat(),
            "reason": "history of the simulated estate",
        }
        run = rest.trigger("restate", conf=history)
        line.begin(f"restate {history['first']}…{history['last']}")
        rest.wait("restate", run, seconds=_RUN_SECONDS, on_state=line.states)
        line.end()
        line.begin(f"extract and build {last}")
        known = {run["dag_run_id"] for run in rest.runs("build_marts")}
        asked = [
            (f"extract_{source}", rest.trigger(f"extract_{source}", partition_key=str(last)))
            for source in EXTRACTED
        ]
        for dag_id, run in asked:
            rest.wait(dag_id, run, seconds=_RUN_SECONDS, on_state=line.states)
        run = rest.triggered("build_marts", str(last), known=known)
        rest.wait("build_marts", run, seconds=_RUN_SECONDS, on_state=line.states)
        line.end()
        _print(out, lake)
        if keep or running_before:
            out.print(f"airflow stays up at {running.url}; `make stop` ends it")
    out.print(
        f"next: .venv/bin/roi trace daily_roi --day {last} --column total_cost --lake"
        f' {_shown(lake)} · roi status · roi sql "…" · README "Your own data"'
    )


class Progress:
    """One line that is written over on a terminal, and a line a change elsewhere."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._name = ""
        self._begun = 0.0

    def begin(self, name: str) -> None:
        """Name what is waited for from now on."""
        self._name, self._begun = name, time.monotonic()

    def states(self, tasks: dict[str, str]) -> None:
        """Tell the states of a run's tasks."""
        if self._out.is_terminal:
            said = " ".join(f"{task}:{state}" for task, state in tasks.items())
            sys.stdout.write(f"\r\033[K{self._name} {said}"[:150])
            sys.stdout.flush()

    def end(self) -> None:
        """Close the line with the seconds that it took."""
        if self._out.is_terminal:
            sys.stdout.write("\r\033[K")
        self._out.print(f"{self._name}: done in {time.monotonic() - self._begun:.0f} s")


def _estate(folder: Path) -> str:
    """Return what the estate holds; it is written where it is not there whole."""
    told = folder / "summary.json"
    if not told.is_file():
        made = write_estate(
            folder,
            days=DAYS,
            tasks_per_day=TASKS_PER_DAY,
            agents=AGENTS,
            seed=1,
            start=FIRST,
            spans_format="auto",
        )
        told.write_text(json.dumps({"tasks": made.tasks}) + "\n", encoding="utf-8")
    tasks = json.loads(told.read_text(encoding="utf-8"))["tasks"]
    return f"{DAYS} days, {tasks:,} tasks, {AGENTS} agents"


def _print(out: Console, lake: Path) -> None:
    with serving.connect(lake) as con:
        day = summary.last_day(con)
        if day is None:
            return
        folder = serving.release_folder(lake)
        release = json.loads((folder / "release.json").read_text(encoding="utf-8"))["release"]
        label = " · SIMULATED DATA" if (lake / "SIMULATED").exists() else ""
        out.print(f"\nrelease {release} · {day}{label}\n")
        out.print(summary.agents(con, day))
        out.print("\n" + summary.footing(con, day))


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
