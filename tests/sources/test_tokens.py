"""Spans arrive as their source counted them, and what is no span is named."""

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from roi_engine.sources import tokens
from roi_engine.sources.base import Context, Load, MissingColumn, Parsed, Unreadable
from roi_engine.sources.schema import EVALUATIONS, SPANS
from roi_engine.sources.tokens import fields
from tests.conftest import PROJECT

START = 1_767_600_000_123_456_789  # 2026-01-05 08:00:00 UTC, and a part of a second
START_AT = datetime.fromisoformat("2026-01-05T08:00:00.123456")


class Parser:
    """Parses bytes in a folder of its own, and reads back what was written."""

    def __init__(self, folder):
        self.folder = folder
        self.files = 0

    def __call__(self, content, *, system="otlp", mappings=(), name="input") -> Parsed:
        """Parse ``content`` as a file of ``system``."""
        self.files += 1
        home = self.folder / str(self.files)
        (home / "temp").mkdir(parents=True)
        self.out = home / "out"
        self.out.mkdir()
        raw = home / name
        raw.write_bytes(content if isinstance(content, bytes) else content.encode())
        rows = [
            {"source": "tokens", "system": system, "field": field, "path": path}
            for field, path in mappings
        ]
        return tokens.parse(
            raw,
            load=Load("load", "tokens", system, "sha", raw.name),
            context=Context(hmac_key=b"key", temp=home / "temp", mappings=rows),
            out=self.out,
        )

    def rows(self, table=SPANS) -> list[dict]:
        """Return the bronze rows of the last file, in the order of its records."""
        files = list(self.out.glob(f"{table.name}/day=*/load.parquet"))
        if not files:
            return []
        frame = pl.concat([pl.read_parquet(file) for file in files], how="vertical")
        assert frame.columns == list(table.all_columns)
        return frame.sort("_source_row").to_dicts()


@pytest.fixture
def parse(tmp_path):
    return Parser(tmp_path)


def attributes(values: dict) -> list[dict]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return [
        {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in values.items()
    ]


def span(number=1, *, start=START, end=None, status=None, events=None, **values) -> dict:
    names = {key.replace("__", "."): value for key, value in values.items()}
    made = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start if end is None else end),
        "attributes": attributes(names),
        "status": {} if status is None else {"code": status},
    }
    return made if events is None else made | {"events": events}


def line(*spans, scope="tau2.litellm", resource=None) -> str:
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": attributes(resource or {"service.name": "svc"})},
                    "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}],
                }
            ]
        }
    )


def chat(number=1, **values) -> dict:
    return span(
        number,
        **{
            "gen_ai__operation__name": "chat",
            "gen_ai__usage__input_tokens": 100,
            "gen_ai__usage__output_tokens": 20,
        }
        | values,
    )


def test_a_span_is_read_in_full(parse):
    parse(
        line(
            chat(
                end=START + 1_500_000_999,
                gen_ai__provider__name="openai",
                gen_ai__request__model="gpt-4.1",
                gen_ai__response__model="gpt-4.1-2025-04-14",
                gen_ai__agent__id="support",
                gen_ai__conversation__id="case-1",
                gen_ai__usage__cache_read__input_tokens=40,
                gen_ai__usage__cache_creation__input_tokens=10,
                gen_ai__usage__reasoning__output_tokens=5,
                gen_ai__response__time_to_first_chunk=0.25,
                openai__response__service_tier="Default",
                roi__initiated_by="schedule",
                roi__overhead=True,
                roi__stated_cost="0.012",
                feature_flag__key="answer-style",
                feature_flag__result__variant="treatment",
                feature_flag__propensity=0.3,
            )
        )
    )
    (row,) = parse.rows()
    wanted = {
        "system": "otlp",
        "trace_id": f"{1:032x}",
        "parent_span_id": None,
        "attempt_id": None,
        "scope_name": "tau2.litellm",
        "service_name": "svc",
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4.1",
        "response_model": "gpt-4.1-2025-04-14",
        "agent_id": "support",
        "conversation_id": "case-1",
        "tier": "standard",
        "initiated_by": "schedule",
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_tokens": 40,
        "cache_write_tokens": 10,
        "reasoning_tokens": 5,
        "time_to_first_token_us": 250_000,
        "experiment_id": "answer-style",
        "experiment_arm": "treatment",
        "experiment_unit_id": None,
        "experiment_propensity": 0.3,
        "stated_cost": Decimal("0.012"),
        "input_includes_cache": True,
        "is_error": False,
        "is_overhead": True,
        "started_at": START_AT,
        "ended_at": datetime.fromisoformat("2026-01-05T08:00:01.623457"),
        "_load_id": "load",
        "_source_file": "sha",
        "_source_row": 1,
        "_rejected": None,
    }
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("names", "column", "value"),
    [
        pytest.param({"gen_ai__system": "anthropic"}, "provider", "anthropic", id="system"),
        pytest.param({"gen_ai__usage__prompt_tokens": 7}, "input_tokens", 7, id="prompt"),
        pytest.param({"gen_ai__usage__completion_tokens": 8}, "output_tokens", 8, id="completion"),
        pytest.param({"gen_ai__tool__cost": 0.5}, "stated_cost", Decimal("0.5"), id="tool cost"),
    ],
)
def test_older_names_are_accepted(parse, names, column, value):
    parse(line(span(**names)))
    assert parse.rows()[0][column] == value


