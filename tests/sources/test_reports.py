"""A provider's own report is read to the last digit, and what is wrong in it is named."""

import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.sources import billing
from roi_engine.sources.base import Context, Load, Unreadable
from roi_engine.sources.schema import PROVIDER_COSTS

DAY, NEXT = 1767571200, 1767657600
"""2026-01-05 and 2026-01-06, in seconds since 1970."""


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses a page: (rows, what parse returned)."""

    def parse(page, system="openai_costs"):
        raw = tmp_path / "raw"
        content = page if isinstance(page, bytes | str) else json.dumps(page)
        raw.write_bytes(content if isinstance(content, bytes) else content.encode())
        load = Load("load", "billing", system, "sha", "billing/x")
        parsed = billing.parse(
            raw, load=load, context=Context(b"key", tmp_path), out=tmp_path / "out"
        )
        files = sorted((tmp_path / "out" / "provider_costs").glob("day=*/load.parquet"))
        assert {date.fromisoformat(file.parent.name[4:]) for file in files} == parsed.days
        frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
        assert all(frame.columns == list(PROVIDER_COSTS.all_columns) for frame in frames)
        rows = pl.concat(frames).sort("_source_row").to_dicts() if frames else []
        assert parsed.rows == {"provider_costs": len(rows)}
        return rows, parsed

    return parse


def openai(*results, begin=DAY, **more):
    """Return a bucket of OpenAI's report."""
    return {"start_time": begin, "end_time": begin + 86400, "results": list(results), **more}


def anthropic(*results, day=5):
    """Return a bucket of Anthropic's report."""
    begin, end = (f"2026-01-{number:02}T00:00:00Z" for number in (day, day + 1))
    return {"starting_at": begin, "ending_at": end, "results": list(results)}


def cost(value, currency="usd", **more):
    """Return a result of OpenAI's report."""
    return {"amount": {"value": value, "currency": currency}, **more}


def reasons(parsed):
    assert set(parsed.quarantine["severity"]) <= {"critical"}
    return dict(parsed.quarantine.select("_source_row", "reason").iter_rows())


def test_openai_by_project_and_line_item(parse):
    rows, parsed = parse(
        {"data": [openai(cost(0.06, project_id="proj_1", line_item="gpt-5, input"))]}
    )
    (row,) = rows
    assert (row["provider"], row["system"]) == ("openai", "openai_costs")
    assert (row["scope_id"], row["line_item"]) == ("proj_1", "gpt-5, input")
    assert (row["amount"], row["currency"]) == (Decimal("0.06"), "USD")
    assert row["bucket_start"] == datetime.fromisoformat("2026-01-05T00:00:00")
    assert (row["_load_id"], row["_source_file"], row["_source_row"]) == ("load", "sha", 1)
    assert parsed.quarantine.is_empty()


def test_anthropic_in_cents(parse):
    result = {
        "currency": "USD",
        "amount": "123.78912",
        "workspace_id": "wrkspc_1",
        "description": "Claude Sonnet 4 Usage - Input Tokens",
        "model": "claude-sonnet-4",
        "token_type": "uncached_input_tokens",
        "service_tier": "batch",
    }
    page = {"data": [anthropic(result, result | {"description": None, "workspace_id": None})]}
    rows, parsed = parse(page, "anthropic_costs")
    assert [row["amount"] for row in rows] == [Decimal("1.2378912")] * 2
    assert [row["line_item"] for row in rows] == [result["description"], "claude-sonnet-4"]
    assert [row["scope_id"] for row in rows] == ["wrkspc_1", None]
    assert {(row["token_type"], row["tier"]) for row in rows} == {
        ("uncached_input_tokens", "batch")
    }
    assert parsed.quarantine.is_empty()


