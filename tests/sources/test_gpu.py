"""GPU samples arrive as they were taken; what was not taken is a gap, and is counted."""

import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from roi_engine.sources import gpu
from roi_engine.sources.base import Context, Load, Parsed, Unreadable
from roi_engine.sources.schema import SAMPLES

START = 1767600000  # 2026-01-05 08:00:00 UTC
UTIL = "DCGM_FI_DEV_GPU_UTIL"


class Parser:
    """Parses bytes in a folder of its own, and reads back what was written."""

    def __init__(self, folder):
        self.folder = folder
        self.files = 0

    def __call__(self, content) -> Parsed:
        """Parse ``content`` as a file of GPU samples."""
        self.files += 1
        home = self.folder / str(self.files)
        (home / "temp").mkdir(parents=True)
        self.out = home / "out"
        self.out.mkdir()
        raw = home / "input"
        if not isinstance(content, bytes | str):
            content = json.dumps(content)
        raw.write_bytes(content if isinstance(content, bytes) else content.encode())
        return gpu.parse(
            raw,
            load=Load("load", "gpu", "prometheus", "sha", raw.name),
            context=Context(hmac_key=b"key", temp=home / "temp"),
            out=self.out,
        )

    def rows(self) -> list[dict]:
        """Return the bronze rows of the last file, in the order of its samples."""
        files = list(self.out.glob("samples/day=*/load.parquet"))
        if not files:
            return []
        frame = pl.concat([pl.read_parquet(file) for file in files])
        assert frame.columns == list(SAMPLES.all_columns)
        return frame.sort("_source_row").to_dicts()

    def values(self) -> list[float]:
        """Return the values of the last file."""
        return [row["value"] for row in self.rows()]


@pytest.fixture
def parse(tmp_path):
    return Parser(tmp_path)


def series(*values, metric=UTIL, start=START, step=30, **labels) -> dict:
    points = [[start + step * place, value] for place, value in enumerate(values)]
    return {"metric": {"__name__": metric, "UUID": "GPU-1"} | labels, "values": points}


def answer(*found, kind="matrix", **values) -> dict:
    return {"status": "success", "data": {"resultType": kind, "result": list(found)}} | values


def test_an_answer_is_read_in_full(parse):
    labels = {
        "gpu": "0",
        "Hostname": "node-1",
        "modelName": "A100",
        "pod": "dcgm-exporter",
        "exported_pod": "worker",
        "exported_namespace": "ml",
        "container": "main",
        "GPU_I_PROFILE": "1g.5gb",
        "GPU_I_ID": "3",
        "job": "dcgm",
    }
    parsed = parse(answer(series("55.5", start=START + 0.781, **labels)))
    (row,) = parse.rows()
    assert row.pop("sampled_at").isoformat() == "2026-01-05T08:00:00.781000"
    assert row == {
        "metric": UTIL,
        "gpu_uuid": "GPU-1",
        "gpu_index": "0",
        "hostname": "node-1",
        "gpu_model": "A100",
        "namespace": "ml",
        "pod": "worker",
        "container": "main",
        "mig_profile": "1g.5gb",
        "mig_id": "3",
        "value": 55.5,
        "_load_id": "load",
        "_source_file": "sha",
        "_source_row": 1,
        "_rejected": None,
    }
    assert parsed.rows == {"samples": 1}


@pytest.mark.parametrize(
    ("labels", "column", "value"),
    [
        ({"uuid": "GPU-2", "UUID": ""}, "gpu_uuid", None),
        ({"hostname": "h"}, "hostname", "h"),
        ({"model_name": "H100"}, "gpu_model", "H100"),
        ({"pod": "p"}, "pod", "p"),
        ({"pod": ""}, "pod", None),
    ],
)
def test_spellings_of_labels(parse, labels, column, value):
    parse(answer(series("1", **labels)))
    assert parse.rows()[0][column] == value


def test_an_instant_answer_is_read_too(parse):
    parse(answer({"metric": {"__name__": UTIL}, "value": [START, "7"]}, kind="vector"))
    assert parse.values() == [7]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (UTIL, "9223372036854775792"),
        ("DCGM_FI_DEV_FB_USED", "9223372036854775794"),
        ("DCGM_FI_DEV_FB_USED", "2147483632"),
        ("DCGM_FI_DEV_POWER_USAGE", "2147483634"),
        ("DCGM_FI_DEV_POWER_USAGE", "140737488355328"),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "9223372036854775794"),
    ],
)
def test_blanks_are_counted_by_series_and_day(parse, metric, value):
    parsed = parse(answer(series("5", value, value, metric=metric)))
    assert parse.values() == [5]
    (refused,) = parsed.quarantine.to_dicts()
    assert (refused["rule"], refused["severity"], refused["_source_row"]) == (
        "blank_sample",
        "warning",
        2,
    )
    assert json.loads(refused["record"])["samples"] == "2"


def test_an_energy_counter_passes_the_32_bit_blanks(parse):
    parsed = parse(answer(series("2147483633", metric="DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")))
    assert parse.values() == [2147483633]
    assert parsed.quarantine.height == 0


