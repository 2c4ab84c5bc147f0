"""The flattened price list gives what the package itself calculates, or no price."""

import csv
import io
import itertools
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from roi_engine.sources import price_book
from roi_engine.sources.schema import MODEL_NAMES, PRICE_BOOK

CONTEXT = {
    "standard": None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


@pytest.fixture(scope="module")
def book():
    """Return (provider, model, tier, bucket) → its rows."""
    found: dict[tuple[str, ...], list[price_book.Row]] = {}
    for row in price_book.rows():
        found.setdefault((row.provider, row.model, row.tier, row.bucket), []).append(row)
    return found


def price(book, key, *, at, input_tokens, buckets):
    """Price a call by the book as the join does; None if a bucket with tokens has no price."""
    total = Decimal(0)
    for bucket, tokens in buckets.items():
        rates = [
            row
            for row in book.get((*key, bucket), [])
            if row.valid_from <= at
            and (row.valid_to is None or at < row.valid_to)
            and row.context_from <= input_tokens
        ]
        if not rates and tokens:
            return None
        if tokens:
            total += max(rates, key=lambda row: row.context_from).price_per_million * tokens
    return total / 1_000_000


def by_the_package(provider, model, *, at, buckets, tier):
    writes = buckets["cache_write_5m"] + buckets["cache_write_1h"]
    usage = Usage(
        input_tokens=buckets["input_uncached"] + buckets["cache_read"] + writes,
        cache_read_tokens=buckets["cache_read"],
        cache_write_tokens=writes,
        cache_write_5m_tokens=buckets["cache_write_5m"],
        cache_write_1h_tokens=buckets["cache_write_1h"],
        output_tokens=buckets["output"],
    )
    # by the model itself: the matcher does not find every model by its own id
    seller = next(one for one in get_snapshot().providers if one.id == provider)
    info = next(one for one in seller.models if one.id == model)
    moment = at.replace(tzinfo=UTC)
    return info.calc_price(
        usage, seller, genai_request_timestamp=moment, price_context=CONTEXT[tier]
    ).total_price


def test_a_name_that_the_matcher_finds(book):
    usage = Usage(input_tokens=1_000, cache_read_tokens=400, output_tokens=50)
    at = datetime.fromisoformat("2026-01-05")
    theirs = calc_price(
        usage,
        "gpt-4o-2024-08-06",
        provider_id="openai",
        genai_request_timestamp=at.replace(tzinfo=UTC),
    )
    buckets = {"input_uncached": 600, "cache_read": 400, "output": 50}
    key = ("openai", "gpt-4o", "standard")
    assert price(book, key, at=at, input_tokens=1_000, buckets=buckets) == theirs.total_price


def test_every_price_is_the_packages_own(book):
    chance = random.Random(7)  # noqa: S311 - a fixed sample
    models = sorted({key[:3] for key in book if key[2] in CONTEXT})
    tiered = [
        m for m in models if any(r.context_from for r in book.get((*m, "input_uncached"), []))
    ]
    dated = [m for m in models if any(r.valid_to for r in book.get((*m, "output"), []))]
    other = [m for m in models if m[2] != "standard"]
    sample = [
        *(chance.choice(models) for _ in range(400)),
        *(chance.choice(tiered) for _ in range(150)),
        *(chance.choice(dated) for _ in range(150)),
        *(chance.choice(other) for _ in range(100)),
    ]
    compared = 0
    for provider, model, tier in sample:
        at = datetime.fromisoformat("2024-01-01") + timedelta(minutes=chance.randrange(1_500_000))
        edge = chance.choice([0, 1_000, 128_000, 199_999, 200_000, 200_001, 272_000, 272_001])
        cached = chance.randrange(edge + 1)
        written = chance.choice([0, chance.randrange(edge - cached + 1)])
        buckets = {
            "input_uncached": edge - cached - written,
            "cache_read": cached,
            "cache_write_5m": chance.choice([0, written]),
            "cache_write_1h": 0,
            "output": chance.randrange(5_000),
        }
        buckets["cache_write_1h"] = written - buckets["cache_write_5m"]
        key = (provider, model, tier)
        ours = price(book, key, at=at, input_tokens=edge, buckets=buckets)
        if ours is None:
            continue  # unpriced, never wrong
        assert ours == by_the_package(provider, model, at=at, buckets=buckets, tier=tier), key
        compared += 1
    assert compared > 500


def test_what_the_book_cannot_hold_has_no_price(book):
    models = {key[:2] for key in book}
    assert ("deepseek", "deepseek-chat") not in models  # by time of day
    assert ("perplexity", "sonar") not in models  # per request
    assert ("perplexity", "sonar-deep-research") not in models  # reasoning of its own


def test_intervals_and_bands_of_a_bucket_do_not_overlap(book):
    for rows in book.values():
        spans = sorted({(row.valid_from, row.valid_to) for row in rows}, key=lambda span: span[0])
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end is not None
            assert end <= start
        assert len({(row.valid_from, row.context_from) for row in rows}) == len(rows)
        assert all(min(r.context_from for r in rows if r.valid_from == s) == 0 for s, _ in spans)


def test_the_book_is_the_same_bytes_always_and_exact():
    content = price_book.book()
    assert content == price_book.book()
    header, *lines = csv.reader(io.StringIO(content.decode()))
    assert header == list(PRICE_BOOK.columns)
    assert [Decimal(line[5]) for line in lines] == [r.price_per_million for r in price_book.rows()]
    assert all("E" not in line[5] for line in lines)


@pytest.mark.parametrize(
    ("provider", "raw_model", "canonical"),
    [
        pytest.param("openai", "gpt-4o-2024-08-06", ("openai", "gpt-4o"), id="a dated name"),
        pytest.param(
            "anthropic", "claude-sonnet-4-20250514", ("anthropic", "claude-sonnet-4-0"), id="alias"
        ),
        pytest.param(None, "gpt-4.1", ("openai", "gpt-4.1"), id="no provider"),
        pytest.param(None, "openai/gpt-4o", ("openai", "gpt-4o"), id="provider in the name"),
        pytest.param("azure", "gpt-4o", ("openai", "gpt-4o"), id="sold by another"),
        pytest.param("nobody", "gpt-4o", (None, None), id="a provider that is not known"),
        pytest.param("openai", "no-such-model", (None, None), id="a model that is not known"),
    ],
)
def test_raw_names_are_resolved(provider, raw_model, canonical):
    names = pl.DataFrame({"provider": [provider], "raw_model": [raw_model]})
    resolved = price_book.resolve(names)
    assert resolved.columns == list(MODEL_NAMES.columns)
    assert resolved.row(0) == (provider, raw_model, *canonical)


def test_names_come_once_and_sorted():
    names = pl.DataFrame(
        {"provider": ["b", "a", "a", None], "raw_model": ["x", "x", "x", None]},
        schema={"provider": pl.String, "raw_model": pl.String},
    )
    assert price_book.resolve(names)["provider"].to_list() == ["a", "b"]


def test_the_public_price_list_agrees(shared_data, expected, book):
    for figures in (expected["tau2"]["by_model"][name] for name in ("gpt-4.1", "gpt-4o")):
        assert figures["list_price"]["status"] == "priced"
    (row,) = [r for r in book["openai", "gpt-4.1", "standard", "input_uncached"] if not r.valid_to]
    assert row.price_per_million == Decimal("2")
