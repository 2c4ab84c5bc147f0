"""Each live door brings every ticket once it can be had, whatever the system does meanwhile."""

import base64
import csv
import gzip
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from roi_engine.doors import http
from roi_engine.doors.base import Door, DoorFailed, Page
from roi_engine.doors.jira import Jira
from roi_engine.doors.servicenow import ServiceNow
from roi_engine.doors.zendesk import Zendesk
from roi_engine.simulate import write_estate
from roi_engine.sources import tickets
from roi_engine.sources.base import Context, Load
from tests.doors import servers
from tests.doors.servers import Answer, broken, busy, refused, running

SECRET = "s3cr3t-of-the-test"  # noqa: S105 - of nobody
SIGNED = base64.b64encode(f"u@example.com:{SECRET}".encode()).decode()
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
UNTIL = datetime(2026, 2, 1, tzinfo=UTC)
LINEAGE = ["_load_id", "_source_file", "_source_row"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF_SECONDS", 0.01)


@dataclass
class Fetched:
    """What a fetch brought until it ended or failed."""

    pages: list[Page]
    failure: str = ""

    @property
    def mark(self):
        """Return where the next fetch goes on."""
        return self.pages[-1].mark if self.pages else None

    @property
    def documents(self) -> list[bytes]:
        """Return what is kept, in order."""
        return [page.path.read_bytes() for page in self.pages if page.path]


class Reader:
    """Fetches into folders of its own; no secret may show in what it gives."""

    def __init__(self, folder):
        self.folder = folder
        self.fetches = 0

    def __call__(self, door: Door, mark=None, *, until=UNTIL) -> Fetched:
        """Fetch everything after ``mark``."""
        self.fetches += 1
        out = self.folder / f"fetch-{self.fetches}"
        out.mkdir()
        fetched = Fetched([])
        try:
            # as landing does: a page at a time, its mark through JSON
            for page in door.fetch(mark, until=until, out=out):
                fetched.pages.append(replace(page, mark=json.loads(json.dumps(page.mark))))
        except DoorFailed as failure:
            fetched.failure = str(failure)
        written = [repr(page) for page in fetched.pages] + [fetched.failure]
        written += [path.read_text() for path in out.iterdir()]
        assert not [text for text in written if SECRET in text or SIGNED in text]
        assert "\n" not in fetched.failure
        assert sorted(out.iterdir()) == [page.path for page in fetched.pages if page.path]
        assert len({page.uri for page in fetched.pages}) == len(fetched.pages)
        return fetched


@pytest.fixture
def read(tmp_path):
    return Reader(tmp_path)


class Zendesks:
    """A Zendesk of numbered tickets with versions."""

    def __init__(self):
        self.system = servers.Zendesk()

    def put(self, number, version=1):
        """Make a version of a ticket."""
        self.system.put([{"id": number, "version": version, "created_at": "2026-01-05T08:00:00Z"}])

    def door(self, **options) -> Zendesk:
        """Return a door of pages of three."""
        return Zendesk(**self._given() | options)

    def found(self, documents) -> Counter:
        """Return how often each (number, version) is in documents."""
        lists = (json.loads(document)["tickets"] for document in documents)
        return Counter((one["id"], one["version"]) for some in lists for one in some)

    def _given(self):
        given = {"name": "desk", "url": self.system.url, "user": "u@example.com"}
        given |= {"secret": SECRET, "secret_env": "DESK_TOKEN"}
        return given | {"page_size": 3, "timeout_seconds": 20}


class ServiceNows(Zendesks):
    """A ServiceNow of numbered incidents with versions."""

    def __init__(self):
        self.system = servers.ServiceNow()

    def put(self, number, version=1, seconds=None):
        """Make a version of an incident, changed ``seconds`` after the beginning."""
        seconds = 10 * number + 1000 * (version - 1) if seconds is None else seconds
        at = f"{BEGIN + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
        self.system.put(
            sys_id=(hashlib.md5(str(number).encode()).hexdigest(),) * 2,  # noqa: S324 - an id
            number=(str(number), str(number)),
            version=(str(version), str(version)),
            sys_updated_on=(at, "shown in another zone"),
        )

    def door(self, **options) -> ServiceNow:
        """Return a door of pages of three."""
        return ServiceNow(**self._given() | options)

    def found(self, documents) -> Counter:
        """Return how often each (number, version) is in documents."""
        lists = (json.loads(document)["result"] for document in documents)
        return Counter(
            (int(one["number"]["value"]), int(one["version"]["value"]))
            for some in lists
            for one in some
        )


class Jiras(ServiceNows):
    """A Jira Cloud of numbered issues with versions."""

    deployment = "cloud"

    def __init__(self):
        self.system = servers.Jira(is_cloud=self.deployment == "cloud")

    def put(self, number, version=1, seconds=None):
        """Make a version of an issue, changed ``seconds`` after the beginning."""
        seconds = 10 * number + 1000 * (version - 1) if seconds is None else seconds
        at = (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        fields = {"updated": at.replace("+00:00", "+0000"), "version": version}
        self.system.put({"key": f"OPS-{number}", "fields": fields})

    def door(self, **options) -> Jira:
        """Return a door of pages of three."""
        return Jira(**self._given() | {"deployment": self.deployment} | options)

    def found(self, documents) -> Counter:
        """Return how often each (number, version) is in documents."""
        lists = (json.loads(document)["issues"] for document in documents)
        return Counter(
            (int(one["key"].removeprefix("OPS-")), one["fields"]["version"])
            for some in lists
            for one in some
        )


class JiraServers(Jiras):
    """A Jira Server of numbered issues with versions."""

    deployment = "server"


CASES = {
    "zendesk": Zendesks,
    "servicenow": ServiceNows,
    "jira": Jiras,
    "jira-server": JiraServers,
}


def served(case, count=8):
    for number in range(1, count + 1):
        case.put(number)
    return running(case.system)


@pytest.fixture(params=CASES)
def case(request):
    """Return a system of eight tickets, of which a page holds three."""
    made = CASES[request.param]()
    with served(made):
        yield made


ALL = {(number, 1) for number in range(1, 9)}


def test_every_page_comes_unchanged_with_a_mark(case, read):
    fetched = read(case.door())
    assert fetched.failure == ""
    assert set(case.found(fetched.documents)) == ALL
    assert len(fetched.documents) >= 3
    # an empty answer at the end is no document
    assert fetched.documents == case.system.sent[: len(fetched.documents)]
    assert all(page.mark for page in fetched.pages)


@pytest.mark.parametrize("made", CASES.values(), ids=CASES)
def test_nothing_to_bring(made, read):
    case = made()
    with running(case.system):
        fetched = read(case.door())
    assert (fetched.failure, fetched.documents) == ("", [])


def test_a_busy_system_is_waited_for(case, read):
    case.system.troubles = {2: busy(1)}
    fetched = read(case.door())
    assert set(case.found(fetched.documents)) == ALL
    first, again = case.system.asked[1:3]
    assert first.params == again.params
    assert 1 <= again.at - first.at < 3


def half(answer: Answer) -> Answer:
    return replace(answer, sent=len(answer.body) // 2)


def slow(answer: Answer) -> Answer:
    return replace(answer, pause_seconds=1.5)


@pytest.mark.parametrize(
    "troubles",
    [
        {1: broken(503), 2: broken(500), 4: broken(502)},
        {1: half, 3: half},
    ],
    ids=["failing", "cut"],
)
def test_what_passes_is_asked_again(case, read, troubles):
    case.system.troubles = troubles
    fetched = read(case.door())
    assert fetched.failure == ""
    assert set(case.found(fetched.documents)) == ALL


def test_a_silent_system_is_asked_again(case, read):
    case.system.troubles = {2: slow}
    # a second is long for an answer from loopback, also on a busy machine
    fetched = read(case.door(timeout_seconds=1))
    assert fetched.failure == ""
    assert set(case.found(fetched.documents)) == ALL
    silent, again = case.system.asked[1:3]
    assert silent.params == again.params
    assert again.at - silent.at >= 1


def test_a_system_that_stays_silent_is_said(read):
    case = Zendesks()
    with served(case):
        case.system.troubles = {2: slow, 3: slow}
        fetched = read(case.door(timeout_seconds=1, attempts=2))
    assert "did not answer after 2 attempts (ReadTimeout)" in fetched.failure
    assert len(fetched.pages) == 1


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (broken(503), "answered HTTP 503"),
        (busy(0), "answered HTTP 429"),
        (half, "did not answer after 3 attempts (ChunkedEncodingError)"),
    ],
    ids=["failing", "busy", "cut"],
)
def test_what_stays_is_said(case, read, trouble, sentence):
    case.system.troubles = dict.fromkeys(range(2, 9), trouble)
    fetched = read(case.door(attempts=3))
    assert len(fetched.pages) == 1
    assert sentence in fetched.failure
    assert fetched.failure.startswith("desk (127.0.0.1:")
    assert len(case.system.asked) == 4


def test_a_system_that_is_not_there_is_said(case, read):
    fetched = read(case.door(url="http://127.0.0.1:9", attempts=2))
    assert "did not answer after 2 attempts (ConnectionError)" in fetched.failure


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(b"<!doctype html><title>Log in</title>", kind="text/html"), "Log in"),
        (Answer(b"[]"), "no object"),
        (Answer(b'{"openapi": "3.1"}'), "address?"),
        (Answer(b""), "no JSON"),
        (Answer(b'{"error": "bad query"}', 400), 'HTTP 400: \'{"error": "bad query"}\''),
    ],
    ids=["html", "list", "other", "empty", "bad"],
)
def test_what_cannot_be_true_is_said_and_not_kept(case, read, answer, sentence):
    case.system.troubles = {2: answer}
    fetched = read(case.door())
    assert len(fetched.documents) == 1
    assert sentence in fetched.failure


