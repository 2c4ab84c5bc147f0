"""JSON written by the column: a fragment per value, joined into objects without a loop."""

import polars as pl


def quoted(value: pl.Expr) -> pl.Expr:
    """Return text in quotes, NULL where it is NULL.

    The simulator's own texts hold no character that JSON escapes.

    Examples:
        >>> pl.select(quoted(pl.lit("a"))).item()
        '"a"'
    """
    return pl.concat_str(pl.lit('"'), value, pl.lit('"'))


def plain(value: pl.Expr) -> pl.Expr:
    """Return numbers and booleans as JSON writes them, NULL where NULL.

    Examples:
        >>> pl.select(plain(pl.lit(7))).item()
        '7'
    """
    return value.cast(pl.String)


def text(value: pl.Expr) -> pl.Expr:
    """Return text in quotes, the word ``null`` where it is NULL."""
    return quoted(value).fill_null("null")


def bare(value: pl.Expr) -> pl.Expr:
    """Return numbers and booleans as JSON writes them, the word ``null`` where NULL."""
    return plain(value).fill_null("null")


def members(**fields: pl.Expr) -> pl.Expr:
    """Return an object of already encoded fields.

    Examples:
        >>> pl.select(members(a=pl.lit("1"), b=pl.lit("null"))).item()
        '{"a":1,"b":null}'
    """
    parts: list[pl.Expr] = []
    for place, (name, value) in enumerate(fields.items()):
        parts += [pl.lit(("{" if place == 0 else ",") + f'"{name}":'), value]
    return pl.concat_str(*parts, pl.lit("}"))


def utc_seconds(column: str) -> pl.Expr:
    """Return microseconds as ``2026-01-01T00:00:00Z``, NULL where there is none."""
    at = pl.from_epoch(pl.col(column), time_unit="us")
    return at.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
