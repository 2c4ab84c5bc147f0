"""Langfuse's observations become the spans that the same calls are by OTLP."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roi_engine.sources.base import MissingColumn, Unreadable
from tests.sources.test_tokens import Parser, line, span

TEXTS = pa.map_(pa.string(), pa.string())
COUNTS = pa.map_(pa.string(), pa.uint64())
MONEY = pa.decimal128(18, 12)
MOMENT = pa.timestamp("ms", tz="UTC")

# as packages/shared/clickhouse/migrations of langfuse/langfuse make the table
TABLE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("trace_id", pa.string(), nullable=False),
        pa.field("project_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("parent_observation_id", pa.string()),
        pa.field("start_time", MOMENT, nullable=False),
        pa.field("end_time", MOMENT),
        pa.field("name", pa.string(), nullable=False),
        pa.field("metadata", TEXTS, nullable=False),
        pa.field("level", pa.string(), nullable=False),
        pa.field("status_message", pa.string()),
        pa.field("version", pa.string()),
        pa.field("input", pa.string()),
        pa.field("output", pa.string()),
        pa.field("provided_model_name", pa.string()),
        pa.field("internal_model_id", pa.string()),
        pa.field("model_parameters", pa.string()),
        pa.field("provided_usage_details", COUNTS, nullable=False),
        pa.field("usage_details", COUNTS, nullable=False),
        pa.field("provided_cost_details", pa.map_(pa.string(), MONEY), nullable=False),
        pa.field("cost_details", pa.map_(pa.string(), MONEY), nullable=False),
        pa.field("total_cost", MONEY),
        pa.field("completion_start_time", MOMENT),
        pa.field("prompt_id", pa.string()),
        pa.field("prompt_name", pa.string()),
        pa.field("prompt_version", pa.uint16()),
        pa.field("created_at", MOMENT, nullable=False),
        pa.field("updated_at", MOMENT, nullable=False),
        pa.field("event_ts", MOMENT, nullable=False),
        pa.field("is_deleted", pa.uint8(), nullable=False),
        pa.field("environment", pa.string(), nullable=False),
    ]
)
BEGIN = datetime(2026, 1, 5, 8, 0, 0, 123_000, tzinfo=UTC)
PERSON = "person@example.com"


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def observation(number=1, **values) -> dict:
    """Return a row of the table; what a person wrote stands in it as it would."""
    usage = values.get("usage_details", {"input": 50, "output": 15, "total": 65})
    return {
        "id": f"{number:016x}",
        "trace_id": f"{number:032x}",
        "project_id": "project",
        "type": "GENERATION",
        "parent_observation_id": None,
        "start_time": BEGIN,
        "end_time": BEGIN,
        "name": "call",
        "metadata": {"user_api_key_user_email": PERSON},
        "level": "DEFAULT",
        "status_message": PERSON,
        "version": None,
        "input": json.dumps([{"role": "user", "content": PERSON}]),
        "output": PERSON,
        "provided_model_name": "gpt-4.1-2025-04-14",
        "internal_model_id": None,
        "model_parameters": '{"temperature":"0"}',
        "provided_usage_details": {},
        "usage_details": usage,
        "provided_cost_details": {},
        "cost_details": {},
        "total_cost": None,
        "completion_start_time": None,
        "prompt_id": None,
        "prompt_name": None,
        "prompt_version": None,
        "created_at": at(60),
        "updated_at": at(60),
        "event_ts": at(60),
        "is_deleted": 0,
        "environment": "default",
    } | values


def parquet(*rows: dict, schema: pa.Schema = TABLE) -> bytes:
    """Return rows as ClickHouse writes them: ``SELECT * … FORMAT Parquet``."""
    pairs = [
        {name: list(v.items()) if isinstance(v, dict) else v for name, v in row.items()}
        for row in rows
    ]
    columns = [pa.array([row.get(field.name) for row in pairs], field.type) for field in schema]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink)
    return sink.getvalue().to_pybytes()


def lines(*rows: dict) -> str:
    """Return rows as the blob export writes JSONL: moments in UTC, money as a number."""

    def plain(value):
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M:%S.%f}"
        if isinstance(value, Decimal):
            return float(value)
        return value

    return "\n".join(json.dumps({n: plain(v) for n, v in row.items()}) for row in rows)


def legacy(attributes: dict, *, resource=None, scope="tau2.litellm") -> dict:
    """Return the metadata of a span that came by OpenTelemetry: JSON texts in a flat map."""
    return {
        "attributes": json.dumps({name: str(value) for name, value in attributes.items()}),
        "resourceAttributes": json.dumps(resource or {"service.name": "svc"}),
        "scope": json.dumps({"name": scope, "version": "1", "attributes": {}}),
    }


def enriched(attributes: dict, *, resource=None, scope="tau2.litellm") -> dict:
    """Return the same as the enriched export has it: every leaf by its path."""
    return {
        **{f"attributes.{name}": str(value) for name, value in attributes.items()},
        **{f"resourceAttributes.{n}": v for n, v in (resource or {"service.name": "svc"}).items()},
        "scope.name": scope,
        "scope.version": "1",
    }


@pytest.fixture
def parse(tmp_path):
    parser = Parser(tmp_path)

    def of_langfuse(content, **more):
        return parser(content, system="langfuse", **more)

    of_langfuse.rows = parser.rows
    of_langfuse.otlp = parser
    return of_langfuse


def parsed_row(parse, *rows, form=parquet, **more) -> dict:
    parse(form(*rows), **more)
    (row,) = parse.rows()
    return row


ATTRIBUTES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1",
    "gen_ai.response.model": "gpt-4.1-2025-04-14",
    "gen_ai.agent.id": "support",
    "gen_ai.conversation.id": "case-1",
    "gen_ai.response.time_to_first_chunk": 0.25,
    "openai.response.service_tier": "default",
    "roi.initiated_by": "schedule",
    "roi.overhead": "true",
    "feature_flag.key": "answer-style",
    "feature_flag.result.variant": "treatment",
    "feature_flag.propensity": 0.3,
}
USAGE = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 40,
    "gen_ai.usage.cache_creation.input_tokens": 10,
    "gen_ai.usage.reasoning.output_tokens": 5,
}
# what Langfuse makes of these counts (OtelIngestionProcessor)
BUCKETS = {
    "input": 50,
    "input_cached_tokens": 40,
    "input_cache_creation": 10,
    "output": 15,
    "output_reasoning_tokens": 5,
    "total": 120,
}


@pytest.mark.parametrize("form", [parquet, lines], ids=["Parquet", "JSONL"])
@pytest.mark.parametrize("metadata", [legacy, enriched])
def test_an_observation_is_read_in_full(parse, form, metadata):
    row = parsed_row(
        parse,
        observation(
            parent_observation_id="00000000000000ff",
            end_time=at(1.5),
            metadata=metadata(ATTRIBUTES | USAGE),
            usage_details=BUCKETS,
            total_cost=Decimal("0.000012500001"),
        ),
        form=form,
    )
    wanted = {
        "system": "langfuse",
        "trace_id": f"{1:032x}",
        "span_id": f"{1:016x}",
        "parent_span_id": "00000000000000ff",
        "attempt_id": None,
        "scope_name": "tau2.litellm",
        "service_name": "svc",
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4.1",
        "response_model": "gpt-4.1-2025-04-14",
        "agent_id": "support",
        "conversation_id": "case-1",
        "tool_name": None,
        "tier": "standard",
        "initiated_by": "schedule",
        "error_type": None,
        "experiment_id": "answer-style",
        "experiment_arm": "treatment",
        "experiment_propensity": 0.3,
        "input_tokens": 50,
        "output_tokens": 20,
        "cache_read_tokens": 40,
        "cache_write_tokens": 10,
        "cache_write_5m_tokens": None,
        "cache_write_1h_tokens": None,
        "reasoning_tokens": 5,
        "time_to_first_token_us": 250_000,
        "stated_cost": None,
        "logged_cost": Decimal("0.000012500001"),
        "input_includes_cache": False,
        "is_error": False,
        "is_overhead": True,
        "started_at": datetime.fromisoformat("2026-01-05T08:00:00.123"),
        "ended_at": datetime.fromisoformat("2026-01-05T08:00:01.623"),
        "_source_row": 1,
        "_rejected": None,
    }
    assert {name: row[name] for name in wanted} == wanted


def test_what_people_wrote_is_not_kept(parse):
    row = parsed_row(parse, observation(user_id=PERSON, tags=[PERSON]), form=lines)
    assert PERSON not in str(row)


COUNTED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def disjoint(row: dict) -> dict:
    """Return a row's counts as they are priced (``stg_tokens__spans``)."""
    writes = ("cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    cached = sum(row[name] or 0 for name in ("cache_read_tokens", *writes))
    return {
        "input_uncached": (row["input_tokens"] or 0)
        - (cached if row["input_includes_cache"] else 0),
        "cache_read": row["cache_read_tokens"] or 0,
        "cache_write_5m": (row["cache_write_tokens"] or 0) + (row["cache_write_5m_tokens"] or 0),
        "cache_write_1h": row["cache_write_1h_tokens"] or 0,
        "output_visible": (row["output_tokens"] or 0) - (row["reasoning_tokens"] or 0),
        "reasoning": row["reasoning_tokens"] or 0,
    }


@pytest.mark.parametrize("form", [parquet, lines], ids=["Parquet", "JSONL"])
@pytest.mark.parametrize("metadata", [legacy, enriched])
def test_the_same_calls_are_the_same_spans_as_by_otlp(parse, form, metadata):
    """Column by column; counts as they are priced, since Langfuse takes caches out of the input."""
    nanoseconds = int(BEGIN.timestamp() * 1000) * 10**6
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up"}
    tool |= {"gen_ai.tool.cost": "0.012", "error.type": "timeout"}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "support"}
    resource = {"service.name": "svc", "gen_ai.conversation.id": "case-9"}

    def spelt(values):
        return {name.replace(".", "__"): value for name, value in values.items()}

    spans = (
        span(1, start=nanoseconds, end=nanoseconds + 1_500_000_000, **spelt(ATTRIBUTES | USAGE)),
        span(2, start=nanoseconds, status=2, **spelt(tool)),
        span(3, start=nanoseconds, **spelt(agent | {"gen_ai.usage.input_tokens": 100})),
    )
    parse.otlp(line(*spans, resource=resource))
    by_otlp = parse.rows()

    def made(number, kind, values, **more):
        told = metadata(values, resource=resource)
        return observation(number, type=kind, metadata=told, **more)

    none = {"usage_details": {}, "provided_model_name": None}
    parse(
        form(
            made(1, "GENERATION", ATTRIBUTES, end_time=at(1.5), usage_details=BUCKETS),
            made(2, "TOOL", tool, level="ERROR", **none),
            made(3, "AGENT", agent, **none | {"usage_details": {"input": 100, "total": 100}}),
        )
    )
    by_langfuse = parse.rows()
    assert [disjoint(row) for row in by_langfuse] == [disjoint(row) for row in by_otlp]
    aside = {*COUNTED, "reasoning_tokens", "input_includes_cache", "system"}
    for ours, theirs in zip(by_langfuse, by_otlp, strict=True):
        same = theirs.keys() - aside
        assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("GENERATION", "chat"),
        ("EMBEDDING", "embeddings"),
        ("TOOL", "execute_tool"),
        ("RETRIEVER", "retrieval"),
        ("AGENT", "invoke_agent"),
        ("SPAN", "invoke_workflow"),
        ("CHAIN", "invoke_workflow"),
        ("EVENT", "invoke_workflow"),
        ("GUARDRAIL", "invoke_workflow"),
        ("EVALUATOR", "invoke_workflow"),
    ],
)
def test_the_type_says_the_operation_where_no_attribute_does(parse, kind, operation):
    row = parsed_row(parse, observation(type=kind, name="look_up"))
    assert row["operation"] == operation
    assert row["tool_name"] == ("look_up" if kind == "TOOL" else None)


