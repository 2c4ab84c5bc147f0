"""daily_function: the agents' part of a department's outputs and of its money."""

import polars as pl

from roi_engine.marts.declared.daily_function import DAILY_FUNCTION
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, evidence, stamp, statuses, together
from roi_engine.marts.queries import COST_BY_CELL, MATURITY, OPEN_COST
from roi_engine.marts.queries_planning import FUNCTION_OUTPUTS, FUNCTION_PEOPLE
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (
    FUNCTION_OUTPUTS,
    FUNCTION_PEOPLE,
    COST_BY_CELL,
    MATURITY,
    OPEN_COST,
)
_KEYS = ["day", "department"]
_MONEY = tuple(c.name for c in DAILY_FUNCTION.columns if c.type == "DECIMAL(38,9)")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    spent = (
        answer(COST_BY_CELL, facts)
        .filter(pl.col("agent_id") != "__out_of_scope__")
        .select(*_KEYS, "billed_lines", "estimated_lines", agent_spend="cost")
    )
    people = answer(FUNCTION_PEOPLE, facts).rename({"human_cost": "people_cost"})
    rows = together(_KEYS, spent, people, answer(FUNCTION_OUTPUTS, facts)).with_columns(
        function_spend=pl.col("agent_spend") + pl.col("people_cost")
    )
    autonomy = ratio(doubles(rows, "autonomous_outputs"), doubles(rows, "outputs"))
    treasury = ratio(units(rows, "agent_spend"), units(rows, "function_spend"))
    return (
        rows.with_columns(
            nullable("autonomy_share", autonomy),
            nullable("treasury_share", treasury),
            evidence(
                pl.col("assumed_tasks") + pl.col("assumed_entries"), pl.col("published_tasks")
            ),
            cost_basis(),
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(*as_decimal(*_MONEY))
        .pipe(stamp, params)
        .pipe(DAILY_FUNCTION.conform)
    )
