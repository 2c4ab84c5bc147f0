"""OTLP/JSON lines: spans as TracesData, an evaluator's verdicts as LogsData."""

from pathlib import Path

import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.columns import by_day
from roi_engine.simulate.horizon import DAY_US, Horizon

SPAN_ATTRIBUTES = {
    "gen_ai.operation.name": ("operation", "stringValue"),
    "gen_ai.provider.name": ("provider", "stringValue"),
    "gen_ai.request.model": ("request_model", "stringValue"),
    "gen_ai.response.model": ("response_model", "stringValue"),
    "gen_ai.agent.id": ("agent_id", "stringValue"),
    "gen_ai.conversation.id": ("conversation_id", "stringValue"),
    "gen_ai.tool.name": ("tool_name", "stringValue"),
    "gen_ai.usage.input_tokens": ("input_tokens", "intValue"),
    "gen_ai.usage.output_tokens": ("output_tokens", "intValue"),
    "gen_ai.usage.cache_read.input_tokens": ("cache_read_tokens", "intValue"),
    "gen_ai.usage.cache_creation.input_tokens": ("cache_write_tokens", "intValue"),
    "gen_ai.usage.reasoning.output_tokens": ("reasoning_tokens", "intValue"),
    "openai.response.service_tier": ("tier", "stringValue"),
    "error.type": ("error_type", "stringValue"),
    "roi.initiated_by": ("initiated_by", "stringValue"),
    "roi.stated_cost": ("stated_cost", "stringValue"),
    "roi.overhead": ("is_overhead", "boolValue"),
    "roi.approved_by_human": ("is_approved_by_human", "boolValue"),
    "feature_flag.key": ("experiment_id", "stringValue"),
    "feature_flag.result.variant": ("experiment_arm", "stringValue"),
    "feature_flag.propensity": ("experiment_propensity", "doubleValue"),
    "gen_ai.response.time_to_first_chunk": ("time_to_first_token_seconds", "doubleValue"),
    "process.cpu.time": ("cpu_seconds", "doubleValue"),
    "process.memory.usage": ("peak_memory_bytes", "intValue"),
    "http.response.body.size": ("received_bytes", "intValue"),
    "http.request.body.size": ("sent_bytes", "intValue"),
    "roi.model_registry_version": ("model_registry_version", "stringValue"),
    "roi.feature_version": ("feature_version", "stringValue"),
}
"""Attribute → our column and the kind of its value; a NULL is an absent attribute."""


def write_traces(records: pl.DataFrame, horizon: Horizon, folder: Path) -> int:
    """Write one file per day of delivery, a line per trace and scope; return how many files.

    The first file ends in a line that was cut while it was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = records.with_columns(
        time_to_first_token_seconds=pl.col("time_to_first_token_us") / 1_000_000,
        cpu_seconds=pl.col("cpu_time_us") / 1_000_000,
    )
    files = 0
    for day_index, day in by_day(records):
        lines = (
            day.select("trace_id", "scope_name", "service_name", span=_span())
            .group_by("trace_id", "scope_name", "service_name", maintain_order=True)
            .agg(pl.col("span").str.join(","))
            .select(
                pl.format(
                    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",'
                    '"value":{"stringValue":"{}"}}]},"scopeSpans":[{"scope":{"name":"{}"},'
                    '"spans":[{}]}]}]}'.replace("{}", "\0").replace("{", "{{").replace("}", "}}")
                    .replace("\0", "{}"),
                    "service_name", "scope_name", "span",
                )
            )
            .to_series()
        )  # fmt: skip
        body = "\n".join(lines) + "\n"
        if files == 0:
            body += lines[-1][: len(lines[-1]) // 2] + "\n"
        (folder / f"spans_{horizon.day(day_index).isoformat()}.jsonl").write_text(body)
        files += 1
    return files


def _span() -> pl.Expr:
    attributes = pl.concat_str(
        *(
            pl.concat_str(pl.lit(f'{{"key":"{key}","value":'), _value(column, kind), pl.lit("}"))
            for key, (column, kind) in SPAN_ATTRIBUTES.items()
        ),
        separator=",",
        ignore_nulls=True,
    )
    parent = pl.concat_str(pl.lit('","parentSpanId":"'), "parent_span_id").fill_null("")
    kind = pl.when(pl.col("provider").is_not_null()).then(pl.lit("3")).otherwise(pl.lit("1"))
    status = pl.when("is_error").then(pl.lit('{"code":2}')).otherwise(pl.lit("{}"))
    return pl.concat_str(
        pl.lit('{"traceId":"'),
        "trace_id",
        pl.lit('","spanId":"'),
        "span_id",
        parent,
        pl.lit('","name":"'),
        "operation",
        pl.lit('","kind":'),
        kind,
        pl.lit(',"startTimeUnixNano":"'),
        pl.col("started_us") * 1000,
        pl.lit('","endTimeUnixNano":"'),
        pl.col("ended_us") * 1000,
        pl.lit('","attributes":['),
        attributes,
        pl.lit('],"status":'),
        status,
        pl.lit("}"),
    )


def _value(column: str, kind: str) -> pl.Expr:
    # OTLP/JSON writes 64-bit integers as strings
    quote = "" if kind in {"boolValue", "doubleValue"} else '"'
    return pl.concat_str(
        pl.lit(f'{{"{kind}":{quote}'), pl.col(column).cast(pl.String), pl.lit(f"{quote}}}")
    )


def write_evaluations(
    tasks: pl.DataFrame, horizon: Horizon, agents: tuple[roster.Agent, ...], folder: Path
) -> int:
    """Write the evaluator's verdicts, one file per day; return how many verdicts."""
    names = dict(enumerate(one.agent_id for one in agents))
    seen = (
        tasks.filter(pl.col("evaluated_us") < horizon.end_us)
        .with_columns(
            agent_id=pl.col("agent").replace_strict(names, return_dtype=pl.String),
            label=pl.when("evaluator_flags")
            .then(pl.lit("hallucinated"))
            .otherwise(pl.lit("grounded")),
            file_day=(pl.col("evaluated_us") - horizon.start_us) // DAY_US,
        )
        .sort("evaluated_us", "task_no")
        .select("file_day", line=_verdict())
    )
    folder.mkdir(parents=True, exist_ok=True)
    for day_index, day in by_day(seen):
        name = f"evaluations_{horizon.day(day_index).isoformat()}.jsonl"
        (folder / name).write_text("\n".join(day["line"]) + "\n")
    return seen.height


def _verdict() -> pl.Expr:
    return pl.concat_str(
        pl.lit(
            '{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"scope":{"name":'
            '"sim.evaluator"},"logRecords":[{"timeUnixNano":"'
        ),
        pl.col("evaluated_us") * 1000,
        pl.lit('","eventName":"gen_ai.evaluation.result","attributes":[{"key":'),
        pl.lit(
            f'"gen_ai.evaluation.name","value":{{"stringValue":"{roster.EVALUATOR_ID}"}}}},'
            '{"key":"gen_ai.evaluation.score.label","value":{"stringValue":"'
        ),
        "label",
        pl.lit('"}},{"key":"roi.is_hallucination","value":{"boolValue":'),
        pl.col("evaluator_flags").cast(pl.String),
        pl.lit('}},{"key":"roi.rubric_version","value":{"stringValue":"2026-01"}},'),
        pl.lit('{"key":"gen_ai.agent.id","value":{"stringValue":"'),
        "agent_id",
        pl.lit('"}},{"key":"gen_ai.conversation.id","value":{"stringValue":"'),
        "task_id",
        pl.lit('"}}]}]}]}]}'),
    )
