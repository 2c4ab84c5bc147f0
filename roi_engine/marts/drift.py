"""drift: have an agent's inputs moved, did it get worse or only its mix, and what to do."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from roi_engine.marts.declared.drift import DRIFT, KPIS
from roi_engine.marts.drift_advice import overall, returns, why
from roi_engine.marts.drift_parts import (
    Halves,
    Parts,
    by_day,
    change,
    halves,
    of_means,
    of_money,
    of_shares,
    shift,
)
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp
from roi_engine.marts.queries import UNKNOWN
from roi_engine.marts.queries_drift import (
    DRIFT_CALLS,
    DRIFT_DAYS,
    DRIFT_LATENCY,
    DRIFT_LOSS,
    DRIFT_RETURN,
    DRIFT_SPEND,
    DRIFT_TASKS,
    DRIFT_TOKENS,
    SERVED,
    WINDOW_DAYS,
)
from roi_engine.metrics.drift import (
    SIGNIFICANT,
    advise,
    stability_level,
)
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (
    DRIFT_TASKS,
    DRIFT_TOKENS,
    DRIFT_LATENCY,
    DRIFT_SPEND,
    DRIFT_CALLS,
    DRIFT_RETURN,
    DRIFT_LOSS,
)

_SUMS = ("numerator_then", "denominator_then", "numerator_now", "denominator_now")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the mart as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (newest,) = params.days
    asked = {query.name: answer(query, facts) for query in QUERIES}
    # queries reach further back for what only follows a loss
    first = newest - timedelta(days=DRIFT_DAYS - 1)
    seen = [asked[name].filter(pl.col("day") >= first) for name in ("drift_tasks", "drift_spend")]
    agents = sorted({agent for frame in seen for agent in frame["agent_id"]})
    if not agents:
        return DRIFT.conform(pl.DataFrame(schema=DRIFT.schema))
    inputs, is_drifted = _inputs(asked, agents, newest)
    brought = returns(asked, agents, params)
    kpis = _kpis(asked, agents, newest, is_drifted, brought)
    # what got better or worse did so with these versions
    versioned = pl.concat(
        [kpis, _versions(asked, agents, newest), overall(kpis, brought)], how="diagonal"
    ).join(_served(asked, newest), on="agent_id", how="left", validate="m:1")
    rows = pl.concat([inputs, _quality(asked, agents, newest), versioned], how="diagonal")
    trust = brought.select("agent_id", "evidence", "cost_basis", "status")
    return (
        rows.join(trust, on="agent_id", how="left", validate="m:1")
        .with_columns(
            pl.lit(newest, dtype=pl.Date).alias("day"),
            pl.col(*_SUMS, "count_then", "count_now").fill_null(0),
        )
        .with_columns(*as_decimal(*_SUMS))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(DRIFT.conform)
    )


def _subject(agents: list[str], name: str, kind: str) -> pl.DataFrame:
    return pl.DataFrame({"agent_id": agents}).with_columns(subject=pl.lit(name), kind=pl.lit(kind))


def _counts(table: Halves) -> list[pl.Series]:
    return [
        pl.Series(f"count_{when}", side.sum(axis=-1).astype(np.int64))
        for when, side in zip(("then", "now"), table, strict=True)
    ]


def _inputs(
    asked: dict[str, pl.DataFrame], agents: list[str], newest: date
) -> tuple[pl.DataFrame, np.ndarray]:
    """Return a row for each input of each agent, and which agents' inputs have drifted."""
    found, drifted = [], np.zeros(len(agents), dtype=bool)
    for subject, query, bins in (
        ("task_type", DRIFT_TASKS, "task_type"),
        ("channel", DRIFT_TASKS, "channel"),
        ("tokens", DRIFT_TOKENS, "bucket"),
        ("latency", DRIFT_LATENCY, "bucket"),
    ):
        table = halves(by_day(asked[query.name], "tasks", bins, agents, newest))
        stability, distance = shift(table, is_ordered=bins == "bucket")
        level = stability_level(stability)
        drifted |= (level == "major") | (
            (level == "moderate") & (np.nan_to_num(distance.p_value, nan=1.0) < SIGNIFICANT)
        )
        found.append(
            _subject(agents, subject, "input").with_columns(
                *_counts(table),
                nullable("psi", stability.psi),
                nullable("psi_noise", stability.noise),
                pl.Series("stability", level.tolist(), dtype=pl.String),
                nullable("ks", distance.statistic),
                nullable("ks_p_value", distance.p_value),
            )
        )
    return pl.concat(found), drifted


