"""Hallucination rates of cells over the window: people's reviews, pooled, and evaluators'."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from roi_engine.marts.facts import Frames, answer
from roi_engine.marts.money import doubles, nullable, whole
from roi_engine.marts.params import Params
from roi_engine.marts.queries import EVALUATORS, REVIEWS, RUBRICS, UNKNOWN
from roi_engine.marts.windows import over_window
from roi_engine.metrics import grid
from roi_engine.metrics.evaluator import (
    Joint,
    Verdicts,
    corrected_rate,
    is_informative,
    joint_posterior,
)
from roi_engine.metrics.hallucination import Rate, effective_sample, jeffreys
from roi_engine.metrics.pooling import MIN_UNITS, Pool, pool, pooled, posterior_mass
from roi_engine.metrics.roi import Floats

Cell: TypeAlias = tuple[Any, ...]
"""Values of day and own cell, or of day and task type."""
OWN = ("agent_id", "model_version", "task_type")
UNIT_WEIGHT = 10**6
"""Weights 1/p are whole millionths, so that their sums and squares are exact."""

_COUNTS = ("window_reviewed", "window_hallucinated", "weight", "weight_squared", "weight_found")


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate of each cell, and what each evaluator's verdict means in it.

    ``cells`` has day, the own cell, window counts, rate, interval, variance and basis;
    ``chances`` has P(hallucinated) by day, cell and evaluator; ``joints`` the posteriors of
    cells in which an evaluator counts.
    """

    cells: pl.DataFrame
    chances: pl.DataFrame
    joints: dict[Cell, tuple[list[str], Joint]]


def estimate(cells: pl.DataFrame, facts: Frames, params: Params) -> Rates:
    """Estimate the rate of each requested cell from the window to its day.

    Args:
        cells: Rows that need a rate: day, agent_id, model_version, task_type and outputs.
        facts: Answers to ``REVIEWS``, ``RUBRICS`` and ``EVALUATORS``.
        params: The run's choices.

    Returns:
        Rates of these cells, sorted by day and cell.

    Source: metrics.md §4.
    """
    keys = ["day", *OWN]
    looked_at = answer(REVIEWS, facts)
    sample = over_window(people_by_day(looked_at), OWN, params)
    # cells that were reviewed in the window but have no row on the day still pool
    table = (
        cells.select(*keys, "outputs")
        .join(sample, on=keys, how="full", coalesce=True, validate="1:1")
        .with_columns(pl.col(_COUNTS).fill_null(0))
        .sort(keys)
    )
    effective = effective_sample(
        doubles(table, "weight"), doubles(table, "weight_squared"), doubles(table, "weight_found")
    )
    table = table.with_columns(
        nullable("window_effective_reviews", effective.reviewed),
        nullable("window_effective_hallucinations", effective.hallucinated),
    )
    rate, basis, pools = _people(table)
    verdicts = over_window(_verdicts(looked_at), (*OWN, "evaluator_id"), params)
    rubrics = _rubrics(facts, params)
    validated = _validated(verdicts, rubrics, facts)
    table = table.with_columns(
        nullable("hallucination_rate", rate.mean),
        nullable("hallucination_rate_low", rate.low),
        nullable("hallucination_rate_high", rate.high),
        nullable("variance", rate.variance),
        pl.Series("rate_basis", basis, dtype=pl.String),
    )
    table, chances, joints = _evaluators(table, validated, pools)
    versions = rubrics.filter("is_by_person").group_by(keys).agg(rubric_versions=pl.len())
    table = table.join(versions, on=keys, how="left", validate="1:1").with_columns(
        pl.col("rubric_versions").fill_null(0).cast(pl.Int64)
    )
    asked = cells.select(keys)
    return Rates(asked.join(table, on=keys, how="left", validate="1:1").sort(keys), chances, joints)


def people_by_day(reviews: pl.DataFrame) -> pl.DataFrame:
    """Sum people's reviews per day and cell; weights only of those with a known chance."""
    chance = pl.col("sampling_probability").cast(pl.Float64)
    known = (chance > 0) & (chance <= 1)
    weight = (
        pl.when(known)
        .then((UNIT_WEIGHT / chance).round().cast(pl.Int128))
        .when(pl.col("is_random"))
        .then(whole(UNIT_WEIGHT))
        .otherwise(whole(0))
    )
    n = pl.col("outputs").cast(pl.Int128)
    found = pl.when(pl.col("is_hallucination")).then(n).otherwise(whole(0))
    return (
        reviews.filter(pl.col("is_reviewed").cast(pl.Boolean))
        .with_columns(pl.col("is_random", "is_hallucination").cast(pl.Boolean))
        .select(
            "day",
            *OWN,
            n.cast(pl.Int64).alias("window_reviewed"),
            found.cast(pl.Int64).alias("window_hallucinated"),
            (n * weight).alias("weight"),
            (n * weight * weight).alias("weight_squared"),
            (found * weight).alias("weight_found"),
        )
        .group_by("day", *OWN)
        .agg(pl.col(_COUNTS).sum())
    )


