"""daily_asr: spend, value and autonomy of each agent, for the day and for its window."""

import json
from typing import cast

import numpy as np
import polars as pl

from roi_engine.marts.declared.daily_asr import DAILY_ASR, METRICS, PARTS
from roi_engine.marts.facts import WINDOW_DAYS, FactQuery, Frames, answer
from roi_engine.marts.money import (
    CREDITED_SCALE,
    MONEY,
    VALUE_SCALE,
    as_decimal,
    doubles,
    nullable,
    to_nano,
    whole,
)
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, evidence, stamp, statuses, task_types, together
from roi_engine.marts.queries import (
    ACTIONS,
    COST_BY_AGENT,
    EFFORT,
    HUMAN_BY_AGENT,
    MATURITY,
    OPEN_COST,
    TASK_TYPES,
    TASKS_BY_AGENT,
    VALUE_BY_CELL,
    WALLETS,
)
from roi_engine.marts.wallets import share_of_period
from roi_engine.marts.windows import day_by_day, over_window
from roi_engine.metrics.asr import Scale, rate_interval, ratio_interval
from roi_engine.metrics.bands import band_levels, bands
from roi_engine.metrics.break_even import break_even_success_rate
from roi_engine.metrics.consistency import within_spread
from roi_engine.metrics.roi import Floats, ratio

QUERIES: tuple[FactQuery, ...] = (
    COST_BY_AGENT,
    HUMAN_BY_AGENT,
    VALUE_BY_CELL,
    TASKS_BY_AGENT,
    ACTIONS,
    EFFORT,
    WALLETS,
    TASK_TYPES,
    MATURITY,
    OPEN_COST,
)
LOW_QUALITY = 100
"""Fewer ended tasks in the window than this: the interval is marked low."""

_KEYS = ["day", "agent_id"]
_TASK_PARTS = (
    *("capital_allocated", "capital_return", "human_minutes"),
    *("baseline_cost", "excess_cost"),
)
_VALUES = ("labour_value", "speed_value", "direct_value", "avoided_loss")
_MONEY = tuple(c.name for c in DAILY_ASR.columns if c.type == "DECIMAL(38,9)")
_COUNTS = frozenset(c.name for c in DAILY_ASR.columns if c.type == "BIGINT")
_NANO = 1e9


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    daily = _daily(facts)
    rows = daily.filter(pl.col("has_row") & pl.col("day").is_in(sorted(set(params.days)))).sort(
        _KEYS
    )
    laid_out = day_by_day(rows, daily, ["agent_id"])
    sums = [column for column in daily.columns if column not in {*_KEYS, "has_row"}]
    window = laid_out.group_by("row").agg(
        pl.col(sums).sum(), pl.col("has_row").sum().cast(pl.Int64).alias("days")
    )
    window = window.sort("row").drop("row").with_columns(pl.col(sums).fill_null(0))

    figures = _figures(rows, "").hstack(_figures(window, "_28d"))
    shown = pl.concat(
        [
            rows.select(*_KEYS, *PARTS),
            window.select(*PARTS, "days").rename(lambda name: f"{name}_28d"),
            figures,
            _intervals(laid_out, window),
            _consistency(facts, rows, params),
            window.select(
                cost_basis(), evidence(pl.col("assumed_parts"), pl.col("published_parts"))
            ),
            _bands(window, params),
        ],
        how="horizontal",
    )
    return (
        shown.join(_by_step(facts, rows), on=_KEYS, how="left", validate="1:1")
        .join(statuses(facts, params, WINDOW_DAYS), on="day", how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col(name) > 0).then(name)
            for name in ("wallet_allowance", "wallet_allowance_28d")
        )
        .with_columns(
            *as_decimal(*_MONEY),
            *(
                pl.col(c.name).cast(pl.Int64)
                for c in DAILY_ASR.columns
                if c.type == "BIGINT" and c.name != "band_level"
            ),
        )
        .pipe(stamp, params)
        .pipe(DAILY_ASR.conform)
    )


