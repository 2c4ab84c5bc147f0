"""Every version of a ticket arrives, persons as hashes, and nothing that anybody wrote."""

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from roi_engine.sources import tickets
from roi_engine.sources.base import Context, Load, MissingColumn, Parsed, Unreadable
from roi_engine.sources.schema import TICKETS
from roi_engine.sources.tickets.people import keyed_hash

KEY = b"key"
AT = datetime.fromisoformat


class Parser:
    """Parses bytes in a folder of its own, and reads back what was written."""

    def __init__(self, folder):
        self.folder = folder
        self.files = 0

    def __call__(self, content, system="zendesk", *, mappings=(), agents=(), zone="UTC") -> Parsed:
        """Parse ``content`` as a file of ``system``."""
        self.files += 1
        home = self.folder / str(self.files)
        (home / "temp").mkdir(parents=True)
        self.out = home / "out"
        self.out.mkdir()
        raw = home / "input"
        if not isinstance(content, bytes | str):
            content = json.dumps(content)
        raw.write_bytes(content if isinstance(content, bytes) else content.encode())
        rows = [
            {"source": "tickets", "system": system, "field": field, "path": path}
            for field, path in mappings
        ]
        return tickets.parse(
            raw,
            load=Load("load", "tickets", system, "sha", raw.name),
            context=Context(
                hmac_key=KEY,
                temp=home / "temp",
                mappings=rows,
                timezones={system: zone},
                agent_ids=frozenset(agents),
            ),
            out=self.out,
        )

    def rows(self) -> list[dict]:
        """Return the bronze rows of the last file, in the order of its records."""
        frame = pl.concat(
            [pl.read_parquet(file) for file in self.out.glob("tickets/day=*/load.parquet")]
        )
        assert frame.columns == list(TICKETS.all_columns)
        return frame.sort("_source_row").to_dicts()

    def row(self) -> dict:
        """Return the only bronze row of the last file."""
        (row,) = self.rows()
        return row


@pytest.fixture
def parse(tmp_path):
    return Parser(tmp_path)


def ticket(number=1, **values) -> dict:
    return {
        "id": number,
        "external_id": f"case-{number}",
        "subject": "my password is hunter2",
        "via": {"channel": "chat"},
        "created_at": "2026-01-05T08:00:00Z",
        "updated_at": "2026-01-05T09:00:00Z",
        "generated_timestamp": 1767603600,
        "status": "solved",
        "type": "question",
        "requester_id": 501,
        "assignee_id": 7,
        "tags": [],
        "custom_fields": [],
    } | values


def page(*found, metrics=()) -> dict:
    return {"tickets": list(found), "metric_sets": list(metrics), "after_cursor": "x"}


def custom(*values) -> list[dict]:
    return [{"id": 90_000 + place, "value": value} for place, value in enumerate(values)]


def test_a_ticket_is_read_in_full(parse):
    metrics = {
        "ticket_id": 1,
        "reopens": 1,
        "replies": 4,
        "assignee_stations": 3,
        "solved_at": "2026-01-05T08:50:00Z",
        "reply_time_in_minutes": {"calendar": 5, "business": 0},
    }
    parse(page(ticket(satisfaction_rating={"score": "good"}), metrics=[metrics]))
    row = parse.row()
    wanted = {
        "system": "zendesk",
        "ticket_id": "zendesk:1",
        "correlation_id": "case-1",
        "status": "solved",
        "task_type": "question",
        "channel": "chat",
        "version_number": 1767603600,
        "reopen_count": 1,
        "reply_count": 4,
        "reassignment_count": 2,
        "satisfaction": Decimal(1),
        "is_excluded": False,
        "is_success": None,
        "created_at": AT("2026-01-05T08:00"),
        "first_response_at": AT("2026-01-05T08:05"),
        "resolved_at": AT("2026-01-05T08:50"),
        "updated_at": AT("2026-01-05T09:00"),
        "_source_row": 1,
        "_rejected": None,
    }
    assert {name: row[name] for name in wanted} == wanted