def test_a_newer_name_wins_over_an_older_one(parse):
    parse(line(chat(gen_ai__usage__prompt_tokens=7)))
    assert parse.rows()[0]["input_tokens"] == 100


def test_a_resource_speaks_for_its_spans(parse):
    resource = {"service.name": "svc", "gen_ai.agent.id": "fleet"}
    parse(line(chat(1), chat(2, gen_ai__agent__id="own"), resource=resource))
    assert [row["agent_id"] for row in parse.rows()] == ["fleet", "own"]


def test_the_first_of_two_equal_keys_counts(parse):
    twice = chat()
    twice["attributes"] += attributes({"gen_ai.usage.input_tokens": 999})
    parse(line(twice))
    assert parse.rows()[0]["input_tokens"] == 100


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("x.id", "a", id="an attribute"),
        pytest.param("x.id+x.request", "a+b", id="two attributes"),
        pytest.param("x.id+x.absent", None, id="two attributes, one missing"),
        pytest.param("=it's", "it's", id="a constant"),
    ],
)
def test_a_mapping_says_where_a_field_is(parse, path, value):
    parse(line(chat(x__id="a", x__request="b")), mappings=[("attempt_id", path)])
    assert parse.rows()[0]["attempt_id"] == value


def test_a_mapped_field_falls_back_to_the_standard_place(parse):
    spans = (
        chat(1, x__case="mapped", gen_ai__conversation__id="c"),
        chat(2, gen_ai__conversation__id="standard"),
    )
    parse(line(*spans), mappings=[("correlation_id", "x.case")])
    assert [row["conversation_id"] for row in parse.rows()] == ["mapped", "standard"]


@pytest.mark.parametrize(
    ("scope", "includes"),
    [
        ("anthropic.native", False),
        ("com.anthropic.claude_code.events", False),
        ("opentelemetry.instrumentation.bedrock", False),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", False),
        ("opentelemetry.instrumentation.anthropic", True),
        ("litellm", True),
        ("", True),
    ],
)
def test_the_scope_says_whether_input_includes_the_cache(parse, scope, includes):
    parse(line(chat(), scope=scope))
    assert parse.rows()[0]["input_includes_cache"] is includes


@pytest.mark.parametrize(
    ("made", "is_error"),
    [
        pytest.param(span(), False, id="unset"),
        pytest.param(span(status=1), False, id="ok"),
        pytest.param(span(status=2), True, id="status 2"),
        pytest.param(span(status="STATUS_CODE_ERROR"), True, id="status by name"),
        pytest.param(span(error__type="timeout"), True, id="error.type"),
    ],
)
def test_errors(parse, made, is_error):
    parse(line(made))
    assert parse.rows()[0]["is_error"] is is_error


