"""Simulated sums, handed to the builders of marts as the answers that they ask for."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.facts import WINDOW_DAYS, run
from roi_engine.marts.params import Params

LAST = date(2026, 1, 31)
WINDOW = [LAST - timedelta(days=back) for back in range(WINDOW_DAYS - 1, -1, -1)]
_PARAMS = Params(days=(LAST,), as_of=date(2026, 3, 1))
_NANO = 10**9


def build(mart: str, rows: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Build a mart for the window's last day from rows by query; the other answers are empty.

    What rows do not say is NULL, or 0 for a sum. Every estate has agents and task types of its
    own, so nothing is shared between estates, and one call values all.
    """
    facts = {table: fact(table) for table in FACTS}
    answers = {query.name: run(query, facts, _PARAMS.days) for query in required(mart)}
    for name, given in rows.items():
        empty = answers[name]
        answers[name] = (
            pl.concat([empty, given], how="diagonal_relaxed")
            .select(empty.columns)
            .cast(empty.schema)
        )
    return MARTS[mart].build(answers, _PARAMS)


def nano(money: np.ndarray) -> np.ndarray:
    """Return money in whole nano-units."""
    return np.rint(money * _NANO).astype(np.int64)
