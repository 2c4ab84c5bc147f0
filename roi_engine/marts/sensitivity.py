"""sensitivity: each agent's return over the ranges of what was only assumed."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
    ranked,
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

_LOSS = ("liability", "remediation_minutes", "hourly_cost")

_UNIT_CREDIT, _UNIT_MINUTES = 1e18, 1e27


class _Assumed(NamedTuple):
    """Inputs of each agent, shape (agents, inputs), and whether minutes have a range of theirs.

    ``moves`` says which inputs the return hangs on; NaN stands for what nobody set.
    """

    base: Floats
    low: Floats
    high: Floats
    moves: NDArray[np.bool_]
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
        .join(_undetected(facts), on="agent_id", how="left", validate="1:1")
        .sort("agent_id")
    )
    measured, assumed = _measure(agents)
    is_set, moves = np.isfinite(assumed.base), assumed.moves
    base, low, high = (np.where(moves, part, 0.0) for part in assumed[:3])
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
    swing = np.where(moves, swings.swing, np.nan)
    shown = agents.with_columns(
        nullable("roi", now),
        nullable("roi_low_together", both.low),
        nullable("roi_high_together", both.high),
    )
    parts = [
        shown.with_columns(
            *(
                nullable(name, np.where(where[:, at], table[:, at], np.nan))
                for name, table, where in (
                    ("assumed", assumed.base, is_set),
                    ("low", assumed.low, is_set),
                    ("high", assumed.high, is_set),
                    ("roi_at_low", swings.at_low, moves),
                    ("roi_at_high", swings.at_high, moves),
                    ("swing", swing, moves),
                    ("swing_rank", ranked(swing), moves),
                    ("break_even", even, moves),
                )
            ),
            pl.Series("reason", _reasons(name, is_set[:, at], moves[:, at]), dtype=pl.String),
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
    """Return the parts of each agent's value, and what unseen errors leave of people's time.

    An output that hallucinated loses all of its value: labour as much of it as the whole, in each
    cell of which a rate is known.
    """
    keys = ["agent_id", "day", "model_version", "task_type"]
    names = ("human_equivalent_cost", "labour_value", "cash_saving", "gross_value", "total_cost")
    left = answer(ADJUSTED_CELLS, facts).select(
        *keys,
        kept=(
            pl.when(pl.col("gross_value") != 0)
            .then(pl.col("adjusted_value").cast(pl.Float64) * 1e9 / pl.col("gross_value"))
            .clip(0.0, 1.0)
        ),
    )
    return (
        answer(AGENT_VALUE, facts)
        .group_by(keys)
        .agg(pl.col(names).sum(), *(weakest(name) for name in TRUST))
        .join(left, on=keys, how="left", validate="1:1")
        .sort(keys)
        .with_columns(
            (pl.col(name).cast(pl.Float64) / 1e9 * pl.col("kept").fill_null(1.0)).alias(
                f"kept_{name}"
            )
            for name in names[:2]
        )
        .group_by("agent_id", maintain_order=True)
        .agg(
            pl.col(*names, *(f"kept_{name}" for name in names[:2])).sum(),
            *(weakest(name) for name in TRUST),
        )
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
    """Return what an error would cost on the mean, by day, agent and kind of task."""
    keys = ["day", "agent_id", "task_type"]
    outputs = pl.col("outputs")
    return (
        answer(LOSSES, facts)
        .with_columns(pl.col(_LOSS).cast(pl.Float64))
        .sort(*keys, *_LOSS, "is_reviewed", "later_detected")
        .group_by(keys, maintain_order=True)
        .agg(
            *(
                ((pl.col(name) * outputs).sum() / outputs.filter(pl.col(name).is_not_null()).sum())
                .fill_nan(None)
                .alias(name)
                for name in _LOSS
            ),
        )
    )


def _undetected(facts: Frames) -> pl.DataFrame:
    """Return what unseen errors are expected to be and to cost, and the mean inputs of that.

    The former are NULL where a day's are not known. The means are weighed by the errors that are
    expected, so that a loss times their number is what it costs in the mart; where none are
    expected, or it is not known how many, by outputs.
    """
    names = ("expected_undetected", "hallucination_cost", "adjusted_value")
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in names).all()
    lost = pl.col("gross_value").cast(pl.Float64) / 1e9 - pl.col("adjusted_value")
    expected = pl.col("expected_undetected")

    def mean(name: str, weight: pl.Expr) -> pl.Expr:
        is_set = pl.col(name).is_not_null()
        return ((pl.col(name) * weight).sum() / weight.filter(is_set).sum()).fill_nan(None)

    return (
        answer(ADJUSTED_CELLS, facts)
        .with_columns(pl.col(names).cast(pl.Float64), pl.col("outputs").cast(pl.Float64))
        .join(_losses(facts), on=["day", "agent_id", "task_type"], how="left", validate="m:1")
        .sort("agent_id", "day", "model_version", "task_type")
        .group_by("agent_id", maintain_order=True)
        .agg(
            *(
                pl.when(known).then(total.sum()).alias(name)
                for name, total in (
                    ("expected_undetected", expected),
                    ("hallucination_cost", pl.col("hallucination_cost")),
                    ("lost_value", lost),
                )
            ),
            *(
                pl.when(known & (expected.sum() > 0))
                .then(mean(name, expected))
                .otherwise(mean(name, pl.col("outputs")))
                .alias(name)
                for name in _LOSS
            ),
        )
    )


def _measure(agents: pl.DataFrame) -> tuple[Measured, _Assumed]:
    """Split each agent's return into what was measured and what was assumed.

    Money an hour is the mean at which the minutes were valued (where there are none, that of the
    people who would repair errors), and the model's own time is what it took off at that rate, so
    that the inputs as assumed give the mart's own figures.
    """
    successes = np.nan_to_num(doubles(agents, "successes"))
    minutes = doubles(agents, "minutes")
    human, labour = units(agents, "human_equivalent_cost"), units(agents, "labour_value")
    each, valued_at = ratio(minutes, successes), ratio(60.0 * human, minutes)
    has_minutes = np.isfinite(each) & np.isfinite(valued_at)
    hourly = np.where(has_minutes, valued_at, doubles(agents, "hourly_cost"))
    liability, repair = doubles(agents, "liability"), doubles(agents, "remediation_minutes")
    is_adjusted = np.isfinite(doubles(agents, "hallucination_cost"))
    undetected = np.nan_to_num(doubles(agents, "expected_undetected"))
    # the chance of later detection that gives the mart's own cost: kinds of work differ
    repaired = doubles(agents, "hallucination_cost") - undetected * liability
    later = np.nan_to_num(ratio(repaired * 60.0, undetected * repair * hourly))
    kept_human, kept_labour = (
        np.where(is_adjusted, doubles(agents, f"kept_{name}"), units(agents, name))
        for name in ("human_equivalent_cost", "labour_value")
    )
    value = units(agents, "gross_value") - np.nan_to_num(doubles(agents, "lost_value"))
    measured = Measured(
        np.where(has_minutes, successes * np.nan_to_num(ratio(kept_human, human)), 0.0),
        np.where(has_minutes, np.nan_to_num(ratio(kept_human - kept_labour, hourly)), 0.0),
        # value of people's time that no minutes explain stays as it is
        np.where(has_minutes, value - kept_labour, value),
        units(agents, "total_cost"),
        later,
        undetected,
    )
    rate = np.where(has_minutes, 1.0, np.nan)
    signed_off = np.clip(np.nan_to_num(ratio(units(agents, "cash_saving"), labour)), 0.0, 1.0)
    base = np.stack([np.where(has_minutes, each, np.nan), hourly, rate, repair, liability], axis=1)
    low, high = base * (1 - QUARTER), base * (1 + QUARTER)
    low[:, 0] = ratio(doubles(agents, "least_minutes"), successes)
    high[:, 0] = ratio(doubles(agents, "most_minutes"), successes)
    low[:, 2], high[:, 2] = np.where(has_minutes, signed_off, np.nan), rate
    reached = [has_minutes, has_minutes | is_adjusted, has_minutes, is_adjusted, is_adjusted]
    has_range = doubles(agents, "without_range") == 0
    moves = np.stack(reached, axis=1) & np.isfinite(base)
    return measured, _Assumed(base, low, high, moves, has_range.astype(np.float64))


def _reasons(name: str, is_set: NDArray[np.bool_], moves: NDArray[np.bool_]) -> list[str | None]:
    """Say of each agent why its return does not move with an input."""
    unset = "no_minutes" if name in {"baseline_minutes", "realisation_rate"} else "not_set"
    words = np.where(is_set, "not_adjusted", unset)
    return [None if moved else str(word) for moved, word in zip(moves, words, strict=True)]


def _range_basis(name: str, has_range: Floats) -> list[str]:
    if name == "realisation_rate":
        return ["signed_off_to_all"] * has_range.size
    if name == "baseline_minutes":
        return ["given" if given else "plus_minus_25" for given in has_range.tolist()]
    return ["plus_minus_25"] * has_range.size
