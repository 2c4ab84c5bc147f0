"""What a call costs by the price list, exactly, in nano-units."""

from decimal import Decimal

import numpy as np
import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import Horizon

_SCALE = 10**9
"""Prices per million tokens are kept in units of 1e-9, so a call sums up in 1e-15."""
_PER_NANO = 10**6
BATCH = 2


def price_calls(spans: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
    """Add ``tokens``, ``is_priced`` and ``priced_nano`` to leaf calls (NULL on other spans).

        priced_nano = round_half_away(sum of bucket tokens * price per million * 1000)

    The price is the one that holds at the instant of the call, for its tier. A call without a
    price has ``is_priced`` False and no ``priced_nano``.
    """
    kind = variant(spans, horizon).to_numpy()
    model = spans["model"].fill_null(0).to_numpy()
    table = _table()
    total = np.zeros(spans.height, dtype=np.int64)
    tokens = np.zeros(spans.height, dtype=np.int64)
    for column, bucket in _BUCKET_COLUMNS.items():
        count = spans[column].fill_null(0).to_numpy()
        tokens += count
        total += count * table[model, kind, bucket]
    no_call = ~spans["is_call"]
    is_priced = pl.Series(np.array([one.prices is not None for one in roster.MODELS])[model])
    nano = (total + _PER_NANO // 2) // _PER_NANO
    return spans.with_columns(
        tokens=pl.Series(tokens).set(no_call, None),
        is_priced=is_priced.set(no_call, None),
        priced_nano=pl.Series(nano).set(no_call | ~is_priced, None),
    )


def variant(spans: pl.DataFrame, horizon: Horizon) -> pl.Series:
    """Say at which prices each call is charged: early (0), after the change (1), in a batch (2)."""
    is_late = spans["started_us"].to_numpy() >= horizon.change_us
    is_batch = spans["tier"].eq_missing("batch").to_numpy()
    return pl.Series("variant", np.where(is_batch, BATCH, is_late), dtype=pl.Int64)


_BUCKET_COLUMNS = {
    "input_uncached": 0,
    "cache_read": 1,
    "cache_write": 2,
    "output_visible": 4,
    "reasoning": 4,
}
"""Token column → place of its price in ``roster.BUCKETS``."""


def price_of(model: roster.Model, kind: int) -> tuple[str, ...]:
    """Return a model's prices of a ``variant``."""
    early = model.prices or ("0",) * len(roster.BUCKETS)
    return (early, model.later_prices or early, model.batch_prices or early)[kind]


def _table() -> np.ndarray:
    exact = [
        [[int(Decimal(price) * _SCALE) for price in price_of(model, kind)] for kind in range(3)]
        for model in roster.MODELS
    ]
    return np.array(exact, dtype=np.int64)
