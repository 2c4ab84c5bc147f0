"""daily_hallucination_adjusted_cost: cost and value once unseen errors are counted."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.daily_hallucination_adjusted_cost import (
    DAILY_HALLUCINATION_ADJUSTED_COST as MART,
)
from roi_engine.marts.declared.daily_roi import VALUE_PARTS
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import CREDITED_SCALE, as_decimal, doubles, nullable, to_nano, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, evidence, requested, stamp, statuses, together
from roi_engine.marts.queries import (
    COST_BY_CELL,
    EVALUATORS,
    EXPOSURE,
    HUMAN_BY_CELL,
    MATURITY,
    OPEN_COST,
    OUTPUTS,
    REVIEWS,
    RUBRICS,
    VALUE_BY_CELL,
)
from roi_engine.marts.rates import OWN, Cell, Rates, estimate
from roi_engine.metrics.hallucination import loss_per_hallucination
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.undetected import CountInterval, beta_binomial_interval

QUERIES: tuple[FactQuery, ...] = (
    COST_BY_CELL,
    HUMAN_BY_CELL,
    VALUE_BY_CELL,
    OUTPUTS,
    REVIEWS,
    RUBRICS,
    EXPOSURE,
    EVALUATORS,
    MATURITY,
    OPEN_COST,
)
LOW_QUALITY = 100
"""Fewer outputs looked at than this: the interval is marked low."""

_KEYS = ["day", *OWN]


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    outputs = requested(answer(OUTPUTS, facts), params).with_columns(
        pl.col("is_reviewed", "is_hallucination", "is_flagged").cast(pl.Boolean)
    )
    rows = _rows(facts, params, outputs)
    rates = estimate(rows, facts, params)
    cells = rows.join(rates.cells.drop("outputs"), on=_KEYS, how="left", validate="1:1").sort(_KEYS)
    known = _with_chances(outputs, rates)
    expected = _expected(known, cells)
    interval = _count_interval(cells, _mixes(known, rates))
    lost = _lost_value(_with_chances(_exposure(facts, params), rates), cells)
    return (
        cells.pipe(_adjust, expected, interval, lost)
        .join(statuses(facts, params, window_days=28), on="day", how="left", validate="m:1")
        .with_columns(
            evidence(pl.col("assumed_parts"), pl.col("published_parts")),
            cost_basis(),
            *as_decimal("total_cost", "gross_value"),
        )
        .pipe(stamp, params)
        .pipe(MART.conform)
    )


def _rows(facts: Frames, params: Params, outputs: pl.DataFrame) -> pl.DataFrame:
    """Add up cost, value and outputs of each cell; money once more rounded for this grain."""

    def weakest(counted: str) -> list[pl.Expr]:
        return [
            pl.when(pl.col("evidence") == name).then(counted).otherwise(0).alias(f"{name}_parts")
            for name in ("assumed", "published")
        ]

    reviewed = pl.col("is_reviewed")
    found = reviewed & pl.col("is_hallucination")
    cells = together(
        _KEYS,
        requested(answer(COST_BY_CELL, facts), params).select(
            *_KEYS, "billed_lines", "estimated_lines", pl.col("cost").alias("total_cost")
        ),
        requested(answer(HUMAN_BY_CELL, facts), params).select(
            *_KEYS,
            pl.col("human_cost").alias("total_cost"),
            pl.col("assumed_entries").alias("assumed_parts"),
        ),
        requested(answer(VALUE_BY_CELL, facts), params).select(
            *_KEYS, *VALUE_PARTS, *weakest("credited_tasks")
        ),
        outputs.select(
            *_KEYS,
            "outputs",
            pl.when(reviewed).then("outputs").otherwise(0).alias("reviewed"),
            pl.when(found).then("outputs").otherwise(0).alias("hallucinated"),
            *weakest("outputs"),
        ),
    )
    return (
        cells.with_columns(to_nano(part, CREDITED_SCALE) for part in VALUE_PARTS)
        .with_columns(
            gross_value=pl.sum_horizontal(VALUE_PARTS),
            unverified=pl.col("outputs") - pl.col("reviewed"),
        )
        .sort(_KEYS)
    )


def _exposure(facts: Frames, params: Params) -> pl.DataFrame:
    """Return the value of unverified successes, keyed by the tasks' own cells."""
    return (
        requested(answer(EXPOSURE, facts), params)
        .rename({"agent_id": "credit_agent_id", "model_version": "credit_model_version"})
        .rename({"own_agent_id": "agent_id", "own_model_version": "model_version"})
        .with_columns(pl.col("is_flagged").cast(pl.Boolean))
    )


