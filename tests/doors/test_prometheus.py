"""GPU samples from a running Prometheus are the samples of its export, each once."""

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import polars as pl
import pytest
from pydantic import ValidationError

from roi_engine.doors.base import DoorFailed
from roi_engine.doors.prometheus import Prometheus
from roi_engine.sources import gpu
from roi_engine.sources.base import Context, Load
from tests.prometheus import server

DAY = datetime(2026, 1, 5, tzinfo=UTC)
"""The day of the samples by hand; the simulated ones lie on two days before."""
EDGE = DAY + timedelta(hours=20)
"""Whose millisecond before has a sample."""
REAL = DAY + timedelta(days=1)
"""The day of the measured power values."""

DEVICE = 'gpu="0",UUID="GPU-1",modelName="A100",Hostname="node-1"'
SCRAPED = f'{DEVICE},namespace="dcgm",pod="exporter",exported_namespace="ml",exported_pod="train"'
SLICE = f'{DEVICE},GPU_I_PROFILE="1g.5gb",GPU_I_ID="3"'
QUOTED = DEVICE.replace("node-1", r"node \"one\" \\ a")
KEY = ["metric", "gpu_uuid", "hostname", "pod", "mig_id", "sampled_at"]
LINEAGE = ["_load_id", "_source_file", "_source_row"]


def line(metric: str, labels: str, at: datetime, value: object) -> str:
    return f"{metric}{{{labels}}} {value} {at.timestamp():.3f}"


def by_hand() -> list[str]:
    """Every half minute from 8 to 9 and from 10:30 to 11; in between the exporter was down."""
    grid = [DAY + timedelta(hours=8, seconds=30 * step) for step in range(361)]
    nine, half_past_ten = DAY + timedelta(hours=9), DAY + timedelta(hours=10, minutes=30)
    up = [at for at in grid if at <= nine or at >= half_past_ten]
    lines = []
    for place, at in enumerate(up):
        odd = {5: "9223372036854775794", 7: "NaN", 9: "153"}
        lines += [line("DCGM_FI_DEV_GPU_UTIL", DEVICE, at, odd.get(place, place % 100))]
    for place, at in enumerate(up):
        # the node was booted again at the 50th sample
        joules = 1_000_000 + 9_999 * (place if place < 50 else place - 50)
        lines += [line("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", DEVICE, at, joules)]
    lines += [line("DCGM_FI_DEV_FB_USED", SCRAPED, at, 11_000) for at in up]
    lines += [line("DCGM_FI_PROF_SM_ACTIVE", SLICE, at, 0.1 + 0.2) for at in up]
    lines += [line("DCGM_FI_DEV_POWER_USAGE", QUOTED, at, 61.237) for at in up]
    return lines


def of_simulator(folder) -> list[str]:
    """Write the simulator's answers as the text that they would have been scraped from."""
    by_metric: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.json")):
        for series in json.loads(path.read_text())["data"]["result"]:
            labels = ",".join(
                f"{name}={json.dumps(text)}"
                for name, text in series["metric"].items()
                if name != "__name__"
            )
            metric = series["metric"]["__name__"]
            by_metric.setdefault(metric, []).extend(
                f"{metric}{{{labels}}} {text} {at}" for at, text in series["values"]
            )
    return [text for lines in by_metric.values() for text in lines]


def families(lines: list[str]) -> str:
    """Return the text with the samples of each metric together, as OpenMetrics wants them."""
    by_metric: dict[str, list[str]] = {}
    for text in lines:
        by_metric.setdefault(text.partition("{")[0], []).append(text)
    parts = [[f"# TYPE {name} gauge", *of_metric] for name, of_metric in sorted(by_metric.items())]
    return "\n".join(text for part in parts for text in part) + "\n# EOF\n"


