"""sensitivity: each agent's return over the ranges of what was only assumed."""

from typing import NamedTuple

import numpy as np
import polars as pl

from roi_engine.marts.declared.sensitivity import QUARTER, SENSITIVITY
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_planning import (
    ADJUSTED_CELLS,
    AGENT_VALUE,
    LOSSES,
    SUCCESS_MINUTES,
    TASK_RANGES,
    TRUST,
)
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.sensitivity import (
    INPUTS,
    Measured,
    assumed_money,
    assumed_roi,
    break_even_linear,
    one_at_a_time,
    together,
)

QUERIES: tuple[FactQuery, ...] = (
    AGENT_VALUE,
    ADJUSTED_CELLS,
    SUCCESS_MINUTES,
    LOSSES,
    TASK_RANGES,
)
SEARCHED = 10.0
"""A break-even value is looked for up to so many times the assumed one."""

_UNIT_CREDIT, _UNIT_MINUTES = 1e18, 1e27


class _Assumed(NamedTuple):
    """Inputs of each agent, shape (agents, inputs), and whether minutes have a range of theirs."""

    base: Floats
    low: Floats
    high: Floats
    has_range: Floats


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    agents = (
        _value(facts)
        .join(_minutes(facts, params), on="agent_id", how="left", validate="1:1")
        .join(_losses(facts), on="agent_id", how="left", validate="1:1")
        .join(_undetected(facts), on="agent_id", how="left", validate="1:1")
        .sort("agent_id")
    )
    measured, assumed = _measure(agents)
    is_set = np.isfinite(assumed.base)
    base, low, high = (np.where(is_set, part, 0.0) for part in assumed[:3])
    roi = assumed_roi(measured)
    swings = one_at_a_time(roi, base, low, high)
    both = together(roi, low, high)
    even = break_even_linear(
        lambda inputs: np.subtract(*assumed_money(measured, inputs)),
        base,
        np.zeros(base.shape),
        np.where(np.array(INPUTS) == "realisation_rate", 1.0, SEARCHED * base),
    )
    now = roi(base)
    # what is not set has no rank, and so has what the return does not react to
    shown = agents.with_columns(
        nullable("roi", now),
        nullable("roi_low_together", both.low),
        nullable("roi_high_together", both.high),
    )
    parts = [
        shown.with_columns(
            *(
                nullable(name, np.where(is_set[:, at], table[:, at], np.nan))
                for name, table in (
                    ("assumed", assumed.base),
                    ("low", assumed.low),
                    ("high", assumed.high),
                    ("roi_at_low", swings.at_low),
                    ("roi_at_high", swings.at_high),
                    ("swing", swings.swing),
                    ("swing_rank", swings.rank),
                    ("break_even", even),
                )
            ),
            pl.Series("range_basis", _range_basis(name, assumed.has_range), dtype=pl.String),
            input=pl.lit(name),
        )
        for at, name in enumerate(INPUTS)
    ]
    return (
        pl.concat(parts)
        .with_columns(
            pl.col("swing_rank").cast(pl.Int64),
            pl.when(pl.col("assumed").is_not_null()).then("range_basis").alias("range_basis"),
            # a return over assumed ranges is an assumption, whatever the task types say
            evidence=pl.lit("assumed"),
            roi_basis=pl.when(pl.col("hallucination_cost").is_not_null())
            .then(pl.lit("adjusted_roi"))
            .otherwise(pl.lit("roi")),
            day=pl.lit(today),
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(SENSITIVITY.conform)
    )


def _value(facts: Frames) -> pl.DataFrame:
    names = ("human_equivalent_cost", "labour_value", "cash_saving", "gross_value", "total_cost")
    return (
        answer(AGENT_VALUE, facts)
        .group_by("agent_id")
        .agg(pl.col(names).sum(), *(weakest(name) for name in TRUST))
        .filter(pl.col("total_cost") > 0)
    )


def _minutes(facts: Frames, params: Params) -> pl.DataFrame:
    """Return each agent's successes, their minutes, and what these would be at either end."""
    (today,) = params.days
    holds = (pl.col("valid_from").is_null() | (pl.col("valid_from") <= today)) & (
        pl.col("valid_to").is_null() | (pl.col("valid_to") > today)
    )
    ranges = (
        answer(TASK_RANGES, facts)
        .with_columns(
            pl.col("valid_from", "valid_to").cast(pl.Date),
            pl.col("baseline_minutes", "low", "high").cast(pl.Float64),
        )
        .filter(holds)
        .sort("task_type", "valid_from", nulls_last=False)
        .unique("task_type", keep="last", maintain_order=True)
    )
    rows = (
        answer(SUCCESS_MINUTES, facts)
        .join(ranges, on="task_type", how="left", validate="m:1")
        .sort("agent_id", "task_type")
    )
    minutes, stated = doubles(rows, "minutes", _UNIT_MINUTES), doubles(rows, "baseline_minutes")
    ends = [ratio(doubles(rows, name), stated) for name in ("low", "high")]
    given = np.isfinite(ends[0]) & np.isfinite(ends[1])
    given &= (ends[0] <= 1) & (ends[1] >= 1)
    least, most = (
        minutes * np.where(given, end, 1 + sign * QUARTER)
        for end, sign in zip(ends, (-1, 1), strict=True)
    )
    return (
        rows.select(
            "agent_id",
            pl.Series("successes", doubles(rows, "successes", _UNIT_CREDIT)),
            pl.Series("minutes", minutes),
            pl.Series("least_minutes", least),
            pl.Series("most_minutes", most),
            pl.Series("without_range", ~given).cast(pl.Int64),
        )
        .group_by("agent_id", maintain_order=True)
        .agg(pl.all().sum())
    )


def _losses(facts: Frames) -> pl.DataFrame:
    """Return the mean liability and remediation of each agent's outputs."""
    outputs = pl.col("outputs")
    return (
        answer(LOSSES, facts)
        .with_columns(pl.col("liability", "remediation_minutes").cast(pl.Float64))
        .sort("agent_id", "liability", "remediation_minutes", "hourly_cost", "later_detected")
        .group_by("agent_id", maintain_order=True)
        .agg(
            (pl.col(name) * outputs).sum() / outputs.filter(pl.col(name).is_not_null()).sum()
            for name in ("liability", "remediation_minutes")
        )
        .with_columns(pl.col("liability", "remediation_minutes").fill_nan(None))
    )


def _undetected(facts: Frames) -> pl.DataFrame:
    """Return what unseen errors are expected to be and to cost; NULL where a day's is not known."""
    names = ("expected_undetected", "hallucination_cost", "adjusted_value")
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in names).all()
    lost = pl.col("gross_value").cast(pl.Float64) / 1e9 - pl.col("adjusted_value")
    return (
        answer(ADJUSTED_CELLS, facts)
        .with_columns(pl.col(names).cast(pl.Float64))
        .sort("agent_id", "day", "model_version", "task_type")
        .group_by("agent_id", maintain_order=True)
        .agg(
            pl.when(known).then(pl.col("expected_undetected").sum()).alias("expected_undetected"),
            pl.when(known).then(pl.col("hallucination_cost").sum()).alias("hallucination_cost"),
            pl.when(known).then(lost.sum()).alias("lost_value"),
        )
    )


