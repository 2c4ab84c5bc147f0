"""marginal_ev: value beyond list price by tenths of tasks, fewest tokens first."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.marginal_ev import MARGINAL_EV
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import CREDITED_SCALE, as_decimal, doubles, nullable, to_nano, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, statuses, weakest
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_planning import TOKEN_TASKS
from roi_engine.marts.windows import WINDOW_DAYS
from roi_engine.metrics.marginal import DECILES, decile_of, trend
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (TOKEN_TASKS, MATURITY, OPEN_COST)

_KEYS = ["agent_id", "decile"]
_MONEY = tuple(c.name for c in MARGINAL_EV.columns if c.type == "DECIMAL(38,9)")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    rows = _deciles(answer(TOKEN_TASKS, facts))
    net = units(rows, "gross_value") - units(rows, "priced_cost")
    rows = rows.with_columns(
        nullable("ev_per_1k_tokens", ratio(1000 * net, rows["tokens"].to_numpy())),
        nullable("net", ratio(net, rows["tasks"].to_numpy())),
        nullable("length", ratio(rows["tokens"].to_numpy(), rows["tasks"].to_numpy())),
    ).with_columns(pl.col("net", "length").diff().over("agent_id"))
    rows = rows.with_columns(
        nullable("marginal_ev", ratio(1000 * doubles(rows, "net"), doubles(rows, "length"))),
        day=pl.lit(today),
        claim=pl.lit("association"),
        cost_basis=pl.lit("estimated"),
    )
    return (
        rows.join(_trends(rows), on="agent_id", how="left", validate="m:1")
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .with_columns(*as_decimal(*_MONEY))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(MARGINAL_EV.conform)
    )


def _deciles(tasks: pl.DataFrame) -> pl.DataFrame:
    """Put each agent's buckets into tenths of its tasks and add them up."""
    summed = ("tasks", "tokens", "gain", "direct_value", "priced_cost", "unpriced_tasks")
    buckets = (
        tasks.with_columns(pl.col("bucket").cast(pl.Int64))
        .group_by("agent_id", "bucket")
        .agg(pl.col(summed).sum(), weakest("evidence"))
        .filter(pl.col("tasks") > 0)
        .sort("agent_id", "bucket")
    )
    group = buckets["agent_id"].rle_id().to_numpy()
    decile = decile_of(group, doubles(buckets, "tasks", 1e18))
    rows = (
        buckets.with_columns(pl.Series("decile", decile, dtype=pl.Int64))
        .group_by(_KEYS)
        .agg(pl.col(summed).sum(), weakest("evidence"))
        .sort(_KEYS)
        .with_columns(gross_value=pl.col("gain") + pl.col("direct_value"))
        .with_columns(to_nano(name, CREDITED_SCALE) for name in ("gross_value", "priced_cost"))
    )
    return rows.with_columns(
        pl.Series("tasks", doubles(rows, "tasks", 1e18)),
        pl.Series("tokens", doubles(rows, "tokens", 1e9)),
    )


def _trends(rows: pl.DataFrame) -> pl.DataFrame:
    """Return each agent's trend over its tenths."""
    agents = rows.select(pl.col("agent_id").unique().sort())
    table: Floats = np.full((agents.height, DECILES), np.nan)
    place = agents["agent_id"].search_sorted(rows["agent_id"]).to_numpy()
    table[place, rows["decile"].to_numpy() - 1] = doubles(rows, "ev_per_1k_tokens")
    found = trend(table)
    return agents.with_columns(
        nullable("trend_per_decile", found.estimate),
        nullable("trend_per_decile_low", found.low),
        nullable("trend_per_decile_high", found.high),
    ).with_columns(
        pl.when(pl.col("trend_per_decile_low") > 0)
        .then(pl.lit("rising"))
        .when(pl.col("trend_per_decile_high") < 0)
        .then(pl.lit("falling"))
        .when(pl.col("trend_per_decile_low").is_not_null())
        .then(pl.lit("flat"))
        .alias("trend")
    )
