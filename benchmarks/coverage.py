"""How often do 95 % intervals hold the truth? Over many small estates, through the marts.

Estates are drawn from a stated prior, one window of 28 days each, and given to the builders of
daily_hallucination_adjusted_cost and daily_asr as the sums that they ask for. Every estate has
agents and task types of its own, so nothing is shared between estates, and one call values all.

Prior, hallucination: a task type's mean rate μ is uniform on 1 to 20 %, its κ log-uniform on 5 to
500, each of its cells has its own rate from Beta(κμ, κ(1 − μ)); strata are reviews a cell (5, 20,
50, 200) by cells a type (1, and 3, 8: pooled).
Prior, asr_spend: tasks a day are Poisson, their cost log-normal (σ uniform on 0.3 to 1), success
has a rate uniform on 15 to 85 % that shifts by day (σ uniform on 0 to 0.5 on the logit scale),
failures cost 1 to 3 times as much, overhead is 0 to 20 % of the expected spend; strata are tasks
a window (100, 300, 1000, 5000) by days that are independent (every other estate) or persistent (the
shift has autocorrelation 0.7 from day to day).

    python benchmarks/coverage.py --estates 2000 --seed 1
"""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.special import expit

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.facts import WINDOW_DAYS, run
from roi_engine.marts.params import Params

LAST = date(2026, 1, 31)
DAYS = [LAST - timedelta(days=back) for back in range(WINDOW_DAYS - 1, -1, -1)]
PARAMS = Params(days=(LAST,), as_of=date(2026, 3, 1))
REVIEWS, CELLS = (5, 20, 50, 200), (1, 3, 8)
TASKS, PERSISTENCE = (100, 300, 1000, 5000), (0.0, 0.7)
NANO = 10**9


