"""value_plan: the mix of tasks and agents that would bring most, and the price of each limit."""

import numpy as np
import polars as pl

from roi_engine.marts import plans
from roi_engine.marts.declared.value_plan import VALUE_PLAN
from roi_engine.marts.facts import FactQuery, Frames
from roi_engine.marts.money import as_decimal, doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp

QUERIES: tuple[FactQuery, ...] = plans.QUERIES


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
    plan, rows = asked.solve(), asked.cells
    tasks = asked.at(plan.tasks)
    of_demand = [plan.is_binding.get(f"demand_{kind}", False) for kind in asked.column]
    shared = [
        name for name, holds in plan.is_binding.items() if holds and not name.startswith("demand_")
    ]
    binding = [",".join([*shared, *(["demand"] if own else [])]) for own in of_demand]
    everywhere = np.ones(rows.height)
    return (
        rows.with_columns(
            pl.col("gross_value").alias("present_value"),
            pl.col("total_cost").alias("present_cost"),
            nullable("planned_tasks", tasks),
            nullable("planned_cost", tasks * doubles(rows, "cost_per_task")),
            # 0 tasks at a loss are no loss: 0 and not −0
            nullable("planned_net_value", tasks * doubles(rows, "net_value_per_task") + 0.0),
            nullable("budget", everywhere * asked.limits.budget),
            nullable("demand_price", plan.demand_price[asked.column]),
            nullable("budget_price", everywhere * plan.budget_price),
            nullable("gpu_price", everywhere * plan.gpu_price),
            nullable("vram_price", everywhere * plan.vram_price),
            pl.Series("binding", binding, dtype=pl.String),
            plan_status=pl.lit(plan.status),
            day=pl.lit(today),
        )
        .with_columns(*as_decimal("present_value", "present_cost"))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(VALUE_PLAN.conform)
    )
