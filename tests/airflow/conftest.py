"""A real Airflow on loopback over a small estate, and what that gives without Airflow."""

import random
from datetime import date

import pytest

from roi_engine.operate import supervisor
from roi_engine.operate.house import House
from roi_engine.operate.rest import Rest
from roi_engine.sources.schema import EXTRACTED

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
SECONDS = 900


def exported(roi, lake, to):
    """Return every exported file's bytes by name."""
    roi("export", "--lake", lake, "--to", to, "--format", "csv", "--facts")
    return {path.name: path.read_bytes() for path in sorted(to.iterdir())}


def different(found, wanted):
    """Return the names of exported files that are not the same."""
    assert sorted(found) == sorted(wanted)
    return [name for name in wanted if found[name] != wanted[name]]


@pytest.fixture(scope="session")
def estate(roi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    roi("simulate", "--out", folder, "--days", 3, "--tasks-per-day", 150, "--agents", 4)
    return folder


@pytest.fixture(scope="session")
def undisturbed(roi, estate, tmp_path_factory):
    """Return the export of the same estate by `roi run`, without Airflow."""
    folder = tmp_path_factory.mktemp("undisturbed")
    roi("run", "--inbox", estate / "inbox", "--lake", folder / "lake")
    return exported(roi, folder / "lake", folder / "out")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return one Airflow home a file: its database is made once, no other file's runs are in it."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture
def house(home, estate, tmp_path, monkeypatch):
    """Return a house over the estate, with a lake of its own."""
    monkeypatch.setenv("ROI_RETRY_SECONDS", "2")
    # two test files may start their Airflow at the same moment
    monkeypatch.setattr(supervisor, "_FIRST_PORT", random.randint(20_000, 28_000))  # noqa: S311
    return House(home, tmp_path / "lake", estate / "inbox", schedule_start=date(2099, 1, 1))


class Driver:
    """What an operator does, through the REST interface."""

    def __init__(self, running, rest):
        self.running = running
        self.rest = rest

    def restate(self, first, last, *, wait=True, reason="a test asks for it"):
        """Restate a range; return the run."""
        conf = {"first": first, "last": last, "reason": reason}
        run = self.rest.trigger("restate", conf=conf)
        if wait:
            self.rest.wait("restate", run, seconds=SECONDS)
        return run

    def extract(self, day):
        """Extract all four sources for a day and wait until they are done."""
        runs = {
            f"extract_{source}": self.rest.trigger(f"extract_{source}", partition_key=day)
            for source in EXTRACTED
        }
        for dag_id, run in runs.items():
            self.rest.wait(dag_id, run, seconds=SECONDS)

    def chain(self, day):
        """Extract a day and wait for the build that the four assets trigger; return its run."""
        known = {run["dag_run_id"] for run in self.rest.runs("build_marts")}
        self.extract(day)
        run = self.rest.triggered("build_marts", day, known=known)
        self.rest.wait("build_marts", run, seconds=SECONDS)
        return run


@pytest.fixture
def driver(house):
    with supervisor.airflow(house) as running, Rest(running) as rest:
        rest.ready({"build_marts", "restate", *(f"extract_{source}" for source in EXTRACTED)})
        yield Driver(running, rest)
