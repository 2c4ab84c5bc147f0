"""The same tokens at another model's prices: worked by hand, open where a price is missing."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from roi_engine import what_if
from roi_engine.warehouse.serving import NoRelease

LAST = date(2026, 1, 28)
MONEY = pl.Decimal(38, 9)


def call(**given):
    row = {
        "agent_id": "ann", "provider": "P", "model": "large", "day": LAST, "operation": "chat",
        "priced_cost": Decimal("0.01"), "currency": "USD", "cost_status": "priced",
        "input_uncached_tokens": 1000, "cache_read_tokens": 0, "cache_write_5m_tokens": 0,
        "cache_write_1h_tokens": 0, "output_visible_tokens": 100, "reasoning_tokens": 0,
    }  # fmt: skip
    return row | given


def price(model, **given):
    row = {
        "price_id": f"P/{model}/0", "provider": "P", "model": model, "tier": "standard",
        "currency": "USD", "valid_from": datetime.fromisoformat("2025-01-01"), "valid_to": None,
        "context_from": 0, "context_to": None, "input_uncached_per_million": Decimal(2),
        "cache_read_per_million": Decimal("0.2"), "cache_write_5m_per_million": None,
        "cache_write_1h_per_million": None, "output_per_million": Decimal(8),
        "price_source": "reference",
    }  # fmt: skip
    return row | given


@pytest.fixture
def ask(tmp_path):
    """Return what asks of a release that holds these calls and prices."""
    folder = tmp_path / "release" / "1" / "facts"
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "current").symlink_to("1")

    def given(calls, prices, **question):
        types = {name: MONEY for name in prices[0] if name.endswith("_per_million")}
        times = {"valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us")}
        frames = {
            "fct_agent_action": pl.DataFrame(calls, schema_overrides={"priced_cost": MONEY}),
            "dim_price": pl.DataFrame(
                prices, schema_overrides=types | times | {"context_to": pl.Int64}
            ),
        }
        for name, frame in frames.items():
            (folder / name).mkdir(parents=True)
            frame.write_parquet(folder / name / "all.parquet")
        return what_if.ask(tmp_path, **question)

    return given


def test_each_bucket_at_its_own_price_rounded_once(ask):
    calls = [
        call(cache_read_tokens=501, reasoning_tokens=20),
        call(input_uncached_tokens=1, output_visible_tokens=1),
    ]
    small = price("small", cache_read_per_million=Decimal("0.001"))
    (found,) = ask(calls, [price("large"), small], models=["small"])
    # (1000 + 1) × 2 + 501 × 0.001 + (100 + 20 + 1) × 8 = 2970.501 per million
    assert found.cost_then == Decimal("0.002970501")
    assert found.cost_now == Decimal("0.02")
    assert found.difference == Decimal("-0.017029499")
    assert (found.other_model, found.calls, found.evidence) == ("small", 2, "assumed")
    assert found.line().endswith("0.020000000 → 0.002970501 (-0.017029499)")


def test_the_price_of_a_call_is_that_of_its_length(ask):
    bands = [
        price("small", price_id="short", context_to=2000),
        price("small", price_id="long", context_from=2000, input_uncached_per_million=Decimal(4)),
    ]
    calls = [call(), call(input_uncached_tokens=2000)]
    (found,) = ask(calls, bands, models=["small"])
    # 1000 × 2 + 2000 × 4 + 200 × 8 per million
    assert found.cost_then == Decimal("0.0116")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"output_per_million": None}, "no_output_price"),
        ({"currency": "EUR"}, "other_currency"),
        ({"context_to": 500}, "no_price_for_length"),
    ],
)
def test_a_missing_price_leaves_the_cost_open(ask, given, reason):
    (found,) = ask([call()], [price("small", **given)], models=["small"])
    assert found.cost_then is None
    assert found.difference is None
    assert found.reason == reason
    assert "not known: it" in found.line()


def test_a_bucket_that_nobody_used_needs_no_price(ask):
    other = price("small", cache_read_per_million=None)
    (found,) = ask([call()], [other], models=["small"])
    assert found.cost_then == Decimal("0.0028")


def test_only_standard_prices_that_hold_today_and_calls_of_the_last_28_days_count(ask):
    calls = [
        call(),
        call(day=LAST - timedelta(days=28)),
        call(cost_status="unpriced", priced_cost=None),
        call(agent_id="ben"),
    ]
    prices = [
        price("small"),
        price("small", price_id="batch", tier="batch", input_uncached_per_million=Decimal(1)),
        price("small", price_id="old", valid_to=datetime.fromisoformat("2026-01-01")),
    ]
    (found,) = ask(calls, prices, models=["small"], agent="ann")
    assert (found.calls, found.unpriced_calls) == (1, 1)
    assert found.line().endswith(" · 1 calls without a price are in neither")
    assert found.cost_then == Decimal("0.0028")


def test_no_release_is_said(tmp_path):
    with pytest.raises(NoRelease, match="roi run"):
        what_if.ask(tmp_path)


def test_unasked_each_model_that_somebody_used_is_compared(ask):
    found = ask([call(), call(agent_id="ben", model="small")], [price("large"), price("small")])
    assert [(one.agent_id, one.other_model) for one in found] == [
        ("ann", "small"),
        ("ben", "large"),
    ]


def test_what_is_compared_is_said_once_above(ask):
    said = list(what_if.lines(ask([call()], [price("small")], models=["small"])))
    assert said[0] == (
        "2026-01-01 … 2026-01-28 · USD · standard prices of reference/prices.csv that hold on"
        " 2026-01-28 · assumed: the same tokens, at the same quality"
    )
    assert len(said) == 2


def test_a_self_hosted_model_is_not_taken_for_free(ask):
    nothing = {"input_uncached_per_million": Decimal(0), "output_per_million": Decimal(0)}
    nothing["cache_read_per_million"] = Decimal(0)
    calls = [call(), call(model="own", priced_cost=Decimal(0))]
    to_own, from_own = ask(calls, [price("large"), price("own", **nothing)])
    assert (to_own.cost_then, to_own.reason) == (None, "no_price_by_token")
    assert (from_own.cost_then, from_own.difference) == (Decimal("0.0028"), None)
    assert from_own.line().endswith(": GPUs by the hour → 0.002800000")


def test_a_model_that_embeds_does_not_stand_in_for_one_that_writes(ask):
    calls = [call(), call(model="vector", operation="embeddings", output_visible_tokens=0)]
    prices = [price("large"), price("small"), price("vector", output_per_million=None)]
    found = ask(calls, prices, models=["small", "vector"])
    assert [(one.model, one.other_model, one.reason) for one in found] == [
        ("large", "small", None),
        ("vector", None, "no_other_model"),
    ]


def test_a_model_whose_calls_have_no_price_is_named(ask):
    (found,) = ask([call(cost_status="unpriced", priced_cost=None)], [price("small")])
    assert (found.other_model, found.unpriced_calls, found.reason) == (None, 1, "unpriced")
    assert "none of its calls has a price · 1 calls" in found.line()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"models": ["smal"]}, "smal has no standard price on 2026-01-28; models in use are large"),
        ({"agent": "zoe"}, "zoe called no model in the 28 days to 2026-01-28"),
    ],
)
def test_what_is_not_there_is_said(ask, question, said):
    with pytest.raises(what_if.NothingAsked, match=said):
        ask([call()], [price("small")], **question)