def test_a_token_that_expires_keeps_what_came(case, read):
    case.system.troubles = {3: refused()}
    fetched = read(case.door())
    assert len(fetched.documents) == 2
    assert "refused the secret (HTTP 401)" in fetched.failure
    assert "the environment variable DESK_TOKEN" in fetched.failure
    rest = read(case.door(), fetched.mark)
    brought, later = case.found(fetched.documents), case.found(rest.documents)
    assert set(brought + later) == ALL
    # Jira goes on from an instant: the last issue before it comes again
    repeated = set(brought & later)
    assert repeated == ({max(brought)} if isinstance(case, Jiras) else set())


def test_a_ticket_that_changes_under_the_reader_hides_no_other(case, read):
    # the first has been read and leaves its place; the last moves as well, not yet read
    case.system.before = {2: lambda: [case.put(1, 2), case.put(8, 2)]}
    fetched = read(case.door())
    assert set(case.found(fetched.documents)) == ALL - {(8, 1)} | {(1, 2), (8, 2)}


def test_the_next_fetch_brings_what_is_new(case, read):
    first = read(case.door())
    second = read(case.door(), first.mark)
    assert set(case.found(second.documents)) <= ({(8, 1)} if isinstance(case, Jiras) else set())
    case.put(3, 2)
    case.put(9)
    mark = second.mark or first.mark
    third = set(case.found(read(case.door(), mark).documents))
    assert {(3, 2), (9, 1)} <= third <= {(3, 2), (9, 1), (8, 1)}


