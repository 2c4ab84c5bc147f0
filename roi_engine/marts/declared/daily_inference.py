"""Declaration of daily_inference: calls of models and the capacity behind them."""

from roi_engine.marts.columns import COUNT, RATIO, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, money, quotient, ratio
from roi_engine.marts.declared.daily_latency import ACTION
from roi_engine.marts.histograms import PERCENTILES
from roi_engine.marts.queries_operations import RESOURCES
from roi_engine.metrics.scaling import ADVICE, REASONS

GPU = "fct_gpu_usage"
SHARE = (0, 1)
LATENCIES = {
    "latency_seconds": ("seconds", "How long a call takes"),
    "seconds_per_output_token": ("seconds per token", "How long each token of an answer takes"),
    "time_to_first_token_seconds": ("seconds", "How long it takes to the first token"),
}
"""Measure of daily_latency → unit and what it is."""


PER_TASK = {
    "cpu_seconds_per_task": ("cpu_microseconds", 1e6),
    "peak_memory_bytes_per_task": ("task_peak_memory_bytes", 1.0),
    "received_bytes_per_task": ("received_bytes", 1.0),
    "sent_bytes_per_task": ("sent_bytes", 1.0),
}
"""Mean over the tasks that say it → the sum that it is made of, and the sum's units in one."""

TASK = "fct_task"


def _used(name: str, unit: str, about: str) -> Column:
    inputs = (f"{TASK}.{RESOURCES[name][1]}",)
    return Column(name, COUNT, unit, about, "Σ", inputs, "§7", additive=True, low=0)


def _tasks(name: str, about: str) -> Column:
    column = next(column for tasks, column in RESOURCES.values() if tasks == name)
    return count(name, about, "count", (f"{TASK}.{column}",), "§7")


def _microseconds(name: str, about: str, *inputs: str) -> Column:
    return Column(name, COUNT, "microseconds", about, "Σ", inputs, "§7", additive=True)


def _calls(name: str, about: str, column: str) -> Column:
    return count(name, about, "count", (f"{ACTION}.{column}",), "§7")


def _tokens(name: str, about: str, *columns: str) -> Column:
    return count(name, about, "Σ", tuple(f"{ACTION}.{column}" for column in columns), "§7")


def _percentile(measure: str, name: str) -> Column:
    unit, about = LATENCIES[measure]
    share = PERCENTILES[name]
    return Column(
        f"{measure}_{name}",
        RATIO,
        unit,
        f"{about}: {share:.0%} of answered calls take no longer.",
        "smallest value that this share does not exceed, within 0.5 %, from daily_latency",
        ("daily_latency.measure", "daily_latency.bucket", "daily_latency.count"),
        "§7",
        nullable=True,
        low=0,
        histogram=("daily_latency", measure, share),
    )


def _per(name: str, about: str, above: str, below: str, *, unit: str, scale: str = "") -> Column:
    each = f"cast(sum({above}) as double) / sum({below}){scale}"
    return ratio(
        name,
        about,
        f"{above} / {below}",
        (above, below),
        "§7",
        unit=unit,
        bounds=(0, None),
        measure=f"case when sum({below}) > 0 then {each} end",
    )


def _share(name: str, about: str, part: str, whole: str) -> Column:
    return ratio(
        name,
        about,
        f"{part} / {whole}",
        (part, whole),
        "§7",
        bounds=SHARE,
        measure=quotient(part, whole),
    )


def _peak(name: str, unit: str, about: str, column: str) -> Column:
    return Column(
        name,
        COUNT,
        unit,
        about,
        "max",
        (f"{GPU}.{column}",),
        "§7",
        nullable=True,
        low=0,
        measure=f"max({name})",
    )


