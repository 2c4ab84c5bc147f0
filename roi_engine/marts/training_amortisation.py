"""training_amortisation: each run's balance, what a day of it costs, and its payback."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from roi_engine.marts.declared.training_amortisation import TRAINING_AMORTISATION
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, statuses, weakest
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_planning import MODEL_DAYS, RUNS, YEAR_DAYS
from roi_engine.marts.windows import WINDOW_DAYS
from roi_engine.metrics.investment import payback_days
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (RUNS, MODEL_DAYS, MATURITY, OPEN_COST)

_SAID = (
    *("model_version", "gpu_hours", "flops", "peak_vram_gib", "completed_on", "lifespan_days"),
    "retired_on",
)
_MONEY = tuple(c.name for c in TRAINING_AMORTISATION.columns if c.type == "DECIMAL(38,9)")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    value = answer(MODEL_DAYS, facts).with_columns(
        net=pl.col("gross_value") - pl.col("total_cost") + pl.col("training_cost")
    )
    trust = value.group_by("model_version").agg(weakest("evidence"), weakest("cost_basis"))
    rows = (
        _books(answer(RUNS, facts))
        .join(trust, on="model_version", how="left", validate="m:1")
        .with_columns(
            pl.col("evidence").fill_null("measured"), pl.col("cost_basis").fill_null("billed")
        )
        .sort("run_id")
        .with_columns(day=pl.lit(today))
    )
    return (
        rows.pipe(_pay_back, value, params)
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .with_columns(*as_decimal(*_MONEY))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(TRAINING_AMORTISATION.conform)
    )


def _books(days: pl.DataFrame) -> pl.DataFrame:
    """Add up each run's days; what is said of a run is what its latest day says."""
    return (
        days.sort("run_id", "day")
        .group_by("run_id", maintain_order=True)
        .agg(
            *(pl.col(name).last() for name in _SAID),
            pl.col("opening_balance").first(),
            pl.col("additions", "amortised", "written_off").sum(),
            pl.col("closing_balance").last(),
            pl.col("amortised").filter(pl.col("amortised") > 0).last().alias("cost_per_day"),
        )
        .with_columns(
            # a book of NULLs only has no type
            pl.col("model_version").cast(pl.String),
            pl.col("lifespan_days").cast(pl.Int64),
            pl.col("completed_on", "retired_on").cast(pl.Date),
            pl.col("gpu_hours", "flops", "peak_vram_gib").cast(pl.Float64),
            pl.col("cost_per_day").fill_null(0),
            capitalised_cost=pl.col("opening_balance") + pl.col("additions"),
        )
    )


def _pay_back(rows: pl.DataFrame, value: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Set each run's cost against its model version's net value since completion."""
    (today,) = params.days
    begins = today - timedelta(days=YEAR_DAYS - 1)
    calendar = pl.DataFrame({"at": [begins + timedelta(days=n) for n in range(YEAR_DAYS)]})
    daily = value.group_by(pl.col("day").alias("at"), "model_version").agg(pl.col("net").sum())
    laid_out = (
        rows.select("run_id", "model_version", "completed_on")
        .join(calendar, how="cross")
        .join(daily, on=["at", "model_version"], how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col("at") > pl.col("completed_on")).then("net").fill_null(0).alias("net")
        )
        .sort("run_id", "at")
    )
    net: Floats = units(laid_out, "net").reshape(rows.height, YEAR_DAYS)
    cost = units(rows, "capitalised_cost")
    since = (pl.Series([today]) - rows["completed_on"]).dt.total_days().to_frame("since")
    age = doubles(since, "since")
    done, old = age >= 0, age > YEAR_DAYS
    # a day before the first one that was built is not known to have brought nothing
    first = value["day"].min()
    early = done & (age > ((today - first).days + 1 if isinstance(first, date) else 0))
    # the kernel counts from the first day of the calendar, days since completion are fewer
    paid = payback_days(net, cost) - (YEAR_DAYS - age)
    recent = np.where(done, np.clip(age, 1, WINDOW_DAYS), np.nan)
    pace = ratio(cost * recent, net[:, -WINDOW_DAYS:].sum(axis=1))
    total = laid_out.group_by("run_id", maintain_order=True).agg(net_value=pl.col("net").sum())
    reason = (
        pl.when(~pl.Series(done))
        .then(pl.lit("not_completed"))
        .when(pl.Series(old))
        .then(pl.lit("older_than_a_year"))
        .when(pl.Series(early))
        .then(pl.lit("before_first_day"))
        .when(pl.col("payback_days").is_null())
        .then(pl.lit("not_paid_back"))
    )
    return (
        rows.join(total, on="run_id", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            nullable("payback_days", np.where(done & ~old & ~early, np.maximum(paid, 0.0), np.nan)),
            nullable("payback_days_at_pace", pace),
            nullable("cost_per_gpu_hour", ratio(cost, doubles(rows, "gpu_hours"))),
        )
        .with_columns(payback_reason=reason)
    )
