"""What was refused is told by rule, file and row, of the lake as it is and not as released."""

import json
from datetime import date

import pytest

from roi_engine import alerts, status
from tests.doors.lake import extract, settings

DAY = "2026-01-05"
HEADER = (
    "ProviderName,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,"
    "ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost\n"
)
LINE = "OpenAI,a,USD,2026-01-01,Usage,{day},{day}T12:00:00Z,{cost},1\n"


@pytest.fixture
def root(tmp_path):
    """Return a lake without a release: three rows and one file were refused, a day is blocked."""
    bill = [(DAY, "#REF!"), (DAY, "1"), (DAY, "n/a"), ("2026-01-06", "?")]
    folder = tmp_path / "inbox" / "billing"
    folder.mkdir(parents=True)
    lines = [LINE.format(day=day, cost=cost) for day, cost in bill]
    (folder / "a.csv").write_text(HEADER + "".join(lines))
    (folder / "cut.csv").write_bytes(b"PAR1 and nothing more")
    extract(tmp_path / "lake", "billing", inbox=tmp_path / "inbox")
    alerts.raise_alert(
        tmp_path / "lake",
        "blocked_day",
        subject="gate",
        day=date.fromisoformat(DAY),
        message="billing: 2 of 3 rows break critical rules",
    )
    return tmp_path / "lake"


def test_each_rule_stands_with_reason_file_and_row(roi, root):
    said = roi("quarantine", "--lake", root, "--rule", "bad_value")
    assert said.startswith(f"blocked {DAY}: billing: 2 of 3 rows break critical rules\n")
    assert "critical · billing · bad_value · 3 rows\n" in said
    assert f'\n  billing/a.csv row 1 ({DAY}): billed_cost: "#REF!" is not a decimal' in said
    assert "billing/a.csv row 3" in said
    assert "cut.csv" not in said


def test_one_day_is_asked_for_and_no_more_rows_than_wanted(roi, root):
    command = ("quarantine", "--lake", root, "--day", DAY, "--rows", 1)
    (rule,) = json.loads(roi(*command, "--json"))["rules"]
    assert (rule["rule"], rule["rows"]) == ("bad_value", 2)
    assert [(row["file"], row["row"], row["day"]) for row in rule["first"]] == [
        ("billing/a.csv", 1, DAY)
    ]
    assert "  … and 1 more\n" in roi(*command)
    later = roi("quarantine", "--lake", root, "--day", "2026-01-06")
    assert "blocked" not in later
    assert "row 4" in later


def test_a_file_that_could_not_be_read_stands_there_until_another_has_come(roi, root):
    assert "\n  billing/cut.csv\n" in roi("quarantine", "--lake", root)
    cured = root.parent / "inbox" / "billing" / "cut.csv"
    cured.write_text(HEADER + LINE.format(day=DAY, cost=1))
    extract(root, "billing", inbox=root.parent / "inbox")
    assert "cut.csv" not in roi("quarantine", "--lake", root)


def test_nothing_refused_is_said(roi, root):
    said = roi("quarantine", "--lake", root, "--rule", "spans.nothing", "--day", "2026-01-06")
    assert said == "no row of spans.nothing on 2026-01-06 is in quarantine\n"


def test_the_status_names_the_first_file_and_row(root):
    (line,) = [line for line in status.read(settings(root)).lines() if "bad_value" in line]
    assert line.endswith(f" · first billing/a.csv row 1 ({DAY})")
