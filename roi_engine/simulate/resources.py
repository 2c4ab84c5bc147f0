"""What steps use of their machines, and with which versions: made of what is known, not drawn.

So these columns change no draw of an estate, and the truth of a task is a sum over its steps.
"""

import polars as pl

from roi_engine.simulate.horizon import DAY_US, Horizon

WRAPPERS = ("agent", "workflow")
"""Kinds of span that enclose steps: their figures are their steps' once more."""

SUMS = ("cpu_time_us", "received_bytes", "sent_bytes")
"""What adds up over a task; of memory the most counts."""

_METERED = 3
"""Every third agent runs where nobody meters it, and another third names no version."""
_MIB = 1 << 20


def add_resources(spans: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
    """Add CPU time, peak memory, bytes sent and received, and the versions behind model calls.

    A retrieval sends nothing, a tool says only what came back. The registered model is promoted
    when the models change, the features on the day on which the first agent gets worse.
    """
    length = pl.col("ended_us") - pl.col("started_us")
    read = pl.sum_horizontal("input_uncached", "cache_read", "cache_write")
    written = pl.sum_horizontal("output_visible", "reasoning")
    is_call, is_tool = pl.col("is_call"), pl.col("kind") == "tool"
    is_wrapper = pl.col("kind").is_in(WRAPPERS)
    is_metered = pl.col("agent") % _METERED != _METERED - 1
    is_versioned = is_call & (pl.col("agent") % _METERED != 1)
    has_new_features = pl.col("started_us") >= horizon.start_us + horizon.drift_day * DAY_US
    return spans.with_columns(
        cpu_time_us=pl.when(is_metered).then(
            137 + length // pl.when(is_call).then(50).otherwise(4)
        ),
        peak_memory_bytes=pl.when(is_metered & (is_call | is_tool | is_wrapper)).then(
            48 * _MIB + 1024 * read + length % _MIB
        ),
        received_bytes=pl.when(is_metered & is_call)
        .then(256 + 5 * written)
        .when(is_metered & (is_tool | is_wrapper))
        .then(length // 1000),
        sent_bytes=pl.when(is_metered & (is_call | is_wrapper)).then(512 + 4 * read),
        model_registry_version=pl.when(is_versioned).then(
            pl.when("is_later").then(pl.lit("5")).otherwise(pl.lit("4"))
        ),
        feature_version=pl.when(is_versioned).then(
            pl.when(has_new_features).then(pl.lit("features-2")).otherwise(pl.lit("features-1"))
        ),
    )


def used_by_task(spans: pl.DataFrame) -> pl.DataFrame:
    """Return what each task used, by ``task_id``: NULL where none of its steps says.

    Steps flagged as overhead serve no task, and wrappers are no steps.
    """
    return (
        spans.filter(
            ~pl.col("kind").is_in(WRAPPERS),
            pl.col("is_overhead").is_null(),
            pl.col("conversation_id").is_not_null(),
        )
        .group_by(task_id="conversation_id")
        .agg(
            *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()) for name in SUMS),
            pl.col("peak_memory_bytes").max(),
        )
    )
