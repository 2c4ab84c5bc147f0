"""What to do with an agent, and why: what its money brings beside how its KPIs have moved."""

from datetime import timedelta

import numpy as np
import polars as pl

from roi_engine.marts.declared.drift import KPIS
from roi_engine.marts.money import doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.metrics.drift import MATERIAL_CHANGE, REPLACE_AFTER_DAYS, SIGNIFICANT
from roi_engine.metrics.roi import Floats, ratio

_ADVICE = ("keep", "re-baseline", "retrain", "replace", "retire")
"""Mildest first."""


def returns(asked: dict[str, pl.DataFrame], agents: list[str], params: Params) -> pl.DataFrame:
    """Return what each agent's money brings as far as it is verified, and for how long under 1.

    What unseen errors are known to cost is taken off; where that is not known the figure is at
    most too high.
    """
    (newest,) = params.days
    days = asked["drift_return"].sort("agent_id", pl.col("day"), descending=[False, True])
    mature = days.filter(pl.col("day") <= params.as_of - timedelta(days=params.reopen_window_days))
    under = (pl.col("spend_28d") > 0) & (pl.col("autonomous_value_28d") < pl.col("spend_28d"))
    runs = (
        mature.with_columns(under=under.cast(pl.Int64).cum_min().over("agent_id"))
        .group_by("agent_id")
        .agg(days_under_one=pl.col("under").sum())
    )
    cells = asked["drift_loss"].sort("agent_id", "day", "model_version", "task_type")
    hidden = np.nan_to_num(units(cells, "gross_value") - doubles(cells, "adjusted_value"))
    caused = np.nan_to_num(doubles(cells, "hallucination_cost"))
    lost = (
        cells.with_columns(lost=pl.Series(hidden + caused))
        .group_by("agent_id", maintain_order=True)
        .agg(pl.col("lost").sum())
    )
    rows = (
        pl.DataFrame({"agent_id": agents})
        .join(days.filter(pl.col("day") == newest), on="agent_id", how="left", validate="1:1")
        .join(runs, on="agent_id", how="left", validate="1:1")
        .join(lost, on="agent_id", how="left", validate="1:1")
        .sort("agent_id")
    )
    earned = units(rows, "autonomous_value_28d") - rows["lost"].fill_null(0.0).to_numpy()
    return rows.with_columns(
        nullable("verified_asr_value", ratio(earned, units(rows, "spend_28d"))),
        pl.col("days_under_one").fill_null(0).cast(pl.Int64),
        pl.col("evidence").fill_null("measured"),
        pl.col("cost_basis").fill_null("billed"),
        pl.col("status").fill_null("provisional"),
    )


def why(
    words: np.ndarray,
    *,
    rate: Floats,
    p_value: Floats,
    before: Floats,
    is_drifted: np.ndarray,
    returns: pl.DataFrame,
) -> list[str]:
    """Name the row of the rule that gave an advice."""
    better = (p_value < SIGNIFICANT) & (rate > 0) & (rate >= MATERIAL_CHANGE * np.abs(before))
    under = returns["verified_asr_value"].fill_null(np.nan).to_numpy() < 1
    losing = ~better & under & (returns["days_under_one"].to_numpy() >= REPLACE_AFTER_DAYS)
    renewed = words == "re-baseline"
    rules = {
        "loses_money": (words == "retire") | ((words == "replace") & losing),
        "worse_on_same_inputs": words == "replace",
        "worse_on_new_inputs": words == "retrain",
        "better": renewed & better,
        "inputs_drifted": renewed & is_drifted,
        "mix_changed": renewed,
        "not_known": np.isnan(rate),
    }
    chosen = np.select(list(rules.values()), list(rules), "nothing_moved")
    return [str(word) for word in chosen]


def overall(kpis: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """Return the gravest advice of each agent's KPIs, and why."""
    rank = {word: place for place, word in enumerate(_ADVICE)}
    gravest = (
        kpis.with_columns(
            rank=pl.col("advice").replace_strict(rank, return_dtype=pl.Int64),
            is_known=pl.col("advice_reason") != "not_known",
            place=pl.col("subject").replace_strict(
                {name: -place for place, name in enumerate(KPIS)}, return_dtype=pl.Int64
            ),
        )
        .sort("agent_id", "rank", "is_known", "place")
        .unique("agent_id", keep="last", maintain_order=True)
    )
    return gravest.select(
        "agent_id",
        subject=pl.lit("agent"),
        kind=pl.lit("advice"),
        advice="advice",
        advice_reason="advice_reason",
        count_then="count_then",
        count_now="count_now",
    ).join(
        returns.select("agent_id", "verified_asr_value", "days_under_one"),
        on="agent_id",
        how="left",
        validate="1:1",
    )
