"""asr_projection: the coming autonomy-to-spend ratios and return, by workload and horizon."""

import polars as pl

from roi_engine.marts.declared.projections import ASR_PROJECTION
from roi_engine.marts.facts import FactQuery, Frames
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp
from roi_engine.marts.projections import ENDS, by_scenario, history, tried
from roi_engine.marts.queries_planning import SPEND_DAYS
from roi_engine.metrics.backtest import backtest_ratio
from roi_engine.metrics.cost_curve import fit_cost_curve, fit_share_curve
from roi_engine.metrics.projection import POINT_DAYS, Projection, project_ratio
from roi_engine.metrics.workload import share_under_workload, under_workload, value_factor

QUERIES: tuple[FactQuery, ...] = (SPEND_DAYS,)


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
    table, volume = days.tables, days.tables["actions"]
    spend, cost = table["spend"], table["spend"] + table["human_cost"]
    won, whole = table["autonomous_spend"], table["spend_without_credits"]
    share = project_ratio(won, whole, scale="share")
    value = project_ratio(table["autonomous_value"], spend, scale="positive")
    gross = project_ratio(table["gross_value"], cost, scale="positive")
    known = known.with_columns(
        *tried(backtest_ratio(won, whole, scale="share"), "asr_spend_"),
        *tried(backtest_ratio(table["autonomous_value"], spend, scale="positive"), "asr_value_"),
        # roi is this ratio less 1: it errs by as much
        *tried(backtest_ratio(table["gross_value"], cost, scale="positive"), "roi_"),
    )
    of_whole, of_spend, of_cost = (fit_cost_curve(part, volume) for part in (whole, spend, cost))
    moves = fit_share_curve(won, whole, volume, of_whole)

    def figures(scenario: float) -> dict[str, Projection]:
        ahead = {"asr_spend": share, "asr_value": value, "gross": gross}
        # as it is, a workload needs no curve
        if scenario != 1:
            ahead = {
                "asr_spend": share_under_workload(share, moves, of_whole, scenario),
                "asr_value": under_workload(value, value_factor(of_spend, scenario)),
                "gross": under_workload(gross, value_factor(of_cost, scenario)),
            }
        roi = Projection(*(part - 1 for part in ahead.pop("gross")))
        return {"as_it_is": share, **ahead, "roi": roi}

    reason = (
        pl.when(pl.col("history_days") < POINT_DAYS)
        .then(pl.lit("short_history"))
        .when(pl.col("as_it_is").is_null())
        .then(pl.lit("no_denominator"))
        .when(~pl.col("as_it_is").is_between(0, 1, closed="none"))
        .then(pl.lit("outside"))
        .when(pl.col("asr_spend").is_null())
        .then(pl.lit("no_curve"))
        .when(pl.col("asr_spend_low_95").is_null())
        .then(pl.lit("no_interval"))
    )
    is_share = pl.col("asr_spend").is_between(0, 1)
    names = ("asr_spend", *(f"asr_spend_{end}" for end in ENDS))
    return (
        by_scenario(known, figures)
        .with_columns(
            *(pl.when(is_share).then(pl.col(name)).alias(name) for name in names),
            projection_reason=reason,
            day=pl.lit(today),
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(ASR_PROJECTION.conform)
    )
