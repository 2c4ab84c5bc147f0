"""Does the interval of a cell's hallucination rate hold it where people do not see a plain sample?

Two ways, one interval each, both through the mart (metrics.md §4). ``_with_evaluator``: an
automatic evaluator saw 100 to 2000 outputs (log-uniform); its sensitivity is uniform on 60 to 99 %,
its specificity on 80 to 99.5 %, known from a validation on 20 to 500 outputs of each kind
(log-uniform); people reviewed n outputs at random. ``_weighted``: outputs fall into tiers of 70, 20
and 10 % with odds of hallucination 1, 2 and 4 times as high, reviewed with probabilities in the
proportion 0.05, 0.2 and 1.

Prior: that of hallucination_rate. Strata are people's reviews a cell (0 with an evaluator, 20, 50,
200) by cells a type (1, 3: pooled); an evaluator judges one cell or all of them.
"""

from datetime import date

import numpy as np
import polars as pl
from scipy.special import expit, logit

from benchmarks.coverage._marts import LAST, build
from benchmarks.coverage._rows import ends

TITLE = "hallucination_rate_judged"
_ENDS = ends("daily_hallucination_adjusted_cost", "hallucination_rate")
COLUMNS = {"hallucination_rate_with_evaluator": _ENDS, "hallucination_rate_weighted": _ENDS}

REVIEWS = {
    "hallucination_rate_with_evaluator": (0, 20, 200),
    "hallucination_rate_weighted": (20, 50, 200),
}
CELLS = (1, 3)
_SHARE, _ODDS, _CHANCE = np.array([[0.7, 0.2, 0.1], [1.0, 2.0, 4.0], [0.05, 0.2, 1.0]])


def draw(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row a cell: whether the interval holds the cell's rate."""
    return pl.concat(
        [_estates(name, reviews, np.arange(estates), rng) for name, reviews in REVIEWS.items()]
    )


def _estates(
    interval: str, sizes: tuple[int, ...], estates: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    cells, looked_at, evaluators = [], [], []
    for number in estates.tolist():
        n = sizes[number % len(sizes)]
        size = CELLS[number // len(sizes) % len(CELLS)]
        mu, kappa = rng.uniform(0.01, 0.2), np.exp(rng.uniform(np.log(5), np.log(500)))
        judge = _evaluator(number, rng)
        evaluators.append(judge["counts"])
        for unit in range(size):
            rate = float(np.clip(rng.beta(kappa * mu, kappa * (1 - mu)), 1e-6, 1 - 1e-6))
            cell = {"agent_id": f"e{number}u{unit}", "task_type": f"e{number}"}
            if interval == "hallucination_rate_weighted":
                rate = _by_tier(cell, rate, n, looked_at, rng)
            else:
                looked_at += _judged(cell, rate, n, judge, rng)
            stratum = f"n={n}, cells={size}"
            cells.append(cell | {"estate": number, "stratum": stratum, "rate": rate})
    truth = pl.DataFrame(cells)
    model = pl.lit("m").alias("model_version")
    mart = build(
        "daily_hallucination_adjusted_cost",
        {
            "reviews": pl.DataFrame(looked_at, infer_schema_length=None)
            .filter(pl.col("outputs") > 0)
            .with_columns(model, day=LAST),
            "outputs": truth.select("agent_id", "task_type").with_columns(
                model, day=LAST, outputs=100, is_reviewed=False, is_hallucination=False
            ),
            "evaluators": pl.DataFrame(evaluators),
        },
    )
    low, high = pl.col("hallucination_rate_low"), pl.col("hallucination_rate_high")
    return truth.join(mart, on=["agent_id", "task_type"], validate="1:1").select(
        "estate",
        "stratum",
        (low <= high).fill_null(value=False).alias("has_interval"),
        pl.col("rate").is_between(low, high).alias("held"),
        interval=pl.lit(interval),
    )


def _evaluator(number: int, rng: np.random.Generator) -> dict:
    """Draw an evaluator's true errors, and the validation from which they are known."""
    sensitivity, specificity = rng.uniform(0.6, 0.99), rng.uniform(0.8, 0.995)
    wrong, right = np.exp(rng.uniform(np.log(20), np.log(500), 2)).astype(int)
    tp, tn = rng.binomial(wrong, sensitivity), rng.binomial(right, specificity)
    counts = {
        "evaluator_id": f"judge{number}",
        "valid_from": date(2025, 1, 1),
        "tp": tp,
        "fn": wrong - tp,
        "tn": tn,
        "fp": right - tn,
    }
    return {"errors": (sensitivity, specificity), "counts": counts}


def _judged(cell: dict, rate: float, n: int, judge: dict, rng: np.random.Generator) -> list[dict]:
    """Return what people found at random, and what the evaluator flagged of the others."""
    found = rng.binomial(n, rate)
    person = cell | {"is_reviewed": True, "is_random": True}
    rows = [
        person | {"is_hallucination": hit, "outputs": int(outputs)}
        for hit, outputs in ((True, found), (False, n - found))
    ]
    sensitivity, specificity = judge["errors"]
    seen = int(np.exp(rng.uniform(np.log(100), np.log(2000))))
    flagged = rng.binomial(seen, rate * sensitivity + (1 - rate) * (1 - specificity))
    name = judge["counts"]["evaluator_id"]
    return rows + [
        cell
        | {"is_reviewed": False, "is_random": False, "is_hallucination": False}
        | {"evaluator_id": name, "is_flagged": flag, "outputs": int(outputs)}
        for flag, outputs in ((True, flagged), (False, seen - flagged))
    ]


def _by_tier(cell: dict, rate: float, n: int, rows: list[dict], rng: np.random.Generator) -> float:
    """Add reviews drawn by risk; return the rate over all outputs of the cell."""
    rates = expit(logit(rate) + np.log(_ODDS))
    drawn = rng.multinomial(n, _SHARE * _CHANCE / (_SHARE * _CHANCE).sum())
    found = rng.binomial(drawn, rates)
    rows += [
        cell
        | {"is_reviewed": True, "is_random": False, "sampling_probability": float(chance)}
        | {"is_hallucination": hit, "outputs": int(outputs)}
        for chance, hits, of in zip(_CHANCE, found, drawn, strict=True)
        for hit, outputs in ((True, hits), (False, of - hits))
    ]
    return float((_SHARE * rates).sum())
