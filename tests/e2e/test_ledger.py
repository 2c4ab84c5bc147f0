"""Cost per agent equals the simulated estate's own ledger, to the nano-unit.

The ledger is a second implementation of the rules, in whole numbers, over the emitted rows; it
shares no code with the pipeline.
"""

import hashlib
import json
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.lineage.trace import trace
from roi_engine.marts.columns import COUNT, MONEY, RATIO
from roi_engine.marts.declare import DECLARED
from roi_engine.simulate.truth import LEDGER_KEYS

FIGURES = (MONEY, COUNT, RATIO)


@pytest.fixture(scope="module")
def estate(roi, tmp_path_factory):
    """Return the folder of an estate and of the lake that it was run into."""
    folder = tmp_path_factory.mktemp("ledger")
    roi(
        *("simulate", "--out", folder / "estate", "--days", 10, "--tasks-per-day", 400),
        *("--agents", 6, "--seed", 7),
    )
    roi("run", "--inbox", folder / "estate" / "inbox", "--lake", folder / "lake")
    roi("export", "--lake", folder / "lake", "--to", folder / "out", "--facts")
    return folder


def by_cell(rows: pl.DataFrame, nano: pl.Expr) -> pl.DataFrame:
    """Return cell → nano-units, without the cells that carry nothing."""
    cells = rows.group_by(LEDGER_KEYS).agg(nano.cast(pl.Int128).sum().alias("nano"))
    return cells.filter(pl.col("nano") != 0).sort(LEDGER_KEYS)


def test_every_cell_equals_the_ledger(estate):
    allocated = pl.read_parquet(estate / "out" / "fct_cost_allocation.parquet")
    ledger = pl.read_parquet(estate / "estate" / "truth" / "ledger.parquet")
    found = by_cell(allocated, pl.col("allocated_cost").to_physical())
    wanted = by_cell(ledger, pl.col("allocated_nano"))
    assert wanted.height > 1000
    assert found.equals(wanted)


def test_cost_per_agent_equals_the_ledger_in_the_mart(estate):
    """What the mart calls idle or other differs by design from the bill's class; totals do not."""
    mart = pl.read_parquet(estate / "out" / "daily_roi.parquet")
    ledger = pl.read_parquet(estate / "estate" / "truth" / "ledger.parquet")
    found = mart.group_by("agent_id").agg(
        (
            pl.col("total_cost").to_physical().cast(pl.Int128).sum()
            - pl.col("human_cost").to_physical().cast(pl.Int128).sum()
        ).alias("nano")
    )
    wanted = (
        ledger.filter(pl.col("agent_id") != "__deferred__")
        .group_by("agent_id")
        .agg(pl.col("allocated_nano").cast(pl.Int128).sum().alias("nano"))
    )
    both = wanted.join(found, on="agent_id", how="full", suffix="_found").fill_null(0)
    assert both.filter(pl.col("nano") != pl.col("nano_found")).is_empty()


def test_outcome_classes_equal_the_truth(estate):
    tasks = pl.read_parquet(estate / "out" / "fct_task.parquet")
    truth = pl.read_parquet(estate / "estate" / "truth" / "tasks.parquet")
    both = truth.join(tasks, on="task_id", how="inner", suffix="_found")
    assert both.height > 3000
    assert both.filter(pl.col("outcome_class") != pl.col("outcome_class_found")).is_empty()


def test_what_was_bought_again_equals_the_truth(estate):
    """Of each task, and of each agent's money; who asked is not known of every task."""
    truth = pl.read_parquet(estate / "estate" / "truth" / "tasks.parquet")
    tasks = pl.read_parquet(estate / "out" / "fct_task.parquet")
    both = truth.join(tasks, on="task_id", how="inner", suffix="_found")
    assert set(truth["is_redundant"]) == {True, False, None}
    assert truth["is_redundant"].sum() > 30
    assert both.filter(pl.col("is_redundant").ne_missing(pl.col("is_redundant_found"))).is_empty()

    actions = pl.read_parquet(estate / "out" / "fct_agent_action.parquet").filter(
        ~pl.col("is_overhead"), ~pl.col("is_rollup")
    )
    cost = pl.col("priced_cost").to_physical().cast(pl.Int128)
    wanted = (
        actions.join(truth.select("task_id", true="is_redundant"), on="task_id")
        .group_by("day", "agent_id")
        .agg(
            cost.filter(pl.col("true").is_not_null()).sum().alias("comparable_cost"),
            cost.filter("true").sum().alias("redundant_cost"),
        )
    )
    asr = pl.read_parquet(estate / "out" / "daily_asr.parquet").join(
        wanted, on=["day", "agent_id"], suffix="_true"
    )
    assert asr["redundant_spend_share"].is_between(0, 1, closed="none").sum() > 10
    for name in ("comparable_cost", "redundant_cost"):
        assert (asr[name].to_physical().cast(pl.Int128) == asr[f"{name}_true"]).all(), name


