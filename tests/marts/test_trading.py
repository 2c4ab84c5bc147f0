"""Mandates are decided when they are, and what agents trade is set against a cost counted once."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations

import duckdb
import polars as pl
import pytest

from roi_engine.marts import MARTS, required, rollup
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params

FIRST = date(2026, 3, 2)
EVERY_DAY = tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(31))


def on(number: int | None) -> date | None:
    return None if number is None else FIRST + timedelta(days=number)


def mandates(*given: dict, spent: list[dict | None], today: int | None = None) -> list[dict]:
    """Return the mart's rows; ``spent`` is what each agent spent by day, None a day not built."""
    schema = DECLARED["daily_asr"].schema
    zeros = {name: Decimal(0) for name, kind in schema.items() if isinstance(kind, pl.Decimal)}
    agents = [
        dict.fromkeys(schema)
        | zeros
        | {"day": on(number), "agent_id": agent, "spend": Decimal(amount)}
        | {"cost_basis": "estimated" if number == 1 else "billed", "status": "final"}
        for number, of_day in enumerate(spent)
        for agent, amount in (of_day or {}).items()
    ]
    rows = [
        {"mandate_id": "m", "agent_id": "a", "goal": "Win.", "limit_amount": "200"}
        | one
        | {
            name: on(one.get(name, 0 if name == "valid_from" else None))
            for name in ("valid_from", "valid_to", "reached_on")
        }
        for one in given
    ]
    newest = on(len(spent) - 1 if today is None else today)
    params = Params(days=(newest,), as_of=newest, transform_run_ids={newest: "run"})
    tables = {name: fact(name) for name in FACTS} | {
        "dim_mandate": fact("dim_mandate", rows),
        "daily_asr": pl.DataFrame(agents, schema=schema),
    }
    answers = {query.name: run(query, tables, params.days) for query in required("mandates")}
    return MARTS["mandates"].build(answers, params).to_dicts()


@pytest.mark.parametrize(
    ("given", "spent", "score", "reason"),
    [
        pytest.param({"reached_on": 1}, "90", 1, None, id="180 of 200"),
        pytest.param({"reached_on": 1}, "101", 0, None, id="202 of 200"),
        pytest.param({"valid_to": 3}, "1", 0, None, id="out of time"),
        pytest.param({"valid_to": 4}, "1", None, "open", id="a day is left"),
        pytest.param({}, "1", None, "open", id="without an end"),
        pytest.param({}, "67", 0, None, id="over the limit while open"),
        pytest.param({"valid_to": 2, "reached_on": 2}, "1", 0, None, id="a day too late"),
        pytest.param({"reached_on": 9}, "1", None, "open", id="reached in days to come"),
    ],
)
def test_a_mandate_is_decided_as_soon_as_it_can_be(given, spent, score, reason):
    (row,) = mandates(given, spent=[{"a": spent, "b": "999"}] * 3)
    assert (row["score"], row["score_reason"]) == (score, reason)


def test_money_counts_from_the_first_day_to_the_day_of_the_goal():
    spent = [{"a": str(10**number)} for number in range(6)]
    (row,) = mandates({"valid_from": 1, "valid_to": 5, "reached_on": 3}, spent=spent)
    assert (row["spent"], row["days"], row["days_missing"]) == (1110, 3, 0)
    assert row["utilisation"] == pytest.approx(1110 / 200)
    assert row["cost_basis"] == "mixed"
    (row,) = mandates({"valid_from": 1, "valid_to": 5, "reached_on": 5}, spent=spent)
    assert (row["spent"], row["days"], row["is_reached"]) == (11110, 4, False)


def test_a_day_without_a_row_of_the_agent_cost_nothing_and_a_day_not_built_is_unknown():
    (row,) = mandates({"reached_on": 2}, spent=[{"a": "1"}, {"b": "1"}, {"a": "1"}])
    assert (row["spent"], row["score"], row["status"]) == (2, 1, "final")
    (row,) = mandates({"reached_on": 2}, spent=[{"a": "1"}, None, {"a": "1"}])
    assert (row["spent"], row["days_missing"]) == (2, 1)
    assert (row["score"], row["score_reason"], row["status"]) == (
        None,
        "days_missing",
        "provisional",
    )
    # what is over the limit already, or out of time, does not wait for the day
    (row,) = mandates({"reached_on": 2}, spent=[{"a": "201"}, None, {"a": "1"}])
    assert (row["score"], row["score_reason"]) == (0, None)
    (row,) = mandates({"valid_to": 3}, spent=[{"a": "1"}, None, {"a": "1"}])
    assert (row["score"], row["score_reason"]) == (0, None)


