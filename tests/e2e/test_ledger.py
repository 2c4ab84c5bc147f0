"""Cost per agent equals the simulated estate's own ledger, to the nano-unit.

The ledger is a second implementation of the rules, in whole numbers, over the emitted rows; it
shares no code with the pipeline.
"""

import polars as pl
import pytest

from roi_engine.simulate.truth import LEDGER_KEYS


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
