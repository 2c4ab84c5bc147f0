"""Investments by agent: what a window's part of them is, and what its days pay back."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from roi_engine.marts.facts import Frames, answer
from roi_engine.marts.money import nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.queries_planning import AGENT_NET, INVESTMENTS, YEAR_DAYS
from roi_engine.marts.series import lay_out
from roi_engine.marts.windows import WINDOW_DAYS
from roi_engine.metrics.investment import amortised_until, net_present_value, payback_days
from roi_engine.metrics.roi import Floats

QUERIES = (INVESTMENTS, AGENT_NET)
LONGEST_DAYS = 3660
"""No investment is followed for longer than ten years."""

_NET = {"gross_value": 1e9, "spend": 1e9, "human_cost": 1e9}


def spread(facts: Frames, params: Params) -> pl.DataFrame:
    """Spread each agent's investments over their days.

    Args:
        facts: Answer to ``INVESTMENTS``.
        params: ``days`` holds the newest day.

    Returns:
        One row an agent with an investment that has begun: agent_id, starts_on, ends_on (of the
        first and of the last), is_approved, and exact nano-units invested, build_cost_28d,
        build_cost_left.

    Source: metrics.md §3 (build_cost).
    """
    (today,) = params.days
    lines = (
        answer(INVESTMENTS, facts)
        .with_columns(
            pl.col("starts_on", "ends_on").cast(pl.Date), pl.col("is_approved").cast(pl.Boolean)
        )
        .filter((pl.col("starts_on") <= today) & (pl.col("ends_on") > pl.col("starts_on")))
        .sort("agent_id", "starts_on", "ends_on", "is_approved", "_source_file", "_source_row")
    )
    cost = lines["cost"].to_list()
    life = (lines["ends_on"] - lines["starts_on"]).dt.total_days().to_list()
    # the first day of use is the first day that carries a part
    age = (pl.Series([today]) - lines["starts_on"]).dt.total_days().to_numpy() + 1
    done, before = (amortised_until(cost, life, at) for at in (age, age - WINDOW_DAYS))
    whole = pl.Int128
    return (
        lines.with_columns(
            pl.Series("build_cost_28d", (done - before).tolist(), dtype=whole),
            pl.Series("build_cost_left", (np.array(cost, dtype=object) - done).tolist(), whole),
        )
        .group_by("agent_id", maintain_order=True)
        .agg(
            pl.col("cost").sum().alias("invested"),
            pl.col("build_cost_28d", "build_cost_left").sum(),
            pl.col("starts_on").min(),
            pl.col("ends_on").max(),
            pl.col("is_approved").all(),
        )
    )


def returns(invested: pl.DataFrame, facts: Frames, params: Params) -> pl.DataFrame:
    """Set each agent's net value against what was invested in it.

    Days so far are as they were; days to come, up to the last ``ends_on``, are the mean of the
    last 28, or of those since the first investment began. An investment that began before the days
    followed, or before the first day that was built, has no answer.

    Args:
        invested: As ``spread`` returns it.
        facts: Answer to ``AGENT_NET``.
        params: ``days`` holds the newest day, ``discount_rate`` what money costs a year.

    Returns:
        agent_id, payback_days, is_payback_projected, is_old, is_early (before the first built
        day), net_present_value.

    Source: metrics.md §3 (payback days and NPV per agent).
    """
    (today,) = params.days
    past = _net(invested["agent_id"], facts, today)
    old = (invested["starts_on"] <= today - timedelta(days=YEAR_DAYS)).to_numpy()
    since = (pl.Series([today]) - invested["starts_on"]).dt.total_days().to_numpy() + 1
    ahead = (invested["ends_on"] - pl.Series([today])).dt.total_days().to_numpy() - 1
    since, ahead = np.clip(since, 0, YEAR_DAYS), np.clip(ahead, 0, LONGEST_DAYS)
    recent = np.clip(since, 1, WINDOW_DAYS)
    is_recent = np.arange(YEAR_DAYS) >= YEAR_DAYS - recent[:, None]
    pace = np.where(is_recent, past, 0.0).sum(axis=1) / recent
    # each row's first day first; after its last day nothing more comes
    day = np.arange(int((since + ahead).max(initial=0)))[None, :]
    known = np.take_along_axis(
        past, np.clip(YEAR_DAYS - since[:, None] + day, 0, YEAR_DAYS - 1), axis=1
    )
    net = np.where(day < since[:, None], known, pace[:, None])
    net = np.where(day < (since + ahead)[:, None], net, 0.0)
    cost = units(invested, "invested")
    # a day before the first one that was built is not known to have brought nothing
    first = answer(AGENT_NET, facts)["day"].min()
    early = np.ones(cost.size, dtype=bool)
    if first is not None:
        early = (invested["starts_on"] < first).to_numpy()
    is_known = ~old & ~early
    days: Floats = np.where(is_known, payback_days(net, cost), np.nan)
    worth = net_present_value(net, cost, np.full(cost.size, params.discount_rate))
    return invested.select(
        "agent_id",
        nullable("payback_days", days),
        pl.Series("is_old", old, dtype=pl.Boolean),
        pl.Series("is_early", early, dtype=pl.Boolean),
        (nullable("x", days) > pl.Series(since)).alias("is_payback_projected"),
        nullable("net_present_value", np.where(is_known, worth, np.nan)),
    )


def _net(agents: pl.Series, facts: Frames, today: date) -> Floats:
    """Return the net value of a year's days of each agent, 0 where there is none."""
    days = lay_out(answer(AGENT_NET, facts), "agent_id", _NET, last=today, length=YEAR_DAYS)
    tables = [np.nan_to_num(table) for table in days.tables.values()]
    net = tables[0] - tables[1] - tables[2]
    found: Floats = np.zeros((agents.len(), YEAR_DAYS))
    place = {name: row for row, name in enumerate(days.members)}
    rows = agents.replace_strict(place, default=None, return_dtype=pl.Int64)
    there = rows.is_not_null().to_numpy()
    found[there] = net[rows.drop_nulls().to_numpy()]
    return found
