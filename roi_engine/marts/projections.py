"""What both projections do alike: lay out the history, and show a projection as columns."""

from collections.abc import Callable

import numpy as np
import polars as pl

from roi_engine.marts.declared.projections import ALL, SCENARIOS
from roi_engine.marts.facts import Frames, answer
from roi_engine.marts.money import nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import weakest
from roi_engine.marts.queries_planning import HISTORY_DAYS, SPEND_DAYS, TRUST
from roi_engine.marts.series import Series, lay_out
from roi_engine.metrics import backtest
from roi_engine.metrics.backtest import Backtest
from roi_engine.metrics.projection import HORIZONS, Projection
from roi_engine.metrics.roi import Floats

_MONEY = (
    *("spend", "human_cost", "spend_without_credits", "autonomous_spend"),
    *("gross_value", "autonomous_value"),
)
PER = dict.fromkeys(_MONEY, 1e9) | {"actions": 1.0}
ENDS = ("low_80", "high_80", "low_95", "high_95")


def history(facts: Frames, params: Params) -> tuple[Series, pl.DataFrame]:
    """Return each member's days with the total of all as one more, and what is known of them.

    Args:
        facts: Answer to ``SPEND_DAYS``.
        params: ``days`` holds the newest day.

    Returns:
        The days, and one row a member in the same order: agent_id, history_days, exact sums of the
        history and how far they can be trusted.
    """
    (today,) = params.days
    agents = answer(SPEND_DAYS, facts)
    total = agents.with_columns(agent_id=pl.lit(ALL))
    every = (
        pl.concat([agents, total])
        .group_by("day", "agent_id")
        .agg(pl.col(list(PER)).sum(), *(weakest(name) for name in TRUST))
        .sort("agent_id", "day")
    )
    laid_out = lay_out(every, "agent_id", PER, last=today, length=HISTORY_DAYS)
    known = (
        every.group_by("agent_id", maintain_order=True)
        .agg(
            pl.col("actions").sum().cast(pl.Int64).alias("history_requests"),
            (pl.col("spend") + pl.col("human_cost")).sum().alias("history_cost"),
            *(weakest(name) for name in TRUST),
        )
        .sort("agent_id")
        .with_columns(
            pl.Series(
                "history_days", np.isfinite(laid_out.tables["spend"]).sum(axis=1), dtype=pl.Int64
            )
        )
    )
    return laid_out, known


def columns(name: str, projection: Projection, at: int) -> list[pl.Series]:
    """Return a projection to one horizon as a mart's columns."""
    parts: list[tuple[str, Floats]] = [(name, projection.total)]
    parts += [(f"{name}_{end}", part) for end, part in zip(ENDS, projection[2:], strict=True)]
    return [nullable(shown, part[:, at]) for shown, part in parts]


def tried(found: Backtest, prefix: str = "") -> list[pl.Series]:
    """Return how a projection would have done, at the longest horizon that was tried enough.

    Args:
        found: A row a member.
        prefix: Begins the columns' names.
    """
    horizons = np.array(backtest.HORIZONS)
    enough = np.isfinite(found.relative_mae)
    # the last column that is true; the first where none is, which holds nothing
    at = np.where(enough.any(axis=1), enough.shape[1] - 1 - enough[:, ::-1].argmax(axis=1), 0)
    rows = np.arange(at.size)
    longest: Floats = np.where(enough.any(axis=1), horizons[at].astype(np.float64), np.nan)
    names = ("relative_mae", "mase", "coverage_80", "coverage_95")
    figures = [nullable(f"{prefix}{name}", getattr(found, name)[rows, at]) for name in names]
    beats = nullable(f"{prefix}beats_naive", found.beats_naive[rows, at])
    return [
        nullable(f"{prefix}backtest_horizon_days", longest).cast(pl.Int64),
        pl.Series(f"{prefix}backtest_origins", found.origins[rows, at].astype(np.int64)),
        *figures,
        beats > 0,
    ]


def by_scenario(
    known: pl.DataFrame, figures: Callable[[float], dict[str, Projection]]
) -> pl.DataFrame:
    """Return a row a member, scenario and horizon.

    Args:
        known: One row a member.
        figures: Returns a scenario's projections by name, in the order of the members.
    """
    return pl.concat(
        known.with_columns(
            *(part for name, each in ahead.items() for part in columns(name, each, at)),
            scenario=pl.lit(scenario),
            horizon_days=pl.lit(horizon, dtype=pl.Int64),
        )
        for scenario, ahead in ((scenario, figures(scenario)) for scenario in SCENARIOS)
        for at, horizon in enumerate(HORIZONS)
    )
