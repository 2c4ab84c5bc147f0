"""Does the interval of a cell's hallucination rate hold it, through the mart (metrics.md §4)?

Prior: a task type's mean rate μ is uniform on 1 to 20 %, its κ log-uniform on 5 to 500, each of
its cells has its own rate from Beta(κμ, κ(1 − μ)); reviews fall on random days of the window.
Strata are reviews a cell (5, 20, 50, 200) by cells a type (1, and 3, 8: pooled).
"""

import numpy as np
import polars as pl

from benchmarks.coverage._marts import LAST, WINDOW, build
from benchmarks.coverage._rows import ends

TITLE = "hallucination_rate"
NOMINAL = 0.95
COLUMNS = {TITLE: ends("daily_hallucination_adjusted_cost", "hallucination_rate")}

REVIEWS, CELLS = (5, 20, 50, 200), (1, 3, 8)


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row a cell: whether the interval holds the cell's rate."""
    cells, reviews = [], []
    for number in range(estates):
        n = REVIEWS[number % len(REVIEWS)]
        size = CELLS[number // len(REVIEWS) % len(CELLS)]
        mu, kappa = rng.uniform(0.01, 0.2), np.exp(rng.uniform(np.log(5), np.log(500)))
        for unit in range(size):
            rate = rng.beta(kappa * mu, kappa * (1 - mu))
            cell = {"agent_id": f"e{number}u{unit}", "task_type": f"e{number}"}
            cells.append(cell | {"estate": number, "stratum": f"n={n}, cells={size}", "rate": rate})
            found = rng.random(n) < rate
            where = rng.integers(len(WINDOW), size=n)
            for back, hit in sorted(set(zip(where.tolist(), found.tolist(), strict=True))):
                outputs = int(((where == back) & (found == hit)).sum())
                reviews.append(
                    cell | {"day": WINDOW[back], "is_hallucination": hit, "outputs": outputs}
                )
    truth = pl.DataFrame(cells)
    model = pl.lit("m").alias("model_version")
    mart = build(
        "daily_hallucination_adjusted_cost",
        {
            "reviews": pl.DataFrame(reviews).with_columns(model, is_reviewed=True, is_random=True),
            "outputs": truth.select("agent_id", "task_type").with_columns(
                model, day=LAST, outputs=100, is_reviewed=False, is_hallucination=False
            ),
        },
    )
    low, high = pl.col("hallucination_rate_low"), pl.col("hallucination_rate_high")
    return truth.join(mart, on=["agent_id", "task_type"], validate="1:1").select(
        "estate",
        "stratum",
        (low <= high).alias("has_interval"),
        pl.col("rate").is_between(low, high).alias("held"),
    )