def test_persons_leave_as_hashes_and_texts_do_not_leave(parse):
    parsed = parse(page(ticket(human_minutes="x")), mappings=[("human_minutes", "human_minutes")])
    row = parse.row()
    assert row["requester_id"] == keyed_hash("501", system="zendesk", key=KEY)
    assert row["assignee_id"] == keyed_hash("7", system="zendesk", key=KEY)
    (refused,) = parsed.quarantine.to_dicts()
    assert refused["rule"] == "bad_value"
    assert "501" not in refused["record"]
    assert "hunter2" not in json.dumps([row, refused], default=str)


@pytest.mark.parametrize(
    ("values", "mappings", "agents", "wanted"),
    [
        pytest.param({}, [], [], (None, True), id="a person"),
        pytest.param({"assignee_id": None}, [], [], (None, False), id="nobody"),
        pytest.param({}, [], ["7"], ("7", False), id="an agent of agents.csv"),
        pytest.param(
            {"custom_fields": custom("bot")},
            [("agent_id", "custom_fields.90000")],
            [],
            ("bot", False),
            id="an agent by mapping, under an account of its own",
        ),
        pytest.param(
            {"custom_fields": custom("bot", True)},
            [("agent_id", "custom_fields.90000"), ("escalated", "custom_fields.90001")],
            [],
            ("bot", True),
            id="an agent that handed over",
        ),
        pytest.param(
            {"custom_fields": custom("bot", True)},
            [("agent_id", "custom_fields.90000"), ("person_assigned", "custom_fields.90001")],
            [],
            ("bot", True),
            id="a person by mapping",
        ),
        pytest.param(
            {"custom_fields": custom(None)},
            [("agent_id", "custom_fields.90000")],
            [],
            (None, True),
            id="an agent is mapped, but this ticket has none",
        ),
    ],
)
def test_who_did_it(parse, values, mappings, agents, wanted):
    parse(page(ticket(**values)), mappings=mappings, agents=agents)
    row = parse.row()
    assert (row["agent_id"], row["is_person_assigned"]) == wanted
    # of an agent, or of the account that it works under, no id of a person is kept
    is_known_person = wanted == (None, True) or ("person_assigned" in dict(mappings))
    assert (row["assignee_id"] is not None) == is_known_person


@pytest.mark.parametrize(
    ("outcome", "is_success"),
    [
        ("1.0", True),
        ("1", True),
        (True, True),
        ("success", True),
        ("0.0", False),
        ("x", False),
        (None, None),
    ],
)
def test_the_mapped_outcome_decides(parse, outcome, is_success):
    mapping = [("outcome", "custom_fields.90000")]
    parse(page(ticket(custom_fields=custom(outcome))), mappings=mapping)
    assert parse.row()["is_success"] is is_success


@pytest.mark.parametrize(
    ("values", "is_excluded"),
    [
        ({"status": "deleted"}, True),
        ({"tags": ["x", "closed_by_merge"]}, True),
        ({"tags": ["spam"]}, True),
        ({"tags": None}, False),
        ({"status": "hold"}, False),
    ],
)
def test_merged_spam_and_deleted_tickets_are_excluded(parse, values, is_excluded):
    parse(page(ticket(**values)))
    assert parse.row()["is_excluded"] is is_excluded


def test_a_follow_up_names_its_ticket(parse):
    via = {"channel": "web", "source": {"rel": "follow_up", "from": {"ticket_id": 12}}}
    parse(page(ticket(1, via=via)))
    assert parse.row()["follow_up_of"] == "zendesk:12"


def test_a_review_by_mapped_fields(parse):
    names = ["is_hallucination", "reviewer_kind", "is_random", "sampling_probability"]
    names += ["reviewed_at", "rubric_version", "human_minutes"]
    values = [False, "human", "true", "0.05", "2026-01-06 10:00:00", "v2", "12.5"]
    mappings = [(name, f"custom_fields.{90_000 + place}") for place, name in enumerate(names)]
    parse(page(ticket(custom_fields=custom(*values))), mappings=mappings)
    row = parse.row()
    assert [row[name] for name in names] == [
        False,
        "human",
        True,
        0.05,
        AT("2026-01-06T10:00"),
        "v2",
        Decimal("12.5"),
    ]