@pytest.fixture(scope="module")
def estate(roi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    roi("simulate", "--out", folder, "--days", 2, "--tasks-per-day", 20, "--start", "2026-01-02")
    return folder / "inbox" / "gpu"


@pytest.fixture(scope="module")
def power(request) -> list[str]:
    """Return measured power of a real cluster, watts, as a series; empty where it is not."""
    path = request.config.rootpath.parent / "shared/data/gpu_reference/acme_dcgm_quantiles.csv"
    if not path.is_file():
        return []
    values = pl.read_csv(path).filter(metric="gpu_power_w", cluster="seren")["value"]
    return [
        line("DCGM_FI_DEV_POWER_USAGE", DEVICE, REAL + timedelta(seconds=15 * place), value)
        for place, value in enumerate(values)
    ]


@pytest.fixture(scope="module")
def prometheus(estate, power):
    others = [f'up{{job="dcgm"}} 1 {DAY.timestamp() + 8 * 3600}']
    edges = [EDGE - timedelta(milliseconds=1), EDGE, EDGE + timedelta(milliseconds=1)]
    others += [line("DCGM_FI_DEV_GPU_UTIL", DEVICE, at, 50) for at in edges]
    with server(families([*of_simulator(estate), *by_hand(), *power, *others])) as running:
        yield running


@pytest.fixture
def door(prometheus):
    def build(**settings) -> Prometheus:
        given = {"start": DAY + timedelta(hours=8), "backoff_seconds": 0.01, "attempts": 2}
        return Prometheus(name="gpus", url=prometheus.url, **given | settings)

    return build


@pytest.fixture
def fetch(tmp_path):
    count = iter(range(100))

    def fetched(door, until=DAY + timedelta(hours=12), mark=None):
        out = tmp_path / f"fetch-{next(count)}"
        out.mkdir()
        return list(door.fetch(mark, until=until, out=out))

    return fetched


@pytest.fixture
def bronze(tmp_path):
    count = iter(range(1000))

    def parsed(*paths) -> pl.DataFrame:
        frames = []
        for path in paths:
            home = tmp_path / f"parsed-{next(count)}"
            (home / "temp").mkdir(parents=True)
            (home / "out").mkdir()
            gpu.parse(
                path,
                load=Load("load", "gpu", "prometheus", "sha", path.name),
                context=Context(hmac_key=b"key", temp=home / "temp"),
                out=home / "out",
            )
            frames += [pl.read_parquet(found) for found in home.glob("out/samples/*/*.parquet")]
        return pl.concat(frames).drop(LINEAGE).sort(KEY)

    return parsed


def kept(pages) -> list:
    return [page.path for page in pages if page.path]


def test_the_door_gives_the_rows_of_the_export(door, fetch, bronze, tmp_path, prometheus):
    assert prometheus.version
    export = tmp_path / "export.om"
    export.write_text(families(by_hand()))
    pages = fetch(door())
    rows = bronze(*kept(pages))
    wanted = bronze(export)
    assert rows.equals(wanted)
    assert rows.height == 5 * 182 - 3  # without the blank, the NaN, and what cannot be
    assert rows["hostname"].unique().sort().to_list() == ['node "one" \\ a', "node-1"]
    used = rows.filter(metric="DCGM_FI_DEV_FB_USED").row(0, named=True)
    assert (used["namespace"], used["pod"]) == ("ml", "train")
    assert rows.filter(pl.col("mig_id") == "3")["value"].unique().to_list() == [0.1 + 0.2]


def test_a_gap_stays_a_gap_and_a_reset_a_reset(door, fetch, bronze):
    rows = bronze(*kept(fetch(door())))
    between = (
        pl.col("sampled_at")
        .dt.replace_time_zone("UTC")
        .is_between(DAY + timedelta(hours=9, seconds=1), DAY + timedelta(hours=10, minutes=29))
    )
    assert rows.filter(between).is_empty()
    energy = rows.filter(metric="DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")["value"]
    assert (energy.diff() < 0).sum() == 1


def test_a_window_ends_before_the_next_begins(door, fetch, bronze):
    at_nine = DAY.replace(hour=9, tzinfo=None)
    rows = bronze(*kept(fetch(door())))
    assert rows.filter(metric="DCGM_FI_DEV_GPU_UTIL", sampled_at=at_nine).height == 1
    (first, second, *_) = fetch(door())
    ends = [bronze(page.path)["sampled_at"] for page in (first, second)]
    assert ends[0].max() == at_nine - timedelta(seconds=30)
    assert ends[1].min() == at_nine


def test_the_last_millisecond_of_a_window_is_in_it(door, fetch, bronze, prometheus):
    pages = fetch(door(start=EDGE - timedelta(hours=1)), until=EDGE + timedelta(hours=1))
    found = [bronze(page.path)["sampled_at"].dt.millisecond().to_list() for page in pages]
    # version 2 counts the left edge too: the sample comes twice, and facts count it once
    repeated = [999] if prometheus.version.startswith("2.") else []
    assert found == [[999], [*repeated, 0, 1]]


def test_simulated_days_come_as_they_were_exported(door, fetch, bronze, estate):
    start = datetime(2026, 1, 2, tzinfo=UTC)
    pages = fetch(door(start=start, step=timedelta(hours=6)), until=start + timedelta(days=2))
    assert len(pages) == 8
    rows = bronze(*kept(pages))
    assert rows.height > 10_000
    assert rows.equals(bronze(*estate.glob("*.json")))


def test_measured_power_comes_to_the_digit(door, fetch, bronze, power, tmp_path):
    if not power:
        pytest.skip("the real public data is not beside this checkout")
    export = tmp_path / "export.om"
    export.write_text(families(power))
    rows = bronze(*kept(fetch(door(start=REAL), until=REAL + timedelta(hours=6))))
    assert rows.equals(bronze(export))
    assert rows.height == len(power)


def test_only_whole_windows_are_asked_for_and_the_mark_goes_on(door, fetch):
    until = DAY + timedelta(hours=10, minutes=59, seconds=59)
    pages = fetch(door(), until=until)
    assert [page.mark for page in pages] == [
        {"until": "2026-01-05T09:00:00+00:00"},
        {"until": "2026-01-05T10:00:00+00:00"},
    ]
    assert fetch(door(look_back=timedelta(0)), until=until, mark=pages[-1].mark) == []
    (last,) = fetch(door(look_back=timedelta(0)), mark=pages[-1].mark, until=DAY.replace(hour=11))
    assert last.uri == "2026-01-05T10:00:00Z/1:00:00"


def test_what_is_asked_again_is_the_same_document(door, fetch):
    pages = fetch(door())
    again = fetch(door(look_back=timedelta(hours=2)), mark=pages[-1].mark)
    assert [page.uri for page in again] == [page.uri for page in pages[-2:]]
    assert again[0].path.read_bytes() == pages[-2].path.read_bytes()


def test_a_window_without_a_sample_moves_the_mark(door, fetch):
    (page,) = fetch(door(start=DAY + timedelta(hours=2)), until=DAY + timedelta(hours=3))
    assert page.path is None
    assert page.mark == {"until": "2026-01-05T03:00:00+00:00"}


def test_a_start_within_a_window_asks_for_all_of_it(door, fetch):
    (page, *_) = fetch(door(start=DAY + timedelta(hours=8, minutes=40)))
    assert page.uri == "2026-01-05T08:00:00Z/1:00:00"


def test_a_selector_picks_series(door, fetch, bronze):
    rows = bronze(*kept(fetch(door(selector='exported_namespace="ml"'))))
    assert rows["namespace"].unique().to_list() == ["ml"]


def test_the_servers_own_words_stand_in_the_failure(door, fetch):
    with pytest.raises(DoorFailed, match=r"HTTP 400.*parse error"):
        fetch(door(selector="="))


def test_a_first_fetch_needs_a_start(door, fetch):
    with pytest.raises(DoorFailed, match=r"gpus does not know from when on .* start in doors.toml"):
        fetch(door(start=None))


def test_a_server_that_is_down_is_a_sentence(fetch):
    nothing = Prometheus(
        name="gpus", url="http://127.0.0.1:9", start=DAY, attempts=1, timeout_seconds=2
    )
    with pytest.raises(DoorFailed, match=r"gpus .*did not answer"):
        fetch(nothing)


@pytest.mark.parametrize("step", [timedelta(0), timedelta(hours=7), timedelta(milliseconds=100)])
def test_a_step_divides_the_day(step):
    with pytest.raises(ValidationError, match="divide a day"):
        Prometheus(name="gpus", step=step)


def test_a_server_that_asks_for_a_password(fetch):
    hashed = "$2b$04$abcdefghijklmnopqrstuuPWRtT5yx7FBi4dcf6ROhboeNunUrLQ."
    with server(families(by_hand()), web=f"basic_auth_users:\n  roi: {hashed}\n") as guarded:
        given = {"name": "gpus", "url": guarded.url, "start": DAY + timedelta(hours=8)}
        known = Prometheus(**given, user="roi", secret="geheim")
        assert len(kept(fetch(known))) == 4
        with pytest.raises(DoorFailed, match="refused the secret") as failure:
            fetch(Prometheus(**given, user="roi", secret="falsch"))
        assert "falsch" not in str(failure.value)


@pytest.fixture
def stub():
    """Return a server that answers what it is told to, for what a healthy one does not say."""
    told = {"status": 200, "body": b"", "asked": []}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            told["asked"].append(dict(self.headers))
            self.send_response(told["status"])
            self.end_headers()
            self.wfile.write(told["body"])

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        told["url"] = f"http://127.0.0.1:{listening.server_port}/prom/"
        yield told
        listening.shutdown()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"status": "success", "warnings": ["store b is down"], "data": {"result": []}},
            "may be partial.*store b is down",
        ),
        ({"status": "error", "errorType": "timeout", "error": "query timed out"}, "timed out"),
        ({"status": "success", "data": {"resultType": "vector", "result": []}}, "no samples"),
        ({"status": "success"}, "no samples"),
        ("<html>log in</html>", "no JSON"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(stub, fetch, body, sentence):
    stub["body"] = (body if isinstance(body, str) else json.dumps(body)).encode()
    with pytest.raises(DoorFailed, match=sentence):
        fetch(Prometheus(name="gpus", url=stub["url"], start=DAY, attempts=1))


def test_a_secret_without_a_user_is_a_bearer_token(stub, fetch):
    stub["body"] = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
    token = Prometheus(name="gpus", url=stub["url"], start=DAY, secret="t0ken")
    fetch(token, until=DAY + timedelta(hours=1))
    assert stub["asked"][0]["Authorization"] == "Bearer t0ken"
    assert "t0ken" not in repr(token)
