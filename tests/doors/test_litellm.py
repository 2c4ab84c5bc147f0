"""The spend log out of the gateway's own Postgres is its export, and every row comes."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import psycopg
import pytest
from pydantic import ValidationError

from roi_engine.doors.base import DoorFailed
from roi_engine.doors.litellm import Litellm
from roi_engine.sources import tokens
from roi_engine.sources.base import Context, Load
from tests.postgres import server

# as litellm/proxy/schema.prisma of BerriAI/litellm makes it
TABLE = """
    create table "LiteLLM_SpendLogs" (
        request_id text not null primary key,
        call_type text not null,
        api_key text not null default '',
        spend double precision not null default 0.0,
        total_tokens integer not null default 0,
        prompt_tokens integer not null default 0,
        completion_tokens integer not null default 0,
        "startTime" timestamp(3) not null,
        "endTime" timestamp(3) not null,
        request_duration_ms integer,
        "completionStartTime" timestamp(3),
        model text not null default '',
        model_id text default '',
        model_group text default '',
        custom_llm_provider text default '',
        api_base text default '',
        "user" text default '',
        metadata jsonb default '{}',
        cache_hit text default '',
        cache_key text default '',
        request_tags jsonb default '[]',
        team_id text,
        organization_id text,
        end_user text,
        requester_ip_address text,
        messages jsonb default '{}',
        response jsonb default '{}',
        session_id text,
        status text,
        mcp_namespaced_tool_name text,
        agent_id text,
        proxy_server_request jsonb default '{}'
    );
    create index on "LiteLLM_SpendLogs" ("startTime", request_id)
"""
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
UNTIL = datetime(2026, 1, 6, tzinfo=UTC)
PERSON = "person@example.com"
LINEAGE = ["_load_id", "_source_file", "_source_row"]


def row(number: int, **values) -> dict:
    """Return a row of the log; call ``number`` begins so many seconds after eight."""
    start = BEGIN + timedelta(seconds=number)
    usage = {
        "cache_read_input_tokens": number % 90,
        "prompt_tokens_details": {"cache_creation_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "service_tier": "standard",
    }
    return {
        "request_id": f"r{number:05d}",
        "call_type": "acompletion",
        "api_key": f"hash of {PERSON}",
        "spend": 1e-07 * number + 0.1 + 0.2,
        "total_tokens": 130 + number,
        "prompt_tokens": 100 + number,
        "completion_tokens": 30,
        "startTime": start.isoformat(timespec="milliseconds"),
        "endTime": (start + timedelta(seconds=2.5)).isoformat(timespec="milliseconds"),
        "completionStartTime": (start + timedelta(seconds=0.75)).isoformat(),
        "model": "claude-sonnet-4",
        "model_group": 'fast "ä" \\ \n line',
        "custom_llm_provider": "anthropic",
        "user": PERSON,
        "end_user": PERSON,
        "requester_ip_address": "203.0.113.9",
        "messages": [{"role": "user", "content": PERSON}],
        "response": {"text": PERSON},
        "proxy_server_request": {"body": PERSON},
        "metadata": {
            "usage_object": usage,
            "user_api_key_user_email": PERSON,
            "user_api_key_team_id": "team-1",
            "spend_logs_metadata": {"task_id": f"case-{number % 7}"},
            "error_information": {"error_class": "", "error_message": PERSON},
        },
        "session_id": f"case-{number % 7}",
        "status": "failure" if number % 50 == 0 else "success",
        "cache_hit": "True" if number % 40 == 0 else "False",
    } | values


class Log:
    """The gateway's table in a database of its own."""

    def __init__(self, dsn):
        self.dsn = dsn

    def run(self, statement, *values) -> None:
        """Run a statement as the gateway does."""
        with psycopg.connect(self.dsn) as con:
            con.execute(statement, values or None)

    def add(self, *rows) -> None:
        """Store rows, all at one moment."""
        with psycopg.connect(self.dsn) as con, con.cursor() as cursor:
            for values in rows:
                names = ", ".join(f'"{name}"' for name in values)
                marks = ", ".join(["%s"] * len(values))
                texts = [
                    json.dumps(v) if isinstance(v, dict | list) else v for v in values.values()
                ]
                cursor.execute(f'insert into "LiteLLM_SpendLogs" ({names}) values ({marks})', texts)


