"""value_frontier: what the best plan brings at more and less than the budget."""

import numpy as np
import polars as pl

from roi_engine.marts import plans
from roi_engine.marts.declared.value_plan import VALUE_FRONTIER
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries import COST_BY_AGENT
from roi_engine.marts.queries_planning import TRUST
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.value_plan import frontier

QUERIES: tuple[FactQuery, ...] = (*plans.QUERIES, COST_BY_AGENT)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    asked = plans.programme(facts, params)
    share = asked.laid_out(_autonomous(asked, facts), empty=0.0)
    found = frontier(asked.net_value, asked.needs, asked.limits, share)
    trust = asked.cells.select(weakest(name) for name in TRUST)
    rows = pl.DataFrame(
        [
            pl.Series("budget_percent", np.round(100 * found.share), dtype=pl.Int64),
            nullable("budget", found.budget),
            nullable("net_value", found.net_value),
            nullable("spend", found.spend),
            nullable("asr_spend", found.autonomous_share),
            nullable("budget_price", found.budget_price),
        ]
    )
    # without any work there is nothing to plan
    rows = rows.head(rows.height if asked.cells.height else 0)
    solved = pl.col("net_value").is_not_null()
    return (
        rows.join(trust, how="cross")
        .with_columns(
            is_exhausted=pl.col("budget_price") == 0,
            plan_status=pl.when(solved).then(pl.lit("optimal")).otherwise(pl.lit("undefined")),
            day=pl.lit(today),
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(VALUE_FRONTIER.conform)
    )


def _autonomous(asked: plans.Programme, facts: Frames) -> Floats:
    """Return the share of each cell's spend that led to goals reached without people."""
    keys = ["agent_id", "task_type"]
    names = ("autonomous_spend", "spend_without_credits")
    spent = answer(COST_BY_AGENT, facts).group_by(keys).agg(pl.col(names).sum())
    cells = (
        asked.cells.select(keys)
        .join(spent, on=keys, how="left", validate="1:1")
        .sort(keys)
        .with_columns(pl.col(names).fill_null(0))
    )
    share = ratio(units(cells, names[0]), units(cells, names[1]))
    return np.clip(np.nan_to_num(share), 0.0, 1.0)
