"""Neither the order of runs, nor their number, nor threads show in a single byte."""

import os

import pytest

DAYS = [f"2026-01-0{n}" for n in range(1, 4)]


@pytest.fixture(scope="module")
def estate(roi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    roi("simulate", "--out", folder, "--days", 3, "--tasks-per-day", 200, "--agents", 4)
    return folder


def exported(roi, lake, to):
    """Return every exported file's bytes by name."""
    for kind in ("csv", "parquet"):
        roi("export", "--lake", lake, "--to", to / "out", "--format", kind, "--facts")
    return {path.name: path.read_bytes() for path in sorted((to / "out").iterdir())}


@pytest.fixture(scope="module")
def one_range(roi, estate, tmp_path_factory):
    """Return the export of one run over the whole range."""
    folder = tmp_path_factory.mktemp("range")
    span = ("--from", DAYS[0], "--to", DAYS[-1])
    roi("run", "--inbox", estate / "inbox", "--lake", folder / "lake", *span)
    return exported(roi, folder / "lake", folder)


def assert_same(found, wanted):
    assert sorted(found) == sorted(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []


def test_days_one_by_one_in_reverse(roi, estate, one_range, tmp_path):
    for day in reversed(DAYS):
        roi("run", "--inbox", estate / "inbox", "--lake", tmp_path / "lake", "--day", day)
    assert_same(exported(roi, tmp_path / "lake", tmp_path), one_range)


def test_one_thread_and_two(roi, estate, one_range, tmp_path):
    span = ("--from", DAYS[0], "--to", DAYS[-1])
    roi(
        *("run", "--inbox", estate / "inbox", "--lake", tmp_path / "lake", *span),
        env=os.environ | {"ROI_THREADS": "1"},
    )
    assert_same(exported(roi, tmp_path / "lake", tmp_path), one_range)


@pytest.mark.slow
def test_as_time_goes_on(roi, tmp_path):
    """Runs as of one day after another build only what as_of has overtaken, and end the same."""
    roi("simulate", "--out", tmp_path, "--days", 40, "--tasks-per-day", 25, "--agents", 4)
    command = ("run", "--inbox", tmp_path / "inbox", "--lake")
    roi(*command, tmp_path / "once" / "lake")
    for as_of in ("2026-01-09", "2026-01-10", "2026-02-08", "2026-02-15", None):
        environment = os.environ | ({"ROI_AS_OF": as_of} if as_of else {})
        said = roi(*command, tmp_path / "again" / "lake", env=environment)
        if as_of == "2026-01-10":
            # the day before has left its reopen window, and its tasks' other days
            assert "40 days built" not in said
    assert_same(
        exported(roi, tmp_path / "again" / "lake", tmp_path / "again"),
        exported(roi, tmp_path / "once" / "lake", tmp_path / "once"),
    )