def test_an_agent_that_nobody_has_seen_spent_an_unknown_sum():
    (row,) = mandates({"agent_id": "typo", "reached_on": 1}, spent=[{"a": "1"}] * 2)
    assert (row["spent"], row["utilisation"], row["score"]) == (None, None, None)
    assert row["score_reason"] == "agent_unseen"


def test_a_mandate_that_has_not_begun_has_no_row():
    assert mandates({"valid_from": 1}, spent=[{"a": "1"}]) == []


def test_mandates_of_one_agent_that_share_a_day_are_counted():
    rows = mandates(
        {"mandate_id": "first", "reached_on": 1, "approved_by": "cfo"},
        {"mandate_id": "second", "valid_from": 1, "limit_amount": "0"},
        {"mandate_id": "third", "valid_from": 2},
        {"mandate_id": "other", "agent_id": "b"},
        spent=[{"a": "1", "b": "1"}] * 3,
    )
    found = {row["mandate_id"]: row for row in rows}
    shared = {name: row["overlapping_mandates"] for name, row in found.items()}
    assert shared == {"first": 1, "second": 2, "third": 1, "other": 0}
    assert found["second"]["utilisation"] is None
    assert (found["first"]["evidence"], found["third"]["evidence"]) == ("measured", "assumed")


def test_a_score_rolls_up_to_the_share_of_those_decided():
    rows = mandates(
        {"mandate_id": "won", "reached_on": 1},
        {"mandate_id": "lost", "valid_to": 1},
        {"mandate_id": "open"},
        spent=[{"a": "1"}] * 2,
    )
    frame = pl.DataFrame(rows, schema=DECLARED["mandates"].schema)
    assert rolled(frame, "mandates", (), ["score"]).item() == 0.5


def rolled(rows: pl.DataFrame, mart: str, by=(), columns=()) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.register("rows", rows)
        con.execute(f"create schema marts; create table marts.{mart} as from rows")
        return pl.from_arrow(con.execute(rollup.sql(mart, by, columns)).to_arrow_table())


@pytest.fixture(scope="module")
def exchange(facts, make_params, build_mart) -> pl.DataFrame:
    return build_mart(facts, "daily_exchange", make_params(*EVERY_DAY))


LEVELS = [
    kept for size in range(3) for kept in combinations(("agent_id", "day", "week", "month"), size)
]


FROM_FACTS = """
    with traded as (
        select day, {side}_agent_id as agent_id, value, is_autonomous
        from fct_transaction where {side}_agent_id is not null
    ),
    taking_part as (
        select distinct cost.day, cost.agent_id, charge_id, allocated_cost
        from fct_cost_allocation as cost
        inner join traded
            on cost.agent_id = traded.agent_id
            and cost.day between traded.day and traded.day + 27
    ),
    both_kinds as (
        select day, agent_id, value, is_autonomous, 0 as cost from traded
        union all
        select day, agent_id, 0, false, allocated_cost from taking_part
    )
    select {keys}
        sum(value) as value,
        coalesce(sum(value) filter (where is_autonomous), 0) as alone,
        sum(cost) as cost
    from (
        select *, date_trunc('week', day)::date as week, date_trunc('month', day)::date as month
        from both_kinds
    )
    {group}
"""


