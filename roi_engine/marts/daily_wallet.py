"""daily_wallet: each budget's allowance, what is left of it and how fast it goes."""

import numpy as np
import polars as pl

from roi_engine.marts.daily_asr import earned
from roi_engine.marts.declared.daily_wallet import DAILY_WALLET, LOW_YIELD, UNDER_USED
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import requested, stamp, statuses, weakest
from roi_engine.marts.queries import (
    COST_BY_AGENT,
    MATURITY,
    OPEN_COST,
    VALUE_BY_CELL,
    WALLETS,
)
from roi_engine.marts.wallets import share_of_period
from roi_engine.marts.windows import WINDOW_DAYS, over_window
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.wallet import days_until_empty

QUERIES: tuple[FactQuery, ...] = (WALLETS, COST_BY_AGENT, VALUE_BY_CELL, MATURITY, OPEN_COST)
NEEDS = ("daily_asr",)
RATE_DAYS = 7
"""Days over which the rate of spending is taken: a week has every weekday once."""

_KEYS = ["day", "wallet_id"]
_PERIOD = ("period", "period_start", "period_days")
_MONEY = tuple(c.name for c in DAILY_WALLET.columns if c.type == "DECIMAL(38,9)")
_OF_THE_DAY = ("autonomous_spend", "autonomous_value")
_OF_THE_WINDOW = ("autonomous_value_28d", "spend_28d")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name, and the rows of ``daily_asr``.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    entries = answer(WALLETS, facts)
    daily = _daily(entries)
    rows = (
        requested(daily, params)
        .filter(pl.col("allowances") > 0)
        .sort(_KEYS)
        .join(_to_date(daily, params), on=_KEYS, how="left", validate="1:1")
        .join(_lately(daily, params), on=_KEYS, how="left", validate="1:1")
        .join(_earned(entries, facts, params), on=_KEYS, how="left", validate="1:1")
        .with_columns(
            pl.col(*_OF_THE_DAY, *_OF_THE_WINDOW).fill_null(0),
            day_allowance=share_of_period(),
            remaining=pl.col("allowance") - pl.col("spent_to_date"),
        )
    )
    return (
        rows.pipe(_project)
        .pipe(_flag)
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col("slopes") > 0)
            .then("slope_limit_per_hour")
            .alias("slope_limit_per_hour"),
        )
        .with_columns(*as_decimal(*_MONEY))
        .pipe(stamp, params)
        .pipe(DAILY_WALLET.conform)
    )


def _daily(entries: pl.DataFrame) -> pl.DataFrame:
    """Add up the agents of each wallet; what stands on each agent's row counts once."""
    first = pl.col("is_first_entry").cast(pl.Boolean)
    return (
        entries.sort(*_KEYS, "agent_id")
        .group_by(*_KEYS, maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in _PERIOD),
            pl.col("allowance", "slope_limit_per_hour", "allowances", "slopes").filter(first).sum(),
            pl.col("peak_hour_cost").max(),
            pl.col("spent").sum(),
            pl.len().cast(pl.Int64).alias("agents"),
        )
    )


def _to_date(daily: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Add up each wallet's spend from the first day of its period on."""
    now = requested(daily, params).select(*_KEYS, "period_start")
    before = daily.select("wallet_id", "period_start", "spent", at="day")
    return (
        now.join(before, on=["wallet_id", "period_start"], how="inner")
        .filter(pl.col("at") <= pl.col("day"))
        .group_by(_KEYS)
        .agg(spent_to_date=pl.col("spent").sum())
    )


def _lately(daily: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Return what was spent over the last days and how many of them have an entry."""
    spent = daily.select(*_KEYS, recently="spent", recent_days=pl.lit(1, dtype=pl.Int64))
    return over_window(spent, ["wallet_id"], params, length=RATE_DAYS)


def _earned(entries: pl.DataFrame, facts: Frames, params: Params) -> pl.DataFrame:
    """Add up what the agents of each wallet earned alone, and how far that can be trusted.

    An agent that did nothing on the day has no row of the day and a window all the same.
    """
    today = (
        facts["daily_asr"]
        .lazy()
        .collect()
        .select(
            *("day", "agent_id", "evidence", "cost_basis"),
            *(pl.col(name).to_physical().cast(pl.Int128) for name in _OF_THE_DAY),
        )
    )
    lately = over_window(earned(facts), ["agent_id"], params).rename(
        {"autonomous_value": "autonomous_value_28d", "spend": "spend_28d"}
    )
    mine = requested(entries, params).select(*_KEYS, "agent_id").unique()
    return (
        mine.join(today, on=["day", "agent_id"], how="left", validate="m:1")
        .join(lately, on=["day", "agent_id"], how="left", validate="m:1")
        .group_by(_KEYS)
        .agg(
            pl.col(*_OF_THE_DAY, *_OF_THE_WINDOW).sum(),
            weakest("evidence"),
            weakest("cost_basis"),
        )
    )


def _project(rows: pl.DataFrame) -> pl.DataFrame:
    """Carry the rate of spending to the period's end."""
    days_left = pl.col("period_days") - 1 - (pl.col("day") - pl.col("period_start")).dt.total_days()
    rows = rows.with_columns(days_left=days_left)
    rate: Floats = ratio(units(rows, "recently"), rows["recent_days"].to_numpy())
    left = rows["days_left"].to_numpy().astype(np.float64)
    wait = days_until_empty(units(rows, "remaining"), rate, left)
    return rows.with_columns(
        nullable("spend_rate", rate),
        nullable("projected_spend", units(rows, "spent_to_date") + rate * left),
        nullable("utilisation", ratio(units(rows, "spent_to_date"), units(rows, "allowance"))),
        nullable(
            "asr_allowance", ratio(units(rows, "autonomous_spend"), units(rows, "day_allowance"))
        ),
        nullable(
            "asr_value_28d", ratio(units(rows, "autonomous_value_28d"), units(rows, "spend_28d"))
        ),
        nullable(
            "slope", ratio(units(rows, "peak_hour_cost"), units(rows, "slope_limit_per_hour"))
        ),
        nullable("wait", wait).cast(pl.Int64),
    ).with_columns(projected_exhaustion_day=pl.col("day") + pl.duration(days=pl.col("wait")))


def _flag(rows: pl.DataFrame) -> pl.DataFrame:
    last = pl.col("period_start") + pl.duration(days=pl.col("period_days") - 1)
    early = pl.col("projected_exhaustion_day") < last
    poor = pl.col("asr_value_28d") < LOW_YIELD
    hardly = pl.col("projected_spend") < UNDER_USED * pl.col("allowance").cast(pl.Float64) / 1e9
    return rows.with_columns(
        over_limit=pl.col("remaining") < 0,
        over_slope=(pl.col("slopes") > 0)
        & (pl.col("peak_hour_cost") > pl.col("slope_limit_per_hour")),
        early_exhaustion_low_yield=early.fill_null(False) & poor.fill_null(False),
        under_used=hardly.fill_null(False),
    )