def test_a_start_leaves_out_what_is_older(read):
    for made in (ServiceNows(), Jiras(), JiraServers()):
        with served(made):
            fetched = read(made.door(start=BEGIN + timedelta(seconds=60)))
            assert set(made.found(fetched.documents)) == {(6, 1), (7, 1), (8, 1)}


def test_the_secret_is_signed_as_the_system_wants_it(case, read):
    user = "u@example.com/token" if type(case) is Zendesks else "u@example.com"
    signed = base64.b64encode(f"{user}:{SECRET}".encode()).decode()
    case.system.authorization = f"Basic {signed}"
    assert read(case.door()).failure == ""
    assert "refused the secret" in read(case.door(secret="another")).failure
    case.system.authorization = f"Bearer {SECRET}"
    assert read(case.door(user=None)).failure == ""


def test_a_secret_that_comes_back_is_not_shown(case, read):
    case.system.before = {
        1: lambda: case.system.troubles.update(
            {1: Answer(f"{SECRET} {case.system.asked[0].headers}".encode(), 400)}
        )
    }
    fetched = read(case.door())
    assert fetched.failure.count("***") >= 1
    assert read(case.door(user=None, secret="line\nbreak")).failure.startswith(
        "desk has a secret that is no token"
    )


def test_a_door_stays_at_its_host(case, read):
    other = servers.Zendesk()
    other.troubles = {1: Answer(b"{}")}
    with running(other):
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        moved = Answer(b"", 302, {"Location": f"{elsewhere}{case.system.path}?{SECRET[:2]}"})
        case.system.troubles = {2: moved}
        fetched = read(case.door())
    assert "sent the request on to localhost:" in fetched.failure
    assert len(fetched.documents) == 1
    assert [one.headers.get("authorization") for one in other.asked] == [None]


