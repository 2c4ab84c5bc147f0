"""grounding_effect: hallucination rates with and without retrieval, and their difference."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.grounding_effect import GROUNDING_EFFECT, SIDES
from roi_engine.marts.facts import WINDOW_DAYS, FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable, whole
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, statuses
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_people import RETRIEVAL_BY_ARM, REVIEWS_BY_RETRIEVAL
from roi_engine.marts.rates import UNIT_WEIGHT
from roi_engine.marts.windows import over_window
from roi_engine.metrics.difference import grounding_effect
from roi_engine.metrics.hallucination import Sample, effective_sample
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (REVIEWS_BY_RETRIEVAL, RETRIEVAL_BY_ARM, MATURITY, OPEN_COST)
LOW_QUALITY = 100
"""Fewer reviews than this on a side: the interval is marked low."""

_CELL = ["agent_id", "task_type"]
_SUMS = ("outputs", "reviewed", "hallucinated", "weight", "weight_squared", "weight_found")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    keys = ["day", *_CELL]
    window = over_window(_weighed(facts), [*_CELL, "has_retrieval"], params)
    reviewed = window.filter(pl.col("reviewed") > 0).select(keys).unique().sort(keys)
    rows = reviewed
    for side in SIDES:
        own = window.filter(pl.col("has_retrieval") == (side == "grounded")).drop("has_retrieval")
        rows = rows.join(
            own.rename({name: f"{side}_{name}" for name in _SUMS}),
            on=keys,
            how="left",
            validate="1:1",
        )
    rows = rows.with_columns(
        pl.col([f"{side}_{name}" for side in SIDES for name in _SUMS]).fill_null(0)
    ).sort(keys)
    outputs = pl.col("grounded_outputs") + pl.col("ungrounded_outputs")
    fewest = pl.min_horizontal(f"{side}_reviewed" for side in SIDES)
    return (
        rows.pipe(_compare)
        .join(_drawn(facts, params), on=keys, how="left", validate="1:1")
        .with_columns(
            inference=pl.when(pl.col("drawn_outputs") == outputs)
            .then(pl.lit("experiment"))
            .otherwise(pl.lit("association")),
            interval_quality=pl.when(fewest < LOW_QUALITY)
            .then(pl.lit("low"))
            .otherwise(pl.lit("normal")),
            evidence=pl.lit("measured"),
            cost_basis=pl.lit("billed"),
        )
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(GROUNDING_EFFECT.conform)
    )


def _weighed(facts: Frames) -> pl.DataFrame:
    """Sum outputs and reviews per day, cell and side; weights only where the chance is known."""
    chance = pl.col("sampling_probability").cast(pl.Float64)
    weight = (
        pl.when((chance > 0) & (chance <= 1))
        .then((UNIT_WEIGHT / chance).round().cast(pl.Int128))
        .when(pl.col("is_random"))
        .then(whole(UNIT_WEIGHT))
        .otherwise(whole(0))
    )
    n = pl.col("outputs").cast(pl.Int128)
    looked = pl.when(pl.col("is_reviewed")).then(n).otherwise(whole(0))
    found = pl.when(pl.col("is_reviewed") & pl.col("is_hallucination")).then(n).otherwise(whole(0))
    flags = ("has_retrieval", "is_reviewed", "is_hallucination", "is_random")
    return (
        answer(REVIEWS_BY_RETRIEVAL, facts)
        .with_columns(pl.col(flags).cast(pl.Boolean))
        .select(
            "day",
            *_CELL,
            "has_retrieval",
            "outputs",
            looked.cast(pl.Int64).alias("reviewed"),
            found.cast(pl.Int64).alias("hallucinated"),
            (looked * weight).alias("weight"),
            (looked * weight * weight).alias("weight_squared"),
            (found * weight).alias("weight_found"),
        )
        .group_by("day", *_CELL, "has_retrieval")
        .agg(pl.col(_SUMS).sum())
    )


def _compare(rows: pl.DataFrame) -> pl.DataFrame:
    samples = {
        side: effective_sample(
            doubles(rows, f"{side}_weight"),
            doubles(rows, f"{side}_weight_squared"),
            doubles(rows, f"{side}_weight_found"),
        )
        for side in SIDES
    }
    effect = grounding_effect(samples["grounded"], samples["ungrounded"])
    reason = (
        pl.when(pl.col("grounded_effective_reviews") == 0)
        .then(pl.lit("no_grounded_reviews"))
        .when(pl.col("ungrounded_effective_reviews") == 0)
        .then(pl.lit("no_ungrounded_reviews"))
    )
    return rows.with_columns(
        *(column for side, sample in samples.items() for column in _shown(side, sample)),
        nullable("grounding_effect", effect.estimate),
        nullable("grounding_effect_low", np.maximum(effect.low, -1.0)),
        nullable("grounding_effect_high", np.minimum(effect.high, 1.0)),
    ).with_columns(reason.alias("grounding_effect_reason"))


def _shown(side: str, sample: Sample) -> list[pl.Series]:
    return [
        nullable(f"{side}_effective_reviews", sample.reviewed),
        nullable(f"{side}_effective_hallucinations", sample.hallucinated),
        nullable(f"{side}_hallucination_rate", ratio(sample.hallucinated, sample.reviewed)),
    ]


def _drawn(facts: Frames, params: Params) -> pl.DataFrame:
    """Count the outputs of each cell for which an experiment drew whether they use retrieval."""
    arms = over_window(
        answer(RETRIEVAL_BY_ARM, facts).with_columns(pl.col("has_retrieval").cast(pl.Boolean)),
        [*_CELL, "experiment_id", "arm", "has_retrieval"],
        params,
    )
    cell = ["day", *_CELL, "experiment_id"]
    return (
        arms.group_by(*cell, "arm")
        .agg(
            pl.col("outputs").sum(),
            is_pure=pl.col("has_retrieval").n_unique() == 1,
            has_retrieval=pl.col("has_retrieval").first(),
        )
        .group_by(cell)
        .agg(
            pl.col("outputs").sum(),
            is_drawn=pl.col("is_pure").all() & (pl.col("has_retrieval").n_unique() == 2),
        )
        .filter("is_drawn")
        .group_by("day", *_CELL)
        .agg(drawn_outputs=pl.col("outputs").max())
    )