@pytest.mark.parametrize(
    ("number", "amount", "of_cents"),
    [
        ("0.1234567890123456", "0.1234567890123456", "0.001234567890123456"),
        ("9007199254740993.25", "9007199254740993.25", "90071992547409.9325"),
        ("1.5e-3", "0.0015", "0.000015"),
        ("-2E2", "-200", "-2"),
        ("0", "0", "0"),
        ("7.", None, None),
        ("12.34.5", None, None),
    ],
)
def test_an_amount_is_never_a_float(parse, number, amount, of_cents):
    """As a JSON number and as a text; where it is no number, it is nothing."""
    spelt = [number] if amount else []
    for text in (*spelt, f'"{number}"'):
        page = json.dumps({"data": [openai(cost("AMOUNT"))]}).replace('"AMOUNT"', text)
        rows, _ = parse(page)
        is_number = amount or number == "7."
        assert rows[0]["amount"] == (Decimal(amount or number) if is_number else None)
        cents = json.dumps({"data": [anthropic({"amount": "AMOUNT", "currency": "USD"})]})
        rows, _ = parse(cents.replace('"AMOUNT"', text), "anthropic_costs")
        expected = of_cents or ("0.07" if number == "7." else None)
        assert rows[0]["amount"] == (Decimal(expected) if expected else None)


def test_what_looks_like_an_amount_within_a_text_is_text(parse):
    said = 'the "value": 1.50 of "amount":2'
    rows, _ = parse({"data": [openai(cost(3, line_item=said))]})
    assert (rows[0]["line_item"], rows[0]["amount"]) == (said, 3)


def test_a_broken_entry_is_named_and_its_amount_is_not_known(parse):
    results = [cost(1), 7, cost("many"), cost(2, currency=None), cost(None), cost(3, "dollars")]
    rows, parsed = parse({"data": [openai(*results)]})
    assert [row["amount"] for row in rows] == [1, None, None, None, None, None]
    assert reasons(parsed) == {
        2: "an entry of results is no object",
        3: 'amount: "many" is not a decimal number of at most 20 digits before the point',
        4: 'currency: "" is no code of a currency',
        5: "an entry has no amount",
        6: 'currency: "DOLLARS" is no code of a currency',
    }


def test_a_bucket_that_is_no_day_is_refused_and_the_others_stay(parse):
    buckets = [
        openai(cost(1)),
        openai(cost(2), begin=NEXT + 3600),
        openai(cost(3), begin=NEXT, end_time=NEXT + 7 * 86400),
        {"results": [cost(4)]},
        {"start_time": NEXT, "results": "none"},
        openai(cost(6), begin=NEXT),
    ]
    rows, parsed = parse({"data": buckets})
    assert [(row["bucket_start"].day, row["amount"]) for row in rows] == [(5, 1), (6, 6)]
    assert reasons(parsed) == {
        2: "the bucket of 2026-01-06 01:00:00 is no whole day (UTC)",
        3: "the bucket of 2026-01-06 00:00:00 is no whole day (UTC)",
        4: "a bucket does not say when it begins",
        5: "the bucket of 2026-01-06 has no list of results",
    }


def test_a_bucket_without_amounts_says_that_nothing_was_used(parse):
    rows, parsed = parse({"data": [openai(), openai(cost(1), begin=NEXT)]})
    assert [(row["bucket_start"].day, row["amount"], row["currency"]) for row in rows] == [
        (5, 0, None),
        (6, 1, "USD"),
    ]
    assert parsed.quarantine.is_empty()


def test_a_page_without_buckets_has_no_row(parse):
    rows, parsed = parse({"data": [], "has_more": False})
    assert (rows, parsed.days, parsed.quarantine.height) == ([], frozenset(), 0)


def test_a_compressed_page_is_the_same(parse):
    page = json.dumps({"data": [openai(cost(1))]})
    assert parse(gzip.compress(page.encode()))[0] == parse(page)[0]


@pytest.mark.parametrize("system", ["openai_costs", "anthropic_costs"])
@pytest.mark.parametrize(
    "content",
    ["{}", "[1]", '{"data": {}}', "null", "day,cost\n1,2\n", '{"data": [', b"PAR1PAR1PAR1"],
)
def test_another_file_is_one_sentence(parse, system, content):
    with pytest.raises(Unreadable, match=f"no page of a cost report, as billing/{system} must be"):
        parse(content, system)