def hallucination(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row a cell: stratum, estate, and whether the interval holds the cell's rate."""
    cells, reviews = [], []
    for number in range(estates):
        n = REVIEWS[number % len(REVIEWS)]
        size = CELLS[number // len(REVIEWS) % len(CELLS)]
        mu, kappa = rng.uniform(0.01, 0.2), np.exp(rng.uniform(np.log(5), np.log(500)))
        for unit in range(size):
            rate = rng.beta(kappa * mu, kappa * (1 - mu))
            cell = {"agent_id": f"e{number}u{unit}", "task_type": f"e{number}"}
            cells.append(cell | {"estate": number, "stratum": f"n={n}, cells={size}", "rate": rate})
            # reviews fall on random days of the window
            found = rng.random(n) < rate
            where = rng.integers(WINDOW_DAYS, size=n)
            for back, hit in sorted(set(zip(where.tolist(), found.tolist(), strict=True))):
                outputs = int(((where == back) & (found == hit)).sum())
                reviews.append(
                    cell | {"day": DAYS[back], "is_hallucination": hit, "outputs": outputs}
                )
    truth = pl.DataFrame(cells)
    answers = _empty("daily_hallucination_adjusted_cost")
    key = {"day": LAST, "model_version": "m"}
    answers["reviews"] = _like(
        answers["reviews"],
        pl.DataFrame(reviews).with_columns(
            model_version=pl.lit("m"), is_reviewed=True, is_random=True
        ),
    )
    answers["outputs"] = _like(
        answers["outputs"],
        truth.select("agent_id", "task_type", outputs=pl.lit(100)).with_columns(
            *(pl.lit(value).alias(name) for name, value in key.items()),
            is_reviewed=False,
            is_hallucination=False,
        ),
    )
    mart = MARTS["daily_hallucination_adjusted_cost"].build(answers, PARAMS)
    low, high = pl.col("hallucination_rate_low"), pl.col("hallucination_rate_high")
    return truth.join(mart, on=["agent_id", "task_type"], validate="1:1").select(
        "estate",
        "stratum",
        (low <= high).alias("has_interval"),
        pl.col("rate").is_between(low, high).alias("held"),
    )


def asr_spend(estates: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row an estate: stratum, and whether the interval holds the process's share."""
    drawn = [_agent(number, rng) for number in range(estates)]
    truth = pl.DataFrame([estate for estate, _ in drawn])
    days = pl.concat([pl.DataFrame(window) for _, window in drawn])
    answers = _empty("daily_asr")
    answers["cost_by_agent"] = _like(
        answers["cost_by_agent"],
        days.select(
            "day",
            "agent_id",
            pl.lit("t").alias("task_type"),
            "spend",
            pl.col("spend").alias("spend_without_credits"),
            "autonomous_spend",
            "overhead_spend",
            pl.lit(1).alias("billed_lines"),
        ),
    )
    answers["tasks_by_agent"] = _like(
        answers["tasks_by_agent"], days.select("day", "agent_id", "ended_tasks")
    )
    mart = MARTS["daily_asr"].build(answers, PARAMS)
    low, high = pl.col("asr_spend_low_28d"), pl.col("asr_spend_high_28d")
    return truth.join(mart, on="agent_id", validate="1:1").select(
        "estate",
        "stratum",
        low.is_not_null().alias("has_interval"),
        pl.col("share").is_between(low, high).alias("held"),
    )


def _agent(number: int, rng: np.random.Generator) -> tuple[dict, dict]:
    """Draw one agent's window of days, and the share that its process has in the long run."""
    tasks = TASKS[number % len(TASKS)]
    rho = PERSISTENCE[number // len(TASKS) % len(PERSISTENCE)]
    rate, spread = rng.uniform(0.15, 0.85), rng.uniform(0, 0.5)
    sigma, dearer, overhead = rng.uniform(0.3, 1), rng.uniform(1, 3), rng.uniform(0, 0.2)
    # a stationary day-to-day shock, the same spread whatever its persistence
    noise = rng.standard_normal(WINDOW_DAYS)
    shock = np.empty(WINDOW_DAYS)
    shock[0] = noise[0]
    for day in range(1, WINDOW_DAYS):
        shock[day] = rho * shock[day - 1] + np.sqrt(1 - rho**2) * noise[day]
    centre = np.log(rate / (1 - rate))
    wins = expit(centre + spread * shock)

    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    mean_win = float((weights * expit(centre + spread * nodes)).sum() / weights.sum())
    task_cost = np.exp(sigma**2 / 2)
    per_task = task_cost * (mean_win + (1 - mean_win) * dearer)
    idle = overhead / (1 - overhead) * per_task * tasks / WINDOW_DAYS
    share = task_cost * mean_win / (per_task + idle * WINDOW_DAYS / tasks)

    count = rng.poisson(tasks / WINDOW_DAYS, WINDOW_DAYS)
    day = np.repeat(np.arange(WINDOW_DAYS), count)
    won = rng.random(day.size) < wins[day]
    cost = rng.lognormal(0, sigma, day.size) * np.where(won, 1.0, dearer)
    fixed = idle * rng.gamma(10, 0.1, WINDOW_DAYS)
    autonomous = _nano(np.bincount(day, weights=cost * won, minlength=WINDOW_DAYS))
    other = _nano(np.bincount(day, weights=cost * ~won, minlength=WINDOW_DAYS))
    name = f"e{number}"
    window = {
        "day": DAYS,
        "agent_id": [name] * WINDOW_DAYS,
        "autonomous_spend": autonomous,
        "overhead_spend": _nano(fixed),
        "spend": autonomous + other + _nano(fixed),
        "ended_tasks": count,
    }
    kind = "persistent" if rho else "independent"
    stratum = f"tasks={tasks}, days {kind}"
    return {"estate": number, "agent_id": name, "stratum": stratum, "share": share}, window


def _nano(money: np.ndarray) -> np.ndarray:
    return np.rint(money * NANO).astype(np.int64)


def _empty(mart: str) -> dict[str, pl.DataFrame]:
    """Return the answers that an estate without any fact gives."""
    facts = {table: fact(table) for table in FACTS}
    return {query.name: run(query, facts, PARAMS.days) for query in required(mart)}


def _like(answer: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows the columns of an answer; what they do not say is NULL, or 0 for a sum."""
    return (
        pl.concat([answer, rows], how="diagonal_relaxed").select(answer.columns).cast(answer.schema)
    )


def report(title: str, rows: pl.DataFrame) -> Iterator[str]:
    """Yield the lines of a coverage table, by stratum and overall."""
    known = rows.filter("has_interval")
    table = known.group_by("stratum", maintain_order=True).agg(
        pl.col("estate").n_unique().alias("estates"), pl.len(), pl.col("held").mean()
    )
    worst = table.sort("held").row(0, named=True)
    yield f"{title}: {rows['estate'].n_unique()} estates, one window each"
    for stratum, estates, intervals, held in table.iter_rows():
        yield f"  {stratum:32} {estates:6} estates {intervals:6} intervals  {held:7.2%}"
    missing = rows.height - known.height
    yield f"  overall {known['held'].mean():.2%} · mean over strata {table['held'].mean():.2%}"
    yield f"  worst {worst['held']:.2%} ({worst['stratum']}) · {missing} without an interval"


def main(arguments: list[str] | None = None) -> int:
    """Print both tables; return 1 if an overall mean leaves 93–97 %."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estates", type=int, default=2000, help="estates for each interval")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    kept = True
    print("SIMULATED DATA · nominal 95 %, promised 93–97 % overall")
    for title, draw in (("hallucination_rate", hallucination), ("asr_spend_28d", asr_spend)):
        begun = time.perf_counter()
        rows = draw(options.estates, rng)
        print("\n".join(report(title, rows)))
        print(f"  {time.perf_counter() - begun:.1f} s")
        kept &= 0.93 <= float(rows.filter("has_interval")["held"].mean()) <= 0.97
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
