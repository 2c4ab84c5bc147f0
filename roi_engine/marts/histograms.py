"""Histograms in marts: the bucket of a value as SQL, and quantiles read off counted buckets."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from roi_engine.metrics.quantiles import RELATIVE_ERROR, ZERO_BUCKET, quantile

PERCENTILES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
"""Ending of a column's name → the quantile that it shows."""

# written with an exponent: without one, a database would read an exact decimal
_LOG_GAMMA = f"{np.log1p(RELATIVE_ERROR) - np.log1p(-RELATIVE_ERROR):.17e}"
_CENTRE = f"{1 - RELATIVE_ERROR:.17e}"


def bucket_sql(value: str) -> str:
    """Return the SQL of the bucket of a positive double, as ``quantiles.bucket_of`` has it.

    Every engine here takes the same logarithm; a value would have to lie within 10⁻¹⁵ of an edge
    to be counted one bucket off, which is as near as it gets to any edge but 1.

    Examples:
        >>> bucket_sql("x")[:42]
        'case when x > 0 then cast(ceil(ln(x) / 1.0'
    """
    index = f"cast(ceil(ln({value}) / {_LOG_GAMMA}) as bigint)"
    return f"case when {value} > 0 then {index} else {ZERO_BUCKET} end"


def value_sql(bucket: str) -> str:
    """Return the SQL of the value that stands for a bucket, within 0.5 % of all inside it.

    Examples:
        >>> value_sql("bucket")[:44]
        'case when bucket = -2147483648 then 0.0 else'
    """
    inside = f"{_CENTRE} * exp({bucket} * {_LOG_GAMMA})"
    return f"case when {bucket} = {ZERO_BUCKET} then 0.0 else {inside} end"


def percentiles(
    counted: pl.DataFrame, keys: Sequence[str], names: Mapping[str, str]
) -> pl.DataFrame:
    """Read percentiles of each group and measure off its buckets.

    Args:
        counted: The keys, ``measure``, ``bucket`` and ``count``; a bucket may have several rows.
        keys: What makes a group.
        names: Measure → the stem of its columns, ``<stem>_p50`` and so on.

    Returns:
        One row a group that has any of the measures; NULL where it has not that one.

    Examples:
        >>> rows = {"k": ["a", "a"], "measure": ["m", "m"], "bucket": [0, 70], "count": [3, 1]}
        >>> found = percentiles(pl.DataFrame(rows), ["k"], {"m": "wait"})
        >>> found.select("k", pl.selectors.float().round(3)).rows()
        [('a', 0.995, 2.004, 2.004)]
    """
    merged = (
        counted.group_by(*keys, "measure", "bucket")
        .agg(pl.col("count").sum())
        .sort(*keys, "measure", "bucket")
    )
    found = counted.select(keys).unique().sort(keys)
    for measure, stem in names.items():
        rows = merged.filter(pl.col("measure") == measure)
        groups = rows.select(keys).unique(maintain_order=True).with_row_index("group")
        placed = rows.join(groups, on=list(keys), how="left", validate="m:1", maintain_order="left")
        read = quantile(
            placed["bucket"].to_numpy(),
            placed["count"].to_numpy(),
            placed["group"].to_numpy(),
            list(PERCENTILES.values()),
        )
        shown = groups.drop("group").with_columns(
            pl.Series(f"{stem}_{name}", read.values[:, place], dtype=pl.Float64)
            for place, name in enumerate(PERCENTILES)
        )
        found = found.join(shown, on=list(keys), how="left", validate="1:1")
    return found.sort(keys)
