"""Sums for the marts about operations: model calls, GPUs and incidents."""

from roi_engine.marts.facts import REACH_DAYS, Count, FactQuery, Peak, Sum
from roi_engine.marts.histograms import bucket_sql
from roi_engine.marts.money import NANO
from roi_engine.marts.queries import UNKNOWN

_DAY = ("day", "day")
_CALLER = (
    ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
    ("model_version", f"coalesce(model_version, '{UNKNOWN}')"),
)
# the statuses that only a call of a model has; the steps of tools state their price or none
MODEL_CALL = (
    "not coalesce(is_rollup, false) and cost_status in ('priced', 'free', 'unpriced', 'unmetered')"
)
_ANSWERED = f"{MODEL_CALL} and not coalesce(is_error, false)"
_OUTPUT = "coalesce(output_visible_tokens, 0) + coalesce(reasoning_tokens, 0)"
_TIMED = "latency_microseconds is not null"
_STREAMED = f"{_TIMED} and {_OUTPUT} > 0"
_ANSWER_BEGAN = "time_to_first_token_seconds is not null"


def _latencies(name: str, value: str, where: str, about: str) -> FactQuery:
    return FactQuery(
        name,
        "fct_agent_action",
        by=(_DAY, *_CALLER, ("bucket", bucket_sql(value))),
        counts=(Count("count"),),
        where=f"{_ANSWERED} and {where}",
        about=about,
    )


LATENCIES = {
    "latency_seconds": _latencies(
        "latencies",
        "cast(latency_microseconds as double) / 1000000",
        _TIMED,
        "How long model calls took.",
    ),
    "seconds_per_output_token": _latencies(
        "token_latencies",
        f"cast(latency_microseconds as double) / 1000000 / ({_OUTPUT})",
        _STREAMED,
        "How long model calls took for each token of their answer.",
    ),
    "time_to_first_token_seconds": _latencies(
        "first_token_latencies",
        "time_to_first_token_seconds",
        _ANSWER_BEGAN,
        "How long it took to the first token.",
    ),
}
"""Measure of daily_latency → its query."""

CALLS = FactQuery(
    "calls",
    "fct_agent_action",
    by=(_DAY, *_CALLER, ("hour", "extract(hour from started_at)")),
    sums=(
        Sum("input_uncached_tokens", "input_uncached_tokens", 0),
        Sum("cache_read_tokens", "cache_read_tokens", 0),
        Sum(
            "cache_write_tokens",
            "coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)",
            0,
        ),
        Sum("output_visible_tokens", "output_visible_tokens", 0),
        Sum("reasoning_tokens", "reasoning_tokens", 0),
        Sum("latency_microseconds", "latency_microseconds", 0, f"{_ANSWERED} and {_TIMED}"),
        Sum("streamed_microseconds", "latency_microseconds", 0, f"{_ANSWERED} and {_STREAMED}"),
        Sum("streamed_tokens", _OUTPUT, 0, f"{_ANSWERED} and {_STREAMED}"),
        Sum(
            "first_token_microseconds",
            "cast(floor(time_to_first_token_seconds * 1000000 + 0.5) as bigint)",
            0,
            f"{_ANSWERED} and {_ANSWER_BEGAN}",
        ),
        Sum("priced_cost", "priced_cost", NANO),
    ),
    counts=(
        Count("calls"),
        Count("errors", "coalesce(is_error, false)"),
        Count("timed_calls", f"{_ANSWERED} and {_TIMED}"),
        Count("first_token_calls", f"{_ANSWERED} and {_ANSWER_BEGAN}"),
        Count("unattended_calls", "initiated_by in ('schedule', 'event')"),
        Count("batch_calls", "coalesce(tier, '') = 'batch'"),
        Count("unpriced_calls", "cost_status = 'unpriced'"),
    ),
    where=MODEL_CALL,
    about="Model calls by hour of the day: how many, how large, how long, how often in vain.",
)
RESOURCES = {
    "cpu_microseconds": ("cpu_tasks", "cpu_microseconds"),
    "task_peak_memory_bytes": ("memory_tasks", "peak_memory_bytes"),
    "received_bytes": ("received_tasks", "received_bytes"),
    "sent_bytes": ("sent_tasks", "sent_bytes"),
}
"""Sum over tasks → the number of tasks that say it, and the column of ``fct_task``."""

TASK_RESOURCES = FactQuery(
    "task_resources",
    "fct_task",
    by=(_DAY, *_CALLER),
    sums=tuple(Sum(name, column, 0) for name, (_, column) in RESOURCES.items()),
    counts=tuple(Count(tasks, f"{column} is not null") for tasks, column in RESOURCES.values()),
    peaks=(Peak("peak_memory_bytes", "peak_memory_bytes"),),
    where=" or ".join(f"{column} is not null" for _, column in RESOURCES.values()),
    about="CPU time, memory and bytes of tasks, as far as their steps say.",
)
GPU_USE = FactQuery(
    "gpu_use",
    "fct_gpu_usage",
    by=(
        _DAY,
        ("agent_id", "coalesce(agent_id, dedicated_agent_id, '__unallocated__')"),
        ("model_version", f"coalesce(model, '{UNKNOWN}')"),
        ("gpu_uuid", "gpu_uuid"),
        ("peak_vram_mib", "peak_vram_mib"),
        ("vram_capacity_mib", "vram_capacity_mib"),
    ),
    sums=(
        Sum("gpu_busy_microseconds", "busy_microseconds", 0),
        Sum("gpu_capacity_microseconds", "capacity_microseconds", 0),
    ),
    about="Busy and sampled time of GPUs, and how full their memory was.",
)
INCIDENTS = FactQuery(
    "incidents",
    "fct_incident",
    by=(
        _DAY,
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("incident_id", "incident_id"),
        ("started_at", "started_at"),
        ("detected_at", "detected_at"),
        ("recovered_at", "recovered_at"),
    ),
    counts=(Count("incidents"),),
    reaches_back=REACH_DAYS - 1,
    about="Incidents, one by one.",
)