@pytest.fixture
def log(postgres, request):
    made = Log(postgres.database(f"litellm_{abs(hash(request.node.name))}"))
    made.run(TABLE)
    return made


def door(log, **settings) -> Litellm:
    return Litellm(name="gateway", url=log.dsn, **{"backoff_seconds": 0.01} | settings)


@pytest.fixture
def fetch(tmp_path):
    count = iter(range(100))

    def fetched(door, mark=None, until=UNTIL):
        out = tmp_path / f"fetch-{next(count)}"
        out.mkdir()
        return list(door.fetch(mark, until=until, out=out))

    return fetched


def ids(*pages) -> list[str]:
    lines = b"".join(page.path.read_bytes() for page in pages).splitlines()
    return [json.loads(line)["request_id"] for line in lines]


@pytest.fixture
def bronze(tmp_path):
    count = iter(range(100))

    def parsed(*paths) -> pl.DataFrame:
        frames = []
        for path in paths:
            home = tmp_path / f"parsed-{next(count)}"
            (home / "temp").mkdir(parents=True)
            (home / "out").mkdir()
            found = tokens.parse(
                path,
                load=Load("load", "tokens", "litellm", "sha", path.name),
                context=Context(hmac_key=b"key", temp=home / "temp"),
                out=home / "out",
            )
            assert found.quarantine.is_empty(), found.quarantine["reason"].to_list()
            frames += [pl.read_parquet(file) for file in home.glob("out/spans/*/*.parquet")]
        return pl.concat(frames).drop(LINEAGE).sort("span_id")

    return parsed


def test_the_door_gives_the_rows_of_the_export(log, fetch, bronze, tmp_path):
    rows = [row(number) for number in range(1000)]
    log.add(*rows)
    export = tmp_path / "export.jsonl"
    export.write_text("".join(json.dumps(values) + "\n" for values in rows))
    pages = fetch(door(log, page_rows=300))
    assert [len(ids(page)) for page in pages] == [300, 300, 300, 100]
    found = bronze(*(page.path for page in pages))
    assert found.height == 1000
    assert found.equals(bronze(export))
    assert len({page.uri for page in pages}) == 4


def test_nothing_of_a_person_leaves_the_server(log, fetch):
    log.add(row(1))
    (page,) = fetch(door(log))
    text = page.path.read_text()
    assert PERSON not in text
    assert "203.0.113.9" not in text
    values = json.loads(text)
    assert values["metadata"]["user_api_key_team_id"] == "team-1"
    assert values["metadata"]["error_information"] == {"error_class": ""}
    assert values["spend"] == row(1)["spend"]


def test_metadata_that_is_no_object_is_kept(log, fetch, bronze):
    usage = json.dumps({"usage_object": {"cache_read_input_tokens": 5}})
    log.add(row(1, metadata=[]), row(2))
    as_text = """update "LiteLLM_SpendLogs" set metadata = to_jsonb(%s::text)"""
    log.run(as_text + " where request_id = 'r00002'", usage)
    (page,) = fetch(door(log))
    assert bronze(page.path)["cache_read_tokens"].to_list() == [None, 5]


def test_a_second_fetch_brings_only_what_is_new(log, fetch):
    log.add(*(row(number) for number in range(20)))
    first = fetch(door(log, page_rows=8))
    assert fetch(door(log), first[-1].mark) == []
    log.add(*(row(number) for number in range(20, 25)))
    second = fetch(door(log, page_rows=8), first[-1].mark)
    assert ids(*second) == [f"r{number:05d}" for number in range(20, 25)]


def test_a_row_that_was_stored_late_is_brought(log, fetch):
    # two stretches of ten minutes; the long call began in the first
    log.add(*(row(number) for number in range(0, 1200, 100)))
    first = fetch(door(log, page_rows=5))
    log.add(row(250, endTime="2026-01-05T09:40:00"), row(5000))
    second = fetch(door(log, page_rows=5), first[-1].mark)
    assert ids(*second) == [
        *(f"r{number:05d}" for number in (0, 100, 200, 250, 300)),
        *("r00400", "r00500"),
        "r05000",
    ]
    # the parts of the stretch count only together, and the door stays where it was
    assert [page.mark and page.mark["request_id"] for page in second] == [
        *(None, "r01100"),
        "r05000",
    ]
    assert fetch(door(log), second[-1].mark) == []
    assert fetch(door(log), second[1].mark)[0].path.read_bytes() == second[2].path.read_bytes()