def _verdicts(reviews: pl.DataFrame) -> pl.DataFrame:
    """Sum evaluators' verdicts; an output that people drew at random counts through them only.

    Outputs that people looked at for a reason stay: dropping those would bend the flag rate.
    """
    drawn = pl.col("is_reviewed").cast(pl.Boolean) & pl.col("is_random").cast(pl.Boolean)
    return (
        reviews.filter(
            pl.col("evaluator_id").is_not_null() & pl.col("is_flagged").is_not_null() & ~drawn
        )
        .select(
            "day",
            *OWN,
            pl.col("evaluator_id").cast(pl.String),
            pl.col("outputs").alias("seen"),
            pl.when(pl.col("is_flagged").cast(pl.Boolean))
            .then("outputs")
            .otherwise(0)
            .alias("flagged"),
        )
        .group_by("day", *OWN, "evaluator_id")
        .agg(pl.col("seen", "flagged").sum())
    )


def _rubrics(facts: Frames, params: Params) -> pl.DataFrame:
    """Return by which versions of the rubric a window's outputs were judged, and by whom."""
    daily = answer(RUBRICS, facts).with_columns(
        pl.col("is_by_person").cast(pl.Boolean),
        pl.col("evaluator_id", "rubric_version").cast(pl.String),
    )
    # of people only the version counts, not who they were
    daily = daily.with_columns(
        pl.when("is_by_person").then(None).otherwise("evaluator_id").alias("evaluator_id")
    )
    return over_window(daily, (*OWN, "is_by_person", "evaluator_id", "rubric_version"), params)


