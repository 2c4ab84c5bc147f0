"""Do the intervals of ratios of value and cost hold them where failures lose money (§5)?

Prior: that of asr_value, and a task that fails loses a log-normal value of the same σ, its mean
0 to 80 % of what a success is worth. A day's value can be below 0, so no log scale is used there.
Strata are those of asr_value; ``cost_per_action`` is the same and left out.
"""

import numpy as np
import polars as pl

from benchmarks.coverage import asr_value

TITLE = "asr_value_with_losses"
NOMINAL = 0.95
COLUMNS = {
    f"{name}_with_losses": columns
    for name, columns in asr_value.COLUMNS.items()
    if name != "cost_per_action"
}

LOSSES = 0.8


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate and figure: whether the interval holds the process's ratio."""
    rows = asr_value.draw(estates, rng, losses=LOSSES)
    return rows.filter(pl.col("interval") != "cost_per_action").with_columns(
        pl.col("interval") + "_with_losses"
    )
