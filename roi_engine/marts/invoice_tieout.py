"""invoice_tieout: every invoice, its lines against what was allocated of them."""

import polars as pl

from roi_engine.marts.declared.invoices import INVOICE_TIEOUT
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_books import INVOICE_AMOUNTS, INVOICE_DAYS

QUERIES: tuple[FactQuery, ...] = (INVOICE_DAYS,)

_KEYS = ["provider", "billing_period", "invoice_id", "billing_currency"]


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build every invoice as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` is the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (newest,) = params.days
    invoices = (
        answer(INVOICE_DAYS, facts)
        .sort(*_KEYS, "day")
        .group_by(_KEYS, maintain_order=True)
        .agg(
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
            *(pl.col(name).sum() for name in (*INVOICE_AMOUNTS, "line_days")),
            *(weakest(name) for name in ("cost_basis", "status")),
        )
        .with_columns(difference=pl.col("charged") - pl.col("allocated"))
    )
    return (
        invoices.with_columns(
            verdict=pl.when(pl.col("difference") == 0)
            .then(pl.lit("tied"))
            .otherwise(pl.lit("gap")),
            day=pl.lit(newest, dtype=pl.Date),
            evidence=pl.lit("measured"),
        )
        .with_columns(
            *as_decimal(*INVOICE_AMOUNTS, "difference"), pl.col("line_days").cast(pl.Int64)
        )
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(INVOICE_TIEOUT.conform)
    )