def _kpis(
    asked: dict[str, pl.DataFrame],
    agents: list[str],
    newest: date,
    is_drifted: np.ndarray,
    brought: pl.DataFrame,
) -> pl.DataFrame:
    """Return a row for each KPI of each agent: its change, what made it, and what to do."""

    def days(query: FactQuery, name: str, per: float = 1.0) -> Floats:
        return by_day(asked[query.name], name, "task_type", agents, newest) / per

    def tasks(name: str, per: float = 1.0) -> Floats:
        return days(DRIFT_TASKS, name, per)

    ended, priced = tasks("ended_tasks"), tasks("priced_tasks")
    spend = days(DRIFT_SPEND, "spend", 1e9)
    lines = halves(days(DRIFT_SPEND, "lines"))
    parts: dict[str, tuple[Parts, Halves]] = {
        "win_rate": (of_shares(tasks("autonomous_successes"), ended), halves(ended)),
        "cost_per_task": (
            of_means(tasks("cost", 1e9), tasks("cost_squared", 1e18), priced),
            halves(priced),
        ),
        "asr_spend": (of_money(days(DRIFT_SPEND, "autonomous_spend", 1e9), spend), lines),
    }
    rows = []
    for name, (each, counted) in parts.items():
        sign = -1.0 if name == "cost_per_task" else 1.0
        moved = change(each)
        sums = _exact(asked, name, agents, newest)
        before: Floats = ratio(units(sums, "numerator_then"), units(sums, "denominator_then"))
        after: Floats = ratio(units(sums, "numerator_now"), units(sums, "denominator_now"))
        words = advise(
            is_input_drift=is_drifted,
            rate_effect=sign * moved.rate,
            rate_p_value=moved.rate_p_value,
            mix_effect=moved.mix,
            kpi_before=before,
            verified_asr_value=brought["verified_asr_value"].fill_null(np.nan).to_numpy(),
            days_under_one=brought["days_under_one"].to_numpy(),
        )
        rows.append(
            _subject(agents, name, "kpi").with_columns(
                *_counts(counted),
                *(sums[column] for column in _SUMS),
                nullable("value_then", before),
                nullable("value_now", after),
                nullable("change", moved.change),
                nullable("mix_effect", moved.mix),
                nullable("rate_effect", moved.rate),
                nullable("interaction_effect", moved.interaction),
                nullable("rate_standard_error", moved.rate_error),
                nullable("rate_p_value", moved.rate_p_value),
                pl.Series("advice", words.tolist(), dtype=pl.String),
                pl.Series(
                    "advice_reason",
                    why(
                        words,
                        rate=sign * moved.rate,
                        p_value=moved.rate_p_value,
                        before=before,
                        is_drifted=is_drifted,
                        returns=brought,
                    ),
                    dtype=pl.String,
                ),
            )
        )
    return pl.concat(rows, how="diagonal")


def _exact(
    asked: dict[str, pl.DataFrame], kpi: str, agents: list[str], newest: date
) -> pl.DataFrame:
    """Add up a KPI's numerator and denominator in each window, in nano-units."""
    query, above, below = KPIS[kpi]
    return _windows(asked[query], {"numerator": above, "denominator": below}, agents, newest)


