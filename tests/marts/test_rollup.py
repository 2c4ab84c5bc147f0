"""A roll-up by any subset of dimensions equals the metric computed from the facts."""

from datetime import date, timedelta
from itertools import combinations

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from roi_engine.marts import rollup
from roi_engine.marts.declare import DECLARED

DAYS = tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(6))
ONE = "__one__"
ROLLED = sorted(name for name, mart in DECLARED.items() if len(rollup.measures(mart)) > 1)


def asked(rows: pl.DataFrame, mart: str, by=(), columns=()) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.register("rows", rows)
        con.execute(f"create schema marts; create table marts.{mart} as from rows")
        return pl.from_arrow(con.execute(rollup.sql(mart, by, columns)).to_arrow_table())


@pytest.fixture(scope="module")
def cells(facts, make_params, build_mart) -> pl.DataFrame:
    return build_mart(facts, "daily_roi", make_params(*DAYS))


def coarser(facts: dict, kept: tuple[str, ...]) -> dict:
    """Return facts in which every other dimension of a cell has one value only."""
    dimensions = {"agent_id", "model_version", "department", "channel"} - {*kept}
    return {
        name: frame.with_columns(
            pl.when(pl.col(column).str.starts_with("__"))
            .then(column)
            .otherwise(pl.lit(ONE))
            .alias(column)
            for column in dimensions & {*frame.columns}
        )
        if name.startswith("fct_")
        else frame
        for name, frame in facts.items()
    }


DIMENSIONS = ("agent_id", "model_version", "department", "channel")
SUBSETS = [kept for size in range(len(DIMENSIONS) + 1) for kept in combinations(DIMENSIONS, size)]


@pytest.mark.parametrize("kept", SUBSETS, ids=lambda kept: "+".join(kept) or "none")
def test_a_roll_up_equals_the_metric_from_facts(kept, facts, cells, make_params, build_mart):
    """The same facts with fewer dimensions give what the roll-up gives, to the cent of rounding."""
    # task_type stays: the realisation rate and novelty belong to it
    by = ["day", "task_type", *kept]
    rolled = asked(cells, "daily_roi", by)
    facts_only = build_mart(coarser(facts, kept), "daily_roi", make_params(*DAYS))
    direct = asked(facts_only, "daily_roi", by)
    # reserved members keep their names in the cut facts and join the one group in the roll-up
    assert rolled["total_cost"].sum() == direct["total_cost"].sum()
    # each cell rounds its value parts once: as many nano-units may differ as there are cells
    doubled = pl.selectors.decimal().cast(pl.Float64)
    assert_frame_equal(
        rolled.sort(by).with_columns(doubled),
        direct.select(rolled.columns).sort(by).with_columns(doubled),
        abs_tol=1e-7,
        rel_tol=1e-5,
    )


@pytest.mark.parametrize("mart", ROLLED)
def test_a_roll_up_to_the_grain_is_the_mart(mart, facts, make_params, build_mart):
    chosen = make_params(DAYS[-1]) if DECLARED[mart].standing else make_params(*DAYS)
    rows = build_mart(facts, mart, chosen)
    rolled = asked(rows, mart, DECLARED[mart].grain, list(rollup.measures(DECLARED[mart])))
    assert_frame_equal(
        rolled.cast({name: rows.schema[name] for name in rolled.columns}),
        rows.select(rolled.columns).sort(DECLARED[mart].grain),
        check_exact=False,
        rel_tol=1e-6,
        abs_tol=1e-9,
    )


def test_the_grand_total_does_not_depend_on_the_grouping(cells):
    total = asked(cells, "daily_roi", (), ["net_value", "total_cost", "roi"]).row(0, named=True)
    for by in (["agent_id"], ["month", "task_type"], ["week"]):
        parts = asked(cells, "daily_roi", by, ["net_value", "total_cost"])
        assert parts["net_value"].sum() == total["net_value"]
        assert parts["total_cost"].sum() == total["total_cost"]
    assert total["roi"] == pytest.approx(float(total["net_value"]) / float(total["total_cost"]))


def test_a_mean_of_ratios_is_another_number(cells):
    """The check can fail: averaging the rows' own ratios does not give the ratio of sums."""
    (right,) = asked(cells, "daily_roi", (), ["roi"])["roi"]
    assert cells["roi"].mean() != pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize(
    ("mart", "column"),
    [("daily_kpi", "cycle_hours_p90"), ("daily_inference", "latency_seconds_p95")],
)
def test_unasked_percentiles_are_among_all_figures(mart, column):
    by = [key for key in DECLARED[mart].grain if key != "day"][:1]
    declared = DECLARED[mart]
    everything = [*rollup.measures(declared), *rollup.histograms(declared)]
    assert column in everything
    assert rollup.sql(mart, [*by, "month"]) == rollup.sql(mart, [*by, "month"], everything)


def test_what_no_group_has_is_refused():
    with pytest.raises(rollup.NotThere, match="asr_spend_28d of daily_asr cannot be given"):
        rollup.sql("daily_asr", ["day"], ["asr_spend_28d"])
    with pytest.raises(rollup.NotThere, match="has no colour to group by; it has day, agent_id"):
        rollup.sql("daily_asr", ["colour"])
    with pytest.raises(rollup.NotThere, match="There is no mart daily_profit; there are daily_roi"):
        rollup.sql("daily_profit")