@pytest.mark.parametrize("url", ["", "desk.example.com", "ftp://desk"])
def test_a_door_without_an_address_is_said(case, read, url):
    assert read(case.door(url=url)).failure.startswith("desk has no address")


def test_zendesk_never_follows_an_address_of_an_answer(read):
    case, other = Zendesks(), servers.Zendesk()
    with served(case), running(other):
        case.system.other_host = other.url
        fetched = read(case.door())
    assert set(case.found(fetched.documents)) == ALL
    assert other.asked == []
    asked = [one.params for one in case.system.asked]
    assert {one["include"] for one in asked} == {"metric_sets"}
    assert asked[0]["start_time"] == "0"


def test_zendesk_gets_no_start_that_is_too_new(read):
    case = Zendesks()
    with served(case):
        now = datetime.now(UTC)
        assert read(case.door(start=now + timedelta(days=1)), until=now).failure == ""
        assert int(case.system.asked[0].params["start_time"]) <= now.timestamp() - 60


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"after_cursor": None}, "without an after_cursor"),
        ({"end_of_stream": None}, "without tickets and end_of_stream"),
        ({"after_cursor": base64.b64encode(b"3").decode()}, "the cursor it was asked"),
    ],
)
def test_a_stream_that_leads_nowhere_ends(read, change, sentence):
    case = Zendesks()

    def changed(answer):
        return Answer(json.dumps(json.loads(answer.body) | change).encode())

    with served(case):
        case.system.troubles = {2: changed}
        assert sentence in read(case.door()).failure


@pytest.mark.parametrize("made", [ServiceNows, Jiras, JiraServers])
@pytest.mark.parametrize("size", [2, 3, 7])
def test_many_changes_of_one_instant_all_come(read, made, size):
    case = made()
    with running(case.system):
        for number in range(1, 21):
            case.put(number, seconds=5 if number > 4 else number)
        fetched = read(case.door(page_size=size))
        assert fetched.failure == ""
        assert set(case.found(fetched.documents)) == {(number, 1) for number in range(1, 21)}


def test_jira_cloud_needs_no_token_that_knows_the_order(read):
    case = Jiras()
    case.system.has_positions_in_tokens = True
    with served(case, 12):
        case.system.before = {3: lambda: [case.put(number, 2) for number in (1, 2, 3)]}
        fetched = read(case.door())
    wanted = {(number, 1) for number in range(1, 13)} | {(number, 2) for number in (1, 2, 3)}
    assert set(case.found(fetched.documents)) == wanted


def test_an_instant_that_changes_while_it_is_read_is_begun_anew(read):
    case = JiraServers()
    with running(case.system):
        for number in range(1, 13):
            case.put(number, seconds=5)
        # what has been read moves away: the positions of the others move up
        case.system.before = {3: lambda: [case.put(1, 2), case.put(9, 2), case.put(10, 2)]}
        fetched = read(case.door())
        wanted = {(number, 1) for number in range(1, 13)} - {(9, 1)} | {(1, 2), (9, 2), (10, 2)}
        assert set(case.found(fetched.documents)) == wanted


@pytest.mark.parametrize("made", [ServiceNows, Jiras, JiraServers])
def test_a_mark_never_passes_what_is_still_being_written(read, made):
    case = made()
    with served(case):
        until = BEGIN + timedelta(seconds=60)
        late = case.door(look_back=timedelta(seconds=30))
        first = read(late, until=until)
        # what changed after the window has come too
        assert set(case.found(first.documents)) == ALL
        # written late, into a second before the last one read
        case.put(20, seconds=31)
        second = read(late, first.mark, until=until)
        assert set(case.found(second.documents)) == {(20, 1)} | {
            (number, 1) for number in range(3, 9)
        }


def test_servicenow_goes_on_after_a_short_page(read):
    def hidden(answer):
        answer.body = json.dumps({"result": json.loads(answer.body)["result"][-1:]}).encode()
        return answer

    case = ServiceNows()
    with served(case):
        case.system.troubles = {1: hidden}
        fetched = read(case.door())
    assert set(case.found(fetched.documents)) == ALL - {(1, 1), (2, 1)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda found: {"result": found[:1], "error": {"message": "Transaction cancelled"}},
            "gave up in the middle of a page (Transaction cancelled)",
        ),
        (lambda found: {"result": found[::-1]}, "out of order"),
        (lambda _: {"result": [{"number": "INC1"}]}, "without sys_updated_on or sys_id"),
    ],
    ids=["cancelled", "disorder", "hidden"],
)
def test_a_page_of_servicenow_that_is_not_whole_is_not_kept(read, change, sentence):
    case = ServiceNows()

    def changed(answer):
        return Answer(json.dumps(change(json.loads(answer.body)["result"])).encode())

    with served(case):
        case.system.troubles = {2: changed}
        fetched = read(case.door())
    assert sentence in fetched.failure
    assert len(fetched.documents) == 1


