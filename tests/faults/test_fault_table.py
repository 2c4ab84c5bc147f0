"""Faults on purpose: what the operator sees, and that after the cure nothing shows of them.

One small estate is run once without a fault. Every fault has a lake of its own, is cured, and
the lake's marts and facts must then be those of the undisturbed run, byte for byte. Only where
other bytes have landed for good (copies, an export with one more column) is that said of all but
the lineage columns, which begin with ``_`` and name those bytes.
``docs/faults.md`` is the table of all faults.
"""

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROI

DAYS = [f"2026-01-0{n}" for n in range(1, 5)]
BILLS = "billing/2026-01-05"
HALF = "tokens/otlp/spans_2026-01-03.jsonl.gz"
SILENT = DAYS[1:]
RETYPED = DAYS[1]
REFUSED = "could not be read and is in quarantine with its reason"

Row = dict[str, str]


def exported(roi, lake: Path, to: Path) -> dict[str, bytes]:
    """Return every exported file's bytes by name: marts, facts and dims."""
    roi("export", "--lake", lake, "--to", to, "--format", "csv", "--facts")
    return {path.name: path.read_bytes() for path in sorted(to.iterdir())}


def different(found: dict, wanted: dict) -> list[str]:
    """Return the names of the files that are not the same."""
    names = sorted(found.keys() | wanted.keys())
    return [name for name in names if found.get(name) != wanted.get(name)]


def without_lineage(files: dict[str, bytes]) -> dict[str, list[list[str]]]:
    """Return the rows of each file without the columns that begin with ``_``."""
    plain = {}
    for name, content in files.items():
        rows = list(csv.reader(io.StringIO(content.decode())))
        kept = [place for place, column in enumerate(rows[0]) if not column.startswith("_")]
        plain[name] = [[row[place] for place in kept] for row in rows]
    return plain


def rewrite(bill: Path, change: Callable[[Row], None], *, add: str = "", drop: str = "") -> None:
    """Write a bill once more with its rows changed, a column added or one left out."""
    with bill.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = [name for name in [*rows[0], add] if name and name != drop]
    for row in rows:
        change(row)
    with bill.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def warned(roi, lake: Path, rule: str) -> dict[str, str]:
    """Return day → what was observed, of the warnings of a rule; no day is blocked by one."""
    rows = roi.sql(
        lake,
        "select day, severity, observed from ops.validation_result"
        f" where rule = '{rule}' and not success and day is not null",
    )
    assert {row["severity"] for row in rows} <= {"warning"}
    return {row["day"]: row["observed"] for row in rows}


@pytest.fixture(scope="module")
def inbox(roi, tmp_path_factory):
    """Return an estate's inbox; each test that breaks it takes a copy."""
    folder = tmp_path_factory.mktemp("estate")
    roi("simulate", "--out", folder, "--days", len(DAYS), "--tasks-per-day", 20, "--agents", 3)
    spans = folder / "inbox" / HALF
    plain = spans.with_suffix("")
    spans.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()
    return folder / "inbox"


@pytest.fixture(scope="module")
def undisturbed(roi, inbox, tmp_path_factory):
    """Return the export of a lake that had no fault."""
    folder = tmp_path_factory.mktemp("undisturbed")
    roi("run", "--inbox", inbox, "--lake", folder / "lake")
    return exported(roi, folder / "lake", folder / "out")


# ------------------------------------------------------- four broken sources in one week