def _with_chances(frame: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    """Add ``chance``: P(hallucinated) by the own cell's rate and the evaluator's verdict."""
    verdict = pl.when("is_flagged").then("if_flagged").when(~pl.col("is_flagged")).then("if_passed")
    return (
        frame.with_columns(pl.col("evaluator_id").cast(pl.String))
        .join(
            rates.cells.select(*_KEYS, "hallucination_rate"), on=_KEYS, how="left", validate="m:1"
        )
        .join(rates.chances, on=[*_KEYS, "evaluator_id"], how="left", validate="m:1")
        .with_columns(chance=pl.coalesce(verdict, "hallucination_rate"))
    )


def _expected(outputs: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Sum expected errors and what they cost per cell, over outputs that nobody verified.

    Doubles are added one after the other in a fixed order, so that no thread shows.
    """
    loss = outputs.with_columns(
        nullable(
            "loss",
            loss_per_hallucination(
                doubles(outputs, "liability"),
                doubles(outputs, "later_detected"),
                doubles(outputs, "remediation_minutes"),
                doubles(outputs, "hourly_cost"),
            ),
        ),
        open=pl.when("is_reviewed").then(0).otherwise("outputs"),
        no_liability=pl.col("liability").is_null(),
        no_remediation=pl.col("remediation_minutes").is_null() | pl.col("hourly_cost").is_null(),
    )
    placed = _placed(loss, cells, _KEYS)
    size, chance = doubles(placed, "open"), doubles(placed, "chance")
    wrong = np.where(size > 0, size * chance, 0.0)
    cost = np.where(size > 0, wrong * doubles(placed, "loss"), 0.0)
    place = placed["place"].to_numpy()
    blank = placed.group_by("place").agg(pl.col("no_liability", "no_remediation").any())
    return (
        pl.DataFrame({"place": np.arange(cells.height)})
        .with_columns(
            pl.Series("expected", _add(place, wrong, cells.height)),
            pl.Series("cost", _add(place, cost, cells.height)),
        )
        .join(blank.with_columns(pl.col("place").cast(pl.Int64)), on="place", how="left")
        .sort("place")
    )


def _lost_value(exposed: pl.DataFrame, cells: pl.DataFrame) -> Floats:
    """Sum P · value of unverified successes per credited cell; NaN where a rate is missing."""
    own = [f"own_{name}" for name in OWN[:2]]
    credited = exposed.rename(dict(zip(OWN[:2], own, strict=True))).rename(
        {f"credit_{name}": name for name in OWN[:2]}
    )
    placed = _placed(credited, cells, _KEYS, *own)
    value = doubles(placed, "value", 10.0**CREDITED_SCALE)
    chance = doubles(placed, "chance")
    lost = np.where(value == 0, 0.0, value * chance)
    return _add(placed["place"].to_numpy(), lost, cells.height)


def _placed(frame: pl.DataFrame, cells: pl.DataFrame, keys: list[str], *more: str) -> pl.DataFrame:
    """Say which row of ``cells`` each row belongs to, in one order whatever came in."""
    order = [
        name
        for name in (*more, "is_reviewed", "evaluator_id", "is_flagged", "liability")
        if name in frame.columns
    ]
    rest = [
        name
        for name in ("remediation_minutes", "hourly_cost", "later_detected", "evidence")
        if name in frame.columns
    ]
    numbered = cells.select(keys).with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64))
    return frame.join(numbered, on=keys, how="inner", validate="m:1").sort("place", *order, *rest)


def _add(place: np.ndarray, values: Floats, size: int) -> Floats:
    """Add doubles up by place, one after the other."""
    return np.bincount(place, weights=values, minlength=size).astype(np.float64)


def _adjust(
    cells: pl.DataFrame, expected: pl.DataFrame, interval: CountInterval, lost: Floats
) -> pl.DataFrame:
    """Turn rates into costs and values; without a rate every adjusted figure is NULL."""
    outputs = cells["outputs"].to_numpy()
    none = outputs == 0
    no_rate = (cells["rate_basis"] == "none").to_numpy() & ~none
    undetected = np.where(none, 0.0, np.where(no_rate, np.nan, expected["expected"].to_numpy()))
    loss = np.where(none, 0.0, np.where(no_rate, np.nan, expected["cost"].to_numpy()))
    total, gross = units(cells, "total_cost"), units(cells, "gross_value")
    adjusted_cost = total + loss
    verified = outputs - doubles(cells, "hallucinated") - undetected
    adjusted_value = np.where(no_rate, np.nan, gross - lost)
    known = pl.col("hallucination_rate").is_not_null()
    looked_at = pl.col("window_reviewed") + pl.col("evaluator_seen")
    return cells.with_columns(
        nullable("expected_undetected", undetected),
        nullable("expected_undetected_low", interval.low),
        nullable("expected_undetected_high", interval.high),
        nullable("hallucination_cost", loss),
        pl.when(pl.Series(no_rate))
        .then(pl.lit("no_rate"))
        .when(pl.Series(expected["no_liability"].fill_null(False)) & (pl.col("outputs") > 0))
        .then(pl.lit("no_liability"))
        .when(pl.Series(expected["no_remediation"].fill_null(False)) & (pl.col("outputs") > 0))
        .then(pl.lit("no_remediation"))
        .alias("hallucination_cost_reason"),
        nullable("hallucination_adjusted_cost", adjusted_cost),
        nullable("verified_outputs", verified),
        nullable("cost_per_verified_output", ratio(adjusted_cost, verified)),
        nullable("adjusted_value", adjusted_value),
        nullable("adjusted_roi", ratio(adjusted_value - adjusted_cost, adjusted_cost)),
        pl.when(known)
        .then(pl.when(looked_at < LOW_QUALITY).then(pl.lit("low")).otherwise(pl.lit("normal")))
        .alias("interval_quality"),
    ).with_columns(
        # an assumption that nobody set leaves the cost unknown, however few outputs it concerns
        pl.when(pl.col("hallucination_cost_reason").is_null()).then(name).alias(name)
        for name in (
            "hallucination_cost",
            "hallucination_adjusted_cost",
            "cost_per_verified_output",
            "adjusted_roi",
        )
    )


def _mixes(outputs: pl.DataFrame, rates: Rates) -> dict[Cell, tuple[float, float]]:
    """Return mean and variance of the undetected share where an evaluator saw some outputs."""
    unverified = outputs.filter(~pl.col("is_reviewed"))
    # what an evaluator said that does not count in the cell says nothing: the output is unseen
    verdict = pl.when(pl.col("if_flagged").is_not_null()).then("is_flagged")
    counted = unverified.group_by(
        *_KEYS, pl.when(verdict.is_not_null()).then("evaluator_id"), verdict.alias("verdict")
    ).agg(pl.col("outputs").sum())
    mixes: dict[Cell, dict[tuple[str | None, bool | None], int]] = {}
    for *key, evaluator, flagged, number in counted.iter_rows():
        mixes.setdefault(tuple(key), {})[evaluator, flagged] = number
    shares = {}
    for cell, (names, joint) in rates.joints.items():
        mix = mixes.get(cell, {})
        shares[cell] = joint.undetected_share(
            mix.get((None, None), 0),
            [mix.get((name, True), 0) for name in names],
            [mix.get((name, False), 0) for name in names],
        )
    return shares


def _count_interval(cells: pl.DataFrame, mixes: dict[Cell, tuple[float, float]]) -> CountInterval:
    """Return the interval of the number of undetected errors of each cell."""
    none = cells["outputs"].to_numpy() == 0
    mean, variance = doubles(cells, "hallucination_rate"), doubles(cells, "variance")
    mean, variance = np.where(none, 0.0, mean), np.where(none, 0.0, variance)
    places = {cell: place for place, cell in enumerate(cells.select(_KEYS).iter_rows())}
    for cell, moments in mixes.items():
        if cell in places:
            mean[places[cell]], variance[places[cell]] = moments
    return beta_binomial_interval(doubles(cells, "unverified"), mean, variance)