@pytest.mark.parametrize(
    ("usage", "input_", "output", "read", "writes", "reasoning", "includes"),
    [
        pytest.param(
            {"input": 7, "output": 3}, 7, 3, None, (None,) * 3, None, False, id="input and output"
        ),
        pytest.param({}, None, None, None, (None,) * 3, None, False, id="nothing"),
        pytest.param(
            {"input": 0, "output": 0, "total": 0}, 0, 0, None, (None,) * 3, None, False, id="zeros"
        ),
        pytest.param(
            {"input": 2, "input_cached_tokens": 30, "input_cache_creation": 4,
             "input_cache_creation_5m": 5, "input_cache_creation_1h": 6, "output": 8, "total": 55},
            2, 8, 30, (4, 5, 6), None, False, id="writes by lifetime, each a bucket of its own",
        ),
        pytest.param(
            {"input": 2, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 4,
             "output": 8, "total": 44},
            2, 8, 30, (4, None, None), None, False, id="Anthropic's own names",
        ),
        pytest.param(
            {"input": 36, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 4,
             "output": 8, "total": 44},
            36, 8, 30, (4, None, None), None, True, id="the cache within the input, by the total",
        ),
        pytest.param(
            {"input": 2, "cache_read_input_tokens": 30, "output": 8, "total": 10},
            2, 8, 30, (None,) * 3, None, False, id="a total that leaves the cache out",
        ),
        pytest.param(
            {"input": 10, "input_audio_tokens": 5, "input_cached_tokens": 3, "output": 4,
             "output_audio_tokens": 2, "output_reasoning_tokens": 6, "total": 30},
            15, 12, 3, (None,) * 3, 6, False, id="audio belongs to input and output",
        ),
        pytest.param(
            {"input": 10, "output": 20, "reasoning_tokens": 16, "total": 30},
            10, 20, None, (None,) * 3, 16, False, id="reasoning that output counts already",
        ),
        pytest.param(
            {"input": 100, "input_cached_tokens": 40, "input_audio_tokens": 7, "output": 20,
             "output_reasoning_tokens": 5, "total": 120},
            100, 20, 40, (None,) * 3, 5, True, id="a client that sent whole counts, by the total",
        ),
        pytest.param(
            {"input": 100, "input_cached_tokens": 40, "output": 15, "output_reasoning_tokens": 5,
             "total": 120},
            100, 20, 40, (None,) * 3, 5, True, id="a whole input beside a split output",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
            10, 20, None, (None,) * 3, None, False, id="OpenAI's names, as a gateway left them",
        ),
    ],
)  # fmt: skip
def test_usage(parse, usage, input_, output, read, writes, reasoning, includes):
    row = parsed_row(parse, observation(usage_details=usage))
    got = [row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]]
    assert got == [input_, output, read]
    lifetimes = ("cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    assert tuple(row[name] for name in lifetimes) == writes
    assert (row["reasoning_tokens"], row["input_includes_cache"]) == (reasoning, includes)


@pytest.mark.parametrize("kind", ["SPAN", "AGENT", "CHAIN"])
def test_no_sum_counts_what_a_wrapper_repeats(parse, kind):
    """``stg_tokens__spans`` takes tokens from leaf calls alone."""
    row = parsed_row(parse, observation(type=kind, total_cost=Decimal("0.5")))
    assert row["operation"] in ("invoke_agent", "invoke_workflow")
    assert row["logged_cost"] is None


def test_an_sdks_own_metadata_is_read_too(parse):
    metadata = {"gen_ai.agent.id": "support", "roi.overhead": "true", "gen_ai.conversation.id": "c"}
    row = parsed_row(parse, observation(metadata=metadata))
    assert (row["agent_id"], row["is_overhead"], row["conversation_id"]) == ("support", True, "c")
    assert (row["request_model"], row["response_model"]) == (None, "gpt-4.1-2025-04-14")


def test_a_session_is_a_conversation_where_no_attribute_says_one(parse):
    schema = TABLE.append(pa.field("session_id", pa.string()))
    rows = [
        observation(1, session_id="case-7"),
        observation(2, session_id="case-7", metadata={"gen_ai.conversation.id": "own"}),
        observation(3, session_id=""),
    ]
    parse(parquet(*rows, schema=schema))
    assert [row["conversation_id"] for row in parse.rows()] == ["case-7", "own", None]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("case", "c-1", id="a key of the metadata"),
        pytest.param("name", "call", id="a column"),
        pytest.param("case+name", "c-1+call", id="two"),
        pytest.param("user_id", None, id="a person is no field"),
    ],
)
def test_a_mapping_says_where_a_field_is(parse, path, value):
    made = observation(metadata={"case": "c-1"})
    row = parsed_row(parse, made, mappings=[("correlation_id", path)])
    assert row["conversation_id"] == value


