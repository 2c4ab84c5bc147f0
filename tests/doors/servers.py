"""Systems of tickets on loopback: they page, throttle, break and change as the real ones do."""

import base64
import json
import operator
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

_COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass
class Answer:
    """What goes over the wire.

    Attributes:
        body: The bytes.
        status: The HTTP status.
        headers: Beside Content-Length and Content-Type.
        kind: The Content-Type.
        pause_seconds: How long the server is silent before it answers.
        sent: How many bytes of the body are sent before the connection is cut; None for all.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    pause_seconds: float = 0.0
    sent: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    at: float


def busy(seconds: int) -> Answer:
    """Return a refusal that says when to come again."""
    return Answer(b"{}", 429, {"Retry-After": str(seconds)})


def broken(status: int = 503) -> Answer:
    """Return a failure of the server."""
    return Answer(b"<html>down</html>", status, kind="text/html")


def refused() -> Answer:
    """Return what an expired token gets."""
    return Answer(b'{"error":"invalid_token"}', 401)


class System:
    """A server with a record of what it was asked, and troubles to come.

    ``troubles`` maps the number of a request (from 1) to the answer it gets instead of its own,
    or to a function that changes the answer. ``before`` maps it to something that happens first.
    """

    path = ""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.sent: list[bytes] = []
        self.troubles: dict[int, Answer | Callable[[Answer], Answer]] = {}
        self.before: dict[int, Callable[[], object]] = {}
        self.authorization: str | None = None

    def answer(self, params: dict[str, str]) -> object:
        """Return the JSON that answers these parameters; KeyError for what it cannot read."""
        raise NotImplementedError

    def take(self, asked: Asked) -> Answer:
        """Return the answer to a request, or its trouble."""
        self.asked.append(asked)
        number = len(self.asked)
        self.before.get(number, lambda: None)()
        trouble = self.troubles.get(number)
        if isinstance(trouble, Answer):
            return trouble
        if self.authorization and asked.headers.get("authorization") != self.authorization:
            return refused()
        if asked.path != self.path:
            return Answer(b'{"error":"no such path"}', 404)
        answer = Answer(json.dumps(self.answer(asked.params)).encode())
        if trouble is not None:
            return trouble(answer)
        self.sent.append(answer.body)
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    system: System

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers, time.monotonic())
        answer = self.system.take(asked)
        if answer.pause_seconds:
            time.sleep(answer.pause_seconds)
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: answer.sent])
        except (BrokenPipeError, ConnectionResetError):
            # the reader went away while the server was silent
            self.close_connection = True
        if answer.sent is not None:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def running(system: System) -> Iterator[System]:
    """Serve a system on a free port of loopback."""
    handler = type("Handler", (_Handler,), {"system": system})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        system.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield system
        finally:
            server.shutdown()
            thread.join()


class Zendesk(System):
    """The incremental cursor export: the current version of each ticket, in order of change."""

    path = "/api/v2/incremental/tickets/cursor.json"

    def __init__(self, *, page_size: int = 1000) -> None:
        super().__init__()
        self.page_size = page_size
        self.other_host = ""
        self.tickets: dict[int, tuple[int, dict]] = {}
        self.metric_sets: dict[int, dict] = {}
        self.changes = 0

    def put(self, tickets: Iterable[dict], metric_sets: Iterable[dict] = ()) -> None:
        """Make these the current versions, changed in this order."""
        for ticket in tickets:
            self.changes += 1
            self.tickets[ticket["id"]] = (self.changes, ticket)
        self.metric_sets |= {metric["ticket_id"]: metric for metric in metric_sets}

    def answer(self, params: dict[str, str]) -> object:
        """Return a page after the cursor, or from the start time on."""
        size = min(self.page_size, int(params["per_page"]))
        after = 0
        if "cursor" in params:
            after = int(base64.b64decode(params["cursor"]))
        elif int(params["start_time"]) > time.time() - 60:
            raise KeyError("start_time must be at least a minute old")
        found = sorted((change, one["id"]) for change, one in self.tickets.values())
        found = [(change, number) for change, number in found if change > after]
        page = found[:size]
        cursor = base64.b64encode(str(page[-1][0] if page else after).encode()).decode()
        host = self.other_host or self.url
        metrics = [self.metric_sets[number] for _, number in page if number in self.metric_sets]
        return {
            "tickets": [self.tickets[number][1] for _, number in page],
            **({"metric_sets": metrics} if params.get("include") == "metric_sets" else {}),
            "after_cursor": cursor,
            "after_url": f"{host}{self.path}?cursor={cursor}",
            "before_cursor": None,
            "before_url": None,
            "end_of_stream": len(found) <= size,
        }


class ServiceNow(System):
    """The Table API: a query of conditions, joined by ``^`` and ``^OR``, with ``ORDERBY``.

    A record is a dict of name to (value, display value).
    """

    path = "/api/now/table/incident"

    def __init__(self, records: Iterable[dict[str, tuple[str, str]]] = ()) -> None:
        super().__init__()
        self.records = {record["sys_id"][0]: record for record in records}

    def put(self, **fields: tuple[str, str]) -> None:
        """Change a record, or make it."""
        self.records[fields["sys_id"][0]] = self.records.get(fields["sys_id"][0], {}) | fields

    def answer(self, params: dict[str, str]) -> object:
        """Return the records that a query finds, cut to the limit."""
        conditions: list[list[tuple[str, str, str]]] = []
        order = []
        for part in params["sysparm_query"].split("^"):
            if part.startswith("ORDERBY"):
                order.append(part.removeprefix("ORDERBY"))
                continue
            condition = re.fullmatch(r"(?:OR)?([a-z_]+)(>=|<=|=|>|<)(.*)", part).groups()
            if part.startswith("OR"):
                conditions[-1].append(condition)
            else:
                conditions.append([condition])
        found = [
            record
            for record in self.records.values()
            if all(any(_holds(record, *one) for one in group) for group in conditions)
        ]
        found.sort(key=lambda record: tuple(record[name][0] for name in order))
        page = found[: int(params["sysparm_limit"])]
        return {"result": [_written(record, params) for record in page]}


def _holds(record: dict[str, tuple[str, str]], name: str, sign: str, value: str) -> bool:
    return _COMPARISONS[sign](record[name][0], value)


def _written(record: dict[str, tuple[str, str]], params: dict[str, str]) -> dict[str, object]:
    form = params.get("sysparm_display_value", "false")
    if form == "all":
        return {
            name: {"display_value": display, "value": value}
            for name, (value, display) in record.items()
        }
    return {name: pair[form == "true"] for name, pair in record.items()}


class Jira(System):
    """A search by time of change: Cloud with tokens, Server with positions.

    As the index of the real one does, it knows times to the second.
    """

    def __init__(self, *, is_cloud: bool = True, page_size: int = 100) -> None:
        super().__init__()
        self.path = "/rest/api/3/search/jql" if is_cloud else "/rest/api/2/search"
        self.is_cloud = is_cloud
        self.has_positions_in_tokens = False
        self.page_size = page_size
        self.issues: dict[str, dict] = {}

    def put(self, *issues: dict) -> None:
        """Make these the current versions."""
        self.issues |= {issue["key"]: issue for issue in issues}

    def answer(self, params: dict[str, str]) -> object:
        """Return a page of the issues that changed since."""
        since = re.search(r"updated >= (\d+) ORDER BY updated ASC, key ASC$", params["jql"])[1]
        found = sorted(
            (_at(issue["fields"]["updated"]), key)
            for key, issue in self.issues.items()
            if _at(issue["fields"]["updated"]) // 1000 >= int(since) // 1000
        )
        size = min(self.page_size, int(params["maxResults"]))
        assert params["expand"] == "changelog"
        if not self.is_cloud:
            begin = int(params["startAt"])
            page = found[begin : begin + size]
            about = {"startAt": begin, "maxResults": size, "total": len(found)}
            return {"expand": "names,schema", **about, "issues": self._named(page)}
        assert "startAt" not in params
        # what a token holds is Jira's own affair: the last issue, or a position
        after = json.loads(base64.b64decode(params.get("nextPageToken", "bnVsbA==")))
        if isinstance(after, int):
            found = found[after:]
        elif after:
            found = [place for place in found if list(place) > after]
        page = found[:size]
        if len(found) <= size:
            return {"issues": self._named(page), "isLast": True}
        held = size + (after or 0) if self.has_positions_in_tokens else page[-1]
        token = base64.b64encode(json.dumps(held).encode()).decode()
        return {"issues": self._named(page), "nextPageToken": token, "isLast": False}

    def _named(self, page: list[tuple[int, str]]) -> list[dict]:
        return [self.issues[key] for _, key in page]


def _at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
