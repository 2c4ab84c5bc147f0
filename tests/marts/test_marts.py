"""Laws of every mart: what adds up, what does not depend on how it was asked, what is finite."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from polars.testing import assert_frame_equal

from roi_engine.marts import MARTS, required
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import answer

DAILY = sorted(name for name, mart in DECLARED.items() if not mart.standing)
LAST = date(2026, 1, 31)
EVERY_DAY = tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(31))
# the last days have full windows behind them
SOME_DAYS = EVERY_DAY[-4:]


@pytest.fixture(scope="session", params=sorted(MARTS))
def mart(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def chosen(mart, make_params):
    """Return some days for a daily mart, the newest for one that stands as of a day."""
    return make_params(*SOME_DAYS) if mart in DAILY else make_params(LAST)


@pytest.fixture(scope="session")
def built(mart, facts, chosen, build_mart) -> pl.DataFrame:
    return build_mart(facts, mart, chosen)


def test_two_engines_sum_the_same(mart, facts, make_params, polars_answers, duckdb_answers):
    ours, theirs = (ask(facts, mart, make_params(LAST)) for ask in (polars_answers, duckdb_answers))
    for query in required(mart):
        keys = [name for name, _ in query.by]
        left, right = (answer(query, given).sort(keys, nulls_last=True) for given in (ours, theirs))
        assert_frame_equal(left, right.cast(left.schema), check_exact=True)
        assert left.height > 0, query.name


def test_two_engines_give_the_same_mart(mart, facts, built, chosen, duckdb_answers):
    other = MARTS[mart].build(duckdb_answers(facts, mart, chosen), chosen)
    assert_frame_equal(built, other, check_exact=True)


def test_days_one_by_one_equal_one_range(mart, facts, built, make_params, build_mart):
    if mart not in DAILY:
        pytest.skip("made whole, as of one day")
    apart = [build_mart(facts, mart, make_params(day)) for day in reversed(SOME_DAYS)]
    assert_frame_equal(pl.concat(reversed(apart)), built, check_exact=True)


@pytest.fixture(scope="session")
def shuffled(facts) -> dict[str, pl.DataFrame]:
    return {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in facts.items()}


def test_the_order_of_facts_does_not_show(mart, facts, shuffled, chosen, polars_answers):
    straight = MARTS[mart].build(polars_answers(facts, mart, chosen), chosen)
    answers = {
        name: frame.sample(fraction=1, shuffle=True, seed=4)
        for name, frame in polars_answers(shuffled, mart, chosen).items()
    }
    assert_frame_equal(straight, MARTS[mart].build(answers, chosen), check_exact=True)


def test_no_double_is_nan_or_infinite(built):
    assert built.height > 0
    for column in built.select(pl.selectors.float()):
        assert column.drop_nulls().is_finite().all(), column.name


def test_enumerated_columns_keep_to_their_values(mart, built):
    for column in DECLARED[mart].columns:
        if column.values:
            assert set(built[column.name].drop_nulls()) <= set(column.values), column.name
        if not column.nullable:
            assert built[column.name].null_count() == 0, column.name


def test_a_day_without_facts_has_no_rows(mart, facts, make_params, build_mart):
    empty = {name: frame.clear() for name, frame in facts.items()}
    rows = build_mart(empty, mart, make_params(LAST))
    assert rows.height == 0
    assert rows.schema == DECLARED[mart].schema


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_no_cost_is_lost_between_facts_and_marts(seed, make_estate, make_params, build_mart):
    facts = make_estate(seed, tasks=50, days=4)
    charged = facts["fct_cost_allocation"].filter(pl.col("agent_id") != "__deferred__")
    worked = facts["fct_time_entry"].filter(pl.col("agent_id") != "__human__")
    total = sum(charged["allocated_cost"], Decimal(0)) + sum(worked["human_cost"], Decimal(0))
    given_days = make_params(*EVERY_DAY[:4])
    roi = build_mart(facts, "daily_roi", given_days)
    adjusted = build_mart(facts, "daily_hallucination_adjusted_cost", given_days)
    asr = build_mart(facts, "daily_asr", given_days)
    assert sum(roi["total_cost"], Decimal(0)) == total
    assert sum(adjusted["total_cost"], Decimal(0)) == total
    assert sum(asr["spend"], Decimal(0)) == sum(charged["allocated_cost"], Decimal(0))


def test_value_adds_up_over_any_roll_up(facts, make_params, build_mart):
    rows = build_mart(facts, "daily_roi", make_params(*EVERY_DAY))
    parts = ["labour_value", "speed_value", "direct_value", "avoided_loss"]
    added = sum((sum(rows[part], Decimal(0)) for part in parts), Decimal(0))
    assert sum(rows["gross_value"], Decimal(0)) == added
    net = sum(rows["gross_value"], Decimal(0)) - sum(rows["total_cost"], Decimal(0))
    assert sum(rows["net_value"], Decimal(0)) == net
    saved = sum(rows["cash_saving"], Decimal(0)) + sum(rows["capacity_freed"], Decimal(0))
    assert saved == sum(rows["labour_value"], Decimal(0))


def test_value_differs_from_the_facts_by_rounding_only(facts, make_params, build_mart):
    rows = build_mart(facts, "daily_roi", make_params(*EVERY_DAY))
    credited = facts["fct_task"].join(
        facts["fct_task_credit"].rename({"agent_id": "who"}), on=["task_id", "day"]
    )
    won = credited.filter(
        pl.col("outcome_class").is_in(["autonomous_success", "assisted_success"])
        & (pl.col("who") != "__human__")
    )
    exact = sum(
        (value * credit for value, credit in won.select("labour_value", "credit").iter_rows()),
        Decimal(0),
    )
    off = abs(sum(rows["labour_value"], Decimal(0)) - exact)
    assert off <= Decimal("0.0000000005") * rows.height


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_what_was_bought_again_is_a_part_of_what_is_known(
    seed, make_estate, make_params, build_mart
):
    facts = make_estate(seed, tasks=60, days=4)
    rows = build_mart(facts, "daily_asr", make_params(*EVERY_DAY[:4]))
    steps = facts["fct_agent_action"].filter(
        ~pl.col("is_rollup"), pl.col("agent_id") != "__human__", pl.col("priced_cost").is_not_null()
    )
    # an agent's steps on a day without spend or ended tasks are in no row
    steps = steps.join(rows, on=["day", "agent_id"], how="semi")
    for part, bought in (("comparable_cost", [True, False]), ("redundant_cost", [True])):
        known = steps.filter(pl.col("is_redundant").is_in(bought))["priced_cost"]
        assert sum(rows[part], Decimal(0)) == sum(known, Decimal(0)), part
    for suffix in ("", "_28d"):
        share = rows[f"redundant_spend_share{suffix}"]
        assert (rows[f"redundant_cost{suffix}"] <= rows[f"comparable_cost{suffix}"]).all()
        assert share.drop_nulls().is_between(0, 1).all()
        assert ((rows[f"comparable_cost{suffix}"] == 0) == share.is_null()).all()


def test_a_window_is_the_sum_of_its_days(facts, make_params, build_mart):
    rows = build_mart(facts, "daily_asr", make_params(*EVERY_DAY))
    last = rows.filter(pl.col("day") == LAST)
    inside = rows.filter(pl.col("day") > LAST - timedelta(days=28))
    for agent in last["agent_id"]:
        mine = inside.filter(pl.col("agent_id") == agent)
        now = last.row(by_predicate=pl.col("agent_id") == agent, named=True)
        assert now["spend_28d"] == sum(mine["spend"], Decimal(0))
        assert now["autonomous_value_28d"] == sum(mine["autonomous_value"], Decimal(0))
        assert now["ended_tasks_28d"] == mine["ended_tasks"].sum()
        assert now["days_28d"] == mine.height


def test_intervals_hold_their_estimates(facts, make_params, build_mart):
    rows = build_mart(facts, "daily_asr", make_params(*EVERY_DAY))
    for name in ("asr_value", "asr_spend", "roi", "win_rate", "cost_per_action"):
        low, middle, high = (
            rows[f"{name}{part}_28d"].fill_null(np.nan).to_numpy() for part in ("_low", "", "_high")
        )
        known = np.isfinite(low)
        assert known.any(), name
        assert (low[known] <= middle[known]).all(), name
        assert (middle[known] <= high[known]).all(), name