DAILY_INFERENCE = Mart(
    name="daily_inference",
    about="How model calls went, how full the GPUs behind them were, and what to do about it.",
    row="One row per day, agent and model version with model calls, GPU time or tasks that say what"
    " they used. GPU time stands under the agent that it worked or was kept for, else"
    " __unallocated__, and under the model that it served, else __unknown__.",
    section="§7",
    columns=(
        KEYS["day"],
        key(
            "agent_id",
            "The agent that called, or whose GPU time it is.",
            (f"{ACTION}.agent_id", f"{GPU}.agent_id", f"{GPU}.dedicated_agent_id"),
            "§7",
        ),
        key(
            "model_version",
            "The model that answered, by the provider's own name; of GPU time, the model served.",
            (f"{ACTION}.model_version", f"{GPU}.model"),
            "§7",
        ),
        _calls("calls", "Model calls, failed ones included; the steps of tools are none.", "day"),
        _calls("errors", "Of these, calls that failed.", "is_error"),
        _calls("unpriced_calls", "Of these, without a price.", "cost_status"),
        _calls("unattended_calls", "Of these, begun by a schedule or an event.", "initiated_by"),
        _calls("batch_calls", "Of these, at the price of a batch.", "tier"),
        _tokens("input_uncached_tokens", "Tokens read afresh.", "input_uncached_tokens"),
        _tokens("cache_read_tokens", "Tokens read from a cache.", "cache_read_tokens"),
        _tokens(
            "cache_write_tokens",
            "Tokens written to a cache.",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
        ),
        _tokens("output_visible_tokens", "Tokens of answers.", "output_visible_tokens"),
        _tokens("reasoning_tokens", "Tokens of thinking.", "reasoning_tokens"),
        money(
            "priced_cost",
            "The calls at list prices, as far as these are known.",
            "Σ priced_cost",
            (f"{ACTION}.priced_cost",),
            "§2",
        ),
        _calls(
            "timed_calls", "Answered calls of which the length is known.", "latency_microseconds"
        ),
        _microseconds(
            "latency_microseconds", "How long these took.", f"{ACTION}.latency_microseconds"
        ),
        _microseconds(
            "streamed_microseconds",
            "How long those of them took that put out tokens.",
            f"{ACTION}.latency_microseconds",
        ),
        _tokens(
            "streamed_tokens",
            "Tokens that these put out, thinking included.",
            "output_visible_tokens",
            "reasoning_tokens",
        ),
        _calls(
            "first_token_calls",
            "Answered calls of which the time to the first token is known.",
            "time_to_first_token_seconds",
        ),
        _microseconds(
            "first_token_microseconds",
            "How long these took to it.",
            f"{ACTION}.time_to_first_token_seconds",
        ),
        _share("error_rate", "Share of calls that failed.", "errors", "calls"),
        _per(
            "latency_seconds_mean",
            "How long a call takes, on average.",
            "latency_microseconds",
            "timed_calls",
            unit="seconds",
            scale=" / 1000000",
        ),
        _per(
            "seconds_per_output_token_mean",
            "How long a token of an answer takes, on average.",
            "streamed_microseconds",
            "streamed_tokens",
            unit="seconds per token",
            scale=" / 1000000",
        ),
        _per(
            "time_to_first_token_seconds_mean",
            "How long it takes to the first token, on average.",
            "first_token_microseconds",
            "first_token_calls",
            unit="seconds",
            scale=" / 1000000",
        ),
        _tasks(
            "cpu_tasks",
            "Tasks whose steps say what CPU time they took: under the agent and model that finished"
            " them, on the day that they are counted on.",
        ),
        _used("cpu_microseconds", "microseconds", "CPU time of all cores that these took."),
        _per(
            "cpu_seconds_per_task",
            "CPU time that a task takes, of those that say.",
            "cpu_microseconds",
            "cpu_tasks",
            unit="seconds",
            scale=" / 1000000",
        ),
        _tasks("memory_tasks", "Tasks whose steps say how much memory they had in use."),
        _used("task_peak_memory_bytes", "bytes", "The most that each of these had in use, added."),
        Column(
            "peak_memory_bytes",
            COUNT,
            "bytes",
            "The most that any of these had in use.",
            "max",
            (f"{TASK}.peak_memory_bytes",),
            "§7",
            nullable=True,
            low=0,
            measure="max(peak_memory_bytes)",
        ),
        _per(
            "peak_memory_bytes_per_task",
            "The most memory that a task has in use, on average over those that say.",
            "task_peak_memory_bytes",
            "memory_tasks",
            unit="bytes",
        ),
        _tasks("received_tasks", "Tasks whose steps say how much came back to them."),
        _used("received_bytes", "bytes", "What came back to these: answers of models and tools."),
        _per(
            "received_bytes_per_task",
            "What comes back to a task, of those that say.",
            "received_bytes",
            "received_tasks",
            unit="bytes",
        ),
        _tasks("sent_tasks", "Tasks whose steps say how much they sent."),
        _used("sent_bytes", "bytes", "What these sent: requests to models and tools."),
        _per(
            "sent_bytes_per_task",
            "What a task sends, of those that say.",
            "sent_bytes",
            "sent_tasks",
            unit="bytes",
        ),
        *(_percentile(measure, name) for measure in LATENCIES for name in PERCENTILES),
        _per(
            "tokens_per_second",
            "How fast an answer is put out.",
            "streamed_tokens",
            "streamed_microseconds",
            unit="tokens per second",
            scale=" * 1000000",
        ),
        ratio(
            "requests_per_second",
            "Calls in a second, on average over the whole day.",
            "calls / 86 400",
            ("calls",),
            "§7",
            unit="calls per second",
            bounds=(0, None),
            measure="case when count(*) > 0 then"
            " cast(sum(calls) as double) / count(distinct day) / 86400 end",
        ),
        ratio(
            "peak_requests_per_second",
            "Calls in a second, on average over the busiest clock hour (UTC).",
            "max over hours of calls / 3600",
            (f"{ACTION}.started_at",),
            "§7",
            unit="calls per second",
            bounds=(0, None),
        ),
        count(
            "gpus", "GPUs that were sampled.", "count", (f"{GPU}.gpu_uuid",), "§7", additive=False
        ),
        _microseconds(
            "gpu_busy_microseconds", "Time that GPUs were busy.", f"{GPU}.busy_microseconds"
        ),
        _microseconds(
            "gpu_capacity_microseconds",
            "Time that GPUs were sampled.",
            f"{GPU}.capacity_microseconds",
        ),
        _share(
            "gpu_utilisation",
            "Share of sampled GPU time that was busy.",
            "gpu_busy_microseconds",
            "gpu_capacity_microseconds",
        ),
        ratio(
            "gpu_headroom",
            "Share of sampled GPU time that was free.",
            "1 − gpu_utilisation",
            ("gpu_utilisation",),
            "§7",
            bounds=SHARE,
            measure="case when sum(gpu_capacity_microseconds) > 0 then 1 -"
            " cast(sum(gpu_busy_microseconds) as double) / sum(gpu_capacity_microseconds) end",
        ),
        _peak("peak_vram_mib", "MiB", "Most memory that was in use on a GPU.", "peak_vram_mib"),
        ratio(
            "peak_vram_share",
            "The fullest GPU's memory: the most in use against what it has.",
            "max over GPUs of peak_vram_mib / vram_capacity_mib",
            (f"{GPU}.peak_vram_mib", f"{GPU}.vram_capacity_mib"),
            "§7",
            bounds=(0, None),
            measure="max(peak_vram_share)",
        ),
        ratio(
            "vram_headroom",
            "Share of that GPU's memory that was never in use.",
            "1 − peak_vram_share",
            ("peak_vram_share",),
            "§7",
            bounds=(None, 1),
            measure="min(vram_headroom)",
        ),
        choice(
            "advice",
            "What to do: scale out, scale in, send as a batch, take a smaller model, or nothing.",
            "the first rule that holds of the table in metrics/scaling.py",
            ("calls", "errors", "gpu_utilisation", "peak_vram_share", "unattended_calls"),
            "§7",
            values=ADVICE,
        ),
        choice(
            "advice_reason",
            "Why.",
            "memory over 95 %; GPUs busy over 80 %; errors over 5 %; p95 over five times p50 of"
            " seconds per token; GPUs busy under 20 %; over 80 % of calls begun by schedule or"
            " event and less than half sent as a batch. The rules on calls need 100 of them",
            ("advice",),
            "§7",
            values=REASONS,
        ),
        *TRUST,
    ),
    notes=(
        "Failed calls count in calls, tokens and cost; times are those of answered calls.",
        "No source says how much CPU, memory or data transfer a task took.",
    ),
)