@pytest.mark.parametrize("side", ["buyer", "seller"])
@pytest.mark.parametrize("by", LEVELS, ids=lambda by: "+".join(by) or "all")
def test_every_roll_up_of_a_side_equals_the_facts(by, side, facts, exchange):
    """Values are those of the transactions, costs those of the lines, each once."""
    keys = "".join(f"{name}, " for name in by)
    query = FROM_FACTS.format(side=side, keys=keys, group="group by all" if by else "")
    with duckdb.connect() as con:
        for name in ("fct_transaction", "fct_cost_allocation"):
            con.register(name, facts[name])
        rows = con.execute(query).fetchall()
    wanted = {row[: len(by)]: row[len(by) :] for row in rows}
    found = {
        tuple(row[name] for name in by): row
        for row in rolled(exchange, "daily_exchange", by).iter_rows(named=True)
    }
    assert set(wanted) <= set(found)
    for key, row in found.items():
        value, alone, cost = wanted.get(key, (0, 0, 0))
        assert row[f"transaction_value_{side}"] == value
        assert row[f"autonomous_transaction_value_{side}"] == alone
        assert row[f"spend_{side}"] == cost
        ratio = row[f"exchange_asr_{side}"]
        assert (ratio is None) == (cost <= 0)
        assert ratio is None or ratio == pytest.approx(float(alone) / float(cost), rel=1e-9)


def test_the_cost_of_a_day_is_in_one_row_and_is_that_of_daily_asr(
    facts, exchange, make_params, build_mart
):
    asr = build_mart(facts, "daily_asr", make_params(*EVERY_DAY))
    both = exchange.join(asr, on=["day", "agent_id"], how="left", suffix="_asr")
    assert both.height == exchange.height > 60
    assert both["spend"].to_list() == [x or Decimal(0) for x in both["spend_asr"]]


def trades(*given: dict, day: int, cost: dict[int, str]) -> pl.DataFrame:
    """Return the rows of a day; ``cost`` is what agent a cost by day."""
    rows = [
        {"transaction_id": f"x{number}", "exchange": "m", "value": "10", "is_autonomous": True}
        | one
        | {"day": on(one["day"])}
        for number, one in enumerate(given)
    ]
    lines = [
        {"charge_id": f"c{at}", "day": on(at), "agent_id": "a", "allocated_cost": amount}
        | {"cost_class": "token_api", "cost_basis": "billed"}
        for at, amount in cost.items()
    ]
    params = Params(days=(on(day),), as_of=on(day))
    tables = {name: fact(name) for name in FACTS} | {
        "fct_transaction": fact("fct_transaction", rows),
        "fct_cost_allocation": fact("fct_cost_allocation", lines),
    }
    answers = {query.name: run(query, tables, params.days) for query in required("daily_exchange")}
    return MARTS["daily_exchange"].build(answers, params)


def test_an_agent_on_two_exchanges_and_two_sides_costs_once():
    (row,) = trades(
        {"day": 0, "buyer_agent_id": "a", "exchange": "z"},
        {"day": 0, "buyer_agent_id": "a", "exchange": "m", "is_autonomous": False},
        {"day": 0, "seller_agent_id": "a", "exchange": "z", "evidence": "measured"},
        day=0,
        cost={0: "4"},
    ).to_dicts()
    assert row["exchanges"] == "m;z"
    assert (row["spend"], row["spend_buyer"], row["spend_seller"]) == (4, 4, 4)
    assert (row["transactions_buyer"], row["autonomous_transactions_buyer"]) == (2, 1)
    assert (row["exchange_asr_buyer"], row["exchange_asr_seller"]) == (2.5, 2.5)
    assert (row["evidence"], row["cost_basis"]) == ("assumed", "billed")


@pytest.mark.parametrize(("day", "rows"), [(27, 1), (28, 0)])
def test_an_agent_takes_part_for_28_days_on_the_side_it_traded_on(day, rows):
    frame = trades({"day": 0, "buyer_agent_id": "a"}, day=day, cost={day: "4"})
    assert frame.height == rows
    for row in frame.to_dicts():
        assert (row["transaction_value_buyer"], row["exchange_asr_buyer"]) == (0, 0)
        assert (row["spend_buyer"], row["spend_seller"]) == (4, 0)
        assert (row["exchange_asr_seller"], row["exchanges"]) == (None, None)


def test_both_agents_of_a_transaction_have_it_on_their_own_side():
    frame = trades({"day": 0, "buyer_agent_id": "a", "seller_agent_id": "b"}, day=0, cost={})
    found = {row["agent_id"]: row for row in frame.to_dicts()}
    assert found["a"]["transaction_value_buyer"] == found["b"]["transaction_value_seller"] == 10
    assert found["a"]["transaction_value_seller"] == found["b"]["transaction_value_buyer"] == 0
    # without any cost there is no ratio
    assert found["a"]["exchange_asr_buyer"] is None