class BadWeek:
    """One lake: half a gzip, a silent source, a lost and a retyped column at once; then cured."""

    def __init__(self, roi, inbox: Path, folder: Path) -> None:
        own, lake = folder / "inbox", folder / "lake"
        shutil.copytree(inbox, own)
        whole = (own / HALF).read_bytes()
        (own / HALF).write_bytes(whole[: len(whole) // 2])
        for day in SILENT:
            (own / "gpu" / f"dcgm_{day}.json").unlink()

        def keep(row: Row) -> None:
            pass

        def retype(row: Row) -> None:
            if row["ChargePeriodStart"].startswith(RETYPED):
                row["BilledCost"] += " USD"

        rewrite(own / BILLS / "openai.csv", keep, drop="BilledCost")
        rewrite(own / BILLS / "sim-cloud.csv", retype)
        self.said = roi("run", "--inbox", own, "--lake", lake, code=3)
        self.status = roi("status", "--lake", lake)
        self.verified = roi("verify", "--lake", lake)
        self.silent = warned(roi, lake, "gpu.source_landed")
        self.refused = roi.sql(lake, "select source, rule, severity, reason from quarantine")
        self.built = roi.sql(lake, "select distinct day from published order by day")

        # the right files are the whole cure: nothing is retracted, nothing acknowledged
        shutil.copytree(inbox, own, dirs_exist_ok=True)
        self.said_after = roi("run", "--inbox", own, "--lake", lake)
        self.status_after = json.loads(roi("status", "--lake", lake, "--json"))
        self.verified_after = roi("verify", "--lake", lake)
        self.found = exported(roi, lake, folder / "out")


@pytest.fixture(scope="module")
def bad_week(roi, inbox, tmp_path_factory):
    """Return what was said in the bad week and after it."""
    return BadWeek(roi, inbox, tmp_path_factory.mktemp("bad"))


@pytest.mark.slow
def test_half_a_gzip_is_quarantined_with_its_sentence(bad_week):
    said = [line for line in bad_week.status.splitlines() if HALF in line]
    assert any("The gzip file ends too early: fetch it again." in line for line in said)
    assert any(line.startswith("alert warning") and REFUSED in line for line in said)


@pytest.mark.slow
def test_a_silent_source_warns_and_blocks_nothing(bad_week):
    assert bad_week.silent == dict.fromkeys(SILENT, "0 rows")
    assert f"silent: gpu prometheus has nothing after {DAYS[0]}" in bad_week.status
    assert "FAIL" not in bad_week.verified
    assert {row["day"] for row in bad_week.built} >= {day for day in DAYS if day != RETYPED}


@pytest.mark.slow
def test_a_lost_mandatory_column_is_named_and_its_file_refused(bad_week):
    reasons = [row["reason"] for row in bad_week.refused if row["rule"] == "missing_column"]
    assert reasons == [
        "The file has no column BilledCost: a FOCUS export needs it;"
        " export it again with all mandatory columns."
    ]
    assert f"{BILLS}/openai.csv {REFUSED}" in bad_week.status


@pytest.mark.slow
def test_a_retyped_column_blocks_its_day_and_quotes_the_value(bad_week):
    blocked = [line for line in bad_week.said.splitlines() if line.startswith("blocked ")]
    assert len(blocked) == 1
    assert blocked[0].startswith(f"blocked {RETYPED}: billing: ")
    assert "break critical rules, more than 5.0%" in blocked[0]
    reasons = [row["reason"] for row in bad_week.refused if ' USD" is not a' in row["reason"]]
    assert reasons
    assert all("billed_cost" in reason for reason in reasons)
    assert RETYPED not in {row["day"] for row in bad_week.built}


@pytest.mark.slow
def test_after_the_cure_the_bad_week_is_the_undisturbed_one(bad_week, undisturbed):
    """Lineage too, but for the days of the bill that was replaced: both exports are its inputs."""
    assert "blocked" not in bad_week.said_after
    status = bad_week.status_after
    assert (status["blocked"], status["silent"]) == ({}, {})
    assert "blocked_day" not in {alert["rule"] for alert in status["alerts"]}
    # a page that the estate itself breaks off is told still
    told = [*status["unreadable"], *(alert["subject"] for alert in status["alerts"])]
    assert [line for line in told if HALF in line or BILLS in line] == []
    assert "FAIL" not in bad_week.verified_after
    assert different(without_lineage(bad_week.found), without_lineage(undisturbed)) == []


# ------------------------------------------------------------------ more than expected


@pytest.mark.slow
def test_ten_times_the_volume_and_a_column_nobody_knows(roi, inbox, undisturbed, tmp_path):
    """The same records ten times count once; a column more is kept aside."""
    own, lake = tmp_path / "inbox", tmp_path / "lake"
    shutil.copytree(inbox, own)
    spans = own / f"tokens/otlp/spans_{DAYS[-1]}.jsonl"
    lines = spans.read_text().splitlines()
    for copy in range(9):
        # the same lines, each time in another order: other bytes
        lines = [*lines[1:], lines[0]]
        (spans.parent / f"again_{copy}.jsonl").write_text("\n".join(lines) + "\n")
    for bill in (own / BILLS).iterdir():
        rewrite(bill, lambda row: row.update(x_CostCentre="4711"), add="x_CostCentre")
    assert "blocked" not in roi("run", "--inbox", own, "--lake", lake)
    volume = warned(roi, lake, "tokens.volume_as_usual")
    assert list(volume) == DAYS[-1:]
    assert "(usually " in volume[DAYS[-1]]
    bills = lake / "bronze" / "billing" / "day=*" / "charges-*.parquet"
    asked = f"select bool_and(extra like '%4711%') from read_parquet('{bills}')"
    assert duckdb.sql(asked).fetchone() == (True,)
    found = exported(roi, lake, tmp_path / "out")
    assert different(without_lineage(found), without_lineage(undisturbed)) == []


# --------------------------------------------------------------------- the machine


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[str], Path]]:
    """Return a function that gives a real file system a size, and its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a file system of its own can be mounted by root only")

    def resize(size: str) -> Path:
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
        return folder

    yield resize
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_full_while_landing_is_named(roi, inbox, small_disk):
    """Also by the next run, whose log has no room from the start, and by a reader."""
    lake = small_disk("3m") / "lake"
    run = ("run", "--inbox", inbox, "--lake", lake)
    for command in (run, run, ("status", "--lake", lake)):
        said = roi(*command, code=1)
        assert said.startswith("roi: The lake "), said
        assert "free its disk" in said
        assert said.count("\n") == 1, said


@pytest.mark.slow
def test_after_more_room_a_full_disk_is_forgotten(roi, inbox, undisturbed, small_disk, tmp_path):
    """Full while landing, then full in the middle of dbt, then room enough."""
    lake = small_disk("3m") / "lake"
    run = ("run", "--inbox", inbox, "--lake", lake)
    assert "No space left on device" in roi(*run, code=1)
    small_disk("6m")
    said = roi(*run, code=1)
    assert "free its disk. The last release is in place." in said
    assert said.count("\n") == 1, said
    small_disk("1g")
    roi(*run)
    assert "FAIL" not in roi("verify", "--lake", lake)
    assert different(exported(roi, lake, tmp_path / "out"), undisturbed) == []


@pytest.mark.slow
def test_two_runs_of_the_same_days_at_once(roi, inbox, undisturbed, tmp_path):
    lake = tmp_path / "lake"
    command = [str(ROI), "run", "--inbox", str(inbox), "--lake", str(lake)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("nothing changed: release 1 stands" in one for one in said) == 1, said
    assert sum("release 1 (snapshot" in one for one in said) == 1, said
    assert different(exported(roi, lake, tmp_path / "out"), undisturbed) == []


@pytest.fixture
def clock(tmp_path) -> Callable[[float], dict[str, str]]:
    """Return a function that gives the environment in which the machine's clock is off."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a C compiler on Linux makes the clock that is off")
    library = tmp_path / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)

    def off_by(seconds: float) -> dict[str, str]:
        shift = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_SECONDS": str(int(seconds))}
        return os.environ | shift

    return off_by