def test_a_row_stored_after_the_look_back_is_missed_and_stated(log, fetch):
    log.add(row(0), row(7200))
    (page,) = fetch(door(log))
    log.add(row(10))
    assert fetch(door(log, look_back=timedelta(hours=1)), page.mark) == []
    assert ids(*fetch(door(log), page.mark)) == ["r00000", "r00010"]
    assert "is missed" in Litellm.__doc__


def test_what_the_gateway_has_deleted_is_not_asked_again(log, fetch):
    log.add(*(row(number) for number in range(0, 3600, 600)))
    (page,) = fetch(door(log))
    log.run("""delete from "LiteLLM_SpendLogs" where "startTime" < '2026-01-05T08:30:00'""")
    assert fetch(door(log), page.mark) == []


def test_rows_of_one_moment_on_a_pages_border_all_come(log, fetch):
    moment = row(1)["startTime"]
    log.add(*(row(number, startTime=moment) for number in range(10)))
    pages = fetch(door(log, page_rows=3))
    assert [len(ids(page)) for page in pages] == [3, 3, 3, 1]
    assert ids(*pages) == [f"r{number:05d}" for number in range(10)]
    assert len({page.uri for page in pages}) == 4
    assert ids(*fetch(door(log, page_rows=3), pages[1].mark)) == ["r00006", "r00007", "r00008",
                                                                  "r00009"]  # fmt: skip


def test_only_rows_within_the_window_come(log, fetch):
    log.add(row(0), row(3600), row(7200))
    bounded = door(log, start=datetime(2026, 1, 5, 9, 5, tzinfo=UTC))
    # from the full ten minutes before the start
    assert ids(*fetch(bounded)) == ["r03600", "r07200"]
    pages = fetch(bounded, until=datetime(2026, 1, 5, 10, tzinfo=UTC))
    assert ids(*pages) == ["r03600"]
    assert ids(*fetch(bounded, pages[-1].mark)) == ["r07200"]


def test_an_old_table_without_the_newer_columns(log, fetch, bronze):
    for name in ("session_id", "status", "agent_id", "mcp_namespaced_tool_name", "organization_id"):
        log.run(f'alter table "LiteLLM_SpendLogs" drop column {name}')
    log.run("""alter table "LiteLLM_SpendLogs" alter metadata drop default""")
    log.run("""alter table "LiteLLM_SpendLogs" alter metadata type json""")
    log.add(
        {name: values for name, values in row(1).items() if name not in ("session_id", "status")}
    )
    (page,) = fetch(door(log))
    assert bronze(page.path)["trace_id"].to_list() == ["r00001"]


def test_times_with_a_zone_are_the_same_moments(log, fetch):
    log.add(row(0), row(7200))
    plain = fetch(door(log))
    for name in ("startTime", "endTime"):
        log.run(f"""alter table "LiteLLM_SpendLogs" alter "{name}" type timestamptz
                   using "{name}" at time zone 'UTC'""")
    log.run("alter role roi set timezone = 'Asia/Tokyo'")
    try:
        (page,) = fetch(door(log))
        assert page.mark["rows"] == plain[0].mark["rows"]
        assert json.loads(page.path.read_text().splitlines()[1])["startTime"] == (
            "2026-01-05T10:00:00+00:00"
        )
        log.add(row(5), row(9000))
        assert ids(*fetch(door(log), page.mark)) == ["r00000", "r00005", "r09000"]
    finally:
        log.run("alter role roi reset timezone")


def test_a_column_of_ones_own(log, fetch):
    log.run('alter table "LiteLLM_SpendLogs" add column cost_center text')
    log.add(row(1, cost_center="c1"))
    (page,) = fetch(door(log, more_columns=["cost_center", "not_there"]))
    assert json.loads(page.path.read_text())["cost_center"] == "c1"
    with pytest.raises(ValidationError, match="end_user"):
        door(log, more_columns=["end_user"])