def test_a_naive_time_gets_the_zone_of_its_system(parse):
    naive = ticket(created_at="2026-07-01 10:00:00", updated_at="2026-07-01T10:00:00+05:30")
    parse(page(naive), zone="Europe/Berlin")
    row = parse.row()
    assert (row["created_at"], row["updated_at"]) == (
        AT("2026-07-01T08:00"),
        AT("2026-07-01T04:30"),
    )


@pytest.mark.parametrize("bad", ["x", 3, None, [], {"subject": "no id"}, {"id": 9}])
def test_a_bad_ticket_is_named_and_the_page_arrives(parse, bad):
    parsed = parse(page(ticket(1), bad, ticket(3)))
    assert [row["_source_row"] for row in parse.rows()] == [1, 3]
    (refused,) = parsed.quarantine.to_dicts()
    assert (refused["rule"], refused["_source_row"]) == ("malformed_record", 2)


def test_a_field_of_another_shape_harms_nothing_else(parse):
    parse(page(ticket(tags="x", custom_fields={"a": 1}, via="mail", satisfaction_rating=5)))
    assert parse.row()["status"] == "solved"


def test_the_newest_of_two_metric_sets_counts(parse):
    old = {"ticket_id": 1, "updated_at": "2026-01-05T09:00:00Z", "reopens": 0}
    new = {"ticket_id": 1, "updated_at": "2026-01-06T09:00:00Z", "reopens": 2}
    parse(page(ticket(), metrics=[new, old]))
    assert parse.row()["reopen_count"] == 2


@pytest.mark.parametrize("system", ["zendesk", "jira"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("<!DOCTYPE html><html>sign in</html>", "HTML", id="a page"),
        pytest.param(json.dumps(page(ticket()))[:-40], "no whole JSON", id="cut JSON"),
        pytest.param('{"error": "RateLimited"}', "error message", id="an error message"),
        pytest.param(gzip.compress(b"{}" * 99)[:20], "too early", id="a cut gzip"),
        pytest.param(b"\x1f\x8b\x08random bytes", "damaged|too early", id="no gzip"),
        pytest.param("", "empty", id="an empty file"),
        pytest.param('{"tickets": 5, "issues": 5}', "no list", id="no list"),
    ],
)
def test_an_unreadable_page_says_why(parse, system, content, sentence):
    with pytest.raises(Unreadable, match=sentence):
        parse(content, system)


def test_an_unknown_system_says_which_are_known(parse):
    with pytest.raises(Unreadable, match="jira, servicenow, zendesk"):
        parse(page(), "helpdesk")


HEADER = (
    "number,incident_state,reopen_count,sys_mod_count,caller_id,opened_at,sys_updated_at,category,"
    "assigned_to,closed_code,resolved_at"
)


