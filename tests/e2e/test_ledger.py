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
from roi_engine.warehouse import serving
from tests.conftest import PROJECT

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


def of_facts(mart):
    """Return the money and the counts of a mart that are made from facts alone."""
    return [
        column
        for column in mart.columns
        if column.type in {MONEY, COUNT}
        and column.inputs
        and all(name.startswith(("fct_cost", "fct_task", "fct_time")) for name in column.inputs)
    ]


@pytest.mark.parametrize("mart", ["daily_roi", "daily_asr"])
def test_the_rows_of_a_trace_add_up_to_its_figure(estate, mart):
    """Of each cost class its own lines, of each value the tasks that count, and no others."""
    declared = DECLARED[mart]
    rows = pl.read_parquet(estate / "lake/release/current/marts" / mart, hive_partitioning=False)
    seen = 0
    for column in of_facts(declared):
        shown = rows.filter(pl.col(column.name).fill_null(0) != 0).sort(declared.grain)
        # minutes are microseconds in the facts
        if shown.is_empty() or column.name == "inference_minutes":
            continue
        row = shown.row(-1, named=True)
        keys = {key: str(row[key]) for key in declared.grain if key != "day"}
        told = trace(estate / "lake", mart, column.name, day=row["day"], keys=keys)
        facts = [read for read in told.reads if read.table in {"fct_cost_allocation", "fct_task"}]
        facts += [read for read in told.reads if read.table == "fct_time_entry"]
        found = (
            sum(read.rows for read in facts)
            if column.type == COUNT
            else sum(Decimal(total) for read in facts for total in read.sums.values())
        )
        # each part of a value is rounded once
        assert abs(found - row[column.name]) <= Decimal("2e-9"), f"{column.name} {keys}"
        seen += 1
    assert seen > 10


def test_an_estimate_leads_to_its_calls_and_to_their_prices(roi, estate):
    """No bill has the newest day: its costs are list price, and the list is a landed file too."""
    lake = estate / "lake"
    row = roi.sql(
        lake,
        "select day, agent_id from daily_roi where not starts_with(agent_id, '__') group by all"
        " having sum(platform_cost) > 0 and sum(token_cost) > 0"
        " and count(*) filter (total_cost > 0 and cost_basis <> 'estimated') = 0"
        " order by all desc limit 1",
    )[0]
    where = ("--day", row["day"], "--key", f"agent_id={row['agent_id']}", "--lake", lake)
    for column, tables in (
        ("token_cost", ["fct_cost_allocation", "fct_agent_action", "dim_price"]),
        ("platform_cost", ["fct_cost_allocation", "fct_agent_action"]),
    ):
        told = json.loads(roi("trace", "daily_roi", *where, "--column", column, "--json"))
        assert [read["table"] for read in told["reads"]] == tables
        shares, calls, *_ = told["reads"]
        assert (shares["loads"], "are estimates" in shares["note"]) == ([], True)
        assert Decimal(shares["sums"]["allocated_cost"]) == Decimal(told["value"])
        assert Decimal(calls["sums"]["priced_cost"]) == Decimal(told["value"])
        for read in told["reads"][1:]:
            for load in read["loads"]:
                landed = lake / "landing/sha256" / load["sha256"][:2] / load["sha256"]
                assert hashlib.sha256(landed.read_bytes()).hexdigest() == load["sha256"]
    assert "state their own price" in calls["note"]
    assert told["unit"] == "USD"


def test_training_that_is_written_down_leads_to_the_bill_that_was_capitalised(roi, estate):
    lake = estate / "lake"
    row = roi.sql(lake, "select day from daily_roi where training_cost > 0 order by 1 limit 1")[0]
    asked = ("trace", "daily_roi", "--day", row["day"], "--column", "training_cost")
    told = json.loads(roi(*asked, "--lake", lake, "--json"))
    shares, charges = told["reads"]
    assert "training written down" in shares["note"]
    assert charges["table"] == "fct_charge"
    assert {load["uri"].split("/")[0] for load in charges["loads"]} == {"billing"}
    added = roi.sql(
        lake, f"select sum(additions) as cost from fct_training_run where day <= '{row['day']}'"
        f" and contains('{charges['narrowed']}', run_id)",
    )  # fmt: skip
    assert Decimal(charges["sums"]["cost"]) == Decimal(added[0]["cost"])


