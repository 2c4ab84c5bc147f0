"""daily_inference: model calls, the GPUs behind them, and advice on capacity."""

import polars as pl

from roi_engine.marts.declared.daily_inference import DAILY_INFERENCE, LATENCIES, PER_TASK
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.histograms import percentiles
from roi_engine.marts.money import as_decimal, doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import requested, stamp, statuses, together
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_operations import CALLS, GPU_USE, RESOURCES, TASK_RESOURCES
from roi_engine.metrics.roi import ratio
from roi_engine.metrics.scaling import Load, scaling_advice

QUERIES: tuple[FactQuery, ...] = (CALLS, GPU_USE, TASK_RESOURCES, MATURITY, OPEN_COST)
NEEDS = ("daily_latency",)

_KEYS = ["day", "agent_id", "model_version"]
_MEANS = {
    "latency_seconds_mean": ("latency_microseconds", "timed_calls"),
    "seconds_per_output_token_mean": ("streamed_microseconds", "streamed_tokens"),
    "time_to_first_token_seconds_mean": ("first_token_microseconds", "first_token_calls"),
}


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name, and the rows of ``daily_latency``.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    hours = requested(answer(CALLS, facts), params)
    gpus = requested(answer(GPU_USE, facts), params)
    used = requested(answer(TASK_RESOURCES, facts), params)
    counted = facts["daily_latency"].lazy().collect()
    return (
        together(
            _KEYS,
            hours.drop("hour"),
            gpus.select(*_KEYS, "gpu_busy_microseconds", "gpu_capacity_microseconds"),
            used.drop("peak_memory_bytes"),
        )
        .join(used.select(*_KEYS, "peak_memory_bytes"), on=_KEYS, how="left", validate="1:1")
        .join(
            hours.group_by(_KEYS).agg(peak_calls=pl.col("calls").max()),
            on=_KEYS,
            how="left",
            validate="1:1",
        )
        .join(_memory(gpus), on=_KEYS, how="left", validate="1:1")
        .join(
            percentiles(counted, _KEYS, {measure: measure for measure in LATENCIES}),
            on=_KEYS,
            how="left",
            validate="1:1",
        )
        .sort(_KEYS)
        .with_columns(pl.col("gpus").fill_null(0))
        .pipe(_figures)
        .pipe(_advise)
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(
            *(pl.col(c.name).cast(pl.Int64) for c in DAILY_INFERENCE.columns if c.type == "BIGINT"),
            *as_decimal("priced_cost"),
            evidence=pl.lit("measured"),
            # list prices, whatever the bill will say
            cost_basis=pl.lit("estimated"),
        )
        .pipe(stamp, params)
        .pipe(DAILY_INFERENCE.conform)
    )


def _memory(gpus: pl.DataFrame) -> pl.DataFrame:
    """Return how many GPUs there were, and how full the fullest of them was."""
    sizes = gpus.with_columns(pl.col("peak_vram_mib", "vram_capacity_mib").cast(pl.Int64))
    share = pl.col("peak_vram_mib").cast(pl.Float64) / pl.col("vram_capacity_mib")
    return sizes.group_by(_KEYS).agg(
        gpus=pl.col("gpu_uuid").n_unique().cast(pl.Int64),
        peak_vram_mib=pl.col("peak_vram_mib").max(),
        peak_vram_share=share.filter(pl.col("vram_capacity_mib") > 0).max(),
    )


def _figures(rows: pl.DataFrame) -> pl.DataFrame:
    micro = 1e6
    free = doubles(rows, "gpu_capacity_microseconds") - doubles(rows, "gpu_busy_microseconds")
    capacity = doubles(rows, "gpu_capacity_microseconds")
    return rows.with_columns(
        nullable("error_rate", ratio(doubles(rows, "errors"), doubles(rows, "calls"))),
        *(
            nullable(name, ratio(doubles(rows, total), doubles(rows, number)) / micro)
            for name, (total, number) in _MEANS.items()
        ),
        nullable(
            "tokens_per_second",
            ratio(doubles(rows, "streamed_tokens"), doubles(rows, "streamed_microseconds", micro)),
        ),
        nullable("requests_per_second", doubles(rows, "calls", 86_400.0)),
        nullable("peak_requests_per_second", doubles(rows, "peak_calls", 3_600.0)),
        *(
            nullable(name, ratio(doubles(rows, total, unit), doubles(rows, RESOURCES[total][0])))
            for name, (total, unit) in PER_TASK.items()
        ),
        nullable("gpu_utilisation", ratio(doubles(rows, "gpu_busy_microseconds"), capacity)),
        nullable("gpu_headroom", ratio(free, capacity)),
        vram_headroom=1 - pl.col("peak_vram_share"),
    )


def _advise(rows: pl.DataFrame) -> pl.DataFrame:
    calls = doubles(rows, "calls")
    found = scaling_advice(
        Load(
            calls,
            doubles(rows, "gpu_utilisation"),
            doubles(rows, "peak_vram_share"),
            doubles(rows, "error_rate"),
            ratio(
                doubles(rows, "seconds_per_output_token_p95"),
                doubles(rows, "seconds_per_output_token_p50"),
            ),
            ratio(doubles(rows, "unattended_calls"), calls),
            ratio(doubles(rows, "batch_calls"), calls),
        )
    )
    return rows.with_columns(
        pl.Series("advice", found.advice.tolist(), dtype=pl.String),
        pl.Series("advice_reason", found.reason.tolist(), dtype=pl.String),
    )