def test_a_user_who_may_read_the_columns_that_are_asked_for_is_enough(log, fetch):
    log.add(row(1))
    log.run("drop role if exists reader")
    log.run("create role reader login")
    granted = 'request_id, "startTime", "endTime", spend, prompt_tokens, model'
    log.run(f'grant select ({granted}) on "LiteLLM_SpendLogs" to reader')
    assert ids(*fetch(door(log, user="reader"))) == ["r00001"]
    log.run("drop owned by reader")
    with pytest.raises(DoorFailed, match="may the user read the table"):
        fetch(door(log, user="reader"))


def test_the_transaction_only_reads(log, fetch):
    log.add(row(1))
    log.run('alter table "LiteLLM_SpendLogs" rename to log')
    log.run("create table touched (at timestamp)")
    log.run("""create function touch() returns text language sql
               as 'insert into touched values (now()) returning $$$$::text'""")
    log.run('create view "LiteLLM_SpendLogs" as select *, touch() as touched from log')
    with pytest.raises(DoorFailed, match="read-only transaction"):
        fetch(door(log, more_columns=["touched"]))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"url": "host=127.0.0.1 port=9 dbname=x"}, "127.0.0.1:9/x.*is the server up"),
        ({"url": "postgresql://roi:geheim@127.0.0.1/x"}, "never in the url"),
        ({"url": "postgresql://ge heim"}, "never in the url"),
        ({"url": ""}, "never in the url"),
    ],
)
def test_a_server_that_cannot_be_asked_is_a_sentence(fetch, given, sentence):
    nothing = Litellm(name="gateway", attempts=2, backoff_seconds=0, secret="geheim", **given)
    with pytest.raises(DoorFailed, match=sentence) as failure:
        fetch(nothing)
    assert "heim" not in str(failure.value)


def test_a_database_without_the_table_is_a_sentence(postgres, fetch):
    empty = Log(postgres.database("litellm_empty"))
    with pytest.raises(
        DoorFailed, match=r"shows no table public\.LiteLLM_SpendLogs .* the gateway"
    ):
        fetch(door(empty))


def test_a_database_that_is_not_there_is_asked_for_once(postgres, fetch):
    nowhere = Log(f"host=127.0.0.1 port={postgres.port} user=roi dbname=nowhere")
    with pytest.raises(DoorFailed, match="does not exist"):
        fetch(door(nowhere, backoff_seconds=60))


def test_a_page_that_takes_too_long_is_a_sentence(log, fetch):
    log.add(row(1))
    log.run('alter table "LiteLLM_SpendLogs" rename to log')
    log.run('create view "LiteLLM_SpendLogs" as select *, pg_sleep(9)::text as slow from log')
    slow = door(log, timeout_seconds=0.2, attempts=1, more_columns=["slow"])
    with pytest.raises(DoorFailed, match=r"longer than 0\.2 s"):
        fetch(slow)


def test_a_server_that_stops_in_the_middle(postgres, log, fetch, tmp_path):
    rows = [row(number) for number in range(10)]
    with server() as failing:
        first = Log(failing.database("litellm"))
        first.run(TABLE)
        first.add(*rows)
        pages = door(first, page_rows=4, attempts=2).fetch(None, until=UNTIL, out=tmp_path)
        begun = next(pages)
    with pytest.raises(DoorFailed, match="is the server up"):
        next(pages)
    assert ids(begun) == ["r00000", "r00001", "r00002", "r00003"]
    # the same table, up again
    log.add(*rows)
    rest = fetch(door(log), json.loads(json.dumps(begun.mark)))
    assert ids(*rest) == [f"r{number:05d}" for number in range(4, 10)]


def test_a_wrong_password_is_a_sentence(fetch):
    with server() as guarded:
        log = Log(guarded.database("litellm"))
        log.run(TABLE)
        log.run("create role reader login password 'geheim'")
        log.run('grant select on "LiteLLM_SpendLogs" to reader')
        with psycopg.connect(log.dsn, autocommit=True) as con:
            ((rules,),) = con.execute("show hba_file")
            asked = "host all reader 127.0.0.1/32 scram-sha-256"
            con.execute(f"copy (values ('{asked}'), ('host all all all trust')) to '{rules}'")
            con.execute("select pg_reload_conf()")
        assert fetch(door(log, user="reader", secret="geheim")) == []
        with pytest.raises(DoorFailed, match="refused the user or the password") as failure:
            fetch(door(log, user="reader", secret="falsch", backoff_seconds=60))
        assert "falsch" not in str(failure.value)
        assert "falsch" not in repr(failure.value.__cause__)
