"""Money in a mart: whole numbers until the last step, then DECIMAL(38,9) or a ratio."""

from typing import Any

import numpy as np
import polars as pl

from roi_engine.metrics.roi import Floats

NANO = 9
MONEY = pl.Decimal(38, NANO)
VALUE_SCALE = 18
"""Decimals of fct_task's value columns."""
CREDITED_SCALE = VALUE_SCALE + 9
"""Decimals of a value times its credit."""


def whole(number: int) -> pl.Expr:
    """Return a literal wide enough for sums of money."""
    return pl.lit(number, dtype=pl.Int128)


def to_nano(column: str, scale: int) -> pl.Expr:
    """Round whole numbers of 10^-scale to nano-units, half away from zero.

    Examples:
        >>> frame = pl.DataFrame({"x": [15, -15, 14]}, schema={"x": pl.Int128})
        >>> frame.select(to_nano("x", 10)).to_series().to_list()
        [2, -2, 1]
    """
    if scale == NANO:
        return pl.col(column)
    unit = 10 ** (scale - NANO)
    size = pl.col(column).abs()
    up = size % whole(unit) >= whole(unit // 2)
    return (pl.col(column).sign() * (size // whole(unit) + up.cast(pl.Int128))).alias(column)


def as_decimal(*columns: str) -> list[pl.Expr]:
    """Show nano-units as DECIMAL(38,9); the digits do not change."""
    return [pl.col(column).cast(pl.Int128).reinterpret(dtype=MONEY) for column in columns]


def doubles(frame: pl.DataFrame, column: str, per: float = 1.0) -> Floats:
    """Return a column of whole numbers as doubles, divided by ``per``; NULL becomes NaN."""
    values: Any = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.array(values, dtype=np.float64) / per


def units(frame: pl.DataFrame, column: str) -> Floats:
    """Return nano-units as doubles of the currency, for ratios and estimates."""
    return doubles(frame, column, 1e9)


def nullable(name: str, values: Floats) -> pl.Series:
    """Return doubles with NaN as NULL."""
    return pl.Series(name, np.asarray(values, dtype=np.float64)).fill_nan(None)