def test_a_query_that_servicenow_ignores_ends(read):
    case = ServiceNows()
    with running(case.system):
        for number in range(1, 9):
            case.put(number, seconds=1)
        case.system.troubles = dict.fromkeys(range(2, 99), lambda _: Answer(case.system.sent[0]))
        assert "what it was not asked" in read(case.door()).failure


def test_jira_is_asked_for_what_else_an_issue_must_be(read):
    case = Jiras()
    with served(case):
        assert read(case.door(jql="project = OPS OR project = IT")).failure == ""
        jql = case.system.asked[0].params["jql"]
    assert jql == "(project = OPS OR project = IT) AND updated >= 0 ORDER BY updated ASC, key ASC"


# ---- equal bronze: the same tickets by the inbox and by the door


def bronze(folder, documents, system, *, mappings=(), agents=(), zone="UTC"):
    """Return the rows of documents without their lineage, and how many were refused."""
    frames, refusals = [], 0
    for number, document in enumerate(documents):
        home = folder / f"{system}-{len(list(folder.iterdir()))}-{number}"
        temp, out = home / "temp", home / "out"
        temp.mkdir(parents=True)
        out.mkdir()
        raw = home / "raw"
        raw.write_bytes(document)
        parsed = tickets.parse(
            raw,
            load=Load(f"load-{number}", "tickets", system, f"sha-{number}", "uri"),
            context=Context(
                hmac_key=b"key",
                temp=temp,
                mappings=[
                    {"source": "tickets", "system": system, "field": field, "path": path}
                    for field, path in mappings
                ],
                timezones={system: zone},
                agent_ids=frozenset(agents),
            ),
            out=out,
        )
        frames += [pl.read_parquet(path) for path in out.glob("tickets/day=*/*.parquet")]
        refusals += parsed.quarantine.height
    rows = pl.concat(frames).drop(LINEAGE)
    return set(rows.rows()), refusals


@pytest.fixture
def same(tmp_path):
    """Return a check that two lists of documents give the same bronze rows."""

    def check(inbox, live, system, **options):
        folder = tmp_path / "bronze"
        folder.mkdir(exist_ok=True)
        wanted = bronze(folder, inbox, system, **options)
        assert bronze(folder, live, system, **options) == wanted
        return len(wanted[0])

    return check


def mapped(path, system):
    rows = csv.DictReader(path.read_text().splitlines())
    return [(row["field"], row["path"]) for row in rows if row["system"] == system]


def test_real_agent_tickets_are_the_same_by_both_doors(read, same, shared_data):
    inbox = shared_data / "inbox"
    pages = [
        gzip.decompress(path.read_bytes())
        for path in sorted((inbox / "tickets" / "zendesk").glob("*.gz"))
    ]
    case = Zendesks()
    for page in map(json.loads, pages):
        case.system.put(page["tickets"], page["metric_sets"])
    with running(case.system):
        live = read(case.door(page_size=50)).documents
    assert len(live) > len(pages)
    mappings = mapped(inbox / "reference" / "field_mappings.csv", "zendesk")
    assert same(pages, live, "zendesk", mappings=mappings) == len(case.system.tickets)


def test_simulated_tickets_are_the_same_by_both_doors(read, same, tmp_path):
    write_estate(tmp_path / "estate", days=4, tasks_per_day=40, agents=6, seed=3)
    inbox = tmp_path / "estate" / "inbox"
    pages, live, mark = [], [], None
    case = Zendesks()
    with running(case.system):
        for path in sorted((inbox / "tickets" / "zendesk").glob("*/page_????.json")):
            pages.append(path.read_bytes())
            page = json.loads(pages[-1])
            # a day is delivered, and fetched before the next one: no version is overtaken
            case.system.put(page["tickets"], page["metric_sets"])
            fetched = read(case.door(page_size=30), mark)
            live += fetched.documents
            mark = fetched.mark
    mappings = mapped(inbox / "reference" / "field_mappings.csv", "zendesk")
    versions = same(pages, live, "zendesk", mappings=mappings)
    assert versions > len(case.system.tickets) > 100