def _validated(verdicts: pl.DataFrame, rubrics: pl.DataFrame, facts: Frames) -> pl.DataFrame:
    """Put each evaluator's validation of the day beside its verdicts, and say if it informs.

    A validation by one version of the rubric says nothing of verdicts by another.
    """
    counts = ("tp", "fn", "tn", "fp")
    dated = answer(EVALUATORS, facts).with_columns(
        pl.col("valid_from", "valid_to").cast(pl.Date), pl.col(counts).cast(pl.Float64)
    )
    on = ["day", "evaluator_id"]
    valid = (
        verdicts.select(on)
        .unique()
        .join(dated, on="evaluator_id", how="inner")
        .filter(
            (pl.col("valid_from").is_null() | (pl.col("day") >= pl.col("valid_from")))
            & (pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to")))
        )
        .sort(*on, "valid_from", nulls_last=False)
        .unique(on, keep="last", maintain_order=True)
        .select(*on, "validated_by", pl.col(counts).fill_null(0))
    )
    informs = [is_informative(*row) for row in valid.select(counts).iter_rows()]
    keys = ["day", *OWN, "evaluator_id"]
    otherwise = (
        rubrics.filter(~pl.col("is_by_person"))
        .join(valid, on=on, how="inner", validate="m:1")
        .filter(
            (pl.col("rubric_version") != UNKNOWN)
            & (pl.col("rubric_version") != pl.col("validated_by"))
        )
        .select(keys)
        .unique()
        .with_columns(is_otherwise=pl.lit(True))
    )
    return (
        verdicts.join(
            valid.with_columns(pl.Series("informs", informs, dtype=pl.Boolean)),
            on=on,
            how="left",
            validate="m:1",
        )
        .join(otherwise, on=keys, how="left", validate="1:1")
        .with_columns(informs=pl.col("informs").fill_null(False) & pl.col("is_otherwise").is_null())
        .sort("day", *OWN, "evaluator_id")
    )


def _people(table: pl.DataFrame) -> tuple[Rate, list[str], dict[Cell, Pool]]:
    """Return each cell's posterior from people's reviews, its basis, and the pools."""
    n = doubles(table, "window_effective_reviews")
    h = doubles(table, "window_effective_hallucinations")
    rate = Rate(*(column.copy() for column in jeffreys(n, h)))
    has_outputs = table["outputs"].fill_null(0).to_numpy() > 0
    basis = np.where(n > 0, "reviewed", "none").astype(object)
    pools: dict[Cell, Pool] = {}
    for key, places in _groups(table, ["day", "task_type"]):
        units = places[n[places] > 0]
        if units.size < MIN_UNITS:
            continue
        pools[key] = pool(n[units], h[units])
        members = places[(n[places] > 0) | has_outputs[places]]
        for column, values in zip(rate, pooled(pools[key], n[members], h[members]), strict=True):
            column[members] = values
        basis[members] = "pooled"
    unknown = basis == "none"
    for column in rate:
        column[unknown] = np.nan
    return rate, basis.tolist(), pools


def _groups(table: pl.DataFrame, keys: list[str]) -> Iterable[tuple[Cell, np.ndarray]]:
    """Yield row numbers by key, in the order of the keys."""
    numbered = table.with_row_index("place").group_by(keys).agg(pl.col("place").sort()).sort(keys)
    for *key, places in numbered.iter_rows():
        yield tuple(key), np.asarray(places, dtype=np.int64)


def _evaluators(
    table: pl.DataFrame, verdicts: pl.DataFrame, pools: dict[Cell, Pool]
) -> tuple[pl.DataFrame, pl.DataFrame, dict[Cell, tuple[list[str], Joint]]]:
    """Let validated evaluators sharpen the rate of the cells whose outputs they saw."""
    keys = ["day", *OWN]
    columns = ("seen", "flagged", "tp", "fn", "tn", "fp")
    seen: dict[Cell, tuple[list[str], list[Verdicts]]] = {}
    for row in verdicts.filter("informs").select(*keys, "evaluator_id", *columns).iter_rows():
        names, counts = seen.setdefault(tuple(row[:4]), ([], []))
        names.append(row[4])
        counts.append(Verdicts(*row[5:]))

    joints: dict[Cell, tuple[list[str], Joint]] = {}
    better: list[Cell] = []
    chances: list[Cell] = []
    own = table.select(*keys, "window_effective_reviews", "window_effective_hallucinations")
    for *key, n, h in own.join(verdicts.select(keys).unique(), on=keys, how="semi").iter_rows():
        cell = tuple(key)
        if cell not in seen:
            continue
        names, counts = seen[cell]
        joint = joint_posterior(_prior(pools.get((key[0], key[3])), n, h), counts)
        joints[cell] = names, joint
        _, if_flagged, if_passed = joint.chances()
        total = sum(verdict.seen for verdict in counts)
        shares = [
            float(corrected_rate([v.flagged / v.seen], *v[2:])[0]) * v.seen / total for v in counts
        ]
        drawn = (float(column[0]) for column in grid.summary(joint.weight))
        better.append((*cell, *drawn, sum(shares)))
        chances += [
            (*cell, name, float(f), float(p))
            for name, f, p in zip(names, if_flagged, if_passed, strict=True)
        ]

    key_types: dict[str, type[pl.DataType]] = {"day": pl.Date} | dict.fromkeys(OWN, pl.String)
    improved = ("hallucination_rate", "hallucination_rate_low", "hallucination_rate_high")
    sharper = pl.DataFrame(
        better,
        schema=key_types
        | {f"{name}_joint": pl.Float64 for name in (*improved, "variance")}
        | {"evaluator_corrected_rate": pl.Float64},
        orient="row",
    )
    counted = verdicts.group_by(keys).agg(
        pl.col("seen").filter("informs").sum().alias("evaluator_seen"),
        pl.col("flagged").filter("informs").sum().alias("evaluator_flagged"),
        (~pl.col("informs")).sum().cast(pl.Int64).alias("evaluators_rejected"),
    )
    is_joint = pl.col("hallucination_rate_joint").is_not_null()
    table = (
        table.join(counted, on=keys, how="left", validate="1:1")
        .join(sharper, on=keys, how="left", validate="1:1")
        .with_columns(
            *(pl.coalesce(f"{name}_joint", name).alias(name) for name in (*improved, "variance")),
            # an evaluator's reviews are reviews: a rate from them alone is not "none"
            pl.when(is_joint & (pl.col("rate_basis") == "none"))
            .then(pl.lit("reviewed"))
            .otherwise("rate_basis")
            .alias("rate_basis"),
            pl.col("evaluator_seen", "evaluator_flagged", "evaluators_rejected").fill_null(0),
        )
    )
    chance_types: dict[str, type[pl.DataType]] = {
        "evaluator_id": pl.String,
        "if_flagged": pl.Float64,
        "if_passed": pl.Float64,
    }
    return table, pl.DataFrame(chances, schema=key_types | chance_types, orient="row"), joints


def _prior(neighbours: Pool | None, reviewed: float, hallucinated: float) -> Floats:
    """Return what people's reviews say of a cell, on the evaluator's grid."""
    if neighbours is None:
        return grid.beta_mass(0.5 + hallucinated, 0.5 + reviewed - hallucinated)
    return posterior_mass(neighbours, reviewed, hallucinated)