def test_the_first_token_and_the_tier_of_a_call(parse):
    made = observation(
        completion_start_time=at(0.75), model_parameters='{"service_tier":"priority"}'
    )
    row = parsed_row(parse, made)
    assert (row["time_to_first_token_us"], row["tier"]) == (750_000, "priority")


def test_a_cost_of_a_model_without_a_price_is_not_0(parse):
    assert parsed_row(parse, observation(total_cost=Decimal(0)))["logged_cost"] is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("form", [parquet, lines], ids=["Parquet", "JSONL"])
def test_the_newest_version_of_an_observation_counts(parse, form, order):
    versions = [
        observation(1, usage_details={"input": 9}, event_ts=at(1), updated_at=at(99)),
        observation(1, usage_details={"input": 5}, event_ts=at(3), updated_at=at(3)),
        observation(1, usage_details={"input": 7}, event_ts=at(2), updated_at=at(2)),
    ]
    parse(form(*[versions[number] for number in order], observation(2)))
    assert [row["input_tokens"] for row in parse.rows()] == [5, 50]


def test_without_event_ts_the_newest_update_counts(parse):
    schema = pa.schema([field for field in TABLE if field.name not in ("event_ts", "is_deleted")])
    versions = [
        observation(usage_details={"input": 5}, updated_at=at(3)),
        observation(usage_details={"input": 9}, updated_at=at(2)),
    ]
    parse(parquet(*versions, schema=schema))
    assert [row["input_tokens"] for row in parse.rows()] == [5]


