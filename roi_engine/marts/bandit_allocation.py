"""bandit_allocation: which arm is probably best, and what share of the traffic each should get."""

import numpy as np
import polars as pl

from roi_engine.marts.declared.bandit_allocation import BANDIT_ALLOCATION, HALF_LIFE_DAYS
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp
from roi_engine.marts.queries_trials import METRICS, TRIAL_DAYS, TRIAL_QUERIES, TRIALS
from roi_engine.marts.rates import UNIT_WEIGHT
from roi_engine.marts.trial_effects import HIGHER, effects, guardrails
from roi_engine.marts.trial_sums import measure
from roi_engine.marts.trials import Trials, read
from roi_engine.metrics.bandit import (
    FLOOR,
    allocate,
    best_arm_probability,
    discounted_counts,
    inverse_propensity_mean,
)
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = TRIAL_QUERIES

_ARM = ["experiment_id", "arm"]
_SHARES = tuple(metric.name for metric in METRICS if metric.is_share)
_WEIGHTED = ("weight_y", "weight_x", "weight_squared_y", "weight_squared_x")
_COUNTED = ("x", "y")


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
        return BANDIT_ALLOCATION.conform(pl.DataFrame(schema=BANDIT_ALLOCATION.schema))
    found = effects(trials, measure(trials, facts))
    verdicts = guardrails(trials, found)
    breached = verdicts.filter(pl.col("verdict") == "breached")["row"].unique()
    arms = _arms(trials, breached)
    days = _days(arms, facts, params)
    totals = days.group_by(_ARM).agg(pl.col(*_COUNTED, *_WEIGHTED).sum())
    rows = arms.join(totals, on=_ARM, how="left", maintain_order="left").with_columns(
        pl.col(*_COUNTED, *_WEIGHTED).fill_null(0)
    )
    (day,) = params.days
    return (
        _race(rows, days, trials)
        .pipe(_read_out)
        .with_columns(
            day=pl.lit(day, dtype=pl.Date),
            successes="x",
            trials="y",
            evidence=pl.lit("measured"),
            cost_basis=pl.lit("billed"),
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(BANDIT_ALLOCATION.conform)
    )


def _arms(trials: Trials, breached: pl.Series) -> pl.DataFrame:
    """Say of each arm whether it can race."""
    unit = pl.col("unit").fill_null("task")
    reason = (
        pl.when(unit != "task")
        .then(pl.lit("unit_is_no_task"))
        .when(~pl.col("metric").fill_null("").is_in(_SHARES))
        .then(pl.lit("metric_is_no_share"))
    )
    is_final = pl.col("is_over") & (pl.col("open_units") + pl.col("immature_units") == 0)
    return (
        trials.arms.with_row_index("row")
        .join(
            trials.plans.select("at", "metric", "unit", "is_over"),
            on="at",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            metric=pl.col("metric").fill_null("__unknown__"),
            unit=unit,
            is_barred=pl.col("row").is_in(breached.implode()),
            reason=reason,
            is_final=is_final.all().over("experiment_id"),
        )
        .with_columns(
            pl.when("is_final")
            .then(pl.lit("final"))
            .otherwise(pl.lit("provisional"))
            .alias("status")
        )
    )


def _days(arms: pl.DataFrame, facts: Frames, params: Params) -> pl.DataFrame:
    """Return x and y of each arm's own metric by day, and how many days ago that was."""
    rows = answer(TRIALS, facts).filter(~pl.col("is_crossed_over"))
    rows = rows.join(
        arms.filter(pl.col("reason").is_null()).select(*_ARM, "metric", "at", "place"),
        on=_ARM,
        how="inner",
        validate="m:1",
    )

    def own(end: str) -> pl.Expr:
        # one column out of a few, by the row's metric
        return pl.coalesce(
            pl.when(pl.col("metric") == name).then(pl.col(f"{name}_{end}").cast(pl.Int128))
            for name in _SHARES
        ).alias(end)

    (day,) = params.days
    return (
        rows.with_columns(own(end) for end in (*_COUNTED, *_WEIGHTED))
        .group_by(*_ARM, "at", "place", "day")
        .agg(pl.col(*_COUNTED, *_WEIGHTED).sum())
        .with_columns(ago=(pl.lit(day) - pl.col("day")).dt.total_days())
        .sort("at", "place", "day")
    )


def _race(rows: pl.DataFrame, days: pl.DataFrame, trials: Trials) -> pl.DataFrame:
    """Discount what was seen, and give each arm the share of the traffic that it has earned."""
    can = trials.dense(rows["reason"].is_null().cast(pl.Float64)) > 0
    tried = np.zeros((can.shape[0], TRIAL_DAYS, can.shape[1]))
    won = np.zeros_like(tried)
    ago = days["ago"].to_numpy()
    where = days["at"].to_numpy(), TRIAL_DAYS - 1 - ago, days["place"].to_numpy()
    up = np.isin(rows["metric"].to_numpy(), [name for name in _SHARES if HIGHER[name]])
    is_up = trials.dense(pl.Series(up.astype(np.float64))) > 0
    x, y = doubles(days, "x"), doubles(days, "y")
    tried[where] = y
    # where less is better, what did not happen is the success
    won[where] = np.where(is_up[where[0], where[2]], x, y - x)
    tried, won = (np.where(can[:, None, :], part, np.nan) for part in (tried, won))
    counts = discounted_counts(won, tried, 0.5 ** (1 / HALF_LIFE_DAYS))
    barred = trials.dense(rows["is_barred"].cast(pl.Float64)) > 0
    best = best_arm_probability(counts.wins, counts.losses, barred)
    floor = min(FLOOR, 0.5 / max(can.shape[1], 1))
    share = np.where(can, allocate(best, floor), np.nan)
    return rows.with_columns(
        nullable("discounted_wins", trials.flat(counts.wins)),
        nullable("discounted_losses", trials.flat(counts.losses)),
        nullable("best_probability", trials.flat(best)),
        nullable("allocation", trials.flat(share)),
    )


def _read_out(rows: pl.DataFrame) -> pl.DataFrame:
    """Say what each arm is worth: plainly, and as if it had always had all the traffic."""
    unit = float(UNIT_WEIGHT)
    weight, gain = doubles(rows, "weight_y", unit), doubles(rows, "weight_x", unit)
    squares, both = (doubles(rows, f"weight_squared_{end}", unit**2) for end in ("y", "x"))
    # a task is won or not, so that W·X and X² are both Σ w² over the won
    read = inverse_propensity_mean(weight, gain, squares, both, both, is_share=True)
    return rows.with_columns(
        nullable("rate", ratio(doubles(rows, "x"), doubles(rows, "y"))),
        nullable("weighted_rate", read.estimate),
        nullable("weighted_rate_low", read.low),
        nullable("weighted_rate_high", read.high),
        pl.col("x", "y").cast(pl.Int64),
    )
