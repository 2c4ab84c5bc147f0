"""A provider's own report stands beside the bill, and in no cost."""

import json
from decimal import Decimal

import polars as pl
import pytest

DAY = "2026-01-02"
REPORTED = ["provider_reported_cost", "report_over_price_book", "bill_over_report"]


def report(inbox, name, *cents):
    """Put Anthropic's answer for the day into the inbox."""
    bucket = {
        "starting_at": f"{DAY}T00:00:00Z",
        "ending_at": "2026-01-03T00:00:00Z",
        "results": [{"currency": "USD", "amount": each, "model": "sim-sonnet"} for each in cents],
    }
    folder = inbox / "billing" / "anthropic_costs" / "2026"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"data": [bucket], "has_more": False}))


def mart(lake, name):
    """Return a released mart without the id of what made it."""
    rows = pl.read_parquet(lake / "release/current/marts" / name, hive_partitioning=False)
    return rows.drop("_transform_run_id")


@pytest.mark.slow
def test_a_report_shows_in_reconciliation_and_changes_no_cost(roi, tmp_path):
    roi("simulate", "--out", tmp_path, "--days", 2, "--tasks-per-day", 20, "--agents", 3)
    inbox, lake = tmp_path / "inbox", tmp_path / "lake"
    run = ("run", "--inbox", inbox, "--lake", lake)
    roi(*run)
    before = {name: mart(lake, name) for name in ("daily_roi", "reconciliation")}
    assert before["reconciliation"]["provider_reported_cost"].null_count() == len(
        before["reconciliation"]
    )

    # 1.2345 and 0.1 in dollars; later the day settles at 1.5
    for name, cents, total in (
        ("first.json", ("123.45", "10"), Decimal("1.3345")),
        ("second.json", ("150",), Decimal("1.5")),
    ):
        report(inbox, name, *cents)
        assert "1 day built" in roi(*run).replace("1 days", "1 day")
        after = {name: mart(lake, name) for name in before}
        assert after["daily_roi"].equals(before["daily_roi"])
        told = after["reconciliation"]
        assert told.drop(REPORTED).equals(before["reconciliation"].drop(REPORTED))
        (row,) = told.filter(pl.col("provider_reported_cost").is_not_null()).to_dicts()
        assert (str(row["day"]), row["provider"], row["step"]) == (DAY, "anthropic", "bill")
        assert row["provider_reported_cost"] == total
        assert row["bill_over_report"] == row["amount"] - total
        booked = told.filter(day=row["day"], provider="anthropic", step="price_book")["amount"][0]
        assert row["report_over_price_book"] == total - booked
    assert sum(after["daily_roi"]["total_cost"]) > 0
    assert "nothing changed" in roi(*run)
    roi("verify", "--lake", lake)
