"""daily_invoice: what each invoice charges for a day, and where it went."""

from datetime import date

import polars as pl

from roi_engine.marts.declared.invoices import DAILY_INVOICE
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import VALUE_SCALE, as_decimal, to_nano
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, requested, stamp, statuses, together
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_books import INVOICE_AMOUNTS, INVOICE_LINES, INVOICE_PARTS

QUERIES: tuple[FactQuery, ...] = (INVOICE_LINES, INVOICE_PARTS, MATURITY, OPEN_COST)

_KEYS = ["day", "provider", "billing_period", "invoice_id", "billing_currency"]
_NO_PERIOD = date(1, 1, 1)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    lines, parts = (
        requested(answer(query, facts), params).with_columns(
            pl.col("billing_period").cast(pl.Date).fill_null(_NO_PERIOD)
        )
        for query in (INVOICE_LINES, INVOICE_PARTS)
    )
    rows = together(_KEYS, lines, parts).with_columns(
        to_nano("invoiced", VALUE_SCALE).alias("invoiced"),
        to_agents=pl.col("allocated")
        - pl.sum_horizontal("unallocated", "idle", "out_of_scope", "deferred"),
        difference=pl.col("charged") - pl.col("allocated"),
    )
    return (
        rows.with_columns(
            cost_basis(), *as_decimal(*INVOICE_AMOUNTS, "difference"), evidence=pl.lit("measured")
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(DAILY_INVOICE.conform)
    )
