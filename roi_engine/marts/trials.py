"""Experiments as marts see them: what was planned, which units came, is the split sound.

A unit that saw more than one arm is left out of every arm and counted; what follows is about the
units that stayed where they were put.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from roi_engine.marts.facts import Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.queries_trials import EXPERIMENTS, TRIAL_DAYS, TRIAL_UNITS, TRIALS
from roi_engine.marts.rates import UNIT_WEIGHT
from roi_engine.metrics.experiment import SampleRatio, sample_ratio
from roi_engine.metrics.roi import Floats, ratio

PLAN_DAYS = 28
"""How long an experiment is planned for that has no end on file."""

FIRST_DAYS = 7
"""The days whose units tell how many are to come: a week has every weekday once."""

_ARM = ["experiment_id", "arm"]
_DAILY = ("units", "weight", "weight_squared")


@dataclass(frozen=True, slots=True)
class Trials:
    """Experiments and their arms, each a row, and the units that came.

    ``arms`` is sorted by experiment and place, the reference first; ``at`` is its row in
    ``plans``. ``daily`` counts units by arm and day, ``units`` lists those that are no tasks.
    """

    plans: pl.DataFrame
    arms: pl.DataFrame
    daily: pl.DataFrame
    units: pl.DataFrame

    @property
    def reference(self) -> np.ndarray:
        """Return for each arm the row of the arm that it is compared with; −1 without one."""
        first = np.flatnonzero(self.arms["is_reference"].to_numpy())
        rows = np.full(self.plans.height, -1)
        experiment = self.arms["at"].to_numpy()
        rows[experiment[first]] = first
        return rows[experiment]

    def dense(self, values: pl.Series, fill: float = 0.0) -> Floats:
        """Lay out a value of each arm as experiments × arms."""
        width = int(self.arms["place"].to_numpy().max(initial=-1)) + 1
        table = np.full((self.plans.height, width), fill)
        known = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
        table[self.arms["at"].to_numpy(), self.arms["place"].to_numpy()] = known
        return table

    def flat(self, table: np.ndarray) -> np.ndarray:
        """Return a table of experiments × arms as one value an arm."""
        return np.asarray(table[self.arms["at"].to_numpy(), self.arms["place"].to_numpy()])


def read(facts: Frames, params: Params) -> Trials:
    """Read the experiments that can be read out as of the newest day.

    An experiment is left out once it is over and began before the reach: its last read-out stays
    in the releases that hold it.

    Args:
        facts: Answers to ``TRIAL_QUERIES``.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        Experiments, arms and units, all sorted.

    Source: metrics.md §8.
    """
    plans = _plans(facts, params)
    known = plans.select("experiment_id")
    tasks = answer(TRIALS, facts).join(known, on="experiment_id", how="semi")
    units = _units(facts).join(known, on="experiment_id", how="semi")
    seen = pl.concat(
        [
            tasks.select(*_ARM, "day", "is_crossed_over", "is_logged", *_DAILY),
            units.select(
                *_ARM,
                "day",
                "is_crossed_over",
                pl.col("propensity").is_not_null().alias("is_logged"),
                units=pl.lit(1, dtype=pl.Int64),
                weight=pl.col("weight").cast(pl.Int128),
                weight_squared=pl.col("weight").cast(pl.Int128).pow(2),
            ),
        ]
    )
    arms = _arms(plans, seen)
    daily = (
        seen.filter(~pl.col("is_crossed_over"))
        .group_by(*_ARM, "day", "is_logged")
        .agg(pl.col(_DAILY).sum())
        .sort(*_ARM, "day", "is_logged")
    )
    totals = _totals(plans, seen, daily, tasks)
    arms = arms.join(totals, on=_ARM, how="left", validate="1:1").with_columns(
        pl.col("units", "logged_units", "crossed_over_units", "first_units").fill_null(0),
        pl.col("open_units", "immature_units").fill_null(0),
        pl.col("varies").fill_null(False),
    )
    arms = arms.with_columns(is_adaptive=pl.col("varies").any().over("experiment_id"))
    stayed = units.filter(~pl.col("is_crossed_over")).sort("experiment_id", "arm", "unit_id")
    return Trials(plans, arms.sort("at", "place"), daily, stayed)


def split(trials: Trials) -> tuple[pl.Series, SampleRatio, pl.Series]:
    """Return how many units each arm should have, the test of all arms, and what it rests on.

        expected = Σ over days of units of the day · p, p = n / Σ (1 / propensity) of the arm

    A unit tells only how likely its own arm was, so a day's p of an arm is the harmonic mean of
    its units' propensities; arms that nobody drew that day get what the others leave, by plan.
    Units without a logged propensity are left out of the test; where no unit has one, all are
    expected as planned.

    Returns:
        Expected units, the test of the arm's experiment, and ``logged``, ``planned`` or ``none``,
        each one an arm.
    """
    arms, plans = trials.arms, trials.plans
    planned = trials.dense(arms["planned_share"])
    is_arm = trials.dense(pl.Series([1.0] * arms.height, dtype=pl.Float64)) > 0
    logged = trials.daily.filter("is_logged").with_columns(
        step=(pl.col("day") - pl.col("day").min()).dt.total_days().cast(pl.Int64)
    )
    logged = logged.join(arms.select(*_ARM, "at", "place"), on=_ARM, how="inner", validate="m:1")
    length = int(logged["step"].to_numpy().max(initial=-1)) + 1
    n, weight = (np.zeros((plans.height, length, planned.shape[1])) for _ in range(2))
    where = tuple(logged[name].to_numpy() for name in ("at", "step", "place"))
    n[where] = doubles(logged, "units")
    weight[where] = doubles(logged, "weight", UNIT_WEIGHT)
    drawn = n > 0
    share = np.where(drawn, ratio(n, weight), 0.0)
    left = np.maximum(1 - share.sum(axis=-1, keepdims=True), 0.0)
    wanted = np.where(np.isnan(planned), 1.0, planned)
    claims = np.where(~drawn & is_arm[:, None, :], wanted[:, None, :], 0.0)
    share = share + np.nan_to_num(left * ratio(claims, claims.sum(axis=-1, keepdims=True)))
    expected = (share * n.sum(axis=-1, keepdims=True)).sum(axis=1)

    counted = trials.dense(arms["logged_units"])
    is_logged = counted.sum(axis=-1) > 0
    units = np.where(is_logged[:, None], counted, trials.dense(arms["units"]))
    expected = np.where(is_logged[:, None], expected, planned * units.sum(axis=-1, keepdims=True))
    test = sample_ratio(units, expected)
    has_plan = np.isfinite(expected).all(axis=-1) & (units.sum(axis=-1) > 0)
    basis = np.select([is_logged, has_plan], ["logged", "planned"], "none")
    at = arms["at"].to_numpy()
    return (
        nullable("expected_units", trials.flat(expected)),
        SampleRatio(*(part[at] for part in test)),
        pl.Series("sample_ratio_basis", basis[at].tolist(), dtype=pl.String),
    )


def _plans(facts: Frames, params: Params) -> pl.DataFrame:
    """Return the experiments that have begun and are in reach, or still run."""
    (day,) = params.days
    reached = day - timedelta(days=TRIAL_DAYS - 1)
    dates = ("starts_on", "ends_on")
    text = ("hypothesis", "metric", "unit", "arms", "allocation", "guardrails")
    planned_days = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days()
    return (
        answer(EXPERIMENTS, facts)
        .with_columns(
            pl.col(dates).cast(pl.Date),
            pl.col(text).cast(pl.String),
            pl.col("minimum_effect").cast(pl.Float64),
        )
        .filter(pl.col("starts_on") <= day)
        .with_columns(
            is_over=(pl.col("ends_on") <= day + timedelta(days=1)).fill_null(False),
            is_in_reach=pl.col("starts_on") >= reached,
            planned_days=planned_days.fill_null(PLAN_DAYS).clip(1).cast(pl.Int64),
            is_planned_week_over=pl.col("starts_on") <= day - timedelta(days=FIRST_DAYS - 1),
        )
        .filter(pl.col("is_in_reach") | ~pl.col("is_over"))
        .sort("experiment_id")
        .with_row_index("at")
        .with_columns(pl.col("at").cast(pl.Int64))
    )


def _arms(plans: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """List the arms of each experiment: those on file in their order, then any others seen."""
    words = pl.col("arms").str.split(";").list.eval(pl.element().str.strip_chars())
    shares = (
        pl.col("allocation")
        .str.split(";")
        .list.eval(pl.element().str.strip_chars().cast(pl.Float64, strict=False))
    )
    listed = (
        plans.select("at", "experiment_id", arm=words, planned_share=shares)
        .with_columns(
            pl.when(pl.col("planned_share").list.len() == pl.col("arm").list.len())
            .then("planned_share")
            .otherwise(pl.col("arm").list.eval(pl.lit(None, dtype=pl.Float64)))
        )
        .explode("arm", "planned_share")
        .filter(pl.col("arm").fill_null("") != "")
        .unique(["at", "arm"], keep="first", maintain_order=True)
        .with_columns(place=pl.int_range(pl.len()).over("at"))
    )
    strays = (
        seen.select(_ARM)
        .unique()
        .join(plans.select("at", "experiment_id"), on="experiment_id", how="inner")
        .join(listed, on=_ARM, how="anti")
        .sort(_ARM)
        .join(listed.group_by("at").agg(taken=pl.len()), on="at", how="left")
        .select(
            "at",
            *_ARM,
            planned_share=pl.lit(0.0),
            place=pl.int_range(pl.len()).over("at") + pl.col("taken").cast(pl.Int64).fill_null(0),
        )
    )
    listed = listed.select("at", *_ARM, "planned_share", "place")
    return pl.concat(
        [
            listed.with_columns(is_reference=pl.col("place") == 0),
            strays.with_columns(is_reference=pl.lit(False)),
        ]
    ).sort("at", "place")


def _units(facts: Frames) -> pl.DataFrame:
    """Return agents and groups once, on their first day, and whether they saw another arm."""
    own = ["experiment_id", "unit", "unit_id"]
    rows = answer(TRIAL_UNITS, facts).with_columns(
        pl.col("propensity").cast(pl.Float64), pl.col("is_crossed_over").cast(pl.Boolean)
    )
    chance = pl.col("propensity").clip(1e-6)
    return (
        rows.with_columns(
            is_crossed_over=pl.col("is_crossed_over").any().over(own)
            | (pl.col("arm").n_unique().over(own) > 1)
        )
        .sort(*own, "arm", "day", "propensity", nulls_last=True)
        .unique([*own, "arm"], keep="first", maintain_order=True)
        .with_columns(
            weight=(UNIT_WEIGHT / chance + 0.5).floor().cast(pl.Int64).fill_null(0),
        )
    )


def _totals(
    plans: pl.DataFrame, seen: pl.DataFrame, daily: pl.DataFrame, tasks: pl.DataFrame
) -> pl.DataFrame:
    """Count each arm's units: all, with a propensity, of the first days, crossed over, pending."""
    dated = daily.join(plans.select("experiment_id", "starts_on"), on="experiment_id", how="left")
    early = pl.col("day") < pl.col("starts_on") + pl.duration(days=FIRST_DAYS)
    logged = pl.col("is_logged")
    n = pl.col("units").filter(logged).sum().cast(pl.Int128)
    squares = pl.col("weight_squared").filter(logged).sum()
    counted = dated.group_by(_ARM).agg(
        pl.col("units").sum(),
        logged_units=pl.col("units").filter(logged).sum(),
        first_units=pl.col("units").filter(early).sum(),
        # integers: equal propensities leave exactly 0
        varies=n * squares - pl.col("weight").filter(logged).sum().pow(2) > 0,
    )
    crossed = (
        seen.group_by(_ARM)
        .agg(crossed_over_units=pl.col("units").filter(pl.col("is_crossed_over")).sum())
        .join(counted, on=_ARM, how="left", validate="1:1")
    )
    pending = (
        tasks.filter(~pl.col("is_crossed_over"))
        .group_by(_ARM)
        .agg(pl.col("open_units", "immature_units").sum())
    )
    return crossed.join(pending, on=_ARM, how="left", validate="1:1")
