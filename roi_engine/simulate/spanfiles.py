"""Spans as files: which record is delivered when, how often, and in which form."""

from pathlib import Path

import numpy as np
import polars as pl

from roi_engine.simulate.columns import by_day, hex_ids
from roi_engine.simulate.horizon import DAY_US, Horizon

REDELIVERED_SHARE = 0.006
"""Share of spans that arrive twice: half of them in the same file, half a day later."""
IMPOSSIBLE = 3
"""Spans whose counts cannot be: more cached tokens than input tokens."""
_ROW_GROUP = 200_000
COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "scope_name",
    "service_name",
    "operation",
    "provider",
    "request_model",
    "response_model",
    "agent_id",
    "conversation_id",
    "tool_name",
    "tier",
    "initiated_by",
    "error_type",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "stated_cost",
    "input_includes_cache",
    "is_error",
    "is_overhead",
    "is_approved_by_human",
    "experiment_id",
    "experiment_arm",
    "experiment_propensity",
    "time_to_first_token_us",
    "cpu_time_us",
    "peak_memory_bytes",
    "received_bytes",
    "sent_bytes",
    "model_registry_version",
    "feature_version",
)
"""Columns of a flat file, before the two times; amounts are text, so they stay exact."""


def deliver(spans: pl.DataFrame, horizon: Horizon, rng: np.random.Generator) -> pl.DataFrame:
    """Return the records that arrive, as the source counts them, with ``file_day``.

    Every span once, some twice (the same ids again), and a few with impossible counts that
    belong to no task. The columns are the source's: input tokens include cached ones where the
    provider counts so.
    """
    day = (pl.col("started_us") - horizon.start_us) // DAY_US
    first = spans.with_columns(file_day=day)
    again = first.filter(pl.Series(rng.random(spans.height) < REDELIVERED_SHARE))
    is_late = pl.Series(rng.random(again.height) < 0.5)
    again = again.with_columns(
        file_day=pl.min_horizontal(
            pl.col("file_day") + is_late.cast(pl.Int64), pl.lit(horizon.days - 1)
        )
    )
    records = pl.concat([first, again, _impossible(first, rng)])
    return (
        _as_counted(records)
        .select("file_day", *COLUMNS, "started_us", "ended_us")
        # within a file the records of a task stay together: no order is promised
        .sort("file_day", maintain_order=True)
    )


def _impossible(spans: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    calls = spans.filter("is_call", pl.col("conversation_id").is_not_null())
    chosen = calls.gather_every(max(calls.height // IMPOSSIBLE, 1)).head(IMPOSSIBLE)
    return chosen.with_columns(
        span_id=hex_ids(rng, chosen.height),
        trace_id=hex_ids(rng, chosen.height, 16),
        parent_span_id=pl.lit(None, pl.String),
        conversation_id=pl.lit(None, pl.String),
        # the broken record says that all input was cached, and more
        cache_read=pl.lit(10**6, pl.Int64),
        cache_write=pl.lit(0, pl.Int64),
        input_uncached=pl.lit(-(10**6) + 1, pl.Int64),
        provider=pl.lit("openai"),
        request_model=pl.lit("sim-omni-2025-11"),
        response_model=pl.lit("sim-omni-2025-11"),
        ended_us=pl.col("started_us"),
    )


def _as_counted(records: pl.DataFrame) -> pl.DataFrame:
    apart = (pl.col("provider") == "anthropic").fill_null(value=False)
    cached = pl.col("cache_read") + pl.col("cache_write")
    has_thought = pl.col("reasoning") > 0
    is_model = pl.col("provider").is_not_null()
    return records.with_columns(
        scope_name=pl.when(apart)
        .then(pl.lit("anthropic.native"))
        .when(is_model)
        .then(pl.lit("sim.gateway"))
        .otherwise(pl.lit("sim.runtime")),
        service_name=pl.concat_str(pl.lit("sim-"), "agent_id"),
        input_includes_cache=pl.when(is_model).then(~apart),
        input_tokens=pl.col("input_uncached") + pl.when(apart).then(0).otherwise(cached),
        output_tokens=pl.col("output_visible") + pl.col("reasoning"),
        cache_read_tokens=pl.when(cached > 0).then(pl.col("cache_read")),
        cache_write_tokens=pl.when(pl.col("cache_write") > 0).then(pl.col("cache_write")),
        reasoning_tokens=pl.when(has_thought).then(pl.col("reasoning")),
        is_error=pl.col("error_type").is_not_null(),
    )


def write_parquet(records: pl.DataFrame, horizon: Horizon, folder: Path) -> int:
    """Write ``day=…/part-0.parquet`` per day of delivery; return how many files."""
    files = 0
    times = [
        pl.from_epoch(pl.col(f"{name}_us"), time_unit="us").alias(f"{name}_at")
        for name in ("started", "ended")
    ]
    for day_index, day in by_day(records):
        target = folder / f"day={horizon.day(day_index).isoformat()}"
        target.mkdir(parents=True, exist_ok=True)
        day.select(*COLUMNS, *times).write_parquet(
            target / "part-0.parquet", compression="zstd", compression_level=1,
            row_group_size=_ROW_GROUP,
        )  # fmt: skip
        files += 1
    return files