def test_writes_of_a_said_lifetime_are_not_counted_twice(parse):
    parse(
        line(chat(gen_ai__usage__cache_creation__input_tokens=50, x__short=30, x__long=15)),
        mappings=[("cache_write_5m_tokens", "x.short"), ("cache_write_1h_tokens", "x.long")],
    )
    row = parse.rows()[0]
    writes = ("cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    assert [row[name] for name in writes] == [5, 30, 15]


def test_wrappers_stay_as_they_are(parse):
    parse(line(chat(gen_ai__operation__name="invoke_agent")))
    assert (parse.rows()[0]["operation"], parse.rows()[0]["input_tokens"]) == ("invoke_agent", 100)


@pytest.mark.parametrize("text", ["many", "1.5", "NaN", "1e400", "99999999999999999999"])
def test_a_count_that_is_none_is_refused_and_the_span_arrives(parse, text):
    parsed = parse(line(chat(1, gen_ai__usage__input_tokens=text), chat(2)))
    rows = parse.rows()
    assert [row["input_tokens"] for row in rows] == [None, 100]
    assert json.loads(rows[0]["_rejected"]) == {"input_tokens": text}
    (refused,) = parsed.quarantine.to_dicts()
    assert (refused["rule"], refused["severity"], refused["_source_row"], refused["day"]) == (
        "bad_value",
        "critical",
        1,
        date(2026, 1, 5),
    )


@pytest.mark.parametrize("cost", ["NaN", "1e400", "-Infinity"])
def test_a_cost_that_is_no_number_is_refused(parse, cost):
    made = json.dumps(json.loads(line(chat(x__cost=0.5)))).replace("0.5", cost)
    parsed = parse(made, mappings=[("logged_cost", "x.cost")])
    assert parse.rows()[0]["logged_cost"] is None
    assert parsed.quarantine["rule"].to_list() == ["bad_value"]


def test_a_start_in_another_unit_is_refused(parse):
    parsed = parse(line(chat(start=START // 1000)))
    assert parsed.days == {date(1970, 1, 1)}
    assert set(parsed.quarantine["rule"]) == {"bad_value"}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param('{"resourceSpans":[{"sco', id="cut"),
        pytest.param("<html>", id="markup"),
        pytest.param('"text"', id="a text"),
        pytest.param("{}", id="an empty object"),
        pytest.param('{"resourceSpans": "x"}', id="a text for a list"),
    ],
)
def test_a_bad_line_is_named_and_the_good_ones_arrive(parse, bad):
    parsed = parse("\n".join([line(chat(1)), bad, line(chat(2), chat(3))]))
    assert parsed.rows["spans"] == 3
    (refused,) = parsed.quarantine.to_dicts()
    assert (refused["rule"], refused["_source_row"]) == ("malformed_record", 2)
    assert "line 2" in refused["reason"]


def test_a_span_without_ids_or_start_is_named(parse):
    no_start = chat(2)
    del no_start["startTimeUnixNano"]
    parsed = parse(line(chat(1), {"traceId": "1"}, no_start, "x", chat(3)))
    assert parsed.rows["spans"] == 2
    assert parsed.quarantine["_source_row"].to_list() == [2, 3, 4]
    assert set(parsed.quarantine["rule"]) == {"malformed_record"}


def test_a_flood_of_bad_lines_is_one_row_at_its_end(parse):
    parsed = parse("\n".join([line(chat())] + ["{"] * 1500))
    assert parsed.quarantine.height == 1001
    assert "500 more" in parsed.quarantine["reason"][-1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "empty", id="an empty file"),
        pytest.param(b"<!DOCTYPE html><html></html>", "HTML", id="a page"),
        pytest.param(gzip.compress(line(chat()).encode())[:60], "too early", id="a cut gzip"),
        pytest.param(b'{"a": 1}\n{"b": 2}', "No line", id="another kind of JSON"),
        pytest.param(b"PAR1 no footer", "Parquet", id="a cut Parquet"),
    ],
)
def test_an_unreadable_file_says_why(parse, content, sentence):
    with pytest.raises(Unreadable, match=sentence):
        parse(content)


def test_compression_is_told_by_the_bytes(parse):
    parse(gzip.compress(line(chat()).encode()), name="plain.jsonl")
    assert parse.rows()[0]["input_tokens"] == 100