def _daily(facts: Frames) -> pl.DataFrame:
    """Add up each day of each agent; every value part is rounded once, here."""
    cost = answer(COST_BY_AGENT, facts)
    familiar = cost.join(
        task_types(facts, cost), on=["day", "task_type"], how="left", validate="m:1"
    ).select(
        *_KEYS,
        pl.exclude(*_KEYS, "task_type", "is_novel", "realisation_rate"),
        pl.when(pl.col("is_novel")).then(whole(0)).otherwise("spend").alias("familiar_spend"),
    )
    tasks = (
        answer(TASKS_BY_AGENT, facts)
        .with_columns(to_nano(part, VALUE_SCALE) for part in _TASK_PARTS)
        .with_columns(
            # 10⁹/60·10⁶ nano-minutes a microsecond, half away from zero
            inference_minutes=(pl.col("inference_microseconds") * 100 + 3) // 6
        )
        .drop("inference_microseconds")
    )
    daily = together(
        _KEYS,
        familiar,
        answer(HUMAN_BY_AGENT, facts).rename({"assumed_entries": "assumed_parts"}),
        _values(facts),
        tasks.rename({"assumed_tasks": "assumed_parts", "published_tasks": "published_parts"}),
        answer(ACTIONS, facts).select(
            *(*_KEYS, "actions", "tokens", "comparable_cost", "redundant_cost"),
            *("unpriced_actions", "initiated_actions", "autonomous_actions"),
        ),
        _allowances(facts),
    )
    lines = pl.col("billed_lines") + pl.col("estimated_lines")
    return daily.with_columns(
        gross_value=pl.sum_horizontal(_VALUES),
        autonomous_value=pl.sum_horizontal(f"autonomous_{part}" for part in _VALUES),
        total_cost=pl.col("spend") + pl.col("human_cost"),
        has_row=(lines > 0) | (pl.col("ended_tasks") > 0) | (pl.col("credited_tasks") > 0),
    ).with_columns(
        autonomous_net=pl.col("autonomous_value") - pl.col("spend"),
        net_value=pl.col("gross_value") - pl.col("total_cost"),
        value_beyond_spend=pl.col("gross_value") - pl.col("spend"),
        all_minutes=pl.col("inference_minutes") + pl.col("human_minutes"),
    )


def earned(facts: Frames) -> pl.DataFrame:
    """Return what each agent's days cost and brought without a person, in nano-units.

    Args:
        facts: Answers to ``COST_BY_AGENT`` and ``VALUE_BY_CELL``.

    Returns:
        day, agent_id, spend and autonomous_value, as they stand in the mart.
    """
    return together(
        _KEYS,
        answer(COST_BY_AGENT, facts).select(*_KEYS, "spend"),
        _values(facts).select(
            *_KEYS,
            autonomous_value=pl.sum_horizontal(f"autonomous_{part}" for part in _VALUES),
        ),
    )


def _values(facts: Frames) -> pl.DataFrame:
    """Add up the value that each agent is credited with, and the part without a person in it."""
    credited = pl.col("credited_tasks")
    summed = (
        answer(VALUE_BY_CELL, facts)
        .group_by(_KEYS)
        .agg(
            pl.col(*_VALUES).sum(),
            *(
                pl.col(part).filter("is_alone").sum().alias(f"autonomous_{part}")
                for part in _VALUES
            ),
            credited.sum(),
            credited.filter(pl.col("evidence") == "published").sum().alias("published_parts"),
            credited.filter(pl.col("evidence") == "assumed").sum().alias("assumed_parts"),
        )
    )
    parts = (*_VALUES, *(f"autonomous_{part}" for part in _VALUES))
    return summed.with_columns(to_nano(part, CREDITED_SCALE) for part in parts)


def _allowances(facts: Frames) -> pl.DataFrame:
    """Give each agent the day's part of its wallet's allowance, exact over the period."""
    return answer(WALLETS, facts).select(
        *_KEYS, share_of_period().fill_null(0).alias("wallet_allowance")
    )


def _sum(frame: pl.DataFrame, name: str) -> Floats:
    """Return a column in the unit that ratios are shown in."""
    return doubles(frame, name, 1.0 if name in _COUNTS else _NANO)


def _figures(sums: pl.DataFrame, suffix: str) -> pl.DataFrame:
    """Take every ratio of the same sums, once for the day and once for the window."""
    rest = pl.col("spend_without_credits") - pl.col("autonomous_spend")
    negative = (pl.col("autonomous_spend") < 0) | (rest < 0)
    reason = (
        pl.when(negative)
        .then(pl.lit("negative_cell"))
        .when(pl.col("spend_without_credits") == 0)
        .then(pl.lit("no_spend"))
    )
    figures = sums.select(reason.alias(f"asr_spend{suffix}_reason"))
    for metric in METRICS:
        above = metric.per * _sum(sums, metric.numerator)
        values = ratio(above, _sum(sums, metric.denominator))
        figures = figures.with_columns(nullable(f"{metric.name}{suffix}", values))
    return figures.with_columns(
        pl.when(pl.col(f"asr_spend{suffix}_reason").is_null())
        .then(f"asr_spend{suffix}")
        .alias(f"asr_spend{suffix}"),
        nullable(f"break_even_success_rate{suffix}", _break_even(sums)),
    )


def _break_even(sums: pl.DataFrame) -> Floats:
    """Return the rate from means over familiar ended tasks; without failures there is no c_x."""
    attempt, person, excess = (
        ratio(_sum(sums, part), _sum(sums, whole))
        for part, whole in (
            ("familiar_spend", "familiar_tasks"),
            ("baseline_cost", "baseline_tasks"),
            ("excess_cost", "not_won_tasks"),
        )
    )
    return break_even_success_rate(attempt, person, np.nan_to_num(excess))


