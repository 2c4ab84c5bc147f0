"""A bill that is restated: what changed is listed, to the cell, and what was said stays readable.

The estate's provider exports its bill twice: the second export replaces the first, with late
lines and corrections. The lake sees one, releases, then sees the other.
"""

import json
import shutil
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.building import RESTATED
from roi_engine.warehouse import lake as lakes

KEYS = ["day", "agent_id"]


def released(lake):
    """Return every additive figure of the newest release: (mart, day, agent, metric) → value."""
    found = {}
    for mart, metrics in RESTATED.items():
        rows = pl.read_parquet(lake / "release/current/marts" / mart, hive_partitioning=False)
        known = [name for name in metrics if name in rows.columns]
        # a sum with an unknown part is of the known ones; only unknown ones have none
        sums = [
            pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
            for name in known
        ]
        for row in rows.group_by(KEYS).agg(sums).iter_rows(named=True):
            for name in known:
                value = row[name]
                where = (mart, str(row["day"]), row["agent_id"], name)
                found[where] = None if value is None else Decimal(value)
    return found


def files(folder):
    """Return the bytes of each exported file."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_a_second_export_changes_what_is_listed_and_nothing_else(roi, tmp_path):
    roi("simulate", "--out", tmp_path, "--days", 12, "--tasks-per-day", 30, "--agents", 4)
    inbox, lake = tmp_path / "inbox", tmp_path / "lake"
    exports = sorted((inbox / "billing").iterdir())
    assert len(exports) >= 2, "the estate has one export only"
    aside = tmp_path / "aside"
    aside.mkdir()
    for export in exports[1:]:
        shutil.move(export, aside / export.name)

    run = ("run", "--inbox", inbox, "--lake", lake)
    roi(*run)
    before = released(lake)
    first = roi.sql(lake, "select max(snapshot_id) as snapshot from ops.published")[0]["snapshot"]
    marts = {
        mart: pl.read_parquet(lake / "release/current/marts" / mart, hive_partitioning=False)
        for mart in ("daily_roi", "daily_asr")
    }
    assert json.loads(roi("restatements", "--lake", lake, "--json")) == []

    for export in sorted(aside.iterdir()):
        shutil.move(export, inbox / "billing" / export.name)
    roi(*run)
    after = released(lake)

    # exactly the cells that changed, from what to what
    days = {where[1] for where in before}
    changed = {
        where: (before.get(where, Decimal(0)), after.get(where, Decimal(0)))
        for where in before.keys() | after.keys()
        if where[1] in days and before.get(where, 0) is not None
        and before.get(where, Decimal(0)) != after.get(where, Decimal(0))
    }  # fmt: skip
    listed = {
        (one["mart"], one["day"], one["agent_id"], one["metric"]): one
        for one in json.loads(roi("restatements", "--lake", lake, "--json"))
    }
    assert changed
    assert listed.keys() == changed.keys()
    loads = {
        row["load_id"]
        for row in roi.sql(
            lake, "select load_id from ops.manifest where source = 'billing' and status = 'landed'"
        )
    }
    for where, one in listed.items():
        now = None if one["as_restated"] is None else Decimal(one["as_restated"])
        assert (Decimal(one["as_filed"]), now) == changed[where], where
        assert one["cause"] == "loads", where
        assert set(one["loads"].split(", ")) <= loads, where

    # what was said then is what the lake says at that time
    with lakes.connect(lake, read_only=True) as con:
        for mart, rows in marts.items():
            then = con.execute(f"from lake.marts.{mart} at (version => {first})").pl()
            order = [name for name in rows.columns if rows[name].dtype != pl.Null]
            assert then.select(rows.columns).sort(order).equals(rows.sort(order)), mart

    # once more: nothing changes
    for name in ("once", "again"):
        roi("export", "--lake", lake, "--to", tmp_path / name, "--format", "csv", "--facts")
        said = roi(*run)
        assert "nothing changed" in said
    assert files(tmp_path / "once") == files(tmp_path / "again")