def test_events_and_logs_are_evaluations(parse):
    event = {
        "name": "gen_ai.evaluation.result",
        "timeUnixNano": str(START),
        "attributes": attributes(
            {"gen_ai.evaluation.name": "judge-1", "gen_ai.evaluation.score.label": "hallucinated"}
        ),
    }
    other = {"name": "exception", "timeUnixNano": str(START), "attributes": []}
    record = {
        "eventName": "gen_ai.evaluation.result",
        "observedTimeUnixNano": str(START),
        "traceId": "t",
        "spanId": "s",
        "attributes": attributes(
            {
                "gen_ai.evaluation.name": "hallucination",
                "gen_ai.evaluation.score.value": 0.0,
                "gen_ai.conversation.id": "case-2",
                "roi.is_random": True,
                "roi.sampling_probability": 0.25,
            }
        ),
    }
    logs = {
        "resourceLogs": [{"scopeLogs": [{"logRecords": [record, record | {"eventName": "x"}]}]}]
    }
    judged = chat(gen_ai__conversation__id="case-1", gen_ai__agent__id="a", events=[other, event])
    parsed = parse(line(judged) + "\n" + json.dumps(logs))
    assert parsed.rows == {"spans": 1, "evaluations": 2}
    first, second = parse.rows(EVALUATIONS)
    assert (first["conversation_id"], first["agent_id"], first["evaluator_id"]) == (
        "case-1",
        "a",
        "judge-1",
    )
    assert (first["is_hallucination"], first["reviewer_kind"]) == (True, "evaluator")
    assert first["reviewed_at"] == START_AT
    assert (second["conversation_id"], second["is_hallucination"]) == ("case-2", False)
    assert (second["is_random"], second["sampling_probability"]) == (True, 0.25)


def test_a_score_that_only_its_evaluator_understands_is_no_verdict(parse):
    event = {
        "name": "gen_ai.evaluation.result",
        "timeUnixNano": str(START),
        "attributes": attributes(
            {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.label": "fail"}
        ),
    }
    parse(line(chat(events=[event])))
    assert parse.rows(EVALUATIONS)[0]["is_hallucination"] is None


counts = st.integers(min_value=0, max_value=2**62)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(
        st.lists(st.tuples(counts, st.integers(10**18, 4 * 10**18)), max_size=4), max_size=6
    ),
    garbage=st.sampled_from(["{", "null", "[1]", "#"]),
)
def test_no_span_is_lost_and_order_is_kept(parse, lines, garbage):
    made = [
        line(*(chat(1, gen_ai__usage__input_tokens=count, start=start) for count, start in spans))
        for spans in lines
    ]
    # between two spans that are always there, so that the file is OTLP
    parsed = parse("\n".join([line(chat(1)), *made, garbage, line(chat(2))]))
    flat = [pair for spans in lines for pair in spans]
    rows = parse.rows()
    assert [row["input_tokens"] for row in rows[1:-1]] == [count for count, _ in flat]
    assert [
        int(row["started_at"].replace(tzinfo=UTC).timestamp() * 10**6) // 10**3
        for row in rows[1:-1]
    ] == [start // 10**6 for _, start in flat]
    assert parsed.quarantine["_source_row"].to_list() == [len(lines) + 2]


def flat(tmp_path, columns: str) -> bytes:
    path = tmp_path / "flat.parquet"
    duckdb.sql(f"copy (select {columns}) to '{path}' (format parquet)")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("our own", ("experiment_id", "experiment_arm", "experiment_propensity")),
        (
            "the convention's",
            ("feature_flag.key", "feature_flag.result.variant", "feature_flag.propensity"),
        ),
    ],
    ids=["our names", "the convention's names"],
)
def test_flat_exposures(parse, tmp_path, form, names):
    columns = ["'t' as trace_id", "'s' as span_id", "timestamp '2026-01-05 08:00' as started_at"]
    values = ("'answer-style'", "'treatment'", "0.3::double")
    columns += [f'{value} as "{name}"' for value, name in zip(values, names, strict=True)]
    columns += ['0.25::double as "gen_ai.server.time_to_first_token"']
    parse(flat(tmp_path, ", ".join(columns)), system="spans")
    (row,) = parse.rows()
    exposure = (row["experiment_id"], row["experiment_arm"], row["experiment_propensity"])
    assert exposure == ("answer-style", "treatment", 0.3)
    assert row["time_to_first_token_us"] == 250_000


def test_an_exposure_by_mapping_names_its_unit_too(parse):
    mapped = [
        ("experiment_id", "ab.test"),
        ("experiment_arm", "ab.arm"),
        ("experiment_propensity", "ab.p"),
        ("experiment_unit_id", "ab.site"),
    ]
    parse(line(chat(ab__test="style", ab__arm="b", ab__p="0.25", ab__site="7")), mappings=mapped)
    (row,) = parse.rows()
    columns = (field for field, _ in mapped)
    assert [row[column] for column in columns] == ["style", "b", 0.25, "7"]


