"""Bytes land once, whole, and chained; whatever a file holds, it has a name in the manifest."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import datetime

import duckdb
import polars as pl
import pytest

from roi_engine import landing
from roi_engine.landing import inbox as inbox_module, loading, vault
from roi_engine.sources import tickets
from roi_engine.sources.schema import TABLES

BILL = (
    "ProviderName,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,"
    "ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost\n"
    "OpenAI,a,USD,2026-01-01,Usage,2026-01-05,2026-01-06,{cost},1\n"
)
BOOK = "provider,model,bucket,price_per_million\np,m,output,1\n"
AGENTS = "agent_id,kind\n{id},llm_agent\n"


class Ledger:
    """A lake that is two lists."""

    def __init__(self):
        self.rows = []
        self.quarantine = []

    def manifest(self):
        """Return the entries."""
        return self.rows

    def append(self, rows, quarantine, marks):  # noqa: ARG002
        """Keep the rows."""
        self.rows += rows
        self.quarantine += quarantine.to_dicts()


class Estate:
    """An inbox, a lake and a ledger."""

    def __init__(self, root):
        self.inbox, self.lake, self.ledger = root / "inbox", root / "lake", Ledger()
        self.inbox.mkdir()

    def put(self, name, content):
        """Write a file into the inbox."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self, **options):
        """Land without appending, as a run does that is killed before it."""
        given = landing.Options(self.lake, **options)
        return landing.land(self.inbox, options=given, manifest=self.ledger.manifest())

    def run(self, **options):
        """Land and append; return the entries of the inbox's own files."""
        landed = self.land(**options)
        before = len(self.ledger.rows)
        landing.append(self.ledger, landed)
        generated = ("price_book", "model_names")
        return [row for row in self.ledger.rows[before:] if row["tables"] not in generated]

    def bronze(self, table="charges"):
        """Return the rows of a table whose loads count, oldest load first."""
        newest = {(r["source"], r["sha256"]): r["load_id"] for r in self.ledger.rows}
        paths = [
            path
            for load in newest.values()
            for path in sorted((self.lake / "bronze").glob(f"**/{table}-{load}.parquet"))
        ]
        return pl.concat([pl.read_parquet(p, hive_partitioning=False) for p in paths])


@pytest.fixture
def estate(tmp_path, monkeypatch):
    # the price list is real and takes seconds: its own tests read it
    monkeypatch.setattr("roi_engine.landing.names.book", BOOK.encode)
    return Estate(tmp_path)


def test_a_bill_lands(estate):
    estate.put("billing/any/name.csv", BILL.format(cost="1.5"))
    (row,) = estate.run()
    assert (row["source"], row["system"], row["tables"]) == ("billing", "focus", "charges")
    assert (row["uri"], row["rows"], row["status"]) == ("billing/any/name.csv", 1, "landed")
    assert row["interval_start"].isoformat() == row["interval_end"].isoformat() == "2026-01-05"
    assert row["extractor_version"] == "billing-1/focus"
    kept = estate.lake / "landing" / "sha256" / row["sha256"][:2] / row["sha256"]
    assert kept.read_text() == BILL.format(cost="1.5")
    path = (
        estate.lake / "bronze" / "billing" / "day=2026-01-05" / f"charges-{row['load_id']}.parquet"
    )
    assert pl.read_parquet(path)["_load_id"].to_list() == [row["load_id"]]


def test_the_same_bytes_are_one_file_and_a_second_run_does_nothing(estate):
    estate.put("billing/a.csv", BILL.format(cost=1))
    estate.put("billing/b.csv", BILL.format(cost=1))
    estate.put("billing/c.csv", gzip.compress(BILL.format(cost=2).encode()))
    assert [row["uri"] for row in estate.run()] == ["billing/a.csv", "billing/c.csv"]
    before = list(estate.ledger.rows)
    assert estate.run() == []
    assert estate.ledger.rows == before


