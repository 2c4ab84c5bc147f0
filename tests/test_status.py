"""What an operator is told of a lake, and that it ends with the cure."""

import json
from datetime import datetime

import pytest

from roi_engine import alerts, status
from roi_engine.warehouse import lake as lakes
from tests.doors.lake import extract, settings

HEADER = (
    "ProviderName,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,"
    "ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost\n"
)
LINE = "OpenAI,a,USD,2026-01-01,Usage,2026-01-0{day},2026-01-0{day}T12:00:00Z,{cost},1\n"
CUT = b"PAR1 and nothing more"
SHORT = HEADER.replace("BilledCost,", "").encode()


def bill(cost, day=5):
    return (HEADER + LINE.format(cost=cost, day=day)).encode()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "lake"


@pytest.fixture
def put(tmp_path):
    def written(name, content):
        path = tmp_path / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return tmp_path / "inbox"

    return written


def told(root):
    """Return what the status says of files: open alerts, unreadable lines, rules in quarantine."""
    found = status.read(settings(root))
    unread = [one.subject for one in found.alerts if one.rule == "unreadable_file"]
    return unread, found.unreadable, [row["rule"] for row in found.quarantine]


@pytest.mark.parametrize("content", [CUT, SHORT], ids=["cut", "a column is missing"])
def test_a_file_that_came_again_whole_is_told_no_more(root, put, content):
    put("billing/other.csv", CUT + b" either")
    extract(root, "billing", inbox=put("billing/a.csv", content))
    files, lines, rules = told(root)
    assert sorted(files) == ["billing/a.csv", "billing/other.csv"]
    assert [line.split(": ")[0] for line in lines] == ["billing/a.csv", "billing/other.csv"]
    assert rules == []
    # once more broken, in another way: one line, of the newer
    extract(root, "billing", inbox=put("billing/a.csv", content + b"\n"))
    assert len(told(root)[1]) == 2
    extract(root, "billing", inbox=put("billing/a.csv", bill(1)))
    files, (line,), _ = told(root)
    assert files == ["billing/other.csv"]
    assert "billing/other.csv" in line
    # what was cured can break again
    inbox = put("billing/a.csv", content + b"\n\n")
    extract(root, "billing", inbox=inbox)
    assert sorted(told(root)[0]) == ["billing/a.csv", "billing/other.csv"]
    # nothing new has come, and nothing is told or ended
    extract(root, "billing", inbox=inbox)
    assert sorted(told(root)[0]) == ["billing/a.csv", "billing/other.csv"]


def test_a_file_that_nothing_replaces_ends_when_it_is_acknowledged(root, put):
    inbox = put("billing/a.csv", CUT)
    extract(root, "billing", inbox=inbox)
    with lakes.connect(root, read_only=True) as con:
        (alert,) = alerts.unresolved(con, root)
        alerts.acknowledge(con, root, alert.alert_id, by="ann", note="a draft")
    assert told(root) == ([], [], [])
    put("billing/b.csv", bill(1))
    extract(root, "billing", inbox=inbox)
    assert told(root) == ([], [], [])


def test_a_document_of_a_door_that_came_again_is_told_no_more(root, tmp_path):
    """An object that was written over, and a delivery that was replaced by other files."""
    store = tmp_path / "store"
    parts = [store / "bill/data/BILLING_PERIOD=2026-01" / name for name in ("x/0.csv", "y/1.csv")]
    manifest = store / "bill/metadata/BILLING_PERIOD=2026-01"
    (store / "loose").mkdir(parents=True)
    (store / "loose/a.csv").write_bytes(CUT)
    for part, folder, content in zip(parts, "xy", (CUT + b"!", bill(1)), strict=True):
        part.parent.mkdir(parents=True)
        part.write_bytes(content)
        named = {"dataFiles": [str(part.relative_to(store / "bill"))]}
        (manifest / folder).mkdir(parents=True)
        (manifest / folder / "bill-Manifest.json").write_text(json.dumps(named))
        doors = tmp_path / "doors.toml"
        doors.write_text(
            f'[[door]]\nname = "loose"\nkind = "objects"\nfolder = "billing"\n'
            f'url = "file://{store}/loose"\n\n'
            f'[[door]]\nname = "cloud"\nkind = "bill_exports"\nurl = "file://{store}/bill"\n'
        )
        extract(root, "billing", doors=doors)
        if folder == "x":
            assert [name.split("@")[0] for name in sorted(told(root)[0])] == [
                "live/cloud/data/BILLING_PERIOD=2026-01/x/0.csv",
                "live/loose/a.csv",
            ]
            (store / "loose/a.csv").write_bytes(bill(2, day=6))
    assert told(root) == ([], [], [])


def test_a_source_that_fell_silent_is_named_with_its_last_day(root, put):
    """A day behind, or a pause as long as one before, is none; nor is a bill that is not due."""

    def samples(day):
        at = f"{day}T08:00:00+00:00"
        value = [datetime.fromisoformat(at).timestamp(), "50"]
        series = {"metric": {"__name__": "DCGM_FI_DEV_GPU_UTIL", "UUID": "GPU-1"}}
        data = {"resultType": "matrix", "result": [series | {"values": [value]}]}
        return json.dumps({"status": "success", "data": data}).encode()

    def silent(source, name, content):
        extract(root, source, inbox=put(name, content))
        return status.read(settings(root)).silent

    assert silent("gpu", "gpu/1.json", samples("2026-01-03")) == {}
    assert silent("billing", "billing/4.csv", bill(1, day=4)) == {}
    assert silent("billing", "billing/5.csv", bill(1, day=5)) == {"gpu prometheus": "2026-01-03"}
    lines = status.read(settings(root)).lines()
    assert "silent: gpu prometheus has nothing after 2026-01-03" in lines
    assert silent("gpu", "gpu/2.json", samples("2026-01-06")) == {}
    assert silent("billing", "billing/9.csv", bill(1, day=9)) == {}
    assert silent("gpu", "gpu/3.json", samples("2026-02-05")) == {}
    assert silent("gpu", "gpu/4.json", samples("2026-02-06")) == {"billing focus": "2026-01-09"}
