"""Pages of ServiceNow's Table API give the rows that the CSV export gives."""

import json

import pytest

from roi_engine.sources.base import MissingColumn, Unreadable
from roi_engine.sources.schema import TICKETS
from roi_engine.sources.tickets.people import keyed_hash
from tests.sources.test_tickets import AT, KEY, Parser

LINEAGE = ("_load_id", "_source_file", "_source_row")
INCIDENT = {
    # name: (stored, shown)
    "sys_id": ("0a1b", "0a1b"),
    "number": ("INC1", "INC1"),
    "incident_state": ("6", "Resolved"),
    "state": ("6", "Resolved"),
    "priority": ("3", "3 - Moderate"),
    "category": ("net", "Network"),
    "contact_type": ("phone", "Phone"),
    "caller_id": ("5137153cc611227c000bbd1bd8cd2005", "Caller 5"),
    "assigned_to": ("", ""),
    "close_code": ("Solved (Permanently)", "Solved (Permanently)"),
    "reopen_count": ("1", "1"),
    "sys_mod_count": ("1234", "1,234"),
    "opened_at": ("2016-03-01 01:22:00", "01/03/2016 02:22:00"),
    "sys_updated_on": ("2016-03-22 15:08:09", "22/03/2016 16:08:09"),
    "resolved_at": ("", ""),
    "u_minutes": ("90.5", "1 Hour 30 Minutes"),
    "caller_id.department": ("d41", "Sales"),
}
CSV = (
    ",".join(INCIDENT)
    + "\n0a1b,INC1,Resolved,Resolved,3 - Moderate,Network,Phone,Caller 5,?,Solved (Permanently),"
    "1,1234,1/3/2016 01:22,2016-03-22 15:08:09,,90.5,Sales\n"
)
MAPPINGS = [("human_minutes", "u_minutes"), ("department", "caller_id.department")]


@pytest.fixture
def parse(tmp_path):
    return Parser(tmp_path)


def record(**changed) -> dict:
    """Return an incident as ``sysparm_display_value=all`` gives it."""
    fields = INCIDENT | changed
    return {
        name: {"display_value": shown, "value": stored} for name, (stored, shown) in fields.items()
    }


def result(*records) -> dict:
    return {"result": list(records)}


def without_lineage(row) -> dict:
    return {name: value for name, value in row.items() if name not in LINEAGE}


def test_a_page_gives_the_rows_of_the_export(parse):
    parse(result(record()), "servicenow", mappings=MAPPINGS)
    row = parse.row()
    assert (row["_source_row"], row["version_number"]) == (1, 1234)
    assert row["requester_id"] == keyed_hash("Caller 5", system="servicenow", key=KEY)
    parse(CSV, "servicenow", mappings=MAPPINGS)
    assert without_lineage(row) == without_lineage(parse.row())


def test_stored_times_are_in_utc_and_shown_ones_in_the_systems_zone(parse):
    parse(result(record()), "servicenow", zone="Europe/Berlin")
    assert parse.row()["created_at"] == AT("2016-03-01T01:22")
    shown = {name: value["display_value"] for name, value in record().items()}
    linked = {name: {"display_value": value, "link": "x"} for name, value in shown.items()}
    for one in (shown, linked):
        parse(
            result(one | {"sys_mod_count": "1234"}),
            "servicenow",
            mappings=MAPPINGS[1:],
            zone="Europe/Berlin",
        )
        row = parse.row()
        assert (row["created_at"], row["version_number"]) == (AT("2016-03-01T01:22"), 1234)
        assert (row["status"], row["department"]) == ("Resolved", "Sales")


@pytest.mark.parametrize("is_linked", [False, True])
def test_stored_values_alone_name_the_state(parse, is_linked):
    stored = {name: value["value"] for name, value in record().items()}
    if is_linked:
        stored["caller_id"] = {"link": "https://x/5137", "value": stored["caller_id"]}
    parse(result(stored), "servicenow", mappings=MAPPINGS)
    row = parse.row()
    assert (row["status"], row["priority"], row["version_number"]) == ("Resolved", "3", 1234)
    assert row["updated_at"] == AT("2016-03-22T15:08:09")
    person = INCIDENT["caller_id"][0]
    assert row["requester_id"] == keyed_hash(person, system="servicenow", key=KEY)


@pytest.mark.parametrize("blank", ["", "?", "-100", "NULL", None])
def test_missing_is_missing(parse, blank):
    blanks = {name: (blank, blank) for name in INCIDENT if name not in {"number", "opened_at"}}
    parsed = parse(result(record(**blanks)), "servicenow", mappings=MAPPINGS)
    filled = {name for name, value in parse.row().items() if value is not None}
    columns = filled & set(TICKETS.columns)
    assert columns == {"system", "ticket_id", "created_at", "is_person_assigned"}
    assert parsed.quarantine.height == 0


def test_a_page_may_hold_no_incident(parse):
    parsed = parse(result(), "servicenow")
    assert (parsed.rows, parsed.quarantine.height) == ({"tickets": 0}, 0)


def test_a_bad_record_is_named_and_the_others_arrive(parse):
    bad = [7, record(number=("", "")), record(opened_at=("", "")), record(resolved_at=("x", "x"))]
    parsed = parse(result(record(), *bad, record(number=("INC2", "INC2"))), "servicenow")
    assert [row["_source_row"] for row in parse.rows()] == [1, 5, 6]
    named = parsed.quarantine.sort("_source_row").select("rule", "_source_row").rows()
    assert named == [
        ("malformed_record", 2),
        ("malformed_record", 3),
        ("malformed_record", 4),
        ("bad_value", 5),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"error": {"message": "User Not Authenticated"}, "status": "failure"}, "no list 'result'"),
        ([{"number": "INC1"}], "no list 'result'"),
        (json.dumps(result(record()))[:-9], "no whole JSON"),
    ],
    ids=["error", "list", "cut"],
)
def test_an_unreadable_page_says_why(parse, content, sentence):
    with pytest.raises(Unreadable, match=sentence):
        parse(content, "servicenow")


def test_a_page_without_numbers_is_refused(parse):
    with pytest.raises(MissingColumn, match="number"):
        parse(result({"sys_id": "0a1b"}), "servicenow")