def test_reference_tables_come_first_and_then_the_order_of_paths(estate):
    estate.put("billing/b.csv", BILL.format(cost=1))
    estate.put("billing/a.csv", BILL.format(cost=2))
    estate.put("reference/z.csv", AGENTS.format(id="bot"))
    rows = estate.run()
    assert [row["uri"] for row in rows] == ["reference/z.csv", "billing/a.csv", "billing/b.csv"]
    assert (rows[0]["system"], rows[0]["tables"]) == ("agents", "agents")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("billing/a.csv", b"", "empty", id="an empty file"),
        pytest.param(
            "billing/a.csv.gz", b"\x1f\x8b" + b"noise" * 99, "damaged", id="noise as gzip"
        ),
        pytest.param(
            "billing/a.csv",
            gzip.compress(BILL.encode() * 99)[:-9],
            "ends too early",
            id="a truncated gzip",
        ),
        pytest.param("billing/a.csv", b"<html>log in</html>", "HTML", id="a page"),
        pytest.param("billing/a.csv", "größe\n1\n".encode("latin-1"), "UTF-8", id="latin-1"),
        pytest.param("billing/a.csv", b"BilledCost\n1\n", "no column", id="missing columns"),
        pytest.param(
            "billing/a.parquet", b"PAR1" + b"x" * 99 + b"PAR1", "Parquet", id="no Parquet"
        ),
        pytest.param("reference/x.csv", b"colour\nred\n", "no reference table", id="no table"),
        pytest.param("tokens/otlp/a.jsonl", b"\x00\x01", "NUL", id="binary as JSON"),
        pytest.param("tickets/jira/a.json", b"<!doctype html>", "HTML", id="a page as tickets"),
    ],
)
def test_a_broken_file_is_one_sentence_and_the_good_ones_arrive(estate, name, content, said):
    estate.put(name, content)
    estate.put("billing/good.csv", BILL.format(cost=1))
    status = {row["uri"]: row["status"] for row in estate.run()}
    assert status == {name: "unreadable", "billing/good.csv": "landed"}
    (found,) = estate.ledger.quarantine
    assert said in found["reason"]
    assert found["rule"] in {"unreadable_file", "missing_column"}
    assert (found["severity"], found["_source_row"], found["day"]) == ("critical", 0, None)
    assert vault.place(estate.lake, found["_source_file"]).read_bytes() == content
    assert estate.run() == []
    assert len(estate.ledger.quarantine) == 1


def page(*numbers, **values):
    """Return a page of Zendesk: tickets of two days, each with its metrics."""
    shown = {"created_at": "2026-01-05T08:00:00Z", "status": "open", "requester_id": 7} | values
    return json.dumps(
        {
            "tickets": [{"id": number, **shown, "assignee_id": number} for number in numbers],
            "metric_sets": [{"ticket_id": number, "reopens": number} for number in numbers],
        }
    )


PAGES = {
    "first": page(1, 2, 3),
    "cut": page(4, 5)[:-9],
    "several pages": page(6, 7) + "\n" + page(8),
    "no ticket": page(),
    "a list of pages": f"[{page(9)}, {page(10, 11)}]",
    "an empty list": "[]",
    "a bad cell": page(12, 13, created_at="yesterday"),
    "a refused ticket": page(14, 15).replace('"id": 14, ', ""),
    "an error message": '{"error": "rate limit"}',
    "compressed": gzip.compress(page(16, 17).encode(), mtime=0),
    "over many days": "\n".join(page(day, created_at=f"2026-02-{day:02}") for day in range(1, 11)),
    # with no page between them that is in the way: these two do stay together
    "the same tickets": page(3, 2, 1, created_at="2026-01-06T08:00:00Z"),
}


