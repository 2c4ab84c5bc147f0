"""Broken files in an inbox: each is named with its reason, and the good rows arrive."""

import gzip
import hashlib
import json
import shutil

import pytest

FOCUS = (
    "BilledCost,EffectiveCost,ListCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
    "BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ProviderName,"
    "ServiceCategory,ConsumedQuantity,ConsumedUnit,ResourceId,Tags\n"
)


def line(cost, resource):
    return (
        f"{cost},{cost},{cost},acct,USD,2026-01-01,2026-02-01,Usage,2026-01-02,2026-01-03,"
        f"Cloud,Compute,1,Hours,{resource},NULL\n"
    )


@pytest.fixture(scope="module")
def lake(roi, tmp_path_factory):
    """Return a lake fed with an estate's good files and one of each kind of broken file."""
    folder = tmp_path_factory.mktemp("broken")
    roi("simulate", "--out", folder, "--days", 3, "--tasks-per-day", 100, "--agents", 4)
    inbox = folder / "inbox"
    rows = [line("1.5", f"good-{n}") for n in range(60)]
    rows += [line("NaN", "nan"), line("1e400", "huge"), line("=1+1", "formula")]
    (inbox / "billing" / "extra.csv").write_text(FOCUS + "".join(rows))
    (inbox / "billing" / "empty.csv").write_bytes(b"")
    (inbox / "tickets" / "zendesk" / "page.json").write_text("<!doctype html><p>Sign in</p>")
    noise = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(128))
    (inbox / "tokens" / "otlp").mkdir(exist_ok=True)
    (inbox / "tokens" / "otlp" / "noise.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00" + noise)
    spans = next((inbox / "tokens" / "otlp").glob("spans*"))
    cut = spans.read_bytes()
    cut = gzip.decompress(cut) if cut.startswith(b"\x1f\x8b") else cut
    first = cut.splitlines()[0]
    (inbox / "tokens" / "otlp" / "zz_cut.jsonl").write_bytes(
        first + b"\n" + first[: len(first) // 2]
    )
    whole = gzip.compress(cut)
    (inbox / "tokens" / "otlp" / "zz_half.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    said = roi("run", "--inbox", inbox, "--lake", folder / "lake")
    assert "Traceback" not in said
    shutil.rmtree(inbox)
    return folder / "lake"


@pytest.fixture(scope="module")
def refused(roi, lake):
    status = json.loads(roi("status", "--lake", lake, "--json"))
    rows = roi.sql(lake, "select source, rule, severity, reason, record from quarantine")
    return status["unreadable"], rows


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("billing/empty.csv", "empty"),
        ("tickets/zendesk/page.json", "page"),
        ("tokens/otlp/noise.jsonl.gz", "gzip"),
        ("tokens/otlp/zz_half.jsonl.gz", "gzip"),
    ],
)
def test_an_unreadable_file_is_named_with_its_reason(refused, file, word):
    said = [line for line in refused[0] if file in line]
    assert len(said) == 1
    assert word in said[0].lower(), said[0]


@pytest.mark.parametrize("text", ["NaN", "1e400", "=1+1"])
def test_a_cost_that_is_no_number_is_refused_and_quoted(refused, text):
    rows = [
        row for row in refused[1] if row["rule"] == "bad_value" and f'"{text}"' in row["reason"]
    ]
    assert rows
    assert {row["severity"] for row in rows} == {"critical"}


def test_a_cut_line_is_named_and_its_neighbours_arrive(refused):
    rows = [row for row in refused[1] if row["rule"] == "malformed_record"]
    assert any("line 2" in row["reason"] for row in rows)


def test_the_good_rows_of_the_broken_file_arrive_and_nothing_else(roi, lake):
    rows = roi.sql(
        lake,
        "select count(*) as n, sum(billed_cost) as cost from fct_charge"
        " where account_id = 'acct' and resource_id like 'good-%'",
    )
    assert rows == [{"n": 60, "cost": "90.000000000000000000"}]
    assert (
        roi.sql(lake, "select * from fct_charge where resource_id in ('nan', 'huge', 'formula')")
        == []
    )


def test_the_marts_are_there_and_every_law_holds(roi, lake):
    assert roi.sql(lake, "select count(distinct day) as n from daily_roi")[0]["n"] >= 3
    assert "FAIL" not in roi("verify", "--lake", lake)
