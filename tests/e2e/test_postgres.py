"""`roi run` on a shared Postgres catalog gives what it gives on SQLite, also two at once."""

import os
import subprocess

import pytest

from tests.conftest import ROI
from tests.e2e.test_order import assert_same, exported

SECRET = "not-to-be-seen-anywhere"  # noqa: S105 - the server trusts everybody


@pytest.fixture(scope="module")
def estate(roi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    roi("simulate", "--out", folder, "--days", 3, "--tasks-per-day", 60, "--agents", 4)
    return folder


@pytest.fixture(scope="module")
def on_sqlite(roi, estate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sqlite")
    roi("run", "--inbox", estate / "inbox", "--lake", folder / "lake")
    return exported(roi, folder / "lake", folder)


@pytest.mark.parametrize(
    "asked",
    [("2026-01-01", "2026-01-02"), ("2026-01-02", "2026-01-02")],
    ids=["different", "same"],
)
def test_two_runs_at_once(roi, postgres, estate, on_sqlite, tmp_path, asked):
    """Both wait for the one lock; the third run brings the day that nobody asked for."""
    address = postgres.database(f"lake_{asked[0][-1]}")
    environment = os.environ | {"ROI_CATALOG_DSN": f"postgres:{address} password={SECRET}"}
    command = [str(ROI), "run", "--inbox", str(estate / "inbox"), "--lake", str(tmp_path / "lake")]
    both = [
        subprocess.Popen(
            [*command, "--day", day],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for day in asked
    ]
    for process in both:
        said, _ = process.communicate(timeout=900)
        assert process.returncode == 0, said
    roi(*command[1:], env=environment)
    assert_same(exported(roi, tmp_path / "lake", tmp_path), on_sqlite)
    assert not (tmp_path / "lake" / "catalog.sqlite").exists()
    leaked = subprocess.run(
        ["grep", "-rl", SECRET, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert leaked.stdout == ""