def _windows(
    frame: pl.DataFrame, columns: dict[str, str], agents: list[str], newest: date
) -> pl.DataFrame:
    """Add up columns by agent and window; counts become nano-units, as money is."""
    later = pl.col("day") > newest - timedelta(days=WINDOW_DAYS)
    since = pl.col("day") > newest - timedelta(days=DRIFT_DAYS)
    scaled = {
        new: pl.col(own) * pl.lit(1 if frame[own].dtype == pl.Int128 else 10**9, pl.Int128)
        for new, own in columns.items()
    }
    sums = (
        frame.filter(since)
        .group_by("agent_id")
        .agg(
            expression.filter(when).sum().alias(f"{name}_{word}")
            for name, expression in scaled.items()
            for word, when in (("then", ~later), ("now", later))
        )
    )
    listed = pl.DataFrame({"agent_id": agents})
    return listed.join(sums, on="agent_id", how="left", maintain_order="left").with_columns(
        pl.exclude("agent_id").fill_null(0)
    )


def _quality(asked: dict[str, pl.DataFrame], agents: list[str], newest: date) -> pl.DataFrame:
    """Return rows for what is missing in the data of each agent, then and now."""
    untyped = asked["drift_tasks"].with_columns(
        untyped=pl.when(pl.col("task_type") == UNKNOWN).then("tasks").otherwise(0)
    )
    rows = []
    for name, frame, above, below in (
        ("unpriced_calls", asked["drift_calls"], "unpriced_calls", "calls"),
        ("untyped_tasks", untyped, "untyped", "tasks"),
    ):
        sums = _windows(frame, {"numerator": above, "denominator": below}, agents, newest)
        then, now = (
            ratio(units(sums, f"numerator_{when}"), units(sums, f"denominator_{when}"))
            for when in ("then", "now")
        )
        rows.append(
            _subject(agents, name, "quality").with_columns(
                *(sums[column] for column in _SUMS),
                *(
                    (sums[f"denominator_{when}"] // 10**9).cast(pl.Int64).alias(f"count_{when}")
                    for when in ("then", "now")
                ),
                nullable("value_then", then),
                nullable("value_now", now),
                nullable("change", now - then),
            )
        )
    return pl.concat(rows)


def _versions(asked: dict[str, pl.DataFrame], agents: list[str], newest: date) -> pl.DataFrame:
    """Return how far the mix of the model versions that answered has moved."""
    calls = asked["drift_calls"].filter(
        (pl.col("model_version") != UNKNOWN)
        & (pl.col("calls") > 0)
        & (pl.col("day") > newest - timedelta(days=DRIFT_DAYS))
    )
    table = halves(by_day(calls, "calls", "model_version", agents, newest))
    stability, _ = shift(table, is_ordered=False)
    return _subject(agents, "model_versions", "version").with_columns(
        *_counts(table),
        nullable("psi", stability.psi),
        nullable("psi_noise", stability.noise),
        pl.Series("stability", stability_level(stability).tolist(), dtype=pl.String),
    )


def _served(asked: dict[str, pl.DataFrame], newest: date) -> pl.DataFrame:
    """Return which versions of what served each agent's calls, in each window."""
    calls = asked["drift_calls"].filter(
        (pl.col("calls") > 0) & (pl.col("day") > newest - timedelta(days=DRIFT_DAYS))
    )
    later = pl.col("day") > newest - timedelta(days=WINDOW_DAYS)
    named = calls.group_by("agent_id").agg(
        pl.col(name)
        .filter(when, pl.col(name) != UNKNOWN)
        .unique()
        .sort()
        .str.join(", ")
        .alias(f"{name}s_{word}")
        for name in ("model_version", *SERVED)
        for word, when in (("then", ~later), ("now", later))
    )
    return named.with_columns(
        pl.when(pl.col(name) != "").then(name).alias(name)
        for name in named.columns
        if name != "agent_id"
    )