def test_pages_parsed_together_are_those_parsed_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("roi_engine.landing.names.book", BOOK.encode)
    found = []
    for name, most in (("alone", 0), ("together", 2**25), ("in small groups", 700)):
        monkeypatch.setattr(loading, "_TOGETHER_BYTES", most)
        (tmp_path / name).mkdir()
        own = Estate(tmp_path / name)
        for number, content in enumerate(PAGES.values()):
            own.put(f"tickets/zendesk/{number:02}.json", content)
        entries = own.run(hmac_key="key")
        rows = {
            path.relative_to(own.lake): pl.read_parquet(path, hive_partitioning=False).to_dicts()
            for path in sorted((own.lake / "bronze").glob("**/tickets-*.parquet"))
        }
        moved = ("fetched_at", "row_hash", "previous_hash")
        told = [{key: row[key] for key in row if key not in moved} for row in entries]
        found.append((rows, told, own.ledger.quarantine))
    assert found[0] == found[1] == found[2]
    rows, entries, quarantine = found[0]
    unreadable = [name for name, row in zip(PAGES, entries, strict=True) if not row["tables"]]
    assert unreadable == ["cut", "an empty list", "an error message"]
    assert [row["rows"] for row in entries] == [3, 0, 3, 0, 3, 0, 2, 1, 0, 2, 10, 3]
    assert {row["rule"] for row in quarantine} == {
        *("unreadable_file", "bad_value", "malformed_record")
    }
    of_first = next(found for path, found in rows.items() if entries[0]["load_id"] in path.name)
    assert [(row["_source_row"], row["reopen_count"]) for row in of_first] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]


def test_a_bad_page_keeps_none_of_the_others_and_costs_few_parses(estate, monkeypatch):
    pages = 16
    for number in range(pages):
        content = page(number + 1)
        estate.put(f"tickets/zendesk/{number:02}.json", content[:-1] if number == 5 else content)
    parsed = []
    parse_each = tickets.parse_each
    monkeypatch.setattr(
        tickets,
        "parse_each",
        lambda files, *, context: parsed.append(len(files)) or parse_each(files, context=context),
    )
    entries = estate.run()
    assert [row["status"] for row in entries] == ["landed"] * 5 + ["unreadable"] + ["landed"] * 10
    assert parsed == [16, 8, 4, 4, 2, 1, 1, 2, 8]


def test_a_cell_that_is_refused_stands_in_quarantine_once(estate):
    estate.put("billing/a.csv", BILL.format(cost="=1+1"))
    estate.run()
    assert estate.run() == []
    assert [row["rule"] for row in estate.ledger.quarantine] == ["bad_value"]


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(estate, monkeypatch):
    path = estate.put("billing/a.csv", BILL.format(cost=1))
    digest = vault._digest

    def appended(source):
        found = digest(source)
        with path.open("a") as stream:
            stream.write("more\n")
        return found

    monkeypatch.setattr(vault, "_digest", appended)
    landed = estate.land()
    assert [entry.uri for entry in landed.entries if entry.source == "billing"] == []
    assert landed.warnings == (
        "billing/a.csv changed while it was read; it is taken with the next run.",
    )


def test_a_file_that_may_not_be_read_is_said(estate, monkeypatch):
    path = estate.put("billing/a.csv", BILL.format(cost=1))

    def refuse(source):
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(vault, "_digest", refuse)
    assert path.exists()
    (warning,) = estate.land().warnings
    assert warning.startswith("billing/a.csv cannot be read (Permission denied)")


def test_links_are_followed_once_and_loops_are_said(estate, tmp_path):
    estate.put("billing/deep/a.csv", BILL.format(cost=1))
    (estate.inbox / "billing" / "deep" / "up").symlink_to(estate.inbox / "billing")
    (estate.inbox / "billing" / "self.csv").symlink_to(estate.inbox / "billing" / "self.csv")
    outside = tmp_path / "exports"
    outside.mkdir()
    (outside / "b.csv").write_text(BILL.format(cost=2))
    (estate.inbox / "billing" / "mounted").symlink_to(outside)
    landed = estate.land()
    uris = [entry.uri for entry in landed.entries if entry.source == "billing"]
    assert uris == ["billing/deep/a.csv", "billing/mounted/b.csv"]
    assert any("leads back" in warning for warning in landed.warnings)
    assert any("self.csv is no file" in warning for warning in landed.warnings)


