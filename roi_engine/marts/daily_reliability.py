"""daily_reliability: availability of each agent, incidents, time to detect and to recover."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from roi_engine.marts.declared.daily_reliability import DAILY_RELIABILITY
from roi_engine.marts.facts import WINDOW_DAYS, FactQuery, Frames, answer
from roi_engine.marts.money import nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, statuses
from roi_engine.marts.queries import ACTIONS, MATURITY, OPEN_COST
from roi_engine.marts.queries_operations import INCIDENTS
from roi_engine.metrics.reliability import (
    STILL_OPEN,
    Durations,
    availability,
    downtime,
    durations,
    incident_rate,
)
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (INCIDENTS, ACTIONS, MATURITY, OPEN_COST)

DAY = 86_400_000_000
"""Microseconds of a day."""
_HOUR = 3.6e9
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants in the lake are UTC without a zone


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    incidents = _incidents(facts)
    acted = answer(ACTIONS, facts).select("day", "agent_id").unique()
    rows = [_of_day(day, acted, incidents) for day in sorted(set(params.days))]
    return (
        pl.concat(rows)
        .with_columns(evidence=pl.lit("measured"), cost_basis=pl.lit("billed"))
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(DAILY_RELIABILITY.conform)
    )


def _incidents(facts: Frames) -> pl.DataFrame:
    """Return incidents in whole microseconds; one that ends before it begins took no time."""
    instants = ("started_at", "detected_at", "recovered_at")
    return (
        answer(INCIDENTS, facts)
        .with_columns(pl.col(instants).cast(pl.Datetime("us")).to_physical())
        .filter(pl.col("started_at").is_not_null())
        .with_columns(
            pl.when(pl.col(name).is_null())
            .then(pl.lit(STILL_OPEN))
            .otherwise(pl.max_horizontal(name, "started_at"))
            .alias(name)
            for name in instants[1:]
        )
        .sort("agent_id", "started_at", "incident_id")
    )


def _of_day(day: date, acted: pl.DataFrame, incidents: pl.DataFrame) -> pl.DataFrame:
    """Take every figure of one day, as it stood when the day was over."""
    first = day - timedelta(days=WINDOW_DAYS - 1)
    # an incident that still went on when the window began was there on its first day
    hit = incidents.filter(pl.col("recovered_at") > _midnight(first)).select(
        pl.max_horizontal("day", pl.lit(first)).alias("day"), "agent_id"
    )
    agents = (
        pl.concat([acted, hit])
        .filter(pl.col("day").is_between(first, day))
        .group_by("agent_id")
        .agg(since=pl.col("day").min())
        .sort("agent_id")
        .with_row_index("who")
        .with_columns(pl.col("who").cast(pl.Int64))
    )
    begin, end = _midnight(day), _midnight(day) + DAY
    known = incidents.filter(pl.col("started_at") < end).join(agents, on="agent_id", how="inner")
    who, start, over = (known[name].to_numpy() for name in ("who", "started_at", "recovered_at"))
    size = agents.height
    on_day = downtime(who, start, over, (begin, end), size)
    in_window = downtime(who, start, over, (_midnight(first), end), size)

    days = (pl.lit(day) - pl.col("since")).dt.total_days() + 1
    counted = known.filter(pl.col("started_at") >= _midnight(first))
    agents = agents.with_columns(days_28d=days)
    length = agents["days_28d"].to_numpy() * DAY
    detect = _until(counted, "detected_at", end, size)
    recover = _until(counted, "recovered_at", end, size)
    number = recover.ended + recover.left_open
    rate = incident_rate(number, agents["days_28d"].to_numpy())
    today = np.bincount(known.filter(pl.col("started_at") >= begin)["who"], minlength=size)
    return agents.select(
        pl.lit(day).alias("day"),
        "agent_id",
        pl.Series("incidents", today, dtype=pl.Int64),
        pl.Series("downtime_microseconds", on_day, dtype=pl.Int64),
        pl.lit(DAY, dtype=pl.Int64).alias("observed_microseconds"),
        nullable("availability", availability(on_day, (begin, end))),
        "days_28d",
        pl.Series("incidents_28d", number, dtype=pl.Int64),
        pl.Series("undetected_28d", detect.left_open, dtype=pl.Int64),
        pl.Series("open_28d", recover.left_open, dtype=pl.Int64),
        # before its first sign of life an agent was neither up nor down
        nullable("availability_28d", ratio(length - in_window, length)),
        nullable("incident_rate_28d", rate.estimate),
        nullable("incident_rate_low_28d", rate.low),
        nullable("incident_rate_high_28d", rate.high),
        nullable("time_to_detect_mean_28d", detect.mean),
        nullable("time_to_detect_median_28d", detect.median),
        nullable("time_to_recover_mean_28d", recover.mean),
        nullable("time_to_recover_median_28d", recover.median),
    )


def _until(incidents: pl.DataFrame, name: str, end: int, size: int) -> Durations:
    """Return the times to an instant in hours, up to the end of the day for what is not over."""
    is_open = (incidents[name] >= end).to_numpy()
    until = np.minimum(incidents[name].to_numpy(), end)
    hours = (until - incidents["started_at"].to_numpy()) / _HOUR
    return durations(incidents["who"].to_numpy(), hours, is_open, size)


def _midnight(day: date) -> int:
    return (datetime.combine(day, datetime.min.time()) - _EPOCH) // timedelta(microseconds=1)
