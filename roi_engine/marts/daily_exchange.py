"""daily_exchange: both sides of what each agent trades, beside what the agent costs."""

import polars as pl

from roi_engine.marts.declared.daily_exchange import DAILY_EXCHANGE
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, nullable, units, whole
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, evidence, requested, stamp, statuses, together
from roi_engine.marts.queries import COST_BY_AGENT, MATURITY, OPEN_COST
from roi_engine.marts.queries_trade import SIDES, TRADES
from roi_engine.marts.windows import over_window
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (*TRADES.values(), COST_BY_AGENT, MATURITY, OPEN_COST)

_KEYS = ["day", "agent_id"]
_MONEY = tuple(c.name for c in DAILY_EXCHANGE.columns if c.type == "DECIMAL(38,9)")
_COUNTS = tuple(c.name for c in DAILY_EXCHANGE.columns if c.type == "BIGINT")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    trades = {
        side: answer(query, facts).with_columns(pl.col("agent_id", "exchange").cast(pl.String))
        for side, query in TRADES.items()
    }
    sides = [_side(side, rows, params) for side, rows in trades.items()]
    cost = (
        answer(COST_BY_AGENT, facts)
        .group_by(_KEYS)
        .agg(pl.col("spend", "billed_lines", "estimated_lines").sum())
    )
    rows = (
        together(_KEYS, *sides)
        .join(cost, on=_KEYS, how="left", validate="1:1")
        .join(_exchanges(list(trades.values()), params), on=_KEYS, how="left", validate="1:1")
        .sort(_KEYS)
        .with_columns(pl.col("spend", "billed_lines", "estimated_lines").fill_null(0))
        .with_columns(
            pl.when(pl.col(f"recent_{side}") > 0)
            .then("spend")
            .otherwise(whole(0))
            .alias(f"spend_{side}")
            for side in SIDES
        )
    )
    return (
        rows.with_columns(
            *(
                nullable(
                    f"exchange_asr_{side}",
                    ratio(
                        units(rows, f"autonomous_transaction_value_{side}"),
                        units(rows, f"spend_{side}"),
                    ),
                )
                for side in SIDES
            ),
            cost_basis(),
            evidence(pl.col("assumed_transactions"), whole(0)),
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(*as_decimal(*_MONEY), pl.col(*_COUNTS).cast(pl.Int64))
        .pipe(stamp, params)
        .pipe(DAILY_EXCHANGE.conform)
    )


def _side(side: str, trades: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Add up one side of each agent's day, for whom took part on it within the window."""
    daily = trades.group_by(_KEYS).agg(pl.exclude("exchange").sum())
    recent = daily.select(*_KEYS, pl.col(f"transactions_{side}").alias(f"recent_{side}"))
    return over_window(recent, ["agent_id"], params).join(
        daily, on=_KEYS, how="left", validate="1:1"
    )


def _exchanges(sides: list[pl.DataFrame], params: Params) -> pl.DataFrame:
    """Name the exchanges of each agent's day."""
    return (
        requested(pl.concat([rows.select(*_KEYS, "exchange") for rows in sides]), params)
        .group_by(_KEYS)
        .agg(exchanges=pl.col("exchange").unique().sort().str.join(";"))
    )