def test_what_is_no_export_is_left_alone_and_what_is_misplaced_is_said(estate):
    for name in ["billing/.hidden.csv", "billing/_SUCCESS", "billing/a.csv.part"]:
        estate.put(name, "x")
    estate.put("SIMULATED.json", "{}")
    estate.put("bills/a.csv", BILL)
    landed = estate.land()
    assert [entry for entry in landed.entries if entry.source != "reference"] == []
    (warning,) = landed.warnings
    assert warning.startswith("bills/a.csv lies in no folder of a source")


def test_every_door_is_known():
    for folder, (source, _) in inbox_module.DOORS.items():
        assert folder.split("/", maxsplit=1)[0] == source


# ---------- reference tables that come, go and come back


def test_the_newest_file_of_a_table_counts_and_an_undone_change_is_seen(estate):
    estate.put("reference/agents.csv", AGENTS.format(id="one"))
    estate.run()
    estate.put("reference/agents.csv", AGENTS.format(id="two"))
    estate.run()
    estate.put("reference/agents.csv", AGENTS.format(id="one"))
    (row,) = estate.run()
    first = next(one for one in estate.ledger.rows if one["tables"] == "agents")
    assert row["load_id"] == first["load_id"]
    assert estate.run() == []
    assert landing.verify_chain(estate.ledger.rows) is None


def test_an_older_file_beside_the_newer_one_changes_nothing(estate):
    estate.put("reference/z.csv", AGENTS.format(id="old"))
    estate.run()
    estate.put("reference/a.csv", AGENTS.format(id="new"))
    assert [row["uri"] for row in estate.run()] == ["reference/a.csv"]
    assert estate.run() == []


def test_two_new_files_of_one_table_are_said(estate):
    estate.put("reference/a.csv", AGENTS.format(id="one"))
    estate.put("reference/b.csv", AGENTS.format(id="two"))
    assert "reference/a.csv, reference/b.csv are all agents" in estate.land().warnings[0]


def test_files_are_parsed_again_when_a_rule_changes_and_back_when_it_changes_back(estate):
    ticket = '{"tickets": [{"id": 1, "created_at": "2026-01-05T00:00:00Z"}]}'
    estate.put("tickets/zendesk/a.json", ticket)
    (first,) = estate.run()
    (estate.inbox / "tickets/zendesk/a.json").unlink()
    rule = "source,system,field,path\ntickets,zendesk,task_type,=refund\n"
    estate.put("reference/field_mappings.csv", rule)
    _, second = estate.run()
    assert second["sha256"] == first["sha256"]
    assert second["load_id"] != first["load_id"]
    assert estate.bronze("tickets")["task_type"].to_list() == ["refund"]
    estate.put("reference/field_mappings.csv", "source,system,field,path\n")
    _, third = estate.run()
    assert third["load_id"] == first["load_id"]
    assert estate.bronze("tickets")["task_type"].to_list() == [None]
    assert estate.run() == []


def test_a_newer_parser_parses_everything_again(estate, monkeypatch):
    estate.put("billing/a.csv", BILL.format(cost=1))
    (first,) = estate.run()
    monkeypatch.setitem(loading.PARSER_VERSIONS, "billing", 2)
    (second,) = estate.run()
    assert second["extractor_version"] == "billing-2/focus"
    assert second["load_id"] != first["load_id"]


# ---------- chain, key, empty tables


def test_two_runs_at_once_append_each_file_once(estate):
    estate.put("billing/a.csv", BILL.format(cost=1))
    one, other = estate.land(), estate.land()
    assert landing.append(estate.ledger, one) == 2
    assert landing.append(estate.ledger, other) == 0
    assert landing.verify_chain(estate.ledger.rows) is None


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda rows: rows[1].update(rows=7), id="a cell was edited"),
        pytest.param(lambda rows: rows.pop(1), id="an entry was removed"),
        pytest.param(lambda rows: rows.reverse(), id="the order was changed"),
        pytest.param(lambda rows: rows.insert(1, dict(rows[0])), id="an entry was added"),
        pytest.param(lambda rows: rows[0].update(previous_hash="1" * 64), id="the beginning"),
    ],
)
def test_an_edit_of_the_manifest_shows(estate, tamper):
    for n in range(3):
        estate.put(f"billing/{n}.csv", BILL.format(cost=n))
    estate.run()
    rows = [dict(row) for row in estate.ledger.rows]
    assert landing.verify_chain(rows) is None
    tamper(rows)
    assert landing.verify_chain(rows)