def test_a_figure_that_cannot_be_made_once_more_is_told_and_says_why(estate, monkeypatch):
    monkeypatch.setattr("roi_engine.version.source_hash", lambda: "of another engine")
    day = pl.read_parquet(estate / "out" / "daily_asr.parquet")["day"].max()
    keys = {"agent_id": "support-triage"}
    told = trace(estate / "lake", "daily_asr", "asr_spend_28d", day=day, keys=keys, prove=True)
    assert told.reads
    assert told.proven is None
    assert list(told.lines())[-1].startswith("  not made once more: Release 1 was made by another")


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
    # no lake is no wrong usage
    assert "There is no release" in roi(*ask[:-1], lake / "none", code=1)


def answers(lake, role):
    """Return the answers to the questions of a role, each as a list of rows by name."""
    questions = (PROJECT / "docs" / "queries" / f"{role}.sql").read_text().split(";")
    with serving.connect(lake) as con:
        return [con.sql(text).pl().to_dicts() for text in questions if text.strip()]


def test_the_questions_of_the_roles_answer_what_they_ask(estate):
    lake = estate / "lake"
    invoices = next(rows for rows in answers(lake, "finance") if rows and "invoiced" in rows[0])
    assert any(row["invoiced"] != row["charged"] for row in invoices)
    assert all(row["charged"] - row["allocated"] == row["difference"] for row in invoices)
    groups = next(rows for rows in answers(lake, "governor") if rows and "user_group" in rows[0])
    assert all(row["user_group"] != row["reference_group"] for row in groups)
    open_runs = [row["run_id"] for row in answers(lake, "it")[-1]]
    with serving.connect(lake) as con:
        wanted = con.sql("select run_id from training_amortisation where payback_days is null")
        assert sorted(open_runs) == sorted(run for (run,) in wanted.fetchall())
        paid = con.sql("select count(*) from training_amortisation where payback_days is not null")
        assert paid.fetchall() > [(0,)]


def test_every_command_that_shows_simulated_data_says_so_and_keeps_its_pipe_clean(roi, estate):
    lake = ("--lake", estate / "lake")
    day = pl.read_parquet(estate / "out" / "daily_roi.parquet")["day"].max()
    figure = ("daily_roi", "--day", day, "--column", "total_cost")
    for command in (
        ("sql", "select 1 as one"),
        ("rollup", "daily_kpi", "--by", "handler,month"),
        ("trace", *figure),
        ("what-if",),
        ("alerts",),
        ("evaluate",),
        ("restatements",),
        ("export", "--to", estate / "again"),
    ):
        done = roi.run(*command, *lake, "--json")
        json.loads(done.stdout)
        assert "SIMULATED DATA" in done.stderr, command
        assert "SIMULATED DATA" in roi(*command, *lake), command


def test_an_estate_evaluated_says_what_each_model_rests_on(roi, estate):
    """A bill that is part estimate rests on list prices; minutes may be measured or assumed."""
    lake = ("--lake", estate / "lake")
    for one in json.loads(roi("evaluate", *lake, "--json")):
        is_billed = one["cost_basis"] == "billed"
        assert one["evidence"]["prices"] == ("measured" if is_billed else "published")
    said = roi("evaluate", *lake)
    assert "| human minutes a resolved case |" in said
    assert "assumed baseline" not in said
    unknown = roi("evaluate", *lake, "--task-type", "refund,juggling", code=2)
    assert "There is no task type juggling; there are" in unknown
    assert "No model has 9999 or more ended cases." in roi(
        "evaluate", *lake, "--least", 9999, code=2
    )
    for unknown in (("--model", "gpt-0"), ("--agent", "zoe")):
        assert len(roi("what-if", *lake, *unknown, code=2).splitlines()) == 1
