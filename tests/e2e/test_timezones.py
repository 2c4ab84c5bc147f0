"""Days of a place are its own: 23 and 25 hours long twice a year, and nothing is lost or doubled.

The same estate over a change of the clocks, reported in UTC and in New York: each day holds what
happened between its own midnights, and the days sum to the same totals.
"""

import os

import polars as pl
import pytest

NEW_YORK = "America/New_York"
SUMS = {
    "fct_charge": ("billed_cost", "effective_cost", "list_cost"),
    "fct_cost_allocation": ("allocated_cost",),
    "fct_agent_action": ("input_uncached_tokens", "output_visible_tokens", "priced_cost"),
    "fct_time_entry": ("human_cost",),
    "fct_gpu_usage": ("busy_microseconds", "capacity_microseconds"),
    "fct_task": (),
}


def facts(lake):
    """Return the exported facts of the newest release, without what is only estimated.

    A day that no bill has reached yet is estimated from its own calls, so another day has another
    estimate; what was billed is the same money, whatever the clock on the wall.
    """
    tables = {
        name: pl.read_parquet(lake / "release/current/facts" / name, hive_partitioning=False)
        for name in SUMS
    }
    is_billed = pl.col("cost_basis") != "estimated"
    return tables | {"fct_cost_allocation": tables["fct_cost_allocation"].filter(is_billed)}


def totals(tables):
    """Return rows and sums over all days."""
    sums = {
        (name, column): tables[name][column].sum()
        for name, columns in SUMS.items()
        for column in columns
    }
    return sums | {name: tables[name].height for name in ("fct_agent_action", "fct_task")}


@pytest.mark.slow
@pytest.mark.parametrize("start", ["2026-03-06", "2026-10-30"])
def test_days_sum_to_the_range_in_any_zone(roi, tmp_path, start):
    roi(
        *("simulate", "--out", tmp_path, "--start", start, "--days", 5),
        *("--tasks-per-day", 40, "--agents", 4),
    )
    found = {}
    for zone in ("UTC", NEW_YORK):
        lake = tmp_path / zone.replace("/", "-")
        roi(
            *("run", "--inbox", tmp_path / "inbox", "--lake", lake),
            env=os.environ | {"ROI_REPORTING_TIMEZONE": zone},
        )
        roi("verify", "--lake", lake)
        found[zone] = facts(lake)

    assert totals(found[NEW_YORK]) == totals(found["UTC"])
    for zone, tables in found.items():
        acted = tables["fct_agent_action"]
        own = acted["started_at"].dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
        assert (own == acted["day"]).all()
    # some of it is of another day there: the two are not the same by accident
    by_id = [found[zone]["fct_agent_action"].sort("action_id")["day"] for zone in found]
    assert (by_id[0] != by_id[1]).any()
