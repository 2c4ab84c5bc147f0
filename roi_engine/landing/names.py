"""What landing takes from the price list package: its book, and its names for models."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import polars as pl

from roi_engine.sources.schema import MODEL_NAMES

VERSION = "price-book-1"
"""Counts up when the same price list would be flattened or matched differently."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The raw names of models seen so far, and whether some of them have no row yet."""

    names: pl.DataFrame
    is_new: bool


def release() -> str:
    """Return the name of the installed release, without loading its lists."""
    return f"genai-prices {version('genai-prices')}"


def seen(named: Path | None, spans: Sequence[Path]) -> Seen:
    """Return the names that have a row, and those of the given spans beside them.

    The name that counts is the response's, else the request's, as in ``fct_agent_action``.
    """
    columns = MODEL_NAMES.columns
    old = pl.DataFrame(schema={"provider": pl.String, "raw_model": pl.String})
    if named is not None:
        old = pl.read_parquet(named, columns=list(columns)[:2])
    if not spans:
        return Seen(old, is_new=False)
    new = (
        pl.scan_parquet(list(spans))
        .select("provider", raw_model=pl.coalesce("response_model", "request_model"))
        .drop_nulls("raw_model")
        .unique()
        .collect(engine="streaming")
    )
    everything = pl.concat([old, new]).unique()
    return Seen(everything, is_new=len(everything) > len(old))


def book() -> bytes:
    """Return the price list as a CSV file."""
    from roi_engine.sources import price_book  # noqa: PLC0415 - takes a second to load

    return price_book.book()


def model_names(raw_models: pl.DataFrame) -> bytes:
    """Return the package's models for raw names as a CSV file."""
    from roi_engine.sources import price_book  # noqa: PLC0415 - takes a second to load

    return price_book.model_names(raw_models)