def test_the_chain_survives_the_database(estate):
    estate.put("billing/a.csv", BILL.format(cost=1))
    estate.put("billing/b.csv", b"")
    estate.run()
    with duckdb.connect() as con:
        con.register("rows", pl.DataFrame(estate.ledger.rows, infer_schema_length=None))
        con.execute("create table manifest as select * from rows")
        answer = con.execute("select * from manifest order by seq")
        names = [column[0] for column in answer.description]
        back = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    assert landing.verify_chain(back) is None


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    key = landing.hmac_key(tmp_path)
    path = tmp_path / "secrets" / "hmac.key"
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert landing.hmac_key(tmp_path) == key
    assert landing.hmac_key(tmp_path, "given") == b"given"


def test_a_key_that_was_cut_is_said(estate):
    path = estate.lake / "secrets" / "hmac.key"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"short")
    with pytest.raises(landing.LandingFailed, match="put the lost key back"):
        estate.land()


def test_every_table_has_an_empty_file_so_that_globs_match(tmp_path):
    landing.prepare(tmp_path)
    landing.prepare(tmp_path)
    for table in TABLES:
        folder = "day=1970-01-01" if table.day_from else "."
        path = tmp_path / "bronze" / table.source / folder / f"{table.name}-empty.parquet"
        scan = f"read_parquet('{path}', hive_partitioning = false)"
        described = duckdb.execute(f"describe select * from {scan}").fetchall()
        kinds = {name: kind for name, kind, *_ in described}
        assert kinds == table.all_columns
        assert pl.read_parquet(path, hive_partitioning=False).height == 0


# ---------- crashes


def test_a_crash_between_bronze_and_manifest_leaves_nothing_that_counts(estate):
    estate.put("billing/a.csv", BILL.format(cost=1))
    lost = estate.land()
    again = estate.land()
    assert [e.load_id for e in again.entries] == [e.load_id for e in lost.entries]
    landing.append(estate.ledger, again)
    assert estate.bronze()["billed_cost"].to_list() == [1]
    assert list((estate.lake / ".scratch").glob("*/*")) == []


