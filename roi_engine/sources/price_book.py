"""The price list of the installed ``genai-prices`` package, flattened to ``price_book`` rows.

A row is the price of one bucket of one model from one instant on, in one tier, for calls of at
least ``context_from`` input tokens. A bucket without a price of its own has that of the bucket
it is a part of, as in the package (a cached token of a model without cache prices costs what an
input token costs). A bucket that has no price at all has no row: tokens in it are unpriced.

What such rows cannot hold is left out, so that it is *unpriced*, never priced wrongly:

- models whose price changes with the time of day (``TimeOfDateConstraint``; some of DeepSeek's);
- models with a fee per request beside the tokens (some of Perplexity's);
- models whose reasoning or citation tokens have a price of their own;
- prices of other things than text tokens: audio, images, video, pages, hours, characters. The
  text price of a model that has both is here, and holds for calls of text only;
- prices by route or speed, and service tiers other than batch, flex and priority.

A fee per search or per stored file is no part of a token price and is not here either.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

import genai_prices
import polars as pl
from genai_prices import data_snapshot, types

from roi_engine.sources.schema import MODEL_NAMES, PRICE_BOOK

_BUCKETS = {
    # bucket → the package's price keys, the most specific first
    "input_uncached": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "output": ("output_mtok",),
}
_CONTEXTS: dict[str, dict[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
_UNHELD = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")
_EVER = datetime(1970, 1, 1)  # noqa: DTZ001 - bronze times are UTC without a zone


class Row(NamedTuple):
    """One price; the fields are the columns of ``PRICE_BOOK``."""

    provider: str
    model: str
    bucket: str
    tier: str
    context_from: int
    price_per_million: Decimal
    currency: str
    source: str
    valid_from: datetime
    valid_to: datetime | None


def release() -> str:
    """Return which price list this is, as it stands in ``source`` of every row."""
    return f"genai-prices {genai_prices.__version__}"


def rows() -> list[Row]:
    """Return the whole book, sorted."""
    found = [
        row
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
        for row in _of_model(provider.id, model)
    ]
    return sorted(found, key=lambda row: row[:5] + row[8:9])


def book() -> bytes:
    """Return the book as a CSV file with the columns of ``PRICE_BOOK``.

    One release of the package gives the same bytes always, so it lands once.
    """
    return _as_csv(tuple(PRICE_BOOK.columns), rows())


def resolve(raw_models: pl.DataFrame) -> pl.DataFrame:
    """Return the model of the book for each raw (provider, model) name, by the package's matcher.

    The provider of the book can be another than the caller's: Azure's GPT-4o is priced as
    OpenAI's. A provider that the package does not know gives NULL, for a reseller's price is
    not the maker's; without a provider the model's name decides alone. ``model_aliases.csv`` goes
    before all this.

    Args:
        raw_models: Columns ``provider`` (or NULL) and ``raw_model``.

    Returns:
        The distinct names, sorted, with ``canonical_provider`` and ``model``, NULL if unknown.
    """
    names = raw_models.select("provider", "raw_model").drop_nulls("raw_model").unique()
    owners = {
        id(model): provider.id
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
    }
    # names are few, rows are many: one call of the matcher per distinct name
    found = [
        (provider, raw_model, *_resolve(provider, raw_model, owners))
        for provider, raw_model in names.sort("provider", "raw_model").iter_rows()
    ]
    return pl.DataFrame(found, schema=dict.fromkeys(MODEL_NAMES.columns, pl.String), orient="row")


def model_names(raw_models: pl.DataFrame) -> bytes:
    """Return ``resolve`` as a CSV file with the columns of ``MODEL_NAMES``."""
    return _as_csv(tuple(MODEL_NAMES.columns), resolve(raw_models).iter_rows())


def _resolve(
    provider: str | None, raw_model: str, owners: dict[int, str]
) -> tuple[str | None, str | None]:
    # "openai/gpt-4o" without a provider is how LiteLLM and others write both
    provider_id = "litellm" if provider is None and "/" in raw_model else provider
    try:
        _, model = data_snapshot.get_snapshot().find_provider_model(
            raw_model, None, provider_id, None
        )
    except LookupError:
        return None, None
    return owners[id(model)], model.id


def _of_model(provider: str, model: types.ModelInfo) -> Iterator[Row]:
    prices = model.prices if isinstance(model.prices, list) else []
    if any(isinstance(price.constraint, types.TimeOfDateConstraint) for price in prices):
        return
    for tier, context in _CONTEXTS.items():
        variants = [v for v in model.price_variants or () if v.when == context]
        if (context and not variants) or any(
            isinstance(variant.constraint, types.TimeOfDateConstraint) for variant in variants
        ):
            continue
        starts = _starts([*prices, *variants])
        for index, start in enumerate(starts):
            if context and not any(_is_active(variant.constraint, start) for variant in variants):
                continue
            price = model.get_prices(start.replace(tzinfo=UTC), context or None)
            if any(getattr(price, key) is not None for key in _UNHELD):
                continue
            end = starts[index + 1] if index + 1 < len(starts) else None
            for bucket, context_from, per_million in _bands(price):
                yield Row(
                    provider,
                    model.id,
                    bucket,
                    tier,
                    context_from,
                    per_million,
                    "USD",
                    release(),
                    start,
                    end,
                )


def _starts(priced: Sequence[types.ConditionalPrice | types.PriceVariant]) -> list[datetime]:
    """Return the instants at which a price may change, the first being "always"."""
    dates = {
        price.constraint.start_date
        for price in priced
        if isinstance(price.constraint, types.StartDateConstraint)
    }
    return [_EVER, *sorted(datetime.combine(date, time()) for date in dates)]


def _is_active(constraint: Any, start: datetime) -> bool:
    return constraint is None or constraint.active(start)


def _bands(price: types.ModelPrice) -> Iterator[tuple[str, int, Decimal]]:
    """Yield (bucket, least input tokens of a call, price per million)."""
    for bucket, keys in _BUCKETS.items():
        own = next((value for key in keys if (value := getattr(price, key)) is not None), None)
        if isinstance(own, types.TieredPrices):
            yield bucket, 0, own.base
            for tier in own.tiers:
                # the package's threshold itself still has the lower price
                yield bucket, tier.start + 1, tier.price
        elif own is not None:
            yield bucket, 0, own


def _as_csv(header: Sequence[str], lines: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_as_text(value) for value in line] for line in lines)
    return text.getvalue().encode()


def _as_text(value: object) -> object:
    # never an exponent: the text is the exact number
    return format(value, "f") if isinstance(value, Decimal) else value