def test_what_was_deleted_last_is_no_span(parse):
    rows = [
        observation(1, event_ts=at(1)),
        observation(1, event_ts=at(2), is_deleted=1),
        observation(2, event_ts=at(1), is_deleted=1),
        observation(2, event_ts=at(2)),
        observation(1, project_id="another"),
    ]
    parsed = parse(parquet(*rows))
    assert (parsed.rows["spans"], parsed.quarantine.height) == (2, 0)
    assert [row["_source_row"] for row in parse.rows()] == [4, 5]


def retyped(name: str, kind: pa.DataType | None) -> pa.Schema:
    """Return the table with a column of another type, or without it."""
    return pa.schema(
        [
            field if field.name != name else pa.field(name, kind)
            for field in TABLE
            if kind is not None or field.name != name
        ]
    )


@pytest.mark.parametrize("name", ["id", "trace_id", "type", "start_time", "usage_details"])
def test_a_missing_column_is_named(parse, name):
    with pytest.raises(MissingColumn, match=f"no column {name}: is it of Langfuse observations"):
        parse(parquet(observation(), schema=retyped(name, None)))


def test_scores_are_no_observations(parse):
    schema = pa.schema([("id", pa.string()), ("trace_id", pa.string()), ("value", pa.float64())])
    with pytest.raises(MissingColumn, match="not of traces or scores"):
        parse(parquet({"id": "1", "trace_id": "2", "value": 1.0}, schema=schema))