@pytest.mark.parametrize(
    ("metric", "value"),
    [(UTIL, "101"), (UTIL, "-1"), ("DCGM_FI_PROF_SM_ACTIVE", "1.01")],
)
def test_utilisation_over_the_most_is_a_bad_sample(parse, metric, value):
    parsed = parse(answer(series("1", value, metric=metric)))
    assert parse.values() == [1]
    assert parsed.quarantine.select("rule", "severity").rows() == [("bad_sample", "critical")]


def test_a_stale_marker_is_no_sample(parse):
    parsed = parse(answer(series("1", "NaN", "2")))
    assert parse.values() == [1, 2]
    assert parsed.quarantine.height == 0


@pytest.mark.parametrize("value", ["x", "+Inf", "1e400"])
def test_a_value_that_is_no_number_is_refused(parse, value):
    parsed = parse(answer(series("1", value, metric="DCGM_FI_DEV_POWER_USAGE")))
    rows = parse.rows()
    assert [row["value"] for row in rows if row["_rejected"] is None] == [1]
    assert set(parsed.quarantine["rule"]) <= {"bad_value", "blank_sample"}
    assert parsed.quarantine.height == 1


def test_other_exporters_are_counted(parse):
    parsed = parse(answer(series("1", "1", metric="up"), series("3")))
    assert parse.values() == [3]
    assert parsed.quarantine["rule"].to_list() == ["unknown_metric"]


def test_a_point_that_is_none_is_named(parse):
    found = series("1")
    found["values"].append([START])
    parsed = parse(answer(found, series("2")))
    assert parse.values() == [1, 2]
    assert parsed.quarantine.select("rule", "_source_row").rows() == [("malformed_record", 2)]


def test_pages_of_time_in_one_file(parse):
    parse("\n".join(json.dumps(answer(series(str(place)))) for place in range(3)))
    assert parse.values() == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(answer(warnings=["store-1 timed out"]), "partial", id="a warning"),
        pytest.param({"status": "error", "error": "timeout"}, "timeout", id="a failure"),
        pytest.param(answer(kind="scalar"), "scalar", id="a scalar"),
        pytest.param({"a": 1}, "no status", id="another JSON"),
        pytest.param(json.dumps(answer(series("1")))[:-9], "no whole", id="cut JSON"),
        pytest.param("<html>sign in</html>", "HTML", id="a page"),
        pytest.param("", "empty", id="an empty file"),
        pytest.param("no sample\nat all!", "No line", id="no exposition text"),
    ],
)
def test_an_unreadable_file_says_why(parse, content, sentence):
    with pytest.raises(Unreadable, match=sentence):
        parse(content)


TEXT = f"""# HELP {UTIL} GPU utilization, percent.
# TYPE {UTIL} gauge
{UTIL}{{gpu="0",UUID="GPU-1",pod="a\\"b, c"}} 55 %s
{UTIL}{{gpu="0",UUID="GPU-1",pod="a\\"b, c"}} 56 %s # {{trace="x"}} 1

# EOF
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(START, START + 30.5, id="OpenMetrics: seconds"),
        pytest.param(START * 1000, START * 1000 + 30_500, id="older text: milliseconds"),
    ],
)
def test_exposition_text(parse, first, second):
    parse(TEXT % (first, second))
    rows = parse.rows()
    assert [row["sampled_at"].isoformat() for row in rows] == [
        "2026-01-05T08:00:00",
        "2026-01-05T08:00:30.500000",
    ]
    assert [row["value"] for row in rows] == [55, 56]
    assert [row["_source_row"] for row in rows] == [3, 4]
    assert rows[0]["pod"] == 'a"b, c'


def test_windows_line_ends_and_tabs(parse):
    parse(f"# EOF\r\n{UTIL}\t7\t{START}\r\n\r\n{UTIL} 8 {START + 1} \r\n")
    assert [(row["value"], row["_source_row"]) for row in parse.rows()] == [(7, 2), (8, 4)]


def test_text_without_a_time_is_named(parse):
    parsed = parse(f"{UTIL} 5\n{UTIL} 6 {START}\n{UTIL}{{cut")
    assert parse.values() == [6]
    assert parsed.quarantine["_source_row"].to_list() == [1, 3]


values = st.floats(0, 100, allow_nan=False)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(st.lists(values, min_size=1, max_size=5), min_size=1, max_size=4))
def test_json_and_text_give_the_same_samples(parse, found):
    parse(answer(*(series(*map(repr, one), gpu=str(place)) for place, one in enumerate(found))))
    from_json = [(row["gpu_index"], row["value"], row["sampled_at"]) for row in parse.rows()]
    lines = [
        f'{UTIL}{{UUID="GPU-1",gpu="{place}"}} {value!r} {START + 30 * step}'
        for place, one in enumerate(found)
        for step, value in enumerate(one)
    ]
    parse("\n".join(lines))
    from_text = [(row["gpu_index"], row["value"], row["sampled_at"]) for row in parse.rows()]
    assert from_json == from_text
    assert [value for _, value, _ in from_json] == [value for one in found for value in one]
