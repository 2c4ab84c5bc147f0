"""A provider's own cost report comes a day a document, and again when the day has changed."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from roi_engine.doors.base import DoorFailed
from roi_engine.doors.reports import AnthropicCostsDoor, OpenaiCostsDoor

START = datetime(2026, 1, 5, tzinfo=UTC)


class Provider:
    """Both reports as their references describe them, over the same days' amounts."""

    def __init__(self):
        self.days = {START + timedelta(days=place): f"1{place}.25" for place in range(4)}
        self.asked: list[dict] = []
        self.busy = 0
        self.sends_on_to = ""
        self.tamper = lambda answer: answer

    def answer(self, path: str, query: dict) -> dict:
        """Return one page: a bucket, and the token of the next."""
        is_openai = path == "/v1/organization/costs"
        assert is_openai or path == "/v1/organizations/cost_report"
        assert query["limit"] == ["1"]
        assert query["bucket_width"] == ["1d"]
        if "page" in query:
            first = datetime.fromisoformat(query["page"][0].removeprefix("page_"))
        elif is_openai:
            assert query["group_by"] == ["project_id", "line_item"]
            first = datetime.fromtimestamp(int(query["start_time"][0]), UTC)
        else:
            assert query["group_by[]"] == ["workspace_id", "description"]
            first = datetime.fromisoformat(query["starting_at"][0])
        ahead = sorted(day for day in self.days if day >= first)
        buckets = [self._openai(day) if is_openai else self._anthropic(day) for day in ahead[:1]]
        following = f"page_{ahead[1].isoformat()}" if ahead[1:] else None
        page = {"data": buckets, "has_more": bool(following), "next_page": following}
        return {"object": "page"} | page if is_openai else page

    def _openai(self, day: datetime) -> dict:
        amount = {"value": float(self.days[day]), "currency": "usd"}
        result = {"object": "organization.costs.result", "amount": amount}
        result |= {"line_item": "gpt-5, input", "project_id": "proj_1"}
        times = {"start_time": int(day.timestamp()), "end_time": int(day.timestamp()) + 86400}
        return {"object": "bucket", **times, "results": [result]}

    def _anthropic(self, day: datetime) -> dict:
        result = {"currency": "USD", "amount": self.days[day], "cost_type": "tokens"}
        result |= {"workspace_id": None, "model": "claude-sonnet-4", "service_tier": "standard"}
        times = {"starting_at": f"{day:%Y-%m-%dT%H:%M:%SZ}"}
        times |= {"ending_at": f"{day + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
        return {**times, "results": [result]}


@pytest.fixture
def provider():
    told = Provider()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            told.asked.append(dict(self.headers))
            told.busy -= 1
            signed = {self.headers.get("x-api-key"), self.headers.get("Authorization")}
            status = 200 if signed & {"admin", "Bearer admin"} else 401
            if told.busy >= 0:
                status = 429
            if told.sends_on_to:
                status = 302
            self.send_response(status)
            self.send_header("Location", told.sends_on_to)
            self.end_headers()
            if status == 200:
                answer = told.tamper(told.answer(parts.path, parse_qs(parts.query)))
                self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        told.url = f"http://127.0.0.1:{listening.server_port}"
        yield told
        listening.shutdown()


@pytest.fixture(params=[OpenaiCostsDoor, AnthropicCostsDoor])
def door(request, provider):
    def build(**settings):
        given = {"url": provider.url, "secret": "admin", "start": START + timedelta(hours=5)}
        return request.param(name="costs", backoff_seconds=0.01, **given | settings)

    return build


@pytest.fixture
def fetch(tmp_path):
    count = iter(range(100))

    def fetched(door, mark=None, until=START + timedelta(days=3, hours=12)):
        out = tmp_path / f"fetch-{next(count)}"
        out.mkdir()
        return list(door.fetch(mark, until=until, out=out))

    return fetched


def test_a_document_a_day_and_no_day_before_its_end(door, fetch):
    pages = fetch(door())
    assert [page.uri[:10] for page in pages] == ["2026-01-05", "2026-01-06", "2026-01-07"]
    assert [page.mark["until"][:10] for page in pages] == ["2026-01-06", "2026-01-07", "2026-01-08"]
    texts = [page.path.read_text() for page in pages]
    assert ["10.25" in texts[0], "11.25" in texts[1], "12.25" in texts[2]] == [True] * 3


def test_a_day_that_settled_late_replaces_what_was_said_before(door, fetch, provider):
    first = fetch(door())
    provider.days[START + timedelta(days=1)] = "99.5"
    again = fetch(door(), json.loads(json.dumps(first[-1].mark)))
    assert [page.path is not None for page in again] == [False, True, False]
    assert again[1].replaces == (sha256(first[1].path.read_bytes()).hexdigest(),)
    assert "99.5" in again[1].path.read_text()
    assert {page.mark["until"] for page in again} == {first[-1].mark["until"]}
    assert [page.path for page in fetch(door(), again[-1].mark)] == [None, None, None]


def test_what_lies_before_the_look_back_is_not_asked_again(door, fetch):
    first = fetch(door())
    later = START + timedelta(days=4)
    pages = fetch(door(look_back=timedelta(days=1)), first[-1].mark, until=later)
    assert [page.uri[:10] for page in pages] == ["2026-01-07", "2026-01-08"]
    assert sorted(pages[-1].mark["days"]) == ["2026-01-07", "2026-01-08"]


def test_a_day_without_a_bucket_is_passed_over(door, fetch, provider):
    del provider.days[START + timedelta(days=1)]
    assert [page.uri[:10] for page in fetch(door())] == ["2026-01-05", "2026-01-07"]


def test_a_busy_provider_is_asked_again(door, fetch, provider):
    provider.busy = 2
    assert len(fetch(door())) == 3


def test_a_wrong_key_is_a_sentence(door, fetch):
    with pytest.raises(DoorFailed, match="refused the secret") as failure:
        fetch(door(secret="sk-wrong"))
    assert "sk-wrong" not in str(failure.value)


def test_the_key_goes_nowhere_else(door, fetch, provider):
    provider.sends_on_to = provider.url.replace("127.0.0.1", "localhost")
    with pytest.raises(DoorFailed, match="TooManyRedirects"):
        fetch(door(attempts=1))
    assert len(provider.asked) == 1


def test_a_first_fetch_needs_a_start(door, fetch):
    with pytest.raises(DoorFailed, match="give it a start"):
        fetch(door(start=None))


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (lambda answer: answer | {"next_page": None}, "not where"),
        (lambda answer: answer | {"data": answer["data"] * 2}, "no page of one day"),
        (lambda answer: answer | {"data": None}, "no page of one day"),
        (lambda answer: answer | {"data": [{}]}, "without its day"),
        (
            lambda answer: (
                answer | {"data": [{"start_time": 1, "starting_at": "2025-01-05T00:00:00Z"}]}
            ),
            "was asked for",
        ),
    ],
)
def test_an_answer_that_cannot_be_true_is_refused(door, fetch, provider, tamper, sentence):
    provider.tamper = tamper
    with pytest.raises(DoorFailed, match=sentence):
        fetch(door())