def issue(number, **values) -> dict:
    return {
        "id": str(10_000 + number),
        "key": f"OPS-{number}",
        "fields": {
            "summary": "words that nobody reads",
            "description": {"type": "doc", "content": [{"type": "text", "text": "é 漢"}]},
            "status": {"name": "Erledigt", "statusCategory": {"key": "done"}},
            "resolution": {"name": "Fixed"},
            "issuetype": {"name": "Incident"},
            "priority": {"name": "High"},
            "assignee": {"accountId": f"person-{number % 3}"},
            "reporter": {"name": "on-server", "key": "JIRAUSER1"},
            "created": "2026-01-05T08:00:00.000+0000",
            "updated": f"2026-01-06T08:{number:02}:00.123+0100",
            "resolutiondate": "2026-01-06T07:00:00.500+0100",
            "customfield_10": {"value": "password reset"},
        }
        | values,
        "changelog": {
            "total": 2,
            "histories": [
                {"items": [{"field": "resolution", "from": "1", "to": None}]},
                {"items": [{"field": "assignee", "from": "bot", "to": f"person-{number % 3}"}]},
            ],
        },
    }


@pytest.mark.parametrize("made", [Jiras, JiraServers])
def test_issues_are_the_same_by_both_doors(read, same, made):
    issues = [issue(number) for number in range(1, 8)]
    issues += [issue(8, assignee=None, resolution=None, resolutiondate=None)]
    issues += [issue(9, assignee={"accountId": "bot"}, created=None)]
    case = made()
    case.system.put(*issues)
    with running(case.system):
        live = read(case.door(page_size=4)).documents
    assert len(live) > 2
    page = json.dumps({"issues": issues, "isLast": True}).encode()
    mappings = [("task_type", "fields.customfield_10.value")]
    # the ninth has no time of creation
    assert same([page], live, "jira", mappings=mappings, agents=["bot"]) == 8


STATES = {"New": "1", "Active": "2", "Resolved": "6", "Closed": "7"}
RENAMED = {
    "sys_updated_at": "sys_updated_on",
    "sys_created_at": "sys_created_on",
    "closed_code": "close_code",
}


def stored(name, text) -> tuple[str, str]:
    """Return what a table holds (value, display value) where the export says ``text``."""
    if text in {"?", "-100"}:
        return "", ""
    if name.endswith("_at"):
        return f"{datetime.strptime(text, '%d/%m/%Y %H:%M'):%Y-%m-%d %H:%M:%S}", text  # noqa: DTZ007
    if name == "incident_state":
        return STATES.get(text, "-5"), text
    if name == "priority":
        return text[:1], text
    if name in {"caller_id", "assigned_to"}:
        return hashlib.md5(text.encode()).hexdigest(), text  # noqa: S324 - an id
    return text, text


def as_records(rows, names) -> list[dict[str, tuple[str, str]]]:
    known: dict[tuple[str, str], tuple[str, str]] = {}

    def cell(name, text):
        if (name, text) not in known:
            known[name, text] = stored(name, text)
        return known[name, text]

    return [
        {RENAMED.get(name, name): cell(name, row[name]) for name in names}
        | {"sys_id": (f"{place * 7919 % 99_991:032x}",) * 2}
        for place, row in enumerate(rows)
    ]


@pytest.mark.parametrize("share", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_real_incidents_are_the_same_by_both_doors(read, same, shared_data, share):
    inbox = shared_data / "inbox"
    (path,) = (inbox / "tickets" / "servicenow").glob("*.gz")
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    # whole incidents: every version of each sixteenth
    lines = [line for line in lines if int(line.partition(",")[0].removeprefix("INC")) % share == 0]
    export = "\n".join([header, *lines, ""]).encode()
    rows = list(csv.DictReader([header, *lines]))
    names = ["number", "incident_state", "reassignment_count", "reopen_count", "sys_mod_count"]
    names += ["caller_id", "opened_at", "sys_created_at", "sys_updated_at", "contact_type"]
    names += ["category", "priority", "assigned_to", "closed_code", "resolved_at", "closed_at"]
    case = ServiceNows()
    case.system = servers.ServiceNow(as_records(rows, names))
    assert len(case.system.records) == len(rows)
    with running(case.system):
        live = read(case.door(page_size=1000, timeout_seconds=60)).documents
    assert len(live) > 3
    mappings = mapped(inbox / "reference" / "field_mappings.csv", "servicenow")
    assert same([export], live, "servicenow", mappings=mappings) == len(rows)
