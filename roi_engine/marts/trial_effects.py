"""What each arm did to each metric against the reference, and whether it did harm."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roi_engine.marts.queries_trials import METRICS
from roi_engine.marts.trial_sums import Measured
from roi_engine.marts.trials import FIRST_DAYS, Trials
from roi_engine.metrics.experiment import Comparison, Sums, compare
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.sequential import FIRST_LOOK_UNITS, Sequence, confidence_sequence
from roi_engine.metrics.verdict import guardrail

NAMES = [metric.name for metric in METRICS]
HIGHER = {metric.name: metric.is_better_high for metric in METRICS}
REASONS = (
    "reference_arm",
    "metric_not_offered",
    "no_reference_arm",
    "longer_than_reach",
    "adaptive_allocation",
    "no_units",
    "no_data",
    "no_variance",
    "first_week",
    "few_units",
)
"""Why a figure is NULL, the first that applies."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects by metric, one row an arm; NaN on the reference.

    ``progress`` is units over planned units of an arm and the reference together,
    ``planned`` those of the arm alone.
    """

    comparisons: dict[str, Comparison]
    sequences: dict[str, Sequence]
    reasons: dict[str, np.ndarray]
    planned: Floats
    progress: Floats


def effects(trials: Trials, measured: Measured) -> Effects:
    """Compare every arm with the reference of its experiment, on every metric.

    The number of units that is planned is taken once, from the units of the first week over the
    planned days; it sets where the confidence sequence is sharpest and must not follow the data.

    Args:
        trials: Experiments and arms.
        measured: Sums of each metric.

    Returns:
        Fixed-horizon comparisons, confidence sequences, and why a figure is missing.

    Source: metrics.md §8.
    """
    reference = trials.reference
    against = np.maximum(reference, 0)
    arms = trials.arms.join(
        trials.plans.select("at", "planned_days", "is_planned_week_over", "is_in_reach"),
        on="at",
        how="left",
        maintain_order="left",
    )
    units = arms["units"].to_numpy().astype(np.float64)
    planned = (
        arms["first_units"].to_numpy() * arms["planned_days"].to_numpy() / FIRST_DAYS
    ).astype(np.float64)
    planned = np.where(arms["is_planned_week_over"].to_numpy(), planned, np.nan)
    both = units + units[against]
    progress = ratio(both, planned + planned[against])

    is_reference = arms["is_reference"].to_numpy()
    is_adaptive = arms["is_adaptive"].to_numpy()
    far = ~arms["is_in_reach"].to_numpy()
    comparisons, sequences, reasons = {}, {}, {}
    for name in NAMES:
        sums = measured.sums[name]
        unequal = is_adaptive & ~measured.is_weighted[name]
        blank = is_reference | (reference < 0) | far | unequal
        read = compare(_kept(sums, blank), _kept(Sums(*(part[against] for part in sums)), blank))
        looks = confidence_sequence(
            read.difference, read.standard_error, np.nan_to_num(both), progress
        )
        comparisons[name], sequences[name] = read, looks
        reasons[name] = np.select(
            [
                is_reference,
                reference < 0,
                far,
                unequal,
                (units == 0) | (units[against] == 0),
                np.isnan(read.difference),
                np.isnan(read.standard_error),
                np.isnan(progress),
                both < FIRST_LOOK_UNITS,
            ],
            [REASONS[0], *REASONS[2:]],
            "",
        )
    return Effects(comparisons, sequences, reasons, planned, progress)


def harm(found: Effects, metric: str) -> tuple[Floats, Floats]:
    """Return low and high of how much worse an arm is than the reference, at any look."""
    looks = found.sequences[metric]
    return (-looks.high, -looks.low) if HIGHER[metric] else (looks.low, looks.high)


def guardrails(trials: Trials, found: Effects) -> pl.DataFrame:
    """Read the limits of each experiment and say of each arm how it stands to them.

    Returns:
        One row an arm and guardrail, the reference left out: ``row`` of the arm, metric, limit,
        verdict; a metric that is not offered stays open.
    """
    listed = (
        trials.plans.select("at", pl.col("guardrails").str.split(";").alias("rule"))
        .explode("rule")
        .with_columns(
            metric=pl.col("rule").str.split(":").list.get(0, null_on_oob=True).str.strip_chars(),
            limit=pl.col("rule")
            .str.split(":")
            .list.get(1, null_on_oob=True)
            .str.strip_chars()
            .cast(pl.Float64, strict=False),
        )
        .filter(pl.col("metric").fill_null("") != "")
        .unique(["at", "metric"], keep="first", maintain_order=True)
        .select("at", "metric", "limit")
    )
    rows = (
        trials.arms.with_row_index("row")
        .filter(~pl.col("is_reference"))
        .select("row", "at")
        .join(listed, on="at", how="inner")
        .sort("row", "metric")
    )
    row = rows["row"].to_numpy()
    low, high = (np.full(rows.height, np.nan) for _ in range(2))
    for name in NAMES:
        here = (rows["metric"] == name).to_numpy()
        for end, values in zip((low, high), harm(found, name), strict=True):
            end[here] = values[row[here]]
    limit = rows["limit"].fill_null(np.nan).to_numpy()
    return rows.with_columns(
        pl.Series("verdict", guardrail(low, high, limit).tolist(), dtype=pl.String)
    )


def _kept(sums: Sums, blank: np.ndarray) -> Sums:
    """Return no units where nothing is to be compared."""
    return Sums(*(np.where(blank.reshape(-1, *[1] * (part.ndim - 1)), 0.0, part) for part in sums))