def incidents(*lines, header=HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def test_an_incident_is_read_verbatim(parse):
    row = (
        "INC1,Resolved,1,9,Caller 5,1/3/2016 01:22,22/3/2016 15:08,Net,Res 7,code 8,22/3/2016 15:07"
    )
    parse(incidents(row), "servicenow", mappings=[("task_type", "=it_incident")])
    got = parse.row()
    wanted = {
        "ticket_id": "servicenow:INC1",
        "status": "Resolved",
        "resolution": "code 8",
        "task_type": "it_incident",
        "version_number": 9,
        "reopen_count": 1,
        "is_person_assigned": True,
        "assignee_id": keyed_hash("Res 7", system="servicenow", key=KEY),
        "created_at": AT("2016-03-01T01:22"),
        "updated_at": AT("2016-03-22T15:08"),
        "resolved_at": AT("2016-03-22T15:07"),
    }
    assert {name: got[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1/3/2016 01:22", "2016-03-01T01:22"),
        ("31/12/2016 9:05:07", "2016-12-31T09:05:07"),
        ("2016-03-01 01:22:03", "2016-03-01T01:22:03"),
        ("2016-03-01T01:22:03Z", "2016-03-01T01:22:03"),
        ("2016-03-01T01:22:03+02:00", "2016-02-29T23:22:03"),
    ],
)
def test_times_in_every_spelling(parse, text, at):
    parse(incidents(f"INC1,New,0,0,?,{text},?,?,?,?,?"), "servicenow")
    assert parse.row()["created_at"] == AT(at)


@pytest.mark.parametrize("blank", ["?", "", "-100", "NULL"])
def test_missing_is_missing(parse, blank):
    line = f"INC1,{blank},{blank},{blank},{blank},1/3/2016 01:22" + f",{blank}" * 5
    parsed = parse(incidents(line), "servicenow")
    row = parse.row()
    empty = ["status", "reopen_count", "version_number", "requester_id", "updated_at"]
    empty += ["task_type", "assignee_id", "resolution", "resolved_at"]
    assert {row[name] for name in empty} == {None}
    assert row["is_person_assigned"] is False
    assert parsed.quarantine.height == 0


@pytest.mark.parametrize("text", ["31/2/2016 10:00", "3/14/2016 10:00", "yesterday", "=1+1"])
def test_a_time_that_is_none_is_refused_and_the_row_arrives(parse, text):
    line = f"INC1,New,0,0,?,1/3/2016 01:22,{text},?,?,?,?"
    parsed = parse(incidents(line), "servicenow")
    assert parse.row()["updated_at"] is None
    assert parsed.quarantine["rule"].to_list() == ["bad_value"]


def test_broken_lines_are_named_and_the_others_arrive(parse):
    good = "INC{},New,0,0,?,1/3/2016 01:22,1/3/2016 01:22,?,?,?,?"
    lines = [good.format(1), "INC2,New", good.format(3), good.format("").replace("INC", "?")]
    parsed = parse(incidents(*lines, good.format(5)), "servicenow")
    assert [row["ticket_id"][-1] for row in parse.rows()] == ["1", "3", "5"]
    named = parsed.quarantine.sort("_source_row").select("rule", "_source_row").rows()
    assert named == [("malformed_record", 2), ("malformed_record", 4)]


def test_columns_may_stand_in_any_order_and_number_states(parse):
    header = "sys_updated_on,state,opened_at,number,unknown"
    parse(
        incidents("2026-01-06 10:00:00,7,2026-01-05 10:00:00,INC1,x", header=header), "servicenow"
    )
    row = parse.row()
    assert (row["status"], row["updated_at"]) == ("Closed", AT("2026-01-06T10:00"))


def test_a_file_without_numbers_is_refused(parse):
    with pytest.raises(MissingColumn, match="number"):
        parse("a,b\n1,2\n", "servicenow")


def issue(key="OPS-1", histories=(), **values) -> dict:
    return {
        "key": key,
        "fields": {
            "summary": "my password is hunter2",
            "status": {"name": "Erledigt", "statusCategory": {"key": "done"}},
            "resolution": {"name": "Fixed"},
            "issuetype": {"name": "Incident"},
            "priority": {"name": "High"},
            "assignee": {"accountId": "person-1"},
            "reporter": {"name": "on-server"},
            "created": "2026-01-05T08:00:00.000+0000",
            "updated": "2026-01-06T08:00:00.000+0100",
            "resolutiondate": "2026-01-06T07:00:00.500+0100",
        }
        | values,
        "changelog": {"histories": [{"items": list(items)} for items in histories]},
    }


def change(field, old, new) -> dict:
    return {"field": field, "from": old, "to": new, "fromString": "x", "toString": "y"}


def test_an_issue_is_read_in_full(parse):
    parse({"issues": [issue()]}, "jira")
    row = parse.row()
    wanted = {
        "ticket_id": "jira:OPS-1",
        "status": "Erledigt",
        "status_category": "done",
        "resolution": "Fixed",
        "task_type": "Incident",
        "priority": "High",
        "assignee_id": keyed_hash("person-1", system="jira", key=KEY),
        "requester_id": keyed_hash("on-server", system="jira", key=KEY),
        "reopen_count": 0,
        "is_escalated": False,
        "is_person_assigned": True,
        "created_at": AT("2026-01-05T08:00"),
        "updated_at": AT("2026-01-06T07:00"),
        "resolved_at": AT("2026-01-06T06:00:00.500"),
    }
    assert {name: row[name] for name in wanted} == wanted


def test_the_changelog_tells_reopening_and_handing_over(parse):
    histories = [
        [change("assignee", None, "bot"), change("status", "1", "2")],
        [change("resolution", None, "1")],
        [change("resolution", "1", None), change("assignee", "bot", "person-1")],
        [change("resolution", None, "1")],
    ]
    parse({"issues": [issue(histories=histories)]}, "jira", agents=["bot"])
    row = parse.row()
    assert (row["reopen_count"], row["reassignment_count"], row["is_escalated"]) == (1, 1, True)


def test_a_mapped_custom_field_of_an_issue(parse):
    mappings = [("correlation_id", "fields.customfield_10"), ("human_minutes", "fields.spent")]
    parse({"issues": [issue(customfield_10="case-1", spent=12.5)]}, "jira", mappings=mappings)
    row = parse.row()
    assert (row["correlation_id"], row["human_minutes"]) == ("case-1", Decimal("12.5"))


instants = st.datetimes(AT("2020-01-01"), AT("2030-01-01")).map(
    lambda at: at.replace(microsecond=0)
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(versions=st.lists(st.tuples(st.integers(0, 10**12), instants), min_size=1, max_size=12))
def test_every_version_arrives_on_its_day(parse, versions):
    lines = [
        f"INC{number % 3},New,0,{number},?,{at.day}/{at.month}/{at:%Y %H:%M},?,?,?,?,?"
        for number, at in versions
    ]
    parsed = parse(incidents(*lines), "servicenow")
    rows = parse.rows()
    assert [row["version_number"] for row in rows] == [number for number, _ in versions]
    assert [row["created_at"] for row in rows] == [
        at - timedelta(seconds=at.second) for _, at in versions
    ]
    assert parsed.days == {at.date() for _, at in versions}


def real(parse, shared_data, system) -> list[dict]:
    rows = pl.read_csv(shared_data / "inbox/reference/field_mappings.csv")
    rows = rows.filter(source="tickets", system=system).to_dicts()
    found = []
    for path in sorted((shared_data / "inbox/tickets" / system).iterdir()):
        parsed = parse(
            path.read_bytes(), system, mappings=[(row["field"], row["path"]) for row in rows]
        )
        assert parsed.quarantine.height == 0
        found += parse.rows()
    return found


def test_real_agent_tickets(parse, shared_data, expected):
    rows = real(parse, shared_data, "zendesk")
    wanted = expected["tau2"]["tickets"]
    assert len(rows) == wanted["tickets"]
    assert Counter(row["status"] for row in rows) == {
        "solved": wanted["solved"],
        "closed": wanted["closed"],
    }
    assert sum(row["is_success"] for row in rows) == expected["tau2"]["total"]["successes"]
    assert sum(row["is_escalated"] for row in rows) == wanted["escalated"]
    assert sum(row["is_person_assigned"] for row in rows) == wanted["escalated"]
    assert {row["assignee_id"] for row in rows} == {None}
    by_agent = Counter(row["agent_id"] for row in rows)
    runs = Counter()
    for cell in expected["tau2"]["by_domain_and_model"]:
        runs[cell["agent_id"]] += cell["simulations"]
    assert by_agent == runs


def test_real_incidents(parse, shared_data, expected):
    rows = real(parse, shared_data, "servicenow")
    wanted = expected["servicenow"]["total"]
    assert len(rows) == wanted["events"]
    last = {row["ticket_id"]: row for row in sorted(rows, key=lambda row: row["version_number"])}
    assert len(last) == wanted["incidents"]
    assert sum(row["status"] == "Closed" for row in last.values()) == wanted["closed"]
    assert sum(row["reopen_count"] > 0 for row in last.values()) == wanted["reopened"]
    assert (
        sum(row["resolved_at"] is None for row in last.values()) == (wanted["resolved_at_missing"])
    )
    assert Counter(row["priority"] for row in last.values()) == wanted["by_priority"]
    opened = max(row["created_at"] for row in rows)
    assert opened.isoformat() == expected["servicenow"]["last_opened_at"]