def test_usage_of_a_wrong_kind_is_a_sentence(parse):
    schema = retyped("usage_details", pa.int64())
    with pytest.raises(Unreadable, match="usage_details is BIGINT"):
        parse(parquet(observation(usage_details=5), schema=schema))


def test_maps_as_text_are_read_and_what_is_no_object_is_named(parse):
    schema = retyped("usage_details", pa.string())
    usages: Sequence[str] = ('{"input": 5}', "5", "many")
    rows = [observation(n, usage_details=usage) for n, usage in enumerate(usages, start=1)]
    parsed = parse(parquet(*rows, schema=schema))
    assert [row["input_tokens"] for row in parse.rows()] == [5]
    assert parsed.quarantine["rule"].to_list() == ["malformed_record"] * 2
    assert parsed.quarantine["reason"][0] == "usage_details of row 2 is no object"


def test_strings_that_clickhouse_did_not_call_text(parse):
    binary = pa.map_(pa.binary(), pa.binary())
    schema = retyped("metadata", binary)
    metadata = {b"gen_ai.agent.id": "Köln".encode()}
    assert (
        parsed_row(
            parse, observation(metadata=metadata), form=lambda row: parquet(row, schema=schema)
        )["agent_id"]
        == "Köln"
    )


def test_a_key_that_stands_twice_in_a_map_is_no_damage(parse):
    """ClickHouse's maps may have it; the first is what ``usage_details['input']`` answers there."""
    usage = [("input", 5), ("input", 9), ("output_audio_tokens", 1), ("output", 2)]
    metadata = [("gen_ai.agent.id", "support"), ("gen_ai.agent.id", "support")]
    row = parsed_row(parse, observation(usage_details=usage, metadata=metadata))
    assert (row["input_tokens"], row["output_tokens"], row["agent_id"]) == (5, 3, "support")


