"""Other prices for what has been: shown to the nano-unit, taken when asked, and no further."""

import csv
import json
import shutil
from decimal import Decimal

import pytest

BUCKETS = {
    "input_uncached": "input_uncached_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
}
MODEL = "sim-sonnet"
RANGE = ("--from", "2026-01-01", "--to", "2026-01-03")


def files(folder):
    """Return the bytes of each file below a folder."""
    return {
        path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))
    }


@pytest.mark.slow
def test_prices_change_the_past_only_when_they_are_taken(roi, tmp_path):
    roi("simulate", "--out", tmp_path, "--days", 3, "--tasks-per-day", 40, "--agents", 3)
    inbox, lake, new = tmp_path / "inbox", tmp_path / "lake", tmp_path / "new"
    roi("run", "--inbox", inbox, "--lake", lake)
    released = files(lake / "release" / "current" / "marts")
    with (inbox / "reference" / "prices.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    # the model's price changes once in the estate: what counts until then is corrected
    meant = [
        row
        for row in rows
        if (row["model"], row["bucket"], row["tier"]) == (MODEL, "input_uncached", "standard")
        and row["valid_to"]
    ]
    assert len(meant) == 1
    until = meant[0]["valid_to"].rstrip("Z")
    (tokens,) = roi.sql(
        lake,
        f"select sum(input_uncached_tokens) as tokens, count(distinct day) as days"
        f" from fct_agent_action where model = '{MODEL}' and tier = 'standard'"
        f" and started_at < timestamp '{until}' and cost_status = 'priced'",
    )
    more = Decimal(tokens["tokens"]) / 1_000_000
    assert more > 0
    meant[0]["price_per_million"] = str(Decimal(meant[0]["price_per_million"]) + 1)
    (new / "reference").mkdir(parents=True)
    with (new / "reference" / "prices.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)

    ask = ("reprice", "--lake", lake, "--inbox", new)
    shown = json.loads(roi(*ask, *RANGE, "--dry-run", "--json"))
    (model,) = shown["models"]
    assert (model["provider"], model["model"]) == ("anthropic", MODEL)
    assert Decimal(model["cost_after"]) - Decimal(model["cost_before"]) == more
    assert len(shown["days"]) == tokens["days"] > 1
    assert not shown["applied"]

    said = roi(*ask, "--from", "2026-01-02", "--to", "2026-01-03", "--reason", "x", code=1)
    assert "also change 1 days outside of 2026-01-02 to 2026-01-03 (2026-01-01" in said
    assert "Say why" in roi(*ask, *RANGE, code=1)
    assert "Say why" in roi(*ask, *RANGE, "--reason", " ", code=1)
    (tmp_path / "empty").mkdir()
    empty = ("reprice", "--lake", lake, "--inbox", tmp_path / "empty")
    assert "holds no prices" in roi(*empty, *RANGE, "--dry-run", code=1)
    assert files(lake / "release" / "current" / "marts") == released, "a trial left a trace"
    assert json.loads(roi("restatements", "--lake", lake, "--json")) == []

    taken = json.loads(roi(*ask, *RANGE, "--reason", "the list was wrong", "--json"))
    assert taken["applied"]
    assert taken["models"] == shown["models"]
    assert taken["agents"] == shown["agents"]
    restated = json.loads(roi("restatements", "--lake", lake, "--json"))
    loads = {load for row in restated for load in row["loads"].split(", ")}
    entries = roi.sql(lake, "select load_id, tables, uri from ops.manifest")
    named = [one for one in entries if one["load_id"] in loads]
    # the table that counted, and the one that stands in its place
    assert [(one["tables"], one["uri"]) for one in named] == [
        ("prices", "reference/prices.csv")
    ] * 2

    # the inbox has the new table too from now on: nothing is left to change
    shutil.copy(new / "reference" / "prices.csv", inbox / "reference" / "prices.csv")
    assert "nothing changed" in roi("run", "--inbox", inbox, "--lake", lake)
