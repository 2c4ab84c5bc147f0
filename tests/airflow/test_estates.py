"""Airflow over the real inbox, and over Postgres as its own and the lake's catalog."""

from dataclasses import replace

import pytest

from roi_engine.operate import supervisor
from roi_engine.operate.house import House
from roi_engine.operate.rest import Rest
from tests.airflow.conftest import DAYS, SECONDS, Driver, different, exported

pytestmark = pytest.mark.slow


def test_the_real_inbox_equals_roi_run(roi, house, shared_data, tmp_path):
    inbox = shared_data / "inbox"
    roi("run", "--inbox", inbox, "--lake", tmp_path / "alone")
    wanted = exported(roi, tmp_path / "alone", tmp_path / "wanted")
    seen = "select min(day) as first, max(day) as last, count(distinct day) as days from published"
    (span,) = roi.sql(tmp_path / "alone", seen)
    over_real = House(house.home, house.lake, inbox, house.schedule_start)
    with supervisor.airflow(over_real) as running, Rest(running) as rest:
        rest.ready({"restate"})
        Driver(running, rest).restate(span["first"], span["last"])
    assert roi.sql(house.lake, seen) == [span]
    assert different(exported(roi, house.lake, tmp_path / "found"), wanted) == []


def test_what_compose_runs_on_postgres(roi, house, postgres, undisturbed, tmp_path, monkeypatch):
    """Metadata and lake catalog on Postgres: two days in parallel, and one of them twice."""
    postgres.database("airflow")
    catalog = postgres.database("lake")
    url = f"postgresql+psycopg2://roi@127.0.0.1:{postgres.port}/airflow"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url)
    monkeypatch.setenv("ROI_CATALOG_DSN", f"postgres:{catalog}")
    # a home of its own: the other test's has a database of SQLite
    house = replace(house, home=tmp_path / "airflow")
    with supervisor.airflow(house) as running, Rest(running) as rest:
        rest.ready({"restate", "build_marts"})
        driver = Driver(running, rest)
        driver.restate(DAYS[0], DAYS[0])
        for day in DAYS[1:]:
            driver.extract(day)
        runs = [rest.triggered("build_marts", day, known=()) for day in DAYS[1:]]
        again = driver.restate(DAYS[2], DAYS[2], wait=False, reason="the same day at once")
        for run in runs:
            rest.wait("build_marts", run, seconds=SECONDS)
        rest.wait("restate", again, seconds=SECONDS)
    assert not (house.lake / "catalog.sqlite").exists()
    assert not (house.home / "airflow.db").exists()
    assert different(exported(roi, house.lake, tmp_path / "out"), undisturbed) == []