@pytest.mark.parametrize(
    ("usage", "column", "text"),
    [
        ({"input": "many"}, "input_tokens", "many"),
        ({"input": 1.5}, "input_tokens", "1.5"),
        ({"input": 99999999999999999999}, "input_tokens", "99999999999999999999"),
        ({"input": 5, "input_audio_tokens": -3}, "input_tokens", "5 + -3"),
        ({"input": 5, "cache_read_input_tokens": "x"}, "cache_read_tokens", "x"),
    ],
)
def test_a_count_that_is_none_is_refused_and_the_span_arrives(parse, usage, column, text):
    parsed = parse(lines(observation(1, usage_details=usage), observation(2)))
    bad, good = parse.rows()
    assert (bad[column], good["input_tokens"]) == (None, 50)
    assert json.loads(bad["_rejected"]) == {column: text}
    (refused,) = parsed.quarantine.to_dicts()
    assert (refused["rule"], refused["severity"], refused["day"]) == (
        "bad_value",
        "critical",
        date(2026, 1, 5),
    )


def test_a_negative_count_is_left_to_the_gate_as_it_was_said(parse):
    """Rule ``counts_possible`` of ``expectations/tokens.py`` quarantines it."""
    assert (
        parsed_row(parse, observation(usage_details={"input": -5}), form=lines)["input_tokens"]
        == -5
    )


def test_a_start_that_is_no_moment_is_refused(parse):
    schema = retyped("start_time", pa.int64())
    parsed = parse(parquet(observation(start_time=1767600000), schema=schema))
    assert parsed.days == {date(1970, 1, 1)}
    assert parsed.quarantine["reason"].to_list() == [
        'started_at: "1767600000" is not a time (YYYY-MM-DD HH:MM:SS, 1970 to 2199, with or'
        " without an offset)"
    ]


@pytest.mark.parametrize(
    "bad",
    ['{"id": "1", "tra', "<html>", '"text"', "{}", "[1]"],
    ids=["cut", "markup", "a text", "an empty object", "a list"],
)
def test_a_bad_line_is_named_and_the_good_ones_arrive(parse, bad):
    parsed = parse("\n".join([lines(observation(1)), bad, lines(observation(2))]))
    assert parsed.rows["spans"] == 2
    (refused,) = parsed.quarantine.to_dicts()
    assert (refused["rule"], refused["_source_row"]) == ("malformed_record", 2)
    assert refused["reason"].startswith("row 2 is no whole observation")


@pytest.mark.parametrize(
    "content",
    ['{"id": "1", "value": 1.0}', json.dumps([{"id": "1"}]), "id,trace_id\n1,2\n"],
    ids=["scores", "an array", "CSV"],
)
def test_a_file_of_something_else_says_what_to_export(parse, content):
    with pytest.raises(Unreadable, match=r"export observations .* as Parquet or JSONL"):
        parse(content)


def test_an_hour_without_calls_is_no_fault(parse):
    parsed = parse(parquet())
    assert (parsed.rows["spans"], parsed.quarantine.height) == (0, 0)


def test_a_damaged_page_of_parquet_is_a_sentence(parse):
    content = bytearray(parquet(*(observation(number) for number in range(9_999))))
    for place in range(2_000, 4_000):
        content[place] ^= 0x5A
    with pytest.raises(Unreadable, match="damaged"):
        parse(bytes(content))