def test_a_propensity_that_is_no_number_is_refused_and_the_call_stays(parse):
    parsed = parse(line(chat(feature_flag__key="x", feature_flag__propensity="half")))
    (row,) = parse.rows()
    assert row["experiment_propensity"] is None
    assert json.loads(row["_rejected"]) == {"experiment_propensity": "half"}
    assert parsed.quarantine["rule"].to_list() == ["bad_value"]


def test_the_metrics_name_of_the_time_to_first_token_is_read_too(parse):
    parse(line(chat(gen_ai__server__time_to_first_token=0.75)))
    (row,) = parse.rows()
    assert row["time_to_first_token_us"] == 750_000


USED = ("cpu_time_us", "peak_memory_bytes", "received_bytes", "sent_bytes")


@pytest.mark.parametrize(
    ("attributes", "used"),
    [
        pytest.param({}, (None, None, None, None), id="nothing is said"),
        pytest.param(
            {
                "process__cpu__time": 0.0125,
                "process__memory__usage": 1 << 30,
                "http__response__size": 900,
                "http__response__body__size": 800,
                "http__request__body__size": 0,
            },
            (12_500, 1 << 30, 900, 0),
            id="a process, a whole answer, an empty body",
        ),
        pytest.param(
            {"container__cpu__time": 2, "container__memory__usage": 5, "http__request__size": 7},
            (2_000_000, 5, None, 7),
            id="a container",
        ),
        pytest.param(
            {"process__cpu__time": -0.5, "http__request__size": -1},
            (-500_000, None, None, -1),
            id="what cannot be is as it was sent: the gate says so",
        ),
    ],
)
def test_what_a_step_used(parse, attributes, used):
    parsed = parse(line(chat(**attributes)))
    (row,) = parse.rows()
    assert tuple(row[name] for name in USED) == used
    assert parsed.quarantine.is_empty()


@pytest.mark.parametrize("cpu", ["much", "1e300", "NaN"])
def test_what_is_no_figure_is_refused_and_the_call_stays(parse, cpu):
    parsed = parse(line(chat(process__cpu__time=cpu, process__memory__usage="1 GiB")))
    (row,) = parse.rows()
    assert (row["cpu_time_us"], row["peak_memory_bytes"], row["input_tokens"]) == (None, None, 100)
    assert json.loads(row["_rejected"]) == {"cpu_time_us": cpu, "peak_memory_bytes": "1 GiB"}
    assert parsed.quarantine["rule"].to_list() == ["bad_value"] * 2


def test_a_process_speaks_for_its_version_and_not_for_what_a_step_used(parse):
    told = {"process.memory.usage": 99, "process.cpu.time": 5.0, "roi.model_registry_version": 7}
    parse(line(chat(roi__feature_version="2026-03"), resource=told))
    (row,) = parse.rows()
    assert tuple(row[name] for name in USED) == (None, None, None, None)
    assert (row["model_registry_version"], row["feature_version"]) == ("7", "2026-03")


def test_figures_and_versions_by_mapping(parse):
    mappings = [
        ("cpu_time_us", "host.cpu_us"),
        ("sent_bytes", "wire.out"),
        ("model_registry_version", "mlflow.version"),
        ("feature_version", "index+prompt"),
    ]
    values = {
        "host__cpu_us": 12,
        "wire__out": 3,
        "mlflow__version": "v4",
        "index": "i",
        "prompt": "p",
    }
    parse(line(chat(**values)), mappings=mappings)
    (row,) = parse.rows()
    assert (row["cpu_time_us"], row["sent_bytes"]) == (12, 3)
    assert (row["model_registry_version"], row["feature_version"]) == ("v4", "i+p")


@pytest.mark.parametrize(
    "columns",
    [
        '0.0125 as "process.cpu.time", 5 as "container.memory.usage", 9::double as'
        ' "http.request.body.size", 7 as "roi.model_registry_version"',
        "12500 as cpu_time_us, 5 as peak_memory_bytes, 9 as sent_bytes,"
        " '7' as model_registry_version",
    ],
    ids=["the convention's names", "our names"],
)
def test_flat_figures_and_versions(parse, tmp_path, columns):
    ids = "'t' as trace_id, 's' as span_id, timestamp '2026-01-05 08:00' as started_at"
    parsed = parse(flat(tmp_path, f"{ids}, {columns}"), system="spans")
    (row,) = parse.rows()
    assert tuple(row[name] for name in USED) == (12_500, 5, None, 9)
    assert (row["model_registry_version"], row["feature_version"]) == ("7", None)
    assert parsed.quarantine.is_empty()