def _intervals(laid_out: pl.DataFrame, window: pl.DataFrame) -> pl.DataFrame:
    """Return low and high of every window figure that has an interval."""
    shape = (window.height, WINDOW_DAYS)
    present = laid_out["has_row"].fill_null(False).to_numpy().reshape(shape)
    ends: dict[str, tuple[Floats, Floats]] = {}
    for metric in METRICS:
        if metric.scale not in {"counts", "share", "ratio"}:
            continue
        x, y, cost = (
            np.nan_to_num(_sum(laid_out, name)).reshape(shape) if name else np.zeros(shape)
            for name in (metric.numerator, metric.denominator, metric.net_of)
        )
        if metric.scale == "counts":
            interval = rate_interval(x, y)
        else:
            scale = cast("Scale", metric.scale)
            x, cost = metric.per * x, metric.per * cost
            interval = ratio_interval(x, y, present, scale, cost=cost)
        ends[metric.name] = interval.low, interval.high
    # the same quantity, moved by one
    ends["autonomous_roi"] = ends["asr_value"][0] - 1, ends["asr_value"][1] - 1
    return pl.DataFrame(
        [
            nullable(f"{name}_{end}_28d", values)
            for name, pair in ends.items()
            for end, values in zip(("low", "high"), pair, strict=True)
        ]
    )


def _bands(window: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Name bands by exact money."""
    money = window["autonomous_spend"].to_list(), window["spend_without_credits"].to_list()
    names = bands(*money, window["ended_tasks"].to_numpy(), params.min_group_size)
    levels = pl.Series("band_level", band_levels(names, *money, params.maturity_scale))
    return window.select(
        pl.Series("band", names.tolist(), dtype=pl.String),
        pl.when(levels > 0).then(levels).alias("band_level"),
        pl.when(pl.col("ended_tasks") < LOW_QUALITY)
        .then(pl.lit("low"))
        .otherwise(pl.lit("normal"))
        .alias("interval_quality"),
    )


def _consistency(facts: Frames, rows: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Measure how much cost and model time differ inside kinds of task, over each window."""
    efforts = over_window(answer(EFFORT, facts), ["agent_id", "task_type"], params)
    kinds = (
        rows.select(_KEYS)
        .with_row_index("row")
        .join(efforts, on=_KEYS, how="inner", validate="1:m")
        .sort("row", "task_type")
    )
    shown = []
    for name, tasks in (("cost", "priced_tasks"), ("duration", "timed_tasks")):
        some = kinds.filter(pl.col(tasks) > 0).with_columns(
            # n·Σx² − (Σx)² is exact; only its n-th part is a double
            spread=pl.col(f"{name}_squared") * pl.col(tasks).cast(pl.Int128)
            - pl.col(name) * pl.col(name)
        )
        n = doubles(some, tasks)
        figures = within_spread(
            some["row"].to_numpy(), n, doubles(some, name), doubles(some, "spread") / n
        )
        whole = np.full(rows.height, np.nan)
        whole[: figures.size] = figures
        shown.append(nullable(f"{name}_consistency_28d", whole))
    return pl.DataFrame(shown)


def _by_step(facts: Frames, rows: pl.DataFrame) -> pl.DataFrame:
    """Write each row's steps, their priced cost and cost per action as JSON, sorted by step."""
    steps = (
        answer(ACTIONS, facts)
        .join(rows.select(_KEYS), on=_KEYS, how="semi")
        .with_columns(priced=pl.col("actions") - pl.col("uncosted_actions"))
        .sort(*_KEYS, "step")
    )
    names = steps["step"].unique()
    quoted = pl.Series([json.dumps(name, ensure_ascii=False) for name in names], dtype=pl.String)
    is_priced = pl.col("priced") > 0
    each = nullable("each", ratio(doubles(steps, "priced_cost", _NANO), doubles(steps, "priced")))
    written = steps.with_columns(each, pl.col("priced_cost").reinterpret(dtype=MONEY)).select(
        *_KEYS,
        pl.format(
            '{{"step": {}, "actions": {}, "priced_cost": {}, "cost_per_action": {}}}',
            pl.col("step").replace_strict(names, quoted, return_dtype=pl.String),
            "actions",
            pl.when(is_priced).then(pl.format('"{}"', "priced_cost")).otherwise(pl.lit("null")),
            pl.col("each").cast(pl.String).fill_null("null"),
        ).alias("written"),
    )
    return written.group_by(_KEYS, maintain_order=True).agg(
        pl.format("[{}]", pl.col("written").str.join(", ")).alias("cost_per_action_by_step")
    )
