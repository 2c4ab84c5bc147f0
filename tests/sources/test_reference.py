"""A reference table is known by its header; its rows are typed or named."""

from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.sources import reference
from roi_engine.sources.base import Context, Load, MissingColumn, Unreadable
from roi_engine.sources.schema import REFERENCE


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses a text: (table, rows, what parse returned)."""

    def parse(text, system=""):
        raw = tmp_path / "any name"
        raw.write_text(text)
        load = Load("load", "reference", system, "sha", "reference/any name")
        out = tmp_path / "out"
        parsed = reference.parse(raw, load=load, context=Context(b"", tmp_path), out=out)
        (table,) = parsed.rows
        path = out / table / "load.parquet"
        rows = pl.read_parquet(path).to_dicts() if path.exists() else []
        assert len(rows) == parsed.rows[table]
        return table, rows, parsed

    return parse


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_every_table_is_known_by_its_own_header(parse, name):
    columns = list(REFERENCE[name].columns)
    assert parse(",".join(columns) + "\n")[0] == name


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_optional_columns_may_be_missing_and_strange_ones_present(parse, name):
    optional = {"approved_by", "approved_on", "evidence_uri", "note", "valid_to"}
    columns = [column for column in REFERENCE[name].columns if column not in optional]
    assert parse(",".join(["comment", *reversed(columns)]) + "\n")[0] == name


def test_cells_are_typed(parse):
    _, rows, parsed = parse(
        "order,column,pattern,cost_class\n1,ServiceCategory,Storage,storage\n2,SkuId,%gpu%,gpu\n"
    )
    assert [row["order"] for row in rows] == [1, 2]
    assert rows[0]["column"] == "ServiceCategory"
    assert parsed.quarantine.is_empty()


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-01-01", "2026-01-01T00:00:00"), ("2026-01-01T12:30:00+02:00", "2026-01-01T10:30:00")],
)
def test_a_price_may_start_on_a_day_or_at_an_instant(parse, text, moment):
    table, rows, _ = parse(
        f"provider,model,bucket,price_per_million,valid_from\np,m,output,3,{text}\n"
    )
    assert table == "prices"
    assert rows[0]["valid_from"] == datetime.fromisoformat(moment)


def test_bad_cells_and_missing_cells_are_named_and_the_good_rows_arrive(parse):
    _, rows, parsed = parse(
        "agent_id,kind,name,valid_from\n"
        "a,llm_agent,A,2026-01-01\n"
        ",llm_agent,B,2026-01-01\n"
        "c,llm_agent,C,soon\n"
        "d,llm_agent\n"
    )
    assert [row["_source_row"] for row in rows] == [1, 2, 3]
    assert rows[0]["valid_from"] == date(2026, 1, 1)
    found = parsed.quarantine.sort("_source_row")
    assert found["rule"].to_list() == ["missing_value", "bad_value", "malformed_record"]
    assert found["_source_row"].to_list() == [2, 3, 4]
    assert "has no agent_id" in found["reason"][0]


def test_a_column_may_be_called_day(parse):
    _, rows, _ = parse("day,from_currency,to_currency,rate,source\n2026-01-01,EUR,USD,1.1,ECB\n")
    assert rows[0]["day"] == date(2026, 1, 1)


def test_a_refused_cell_is_named_once(parse):
    _, _, parsed = parse("day,from_currency,to_currency,rate\n2026-01-01,EUR,USD,=1+1\n")
    assert parsed.quarantine["rule"].to_list() == ["bad_value"]


def test_an_unknown_header_is_said(parse):
    with pytest.raises(Unreadable, match="no reference table"):
        parse("colour,taste\nred,sweet\n")


def test_a_table_without_the_columns_it_is_known_by(parse):
    with pytest.raises(MissingColumn, match=r"looks like agents\.csv but has no agent_id"):
        parse("name,kind,category,department,owner,wallet_id,valid_from\nA,llm_agent,,,,,\n")


def test_a_generated_table_is_named_by_its_load(parse):
    header = "provider,model,bucket,tier,context_from,price_per_million,currency,source"
    assert parse(f"{header}\np,m,output,standard,0,0.1,USD,s\n", system="price_book")[0] == (
        "price_book"
    )


def test_what_parsers_need_to_know(parse, tmp_path):
    parse("source,system,field,path\ntickets,jira,task_type,fields.type\ntickets,jira,agent_id,\n")
    parse("agent_id,kind\nbot,llm_agent\nteam,human_team\nboth,hybrid\nnew,\n")
    out = tmp_path / "out"
    known = reference.known(
        out / "field_mappings" / "load.parquet", out / "agents" / "load.parquet"
    )
    assert known.agent_ids == {"bot", "both", "new"}
    assert known.mappings == [
        {"source": "tickets", "system": "jira", "field": "task_type", "path": "fields.type"}
    ]
    assert reference.known(None, None) == reference.Known([], frozenset())


def test_the_public_tables(parse, shared_data):
    rows = {}
    for path in sorted((shared_data / "inbox" / "reference").glob("*.csv")):
        table, rows[path.stem], parsed = parse(path.read_text())
        assert table == path.stem
        assert parsed.quarantine.is_empty()
        (parsed_rows,) = parsed.rows.values()
        assert parsed_rows == len(path.read_text().splitlines()) - 1
    assert rows["task_types"][4]["baseline_minutes"] == Decimal("61.96")
