"""What a module's draws look like, and which published columns its intervals answer for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from roi_engine.marts.declare import DECLARED
from roi_engine.metrics.projection import Projection

_END = re.compile(r"_(low|high)(?=_|$)")


def held(
    number: np.ndarray,
    stratum: str | Sequence[str],
    ends: tuple[np.ndarray, np.ndarray],
    truth: np.ndarray,
    **named: str | float,
) -> pl.DataFrame:
    """Return one row an estate: whether both ends are there, and whether they hold the truth."""
    low, high = ends
    names = [stratum] * number.size if isinstance(stratum, str) else list(stratum)
    return pl.DataFrame(
        {
            "estate": number,
            "stratum": names,
            "has_interval": np.isfinite(low) & np.isfinite(high),
            "held": (low <= truth) & (truth <= high),
        }
    ).with_columns(**{name: pl.lit(value) for name, value in named.items()})


def projected(
    number: np.ndarray,
    stratum: Sequence[str],
    shown: Projection,
    at: int,
    *,
    came: np.ndarray,
    interval: str,
) -> Iterator[pl.DataFrame]:
    """Yield ``held`` of both prediction intervals of one horizon."""
    for nominal, low, high in (
        (0.8, shown.low_80, shown.high_80),
        (0.95, shown.low_95, shown.high_95),
    ):
        edges = low[:, at], high[:, at]
        yield held(number, stratum, edges, came, interval=interval, nominal=nominal)


def strata(estates: int, *axes: Iterable[Any]) -> Iterator[tuple[np.ndarray, tuple[Any, ...]]]:
    """Deal estates out to the strata in turn, the last axis fastest; yield the numbers of each."""
    every = list(product(*axes))
    for place, stratum in enumerate(every):
        yield np.arange(place, estates, len(every)), stratum


def ends(mart: str, *figures: str) -> tuple[str, ...]:
    """Return the names of the columns in which a mart publishes the ends of its figures.

    Raises:
        ValueError: The mart publishes no ends of a figure.
    """
    found = [
        f"{mart}.{column.name}"
        for figure in figures
        for column in DECLARED[mart].columns
        if _END.search(column.name) and _END.split(column.name)[0] == figure
    ]
    missing = [figure for figure in figures if not any(f".{figure}_" in name for name in found)]
    if missing:
        raise ValueError(f"{mart} publishes no ends of {missing}")
    return tuple(found)


_PROMISE = re.compile(r"(^|_)(low|high|noise|p_value|standard_error)(_|$)|_at_(least|most)$")


def published() -> Iterator[str]:
    """Yield every column that promises something about chance, by its name: mart.column."""
    for mart in DECLARED.values():
        for column in mart.columns:
            about = column.about.lower()
            if _PROMISE.search(column.name) or about.startswith(("lower end", "upper end")):
                yield f"{mart.name}.{column.name}"


NO_INTERVAL: dict[str, str] = {
    "daily_wallet.early_exhaustion_low_yield": "a flag; low is the yield",
    "policies.verified_asr_value_low": (
        "a guard: the lower end of asr_value, less an expected loss; it promises what that end does"
    ),
    **{
        f"sensitivity.{name}": "the range of an assumption, and what it does to the return"
        for name in (
            *("low", "high", "roi_at_low", "roi_at_high"),
            *("roi_low_together", "roi_high_together"),
        )
    },
    **{
        f"bounds.{name}_at_{end}": "a bound that holds whatever was not seen; nothing is drawn"
        for name in (*("right_share", "adjusted_value", "adjusted_cost", "adjusted_roi", "effect"),)
        for end in ("least", "most")
    },
    "experiment_readout.p_value_holm": "Holm's step on p_value, which has its module",
    "experiment_readout.sequence_p_value_holm": "Holm's step on the other",
}
"""Columns whose names promise an interval that they are not, and why."""
