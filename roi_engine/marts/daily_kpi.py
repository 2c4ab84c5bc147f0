"""daily_kpi: throughput, times, quality and cost of each handler's work."""

from datetime import timedelta

import polars as pl

from roi_engine.marts.declared.daily_duration import MEASURES
from roi_engine.marts.declared.daily_kpi import DAILY_KPI, MICROSECONDS, stem
from roi_engine.marts.facts import REACH_DAYS, FactQuery, Frames, answer
from roi_engine.marts.histograms import percentiles
from roi_engine.marts.money import as_decimal, doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, evidence, requested, stamp, statuses, together
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_people import (
    BACKLOG,
    HUMAN_COST_BY_HANDLER,
    SPEND_BY_HANDLER,
    WORK_BY_HANDLER,
    WORK_CELL,
)
from roi_engine.metrics.productivity import quality_adjusted_productivity
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (
    WORK_BY_HANDLER,
    HUMAN_COST_BY_HANDLER,
    SPEND_BY_HANDLER,
    BACKLOG,
    MATURITY,
    OPEN_COST,
)
NEEDS = ("daily_duration",)

_KEYS = ["day", "handler", *WORK_CELL]
_KNOWN = (
    "handled_tasks",
    "worked_tasks",
    "cycled_tasks",
    "answered_tasks",
    "business_cycled_tasks",
    "valued_tasks",
    "handed_tasks",
)
_SHARES = {
    "first_contact_resolution": ("first_contact_tasks", "confirmed_tasks"),
    "vendor_first_contact_resolution": ("one_touch_tasks", "touched_tasks"),
    "escalation_rate": ("escalated_tasks", "agent_tasks"),
    "handoff_completeness": ("handed_tasks", "escalated_tasks"),
    "reopen_rate": ("reopened_tasks", "ended_tasks"),
    "failure_rate": ("failures", "ended_tasks"),
    "error_rate": ("faulty_tasks", "delivered_tasks"),
    "suggested_share": ("suggested_tasks", "ended_tasks"),
    "decided_share": ("decided_tasks", "ended_tasks"),
    "automated_share": ("automated_tasks", "ended_tasks"),
}


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name, and the rows of ``daily_duration``.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    rows = together(
        _KEYS,
        *(
            requested(answer(query, facts), params)
            for query in (WORK_BY_HANDLER, HUMAN_COST_BY_HANDLER, SPEND_BY_HANDLER)
        ),
        _backlog(facts, params),
    ).filter(
        (pl.col("ended_tasks") > 0)
        | (pl.col("backlog") > 0)
        | (pl.col("rated_tasks") > 0)
        | (pl.sum_horizontal("billed_lines", "estimated_lines") > 0)
        | (pl.col("human_cost") != 0)
        | (pl.col("entries_without_cost") > 0)
    )
    counted = facts["daily_duration"].lazy().collect()
    return (
        rows.sort(_KEYS)
        .pipe(_figures)
        .join(
            percentiles(counted, _KEYS, {measure: measure for measure in MEASURES}),
            on=_KEYS,
            how="left",
            validate="1:1",
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(
            evidence(
                pl.col("assumed_tasks") + pl.col("assumed_entries"), pl.col("published_tasks")
            ),
            cost_basis(),
            *(pl.col(c.name).cast(pl.Int64) for c in DAILY_KPI.columns if c.type == "BIGINT"),
            *as_decimal("spend", "human_cost"),
        )
        .pipe(stamp, params)
        .pipe(DAILY_KPI.conform)
    )


def _backlog(facts: Frames, params: Params) -> pl.DataFrame:
    """Count what is open at the end of each requested day.

    A ticket counts from its day to the one before it ended, for as long as a mart looks back.
    """
    cell = _KEYS[1:]
    came = answer(BACKLOG, facts).with_columns(pl.col("ended_day").cast(pl.Date))
    limit = pl.col("day") + pl.duration(days=REACH_DAYS)
    left = pl.max_horizontal("day", pl.min_horizontal(pl.col("ended_day").fill_null(limit), limit))
    moves = pl.concat(
        [
            came.select(*_KEYS, change="tickets"),
            came.select(left.alias("day"), *cell, change=-pl.col("tickets")),
        ]
    )
    stock = (
        moves.group_by(_KEYS)
        .agg(pl.col("change").sum())
        .sort(*cell, "day")
        .with_columns(backlog=pl.col("change").cum_sum().over(cell))
    )
    days = pl.DataFrame({"day": sorted(set(params.days))}, schema={"day": pl.Date})
    asked = stock.select(cell).unique().join(days, how="cross")
    return (
        asked.sort("day")
        .join_asof(
            stock.select(*_KEYS, "backlog").sort("day"),
            on="day",
            by=cell,
            tolerance=timedelta(days=REACH_DAYS),
            check_sortedness=False,
        )
        .filter(pl.col("backlog") > 0)
        .select(*_KEYS, "backlog")
    )


def _figures(rows: pl.DataFrame) -> pl.DataFrame:
    """Take every mean and share of the row's own sums."""
    figures = [
        nullable(name, ratio(doubles(rows, part), doubles(rows, whole)))
        for name, (part, whole) in _SHARES.items()
    ]
    for measure, tasks in zip(MEASURES, _KNOWN, strict=True):
        per = MICROSECONDS[measure.rpartition("_")[2]]
        total = doubles(rows, f"{stem(measure)}_microseconds")
        figures.append(nullable(f"{measure}_mean", ratio(total, doubles(rows, tasks)) / per))
    rated = ratio(doubles(rows, "satisfaction_thousandths"), doubles(rows, "rated_tasks"))
    hours = doubles(rows, "work_microseconds", 3.6e9)
    worked = doubles(rows, "worked_tasks")
    good, judged = doubles(rows, "good_tasks"), doubles(rows, "judged_tasks")
    cost = units(rows, "spend") + units(rows, "human_cost")
    return rows.with_columns(
        *figures,
        nullable("satisfaction", rated / 1000),
        nullable("cost_per_case", ratio(cost, doubles(rows, "ended_tasks"))),
        nullable("throughput_per_hour", ratio(worked, hours)),
        nullable(
            "quality_adjusted_productivity",
            quality_adjusted_productivity(worked, hours, good, judged),
        ),
    )
