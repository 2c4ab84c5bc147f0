"""What is known of exchanges and mandates in truth is what the tables say, and what marts find."""

import csv
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params
from roi_engine.simulate import markets
from roi_engine.simulate.roster import agents

NANO = Decimal("0.000000001")
UNUSABLE = {"trade-with-itself", "mandate-too-early"}


@pytest.fixture(scope="module")
def tables(estate):
    """Return rows of the two tables that can be used, money in dollars as it says and as rated."""
    rates = {row["day"]: Decimal(row["rate"]) for row in read(estate, "fx_rates")}

    def rated(name: str, amount: str, day: str, key: str) -> list[dict]:
        rows = [row for row in read(estate, name) if row[key] not in UNUSABLE]
        for row in rows:
            rate = Decimal(1) if row["currency"] == "USD" else rates.get(row[day])
            value = None if rate is None else Decimal(row[amount]) * rate
            row[amount] = None if value is None else str(value.quantize(NANO, ROUND_HALF_UP))
        return rows

    return {
        "mandates": rated("mandates", "limit_amount", "valid_from", "mandate_id"),
        "transactions": rated("agent_transactions", "value", "day", "transaction_id"),
    }


def read(estate, name: str) -> list[dict]:
    with (estate.inbox / f"reference/{name}.csv").open(newline="") as file:
        return [
            {column: cell or None for column, cell in row.items()} for row in csv.DictReader(file)
        ]


def dated(row: dict, *columns: str) -> dict:
    return {column: row[column] and date.fromisoformat(row[column]) for column in columns}


@pytest.fixture(scope="module")
def built(estate, tables):
    """Return a function that builds a mart of all days from the estate's own ledger."""
    ledger = estate.truth("ledger")
    newest = ledger["day"].max()
    given = {name: fact(name) for name in FACTS} | {
        "fct_cost_allocation": fact(
            "fct_cost_allocation",
            [
                {
                    "charge_id": row["charge_key"],
                    "day": row["day"],
                    "agent_id": row["agent_id"],
                    "cost_class": row["cost_class"],
                    "allocated_cost": Decimal(row["allocated_nano"]).scaleb(-9),
                }
                for row in ledger.iter_rows(named=True)
            ],
        ),
        "fct_transaction": fact(
            "fct_transaction",
            [
                {name: row[name] for name in ("transaction_id", "exchange", "value")}
                | {name: row[name] for name in ("buyer_agent_id", "seller_agent_id")}
                | dated(row, "day")
                | {"is_autonomous": row["is_autonomous"] == "true"}
                | {"evidence": "measured" if row["evidence_uri"] else "assumed"}
                for row in tables["transactions"]
            ],
        ),
        "dim_mandate": fact(
            "dim_mandate",
            [
                {name: row[name] for name in ("mandate_id", "agent_id", "goal", "limit_amount")}
                | {"approved_by": row["approved_by"]}
                | dated(row, "valid_from", "valid_to", "reached_on")
                for row in tables["mandates"]
            ],
        ),
    }

    def build(mart: str) -> pl.DataFrame:
        days = (newest,) if mart == "mandates" else tuple(ledger["day"].unique().sort())
        if mart == "mandates":
            given["daily_asr"] = build("daily_asr")
        params = Params(days=days, as_of=newest)
        return MARTS[mart].build(
            {query.name: run(query, given, days) for query in required(mart)}, params
        )

    return build


def test_mandates_come_out_as_they_are_in_truth(estate, built):
    found = built("mandates").select(
        "mandate_id",
        "agent_id",
        *(
            pl.col(f"{new}").to_physical().cast(pl.Int64).alias(f"{name}_nano")
            for new, name in (("limit_amount", "limit"), ("spent", "spent"))
        ),
        "score",
    )
    truth = estate.truth("mandates")
    assert found.equals(truth.sort("mandate_id"))
    # every kind of outcome is there, and more than one that is decided either way
    assert dict(truth["score"].value_counts().iter_rows()) == {0: 4, 1: 2, None: 1}


def test_what_is_traded_comes_out_as_it_is_in_truth(estate, built):
    mart, truth = built("daily_exchange"), estate.truth("transactions")
    ledger = estate.truth("ledger").group_by("day", "agent_id").agg(pl.col("allocated_nano").sum())
    for side in ("buyer", "seller"):
        wanted = (
            truth.filter(pl.col(f"{side}_agent_id").is_not_null())
            .group_by("day", agent_id=f"{side}_agent_id")
            .agg(
                pl.col("value_nano").sum().alias("value"),
                pl.col("value_nano").filter("is_autonomous").sum().alias("alone"),
            )
            .sort("day", "agent_id")
        )
        found = mart.filter(pl.col(f"transactions_{side}") > 0).select(
            "day",
            "agent_id",
            *(
                pl.col(f"{name}_{side}").to_physical().cast(pl.Int64).alias(alias)
                for name, alias in (
                    ("transaction_value", "value"),
                    ("autonomous_transaction_value", "alone"),
                )
            ),
        )
        assert wanted.height > 100
        assert found.equals(wanted)
    spent = mart.join(ledger, on=["day", "agent_id"], how="left").with_columns(
        pl.col("allocated_nano").fill_null(0)
    )
    assert (spent["spend"].to_physical() == spent["allocated_nano"]).all()


def test_no_person_approves_as_many_as_each_exchange_says(estate):
    shares = dict(
        estate.truth("transactions")
        .group_by("exchange")
        .agg(pl.col("is_autonomous").mean())
        .iter_rows()
    )
    assert shares == {name: pytest.approx(s, abs=0.1) for name, s in markets.EXCHANGES.items()}


def test_rows_that_cannot_be_used_are_there_and_have_no_truth(estate):
    (itself,) = (row for row in read(estate, "agent_transactions") if row["transaction_id"] in
                 UNUSABLE)  # fmt: skip
    assert itself["buyer_agent_id"] == itself["seller_agent_id"]
    (early,) = (row for row in read(estate, "mandates") if row["mandate_id"] in UNUSABLE)
    assert early["reached_on"] < early["valid_from"]
    assert UNUSABLE.isdisjoint(estate.truth("transactions")["transaction_id"])
    assert UNUSABLE.isdisjoint(estate.truth("mandates")["mandate_id"])


def test_every_agent_of_the_crew_trades(estate):
    truth = estate.truth("transactions")
    names = {one.agent_id for one in agents(6)}
    for side in ("buyer_agent_id", "seller_agent_id"):
        # None is a party outside
        assert set(truth[side]) == names | {None}