def test_every_attribute_that_is_read_is_documented():
    page = (PROJECT / "docs" / "spans.md").read_text()
    places = fields.PLACES | fields.SECONDS
    missing = [name for names in places.values() for name in names if f"`{name}`" not in page]
    missing += [column for column in places if f"`{column}`" not in page]
    assert missing == []


def test_flat_parquet_by_our_names(parse, tmp_path):
    columns = ["'t' as trace_id", "'s' as span_id", "timestamp '2026-01-05 08:00' as started_at"]
    columns += ["'anthropic.native' as scope_name", "5::bigint as input_tokens"]
    columns += ["0.5::decimal(38,18) as stated_cost", "true as is_overhead"]
    parse(flat(tmp_path, ", ".join(columns)), system="spans")
    (row,) = parse.rows()
    assert row["started_at"] == datetime.fromisoformat("2026-01-05T08:00")
    assert (row["input_tokens"], row["stated_cost"], row["is_overhead"]) == (
        5,
        Decimal("0.5"),
        True,
    )
    assert (row["input_includes_cache"], row["is_error"], row["agent_id"]) == (False, False, None)


def test_flat_parquet_by_attribute_names(parse, tmp_path):
    columns = [
        "'t' as trace_id",
        "'s' as span_id",
        f"{START} as start_time_unix_nano",
        'sql.x as "gen_ai.usage.input_tokens"',
        'sql.cost as "roi.stated_cost"',
        '2 as "status_code"',
        "'m' as \"x.model\"",
    ]
    source = "(values (5.0::double, 0.1::double), (5.5, 'nan'::double)) as sql(x, cost)"
    parsed = parse(
        flat(tmp_path, f"{', '.join(columns)} from {source}"),
        system="spans",
        mappings=[("request_model", "x.model")],
    )
    good, bad = parse.rows()
    assert (good["started_at"], good["input_tokens"]) == (START_AT, 5)
    assert (good["stated_cost"], good["request_model"]) == (Decimal("0.1"), "m")
    assert good["is_error"] is True
    assert json.loads(bad["_rejected"]) == {"input_tokens": "5.5", "stated_cost": "nan"}
    assert parsed.quarantine["rule"].to_list() == ["bad_value"] * 2


def test_flat_parquet_without_ids_is_refused(parse, tmp_path):
    with pytest.raises(MissingColumn, match="span_id"):
        parse(flat(tmp_path, "'t' as trace_id, now() as started_at"), system="spans")


def test_a_damaged_page_of_parquet_is_a_sentence(parse, tmp_path):
    columns = "i::varchar as trace_id, i::varchar as span_id, now() as started_at"
    content = bytearray(flat(tmp_path, f"{columns} from range(9999) as numbers(i)"))
    for place in range(2_000, 4_000):
        content[place] ^= 0x5A
    with pytest.raises(Unreadable, match="damaged"):
        parse(bytes(content), system="spans")


def spend_row(**values) -> dict:
    return {
        "request_id": "r1",
        "call_type": "acompletion",
        "spend": 1.25e-05,
        "prompt_tokens": 1200,
        "completion_tokens": 30,
        "startTime": "2026-01-05T08:00:00+00:00",
        "endTime": "2026-01-05T08:00:02Z",
        "completionStartTime": "2026-01-05T08:00:00.5Z",
        "model": "claude-sonnet-4",
        "model_group": "fast",
        "custom_llm_provider": "anthropic",
        "session_id": "case-1",
        "status": "success",
        "cache_hit": "False",
        "metadata": {
            "usage_object": {
                "cache_read_input_tokens": 1000,
                "cache_creation_input_tokens": 100,
                "prompt_tokens_details": {
                    "cache_creation_token_details": {"ephemeral_1h_input_tokens": 60}
                },
            }
        },
    } | values