_KILLED = """
    import os, signal, sys
    from pathlib import Path
    from roi_engine import landing
    from roi_engine.landing import names, vault

    names.book = lambda: b"provider,model,bucket,price_per_million\\np,m,output,1\\n"
    calls = 0
    move = vault.move

    def killed(draft, target):
        global calls
        calls += 1
        if calls == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        move(draft, target)

    vault.move = killed
    landing.land(Path(sys.argv[1]), options=landing.Options(Path(sys.argv[2])), manifest=[])
    print(calls)
"""


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_kill_at_any_rename_leaves_the_next_run_whole(estate, call):
    estate.put("billing/a.csv", BILL.format(cost=1))
    killed = [sys.executable, "-c", textwrap.dedent(_KILLED), estate.inbox, estate.lake, str(call)]
    done = subprocess.run(killed, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    for path in (estate.lake / "landing" / "sha256").glob("*/*"):
        assert vault._digest(path) == path.name
    (row,) = estate.run()
    assert estate.bronze()["billed_cost"].to_list() == [1]
    assert row["status"] == "landed"
    # the drafts of the killed process are gone, this process has its own folder
    assert [p.name for p in (estate.lake / ".scratch").iterdir()] == [str(os.getpid())]


# ---------- the real inbox


def test_the_public_inbox_lands_and_a_second_look_finds_nothing_new(tmp_path, shared_data):
    inbox, ledger = shared_data / "inbox", Ledger()
    options = landing.Options(tmp_path / "lake")
    landed = landing.land(inbox, options=options, manifest=[])
    landing.append(ledger, landed)
    assert landed.warnings == ()
    assert landed.unreadable == 0
    files = [path for path in inbox.rglob("*") if path.is_file()]
    own = [row for row in ledger.rows if row["tables"] not in {"price_book", "model_names"}]
    assert len(own) == len(files)
    assert {row["bytes"] for row in own} == {path.stat().st_size for path in files}
    assert landing.verify_chain(ledger.rows) is None
    (names,) = (tmp_path / "lake/bronze/reference").glob("model_names-*.parquet")
    named = pl.read_parquet(names).select("raw_model", "canonical_provider", "model").rows()
    assert ("claude-sonnet-4-20250514", "anthropic", "claude-sonnet-4-0") in named
    assert landing.land(inbox, options=options, manifest=ledger.rows).entries == ()


NOW = datetime(2026, 2, 1)  # noqa: DTZ001 - the lake keeps UTC without a zone


def test_a_retracted_file_counts_no_more_and_does_not_come_back(estate):
    estate.put("billing/wrong.csv", BILL.format(cost=999))
    estate.run()
    landing.retract(estate.ledger, "billing/wrong.csv", reason="another account's", now=NOW)
    assert estate.ledger.rows[-1]["status"] == "retracted"
    assert estate.ledger.quarantine[-1]["reason"] == "another account's"
    assert landing.verify_chain(estate.ledger.rows) is None
    # it still stands in the inbox, under another name too
    estate.put("billing/again.csv", BILL.format(cost=999))
    assert estate.run() == []


def test_a_retracted_table_gives_way_to_the_one_before_it(estate):
    estate.put("reference/agents.csv", AGENTS.format(id="old"))
    estate.run()
    estate.put("reference/agents.csv", AGENTS.format(id="new"))
    estate.run()
    landing.retract(estate.ledger, "reference/agents.csv", reason="a draft", now=NOW)
    counting = landing.manifest.newest_reference(estate.ledger.rows)["agents"]
    assert counting["sha256"] == estate.ledger.rows[0]["sha256"]


def test_a_name_that_fits_no_file_or_several_is_told(estate):
    estate.put("billing/a.csv", BILL.format(cost=1))
    estate.run()
    estate.put("billing/a.csv", BILL.format(cost=2))
    estate.run()
    with pytest.raises(landing.NoSuchFile, match="No file that counts"):
        landing.retract(estate.ledger, "billing/b.csv", reason="why", now=NOW)
    with pytest.raises(landing.NoSuchFile, match="several landed files"):
        landing.retract(estate.ledger, "billing/a.csv", reason="why", now=NOW)
    sha256 = str(estate.ledger.rows[-1]["sha256"])
    landing.retract(estate.ledger, sha256[:12], reason="why", now=NOW)
    with pytest.raises(landing.NoSuchFile):
        landing.retract(estate.ledger, sha256[:12], reason="again", now=NOW)


def test_a_newer_price_list_waits_until_it_is_asked_for(estate, monkeypatch):
    """An updated dependency must not change what was published: that is `roi reprice`."""

    def books():
        rows = [row for row in estate.ledger.rows if row["tables"] == "price_book"]
        return [row["uri"] for row in rows]

    monkeypatch.setattr("roi_engine.landing.names.release", lambda: "list 1")
    estate.run()
    monkeypatch.setattr("roi_engine.landing.names.release", lambda: "list 2")
    monkeypatch.setattr("roi_engine.landing.names.book", (BOOK + "\n").encode)
    landed = estate.land()
    assert "list 2) is not the one in force (list 1): `roi reprice`" in " ".join(landed.warnings)
    estate.run()
    assert books() == ["list 1"]
    # a newer parser reads the list in force, not the installed one
    monkeypatch.setattr("roi_engine.landing.names.VERSION", "price-book-next")
    estate.run()
    assert books() == ["list 1", "list 1"]
    assert estate.ledger.rows[-1]["sha256"] == estate.ledger.rows[0]["sha256"]
    assert estate.land(takes_prices=True).warnings == ()
    estate.run(takes_prices=True)
    assert books()[-1] == "list 2"
    assert estate.land().warnings == ()