def _measure(agents: pl.DataFrame) -> tuple[Measured, _Assumed]:
    """Split each agent's return into what was measured and what was assumed.

    Money an hour is the mean at which the minutes were valued, and the model's own time is what it
    took off at that rate, so that the inputs as assumed give the mart's own figures.
    """
    successes = np.nan_to_num(doubles(agents, "successes"))
    minutes = doubles(agents, "minutes")
    human, labour = units(agents, "human_equivalent_cost"), units(agents, "labour_value")
    each, hourly = ratio(minutes, successes), ratio(60.0 * human, minutes)
    undetected = np.nan_to_num(doubles(agents, "expected_undetected"))
    liability, repair = doubles(agents, "liability"), doubles(agents, "remediation_minutes")
    is_adjusted = np.isfinite(doubles(agents, "hallucination_cost"))
    liability, repair = (np.where(is_adjusted, part, np.nan) for part in (liability, repair))
    loss = ratio(doubles(agents, "hallucination_cost"), undetected)
    # the chance of later detection that gives the mart's own cost: kinds of work differ
    later = np.nan_to_num(ratio((loss - liability) * 60.0, repair * hourly))
    other = units(agents, "gross_value") - labour - np.nan_to_num(doubles(agents, "lost_value"))
    has_minutes = np.isfinite(each) & np.isfinite(hourly)
    measured = Measured(
        np.where(has_minutes, successes, 0.0),
        np.where(has_minutes, np.nan_to_num(ratio(human - labour, hourly)), 0.0),
        # value of people's time that no minutes explain stays as it is
        np.where(has_minutes, other, other + labour),
        units(agents, "total_cost"),
        later,
        undetected,
    )
    rate = np.where(has_minutes, 1.0, np.nan)
    signed_off = np.clip(np.nan_to_num(ratio(units(agents, "cash_saving"), labour)), 0.0, 1.0)
    base = np.stack([each, hourly, rate, repair, liability], axis=1)
    low, high = base * (1 - QUARTER), base * (1 + QUARTER)
    low[:, 0] = ratio(doubles(agents, "least_minutes"), successes)
    high[:, 0] = ratio(doubles(agents, "most_minutes"), successes)
    low[:, 2], high[:, 2] = np.where(has_minutes, signed_off, np.nan), rate
    has_range = doubles(agents, "without_range") == 0
    return measured, _Assumed(base, low, high, has_range.astype(np.float64))


def _range_basis(name: str, has_range: Floats) -> list[str]:
    if name == "realisation_rate":
        return ["signed_off_to_all"] * has_range.size
    if name == "baseline_minutes":
        return ["given" if given else "plus_minus_25" for given in has_range.tolist()]
    return ["plus_minus_25"] * has_range.size