@pytest.mark.parametrize("as_text", [False, True], ids=["metadata as object", "metadata as text"])
def test_a_spend_log_row(parse, as_text):
    row = spend_row()
    if as_text:
        row["metadata"] = json.dumps(row["metadata"])
    parse(json.dumps(row), system="litellm")
    (got,) = parse.rows()
    wanted = {
        "span_id": "r1",
        "attempt_id": "r1",
        "conversation_id": "case-1",
        "operation": "chat",
        "provider": "anthropic",
        "request_model": "fast",
        "response_model": "claude-sonnet-4",
        "input_tokens": 1200,
        "cache_read_tokens": 1000,
        "cache_write_tokens": 40,
        "cache_write_1h_tokens": 60,
        "time_to_first_token_us": 500_000,
        "logged_cost": Decimal("0.0000125"),
        "input_includes_cache": True,
        "is_error": False,
        "started_at": datetime.fromisoformat("2026-01-05T08:00"),
    }
    assert {name: got[name] for name in wanted} == wanted


def test_what_the_gateway_answered_itself_is_no_model_call(parse):
    rows = [spend_row(cache_hit="True"), spend_row(request_id="r2", status="failure")]
    parse("\n".join(map(json.dumps, rows)), system="litellm")
    hit, failed = parse.rows()
    assert (hit["operation"], failed["is_error"]) == ("gateway_cache", True)


def test_a_cut_spend_log_keeps_its_good_rows(parse):
    parsed = parse(json.dumps(spend_row()) + '\n{"request_id": "r', system="litellm")
    assert parsed.rows["spans"] == 1
    assert parsed.quarantine["_source_row"].to_list() == [2]


def real(parse, shared_data, name) -> list[dict]:
    with (shared_data / "inbox/reference/field_mappings.csv").open() as file:
        rows = pl.read_csv(file.read().encode()).filter(source="tokens").to_dicts()
    mappings = [(row["field"], row["path"]) for row in rows]
    found = []
    for path in sorted((shared_data / "inbox/tokens/otlp").glob(name)):
        parsed = parse(path.read_bytes(), mappings=mappings)
        assert parsed.quarantine.height == 0
        found += parse.rows()
    return found


def test_real_agent_runs(parse, shared_data, expected):
    rows = real(parse, shared_data, "tau2_*")
    wanted = expected["tau2"]
    assert Counter(row["operation"] for row in rows) == wanted["spans"]
    for model, of_model in wanted["by_model"].items():
        calls = [r for r in rows if r["operation"] == "chat" and r["request_model"] == model]
        assert len(calls) == of_model["llm_calls"]
        assert sum(r["input_tokens"] for r in calls) == of_model["tokens"]["input_uncached"]
        assert sum(r["output_tokens"] for r in calls) == of_model["tokens"]["output_visible"]
        assert sum(r["latency_us"] for r in calls) == of_model["turn_elapsed_us"]
        # floats printed in full have 19 digits and more; bronze keeps 18
        logged = Decimal(of_model["logged_call_cost_usd"])
        assert abs(sum(r["logged_cost"] for r in calls) - logged) < Decimal("1e-14")
    tools = [row for row in rows if row["operation"] == "execute_tool"]
    assert Counter(row["tool_name"] for row in tools) == wanted["tool_calls_by_name"]
    assert sum(row["is_error"] for row in tools) == wanted["total"]["tool_errors"]


def test_real_coding_sessions(parse, shared_data, expected):
    rows = real(parse, shared_data, "claude_code*")
    wanted = expected["claude_code"]
    assert len(rows) == wanted["records"]
    assert len({row["attempt_id"] for row in rows}) == wanted["messages"]
    assert {row["input_includes_cache"] for row in rows} == {False}
    sums = wanted["wrong_if_not_deduplicated"]
    assert sum(row["input_tokens"] for row in rows) == sums["input_uncached"]
    assert sum(row["cache_read_tokens"] for row in rows) == sums["cache_read"]
    assert sum(row["cache_write_tokens"] for row in rows) == sums["cache_write_5m"]


def test_real_inference_trace(parse, shared_data, expected):
    rows = real(parse, shared_data, "azure_code*")
    wanted = expected["azure"]
    assert len(rows) == wanted["requests"]
    assert sum(row["input_tokens"] for row in rows) == wanted["tokens"]["input_uncached"]
    assert sum(row["output_tokens"] for row in rows) == wanted["tokens"]["output_visible"]
    assert {(row["request_model"], row["provider"]) for row in rows} == {(None, None)}
    assert min(row["started_at"] for row in rows).isoformat() == "2023-11-16T18:17:03.979960"


def test_all_real_spans_arrive(parse, shared_data, expected):
    assert len(real(parse, shared_data, "*")) == expected["spans_total"]