@pytest.mark.slow
def test_a_clock_that_is_off_shows_in_no_figure(roi, inbox, undisturbed, clock, tmp_path):
    """Three days fast while the first files land; then back to before the newest events."""
    own, lake = tmp_path / "inbox", tmp_path / "lake"
    shutil.copytree(inbox, own, ignore=shutil.ignore_patterns(f"*_{DAYS[-1]}*"))
    # lands what is there and builds nothing: no file has this day
    run = ("run", "--inbox", own, "--lake", lake)
    roi(*run, "--day", "2025-06-01", env=clock(3 * 86400))
    shutil.copytree(inbox, own, dirs_exist_ok=True)
    noon = datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp()
    roi(*run, env=clock(noon - time.time()))
    asked = "select min(fetched_at) as first, max(fetched_at) as last, max(seq) as n"
    (seen,) = roi.sql(lake, f"{asked} from ops.manifest")
    assert seen["first"].startswith("2026-01-03")  # landed last, stamped first
    assert seen["last"] > seen["first"]
    assert roi.sql(lake, "select max(day) as last from daily_roi") == [{"last": DAYS[-1]}]
    assert "FAIL" not in roi("verify", "--lake", lake)
    assert different(exported(roi, lake, tmp_path / "out"), undisturbed) == []


# --------------------------------------------------------------------- the calendar


@pytest.mark.slow
def test_the_29th_of_february_and_the_edge_of_a_month(roi, tmp_path):
    """Four days one by one, over the leap day into March, and the four in one range."""
    days = ["2028-02-27", "2028-02-28", "2028-02-29", "2028-03-01"]
    roi(
        *("simulate", "--out", tmp_path, "--start", days[0], "--days", len(days)),
        *("--tasks-per-day", 10, "--agents", 3),
    )
    run = ("run", "--inbox", tmp_path / "inbox", "--lake")
    roi(*run, tmp_path / "range", "--from", days[0], "--to", days[-1])
    for day in days:
        roi(*run, tmp_path / "single", "--day", day)
    wanted = exported(roi, tmp_path / "range", tmp_path / "wanted")
    found = exported(roi, tmp_path / "single", tmp_path / "found")
    assert different(found, wanted) == []
    for table in ("daily_roi", "fct_agent_action", "fct_charge"):
        seen = roi.sql(tmp_path / "single", f"select distinct day from {table} order by day")
        assert "2028-02-29" in {row["day"] for row in seen}, table
    assert "FAIL" not in roi("verify", "--lake", tmp_path / "single")