def test_exposures_equal_the_truth(estate):
    found = pl.read_parquet(estate / "out" / "fct_experiment_exposure.parquet")
    truth = pl.read_parquet(estate / "estate" / "truth" / "exposures.parquet")
    assert truth["is_crossed_over"].any()
    assert found.select(truth.columns).sort("experiment_id", "task_id", "arm").equals(truth)


def test_wallets_spend_what_is_allocated_to_their_agents(estate):
    wallets = pl.read_parquet(estate / "out" / "fct_wallet_entry.parquet")
    allocated = pl.read_parquet(estate / "out" / "fct_cost_allocation.parquet")
    spent = wallets.group_by("agent_id", "day").agg(pl.col("spent").to_physical().sum())
    cost = allocated.group_by("agent_id", "day").agg(pl.col("allocated_cost").to_physical().sum())
    both = spent.join(cost, on=["agent_id", "day"], how="left").fill_null(0)
    assert both.height > 50
    assert both.filter(pl.col("spent") != pl.col("allocated_cost")).is_empty()
    assert set(wallets["period"]) == {"day", "week", "month"}


def test_transactions_equal_the_truth(estate):
    found = pl.read_parquet(estate / "out" / "fct_transaction.parquet")
    truth = pl.read_parquet(estate / "estate" / "truth" / "transactions.parquet")
    plain = found.select(
        *("transaction_id", "day", "exchange", "buyer_agent_id", "seller_agent_id"),
        pl.col("value").to_physical().cast(pl.Int64).alias("value_nano"),
        "is_autonomous",
        has_record=pl.col("evidence") == "measured",
    )
    assert truth.height > 50
    assert plain.sort("transaction_id").equals(truth.sort("transaction_id"))


def test_mandates_equal_the_truth(estate):
    found = pl.read_parquet(estate / "out" / "mandates.parquet")
    truth = pl.read_parquet(estate / "estate" / "truth" / "mandates.parquet")
    nano = {
        f"{name}_nano": pl.col(column).to_physical().cast(pl.Int64)
        for name, column in (("limit", "limit_amount"), ("spent", "spent"))
    }
    plain = found.select("mandate_id", "agent_id", **nano, score="score")
    assert set(truth["score"]) == {0, 1, None}
    assert plain.equals(truth.sort("mandate_id"))


def test_every_law_holds(roi, estate):
    said = roi("verify", "--lake", estate / "lake")
    assert said.count("0 differences") == 4


def test_each_mart_is_made_once_more_from_the_facts_of_its_trace(estate):
    """A figure of every mart: its declaration leads to rows and files, and these to the figure."""
    lake = estate / "lake"
    found = 0
    for name, mart in DECLARED.items():
        files = lake / "release/current/marts" / name
        rows = pl.read_parquet(files, hive_partitioning=False) if files.is_dir() else pl.DataFrame()
        if rows.is_empty():
            continue
        row = rows.sort(mart.grain, nulls_last=False).row(-1, named=True)
        figures = [c for c in mart.columns if c.type in FIGURES and row[c.name] is not None]
        day = "as_of_day" if "as_of_day" in mart.grain else "day"
        keys = {key: str(row[key]) for key in mart.grain if key != day}
        told = trace(lake, name, figures[-1].name, day=row[day], keys=keys, prove=True)
        assert told.value == row[figures[-1].name], name
        assert told.proven, f"{name}.{figures[-1].name} {keys}"
        found += 1
    assert found > 25


def test_a_trace_leads_to_landed_bytes_and_refuses_what_is_not_there(roi, estate):
    lake = estate / "lake"
    day, agent = roi.sql(
        lake,
        "select day, agent_id from daily_roi where total_cost > 0 and not starts_with(agent_id,"
        " '__') order by day, agent_id limit 1",
    )[0].values()
    ask = ("trace", "daily_roi", "--day", day, "--column", "total_cost", "--lake", lake)
    told = json.loads(roi(*ask, "--key", f"agent_id={agent}", "--prove", "--json"))
    costs = roi.sql(
        lake, f"select sum(total_cost) as cost from daily_roi where day = '{day}'"
        f" and agent_id = '{agent}'",
    )  # fmt: skip
    assert told["value"] == costs[0]["cost"]
    # the facts under it sum to it: charges, and people's time
    assert sum(Decimal(total) for read in told["reads"] for total in read["sums"].values()) == (
        Decimal(told["value"])
    )
    for read in told["reads"]:
        for load in read["loads"]:
            landed = lake / "landing/sha256" / load["sha256"][:2] / load["sha256"]
            assert hashlib.sha256(landed.read_bytes()).hexdigest() == load["sha256"]
            assert (estate / "estate/inbox" / load["uri"]).is_file()
    assert "has no column cost; it has" in roi(
        "trace", "daily_roi", "--day", day, "--column", "cost", "--lake", lake, code=2
    )
    assert "no row with day=1999-01-01" in roi(
        "trace", "daily_roi", "--day", "1999-01-01", "--column", "roi", "--lake", lake, code=2
    )
