"""cost_projection: the coming cost by agent, by how much work there is and how far ahead."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.projections import COST_PROJECTION
from roi_engine.marts.facts import FactQuery, Frames
from roi_engine.marts.money import as_decimal, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp
from roi_engine.marts.projections import by_scenario, history, tried
from roi_engine.marts.queries_planning import SPEND_DAYS
from roi_engine.metrics.backtest import backtest
from roi_engine.metrics.cost_curve import CostCurve, fit_cost_curve
from roi_engine.metrics.projection import POINT_DAYS, Projection, project
from roi_engine.metrics.win_rate import Interval
from roi_engine.metrics.workload import under_workload, workload_factor

QUERIES: tuple[FactQuery, ...] = (SPEND_DAYS,)

_CURVE = {
    "fixed_cost_per_day": "fixed",
    "cost_per_request": "per_unit",
    "elasticity": "elasticity",
    "fixed_share": "fixed_share",
    "fixed_share_low": "fixed_share_low",
    "fixed_share_high": "fixed_share_high",
}


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    days, known = history(facts, params)
    cost, volume = days.tables["spend"] + days.tables["human_cost"], days.tables["actions"]
    curve, ahead, requests = fit_cost_curve(cost, volume), project(cost), project(volume)
    known = known.with_columns(*_curve(curve), *tried(backtest(cost)))

    def figures(scenario: float) -> dict[str, Projection]:
        times = np.full(known.height, scenario)
        asked = under_workload(requests, Interval(times, times, times))
        return {"requests": asked, "cost": _scenario(ahead, curve, scenario)}

    reason = (
        pl.when(pl.col("history_days") < POINT_DAYS)
        .then(pl.lit("short_history"))
        .when(pl.col("cost").is_null())
        .then(pl.lit("no_curve"))
        .when(pl.col("cost_low_95").is_null())
        .then(pl.lit("no_interval"))
    )
    return (
        by_scenario(known, figures)
        .with_columns(projection_reason=reason, day=pl.lit(today))
        .with_columns(*as_decimal("history_cost"))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(COST_PROJECTION.conform)
    )


def _scenario(ahead: Projection, curve: CostCurve, scenario: float) -> Projection:
    """Return the projection under a workload; as it is, it needs no curve."""
    return ahead if scenario == 1 else under_workload(ahead, workload_factor(curve, scenario))


def _curve(curve: CostCurve) -> list[pl.Series]:
    fields = curve._asdict()
    return [nullable(name, fields[field]) for name, field in _CURVE.items()]
