"""Neither the order of runs, nor their number, nor threads show in a single byte."""

import os
import shutil
from io import BytesIO

import polars as pl
import pytest

DAYS = [f"2026-01-0{n}" for n in range(1, 4)]


@pytest.fixture(scope="module")
def estate(roi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    # with this seed, tasks of the first day are brought to another agent on a later one
    size = ("--days", 3, "--tasks-per-day", 200, "--agents", 4, "--seed", 22)
    roi("simulate", "--out", folder, *size)
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


def test_night_by_night(roi, estate, tmp_path):
    """A day that only ages while others are built ends as if it had been built as late as they."""

    def run(lake, as_of, *days):
        window = {"ROI_REOPEN_WINDOW_DAYS": "1", "ROI_AS_OF": as_of}
        command = ("run", "--inbox", estate / "inbox", "--lake", tmp_path / lake / "lake")
        return roi(*command, *days, env=os.environ | window)

    run("once", DAYS[-1], "--from", DAYS[0], "--to", DAYS[-1])
    run("again", DAYS[0], "--day", DAYS[0])
    for day in DAYS[1:]:
        said = run("again", day, "--day", day)
        assert " 1 days built, " in said
        assert " aged, " in said
    assert_same(
        exported(roi, tmp_path / "again" / "lake", tmp_path / "again"),
        exported(roi, tmp_path / "once" / "lake", tmp_path / "once"),
    )


def test_one_thread_and_two(roi, estate, one_range, tmp_path):
    span = ("--from", DAYS[0], "--to", DAYS[-1])
    roi(
        *("run", "--inbox", estate / "inbox", "--lake", tmp_path / "lake", *span),
        env=os.environ | {"ROI_THREADS": "1"},
    )
    assert_same(exported(roi, tmp_path / "lake", tmp_path), one_range)


def test_another_agent_asked_later_makes_an_earlier_days_spend_redundant(
    roi, estate, one_range, tmp_path
):
    """Tickets land day by day, what the agents did after all tickets, and it ends the same.

    Whether a task's spend was redundant hangs on a ticket of a later day and on whose it was,
    which only that day's actions say.
    """
    inbox, late = tmp_path / "inbox", {}
    shutil.copytree(estate / "inbox", inbox)
    for kind in ("tickets", "tokens"):
        late[kind] = [path for path in sorted(inbox.glob(f"{kind}/**/*")) if path.is_file()]
        late[kind] = [path for path in late[kind] if DAYS[0] not in str(path)]
    held = tmp_path / "held"

    def redundant():
        files = exported(roi, tmp_path / "lake", tmp_path)
        tasks = pl.read_parquet(BytesIO(files["fct_task.parquet"]))
        return set(
            tasks.filter(pl.col("is_redundant"), pl.col("day").cast(pl.String) == DAYS[0])[
                "task_id"
            ]
        )

    for path in (path for paths in late.values() for path in paths):
        (held / path.relative_to(inbox)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(held / path.relative_to(inbox))
    seen = []
    for kind in (None, "tickets", "tokens"):
        for path in late.get(kind, []):
            path.parent.mkdir(parents=True, exist_ok=True)
            (held / path.relative_to(inbox)).rename(path)
        roi("run", "--inbox", inbox, "--lake", tmp_path / "lake")
        seen.append(redundant())
    # the first day's facts were made again, or this test would show nothing
    assert seen[-1] - seen[0]
    assert_same(exported(roi, tmp_path / "lake", tmp_path), one_range)


@pytest.mark.slow
def test_as_time_goes_on(roi, tmp_path):
    """Runs as of one day after another carry over what has only aged, and end the same."""
    roi("simulate", "--out", tmp_path, "--days", 40, "--tasks-per-day", 25, "--agents", 4)
    command = ("run", "--inbox", tmp_path / "inbox", "--lake")
    roi(*command, tmp_path / "once" / "lake")
    for as_of in ("2026-01-09", "2026-01-10", "2026-02-08", "2026-02-15", None):
        environment = os.environ | ({"ROI_AS_OF": as_of} if as_of else {})
        said = roi(*command, tmp_path / "again" / "lake", env=environment)
        if as_of == "2026-01-10":
            # what has left its reopen window has aged, and no more
            assert " 0 days built, " in said
            assert " aged, " in said
    assert_same(
        exported(roi, tmp_path / "again" / "lake", tmp_path / "again"),
        exported(roi, tmp_path / "once" / "lake", tmp_path / "once"),
    )
