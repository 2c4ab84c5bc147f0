"""experiment_readout: what each arm of each experiment did, and what its owner should do today."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.experiment_readout import EXPERIMENT_READOUT
from roi_engine.marts.facts import FactQuery, Frames
from roi_engine.marts.money import as_decimal, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp
from roi_engine.marts.queries_trials import TRIAL_QUERIES
from roi_engine.marts.trial_effects import HIGHER, NAMES, Effects, effects, guardrails
from roi_engine.marts.trial_sums import Measured, measure
from roi_engine.marts.trials import Trials, read, split
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.sequential import critical
from roi_engine.metrics.verdict import decide, detectable_effect, holm, power

QUERIES: tuple[FactQuery, ...] = TRIAL_QUERIES

_EXACT = ("numerator", "denominator")
_UNREADABLE = (
    *("metric_not_offered", "no_reference_arm", "longer_than_reach", "adaptive_allocation"),
)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the mart as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    trials = read(facts, params)
    if trials.arms.height == 0:
        return EXPERIMENT_READOUT.conform(pl.DataFrame(schema=EXPERIMENT_READOUT.schema))
    measured = measure(trials, facts)
    found = effects(trials, measured)
    limits = guardrails(trials, found)
    arms = _arms(trials, measured, found)
    rows = pl.concat([_of_metric(name, arms, measured, found) for name in NAMES])
    rows = _adjusted(rows)
    rows = _roles(rows, arms, limits, trials)
    rows = _decided(rows, limits)
    (day,) = params.days
    return (
        rows.with_columns(
            *as_decimal(*_EXACT),
            day=pl.lit(day, dtype=pl.Date),
            evidence=pl.lit("measured"),
            cost_basis=pl.lit("estimated"),
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(EXPERIMENT_READOUT.conform)
    )


def _arms(trials: Trials, measured: Measured, found: Effects) -> pl.DataFrame:
    """Say of each arm what does not depend on the metric."""
    expected, test, basis = split(trials)
    pending = measured.exact.select("open_tasks", "immature_tasks")
    arms = trials.arms.with_row_index("row").hstack(pending)
    is_final = (
        pl.col("is_over")
        & (pl.sum_horizontal("open_units", "immature_units", *pending.columns) == 0).all()
    )
    return (
        arms.join(
            trials.plans.drop("experiment_id", "arms"),
            on="at",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            expected,
            nullable("sample_ratio_p_value", test.p_value),
            pl.Series("is_sample_ratio_mismatch", test.is_mismatch, dtype=pl.Boolean),
            basis,
            nullable("planned_units", found.planned).round().cast(pl.Int64),
            nullable("progress", found.progress),
            pl.Series("has_past", measured.has_past, dtype=pl.Boolean),
            open_units=pl.col("open_units") + pl.col("open_tasks"),
            primary=pl.col("metric"),
            unit=pl.col("unit").fill_null("task"),
        )
        .with_columns(
            pl.when(is_final.over("experiment_id"))
            .then(pl.lit("final"))
            .otherwise(pl.lit("provisional"))
            .alias("status")
        )
        .drop("metric")
    )


def _of_metric(name: str, arms: pl.DataFrame, measured: Measured, found: Effects) -> pl.DataFrame:
    """Return the rows of one metric, one an arm."""
    read, looks = found.comparisons[name], found.sequences[name]
    exact = measured.exact.select(numerator=f"{name}_x", denominator=f"{name}_y")
    now = np.minimum(found.progress, 1.0)
    at_end = read.standard_error * np.sqrt(np.where(np.isnan(now), np.nan, now))
    multiple = critical(np.ones_like(at_end))
    effect = arms["minimum_effect"].fill_null(np.nan).to_numpy()
    weighted = measured.is_weighted[name]
    none = arms["is_adaptive"].to_numpy() & ~weighted
    reason = found.reasons[name].tolist()
    level: Floats = ratio(units(exact, "numerator"), units(exact, "denominator"))
    return arms.hstack(exact).with_columns(
        pl.lit(name).alias("metric"),
        pl.lit("up" if HIGHER[name] else "down").alias("better"),
        nullable("level", level),
        pl.Series(
            "weighting",
            np.select([none, weighted], ["none", "inverse_propensity"], "equal").tolist(),
            dtype=pl.String,
        ),
        pl.when("has_past").then(pl.lit("pre_period")).otherwise(pl.lit("none")).alias("covariate"),
        nullable("adjusted_reference", read.control),
        nullable("adjusted_level", read.treatment),
        nullable("difference", read.difference),
        nullable("difference_low", read.low),
        nullable("difference_high", read.high),
        nullable("standard_error", read.standard_error),
        nullable("p_value", read.p_value),
        nullable("lift", read.lift),
        nullable("lift_low", read.lift_low),
        nullable("lift_high", read.lift_high),
        nullable("variance_reduction", read.variance_reduction),
        nullable("sequence_low", looks.low),
        nullable("sequence_high", looks.high),
        nullable("sequence_p_value", looks.p_value),
        nullable("chance", power(effect, at_end, multiple)),
        nullable("detectable_effect", detectable_effect(at_end, multiple)),
        pl.Series("reason", [word or None for word in reason], dtype=pl.String),
    )


def _adjusted(rows: pl.DataFrame) -> pl.DataFrame:
    """Adjust p-values over all arms and metrics of each experiment."""
    rows = rows.with_row_index("nth").with_columns(
        pl.int_range(pl.len()).over("at").alias("within")
    )
    at, within = rows["at"].to_numpy(), rows["within"].to_numpy()
    shape = (int(at.max(initial=-1)) + 1, int(within.max(initial=-1)) + 1)
    adjusted = []
    for name in ("p_value", "sequence_p_value"):
        family = np.full(shape, np.nan)
        family[at, within] = rows[name].fill_null(np.nan).to_numpy()
        values = holm(family)[at, within] if rows.height else np.zeros(0)
        adjusted.append(nullable(f"{name}_holm", values))
    return rows.with_columns(adjusted).drop("nth", "within")


def _roles(
    rows: pl.DataFrame, arms: pl.DataFrame, limits: pl.DataFrame, trials: Trials
) -> pl.DataFrame:
    """Say what each metric is to its experiment; one that nobody offers has a row that says so."""
    on_file = trials.arms.with_row_index("row").select("row", "at")
    asked = pl.concat(
        [
            on_file.join(trials.plans.select("at", "metric"), on="at").select("row", "metric"),
            limits.select("row", "metric"),
        ]
    )
    unknown = (
        asked.filter(pl.col("metric").is_not_null() & ~pl.col("metric").is_in(NAMES))
        .unique()
        .join(arms, on="row", how="left", validate="m:1")
        .with_columns(
            reason=pl.lit("metric_not_offered"),
            weighting=pl.lit("none"),
            covariate=pl.lit("none"),
            **{name: pl.lit(0, dtype=pl.Int128) for name in _EXACT},
        )
    )
    shown = [name for name in unknown.columns if name in rows.columns]
    rows = pl.concat([rows, unknown.select(shown)], how="diagonal")
    verdicts = limits.select("row", "metric", guardrail_limit="limit", guardrail="verdict")
    named = limits.select("at", "metric").unique().with_columns(is_guardrail=pl.lit(True))
    rows = rows.join(verdicts, on=["row", "metric"], how="left", validate="1:1").join(
        named, on=["at", "metric"], how="left", validate="m:1"
    )
    return rows.with_columns(
        pl.when((pl.col("metric") == pl.col("primary")).fill_null(False))
        .then(pl.lit("primary"))
        .when(pl.col("is_guardrail").fill_null(False))
        .then(pl.lit("guardrail"))
        .otherwise(pl.lit("secondary"))
        .alias("role")
    ).with_columns(
        pl.when(pl.col("role") == "primary").then(name).alias(name)
        for name in ("minimum_effect", "chance")
    )


def _decided(rows: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """Decide on each arm, in the row of the experiment's own metric."""
    first = rows.filter((pl.col("role") == "primary") & ~pl.col("is_reference")).sort("row")
    up = (first["better"] != "down").to_numpy()
    low, high = (first[f"sequence_{end}"].fill_null(np.nan).to_numpy() for end in ("low", "high"))
    verdicts = first.select("row").join(
        limits.group_by("row").agg(pl.col("verdict").sort()),
        on="row",
        how="left",
        maintain_order="left",
    )["verdict"]
    width = max([1, *(len(each) for each in verdicts if each is not None)])
    padded = [[*(each if each is not None else [])] for each in verdicts]
    table = np.array([row + ["held"] * (width - len(row)) for row in padded]).reshape(-1, width)
    progress = first["progress"].fill_null(np.nan).to_numpy()
    words = decide(
        is_mismatch=first["is_sample_ratio_mismatch"].to_numpy(),
        low=np.where(up, low, -high),
        high=np.where(up, high, -low),
        guardrails=table,
        worthwhile=first["minimum_effect"].fill_null(np.nan).to_numpy(),
        is_complete=first["is_over"].to_numpy() | (progress >= 1),
        chance=first["chance"].fill_null(np.nan).to_numpy(),
    )
    decided = first.select(
        "row",
        "metric",
        pl.when(~pl.col("reason").is_in(_UNREADABLE).fill_null(False))
        .then(pl.Series(words.tolist(), dtype=pl.String))
        .alias("decision"),
    )
    return rows.join(decided, on=["row", "metric"], how="left", validate="1:1").rename(
        {"chance": "power"}
    )
