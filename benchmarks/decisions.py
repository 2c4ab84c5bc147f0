"""Are the decisions of experiments and bandits sound? False alarms under peeking, and regret.

SIMULATED DATA. Prior, experiments: A/A, so every alarm is false; 60 days, looked at every evening;
value per task (a ratio, clustered by requester) with a pre-period covariate; tasks are Poisson
around a log-normal activity (σ 0.7), a task's value is gamma around the requester's log-normal
level (σ 0.3 mild, 1 heavy). ``arriving``: 3 to 30 new units a day, each seen once. ``returning``:
60 to 600 units, all there from the first day, more of each unit's tasks every day. The plan is the
number of units (or tasks, where units return) of all 60 days.

Prior, bandits: 4 arms, 240 days of 40 choices; an arm's success rate is expit of a level (normal,
mean −0.5, σ 0.4) and a stationary walk (σ 0.6) that forgets half in 20 days (fast) or 120 (slow).
Thompson sampling halves what it knows in 20 days, whatever the truth; regret is against the oracle
that plays each day's best arm.

    python benchmarks/decisions.py --estates 2400 --bandits 240 --seed 1
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import expit

from roi_engine.metrics.bandit import (
    allocate,
    best_arm_probability,
    inverse_propensity_mean,
)
from roi_engine.metrics.experiment import COLUMNS, Sums, compare
from roi_engine.metrics.sequential import FIRST_LOOK_UNITS, confidence_sequence

DAYS, ALPHA = 60, 0.05
EFFECT = 0.15
"""The lift of the A/B runs, which show what the promise costs in time."""

ARMS, BANDIT_DAYS, CHOICES = 4, 240, 40
HALF_LIFE_DAYS = 20
WALKS = (("fast drift", 20), ("slow drift", 120))

Floats = np.ndarray
Day = tuple[tuple[Sums, Sums], Floats]


def arriving(estates: int, tau: float, lift: float, rng: np.random.Generator) -> Iterator[Day]:
    """Yield the sums of both arms, and how much was seen, every evening: new units each day."""
    daily = rng.integers(3, 31, estates)
    sums = [_nothing(estates), _nothing(estates)]
    for _ in range(DAYS):
        for arm, is_treated in enumerate((True, False)):
            # the split is random, as an assignment by hash is
            size = np.maximum(rng.binomial(2 * daily, 0.5), 1)
            row = np.repeat(np.arange(estates), size)
            activity, level = _requesters(row.size, tau, rng)
            level = level * (1 + lift) if is_treated else level
            columns = np.stack(
                [*_tasks(2 * activity, level, rng), *_tasks(2 * activity, _past(level, rng), rng)]
            )
            sums[arm] = _add(sums[arm], row, estates, columns)
        yield (sums[0], sums[1]), sums[0].units + sums[1].units


def returning(estates: int, tau: float, lift: float, rng: np.random.Generator) -> Iterator[Day]:
    """Yield the same for units that are all there from the start and come back daily."""
    size = rng.integers(60, 601, estates)
    row = np.repeat(np.arange(estates), size)
    is_treated = rng.random(row.size) < 0.5
    activity, level = _requesters(row.size, tau, rng)
    former = _tasks(2 * activity, _past(level, rng), rng)
    level = level * np.where(is_treated, 1 + lift, 1.0)
    value, tasks = np.zeros(row.size), np.zeros(row.size)
    for _ in range(DAYS):
        more = _tasks(0.1 * activity, level, rng)
        value, tasks = value + more[0], tasks + more[1]
        columns = np.stack([value, tasks, *former])
        treated, control = (
            _add(_nothing(estates), row[side], estates, columns[:, side])
            for side in (is_treated, ~is_treated)
        )
        yield (treated, control), treated.sums[:, 1] + control.sums[:, 1]


def _requesters(size: int, tau: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    return np.exp(0.7 * rng.standard_normal(size)), np.exp(tau * rng.standard_normal(size))


def _past(level: Floats, rng: np.random.Generator) -> Floats:
    return level * np.exp(0.3 * rng.standard_normal(level.size))


def _tasks(mean: Floats, level: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    count = rng.poisson(mean).astype(np.float64)
    value = np.zeros(count.size)
    some = count > 0
    value[some] = rng.gamma(count[some]) * level[some]
    return value, count


def _nothing(rows: int) -> Sums:
    return Sums(np.zeros(rows), np.zeros((rows, COLUMNS)), np.zeros((rows, COLUMNS, COLUMNS)))


def _add(old: Sums, row: Floats, rows: int, columns: Floats) -> Sums:
    """Add units to the sums; a row's units stand together, so that they sum in one pass."""
    start = np.searchsorted(row, np.arange(rows))
    first = np.add.reduceat(columns, start, axis=1).T
    second = np.empty((rows, COLUMNS, COLUMNS))
    for i in range(COLUMNS):
        for j in range(i, COLUMNS):
            second[:, i, j] = second[:, j, i] = np.add.reduceat(columns[i] * columns[j], start)
    return Sums(
        old.units + np.bincount(row, minlength=rows), old.sums + first, old.products + second
    )


def peek(
    days: Callable[..., Iterator[Day]],
    estates: int,
    tau: float,
    lift: float,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Return by estate on which day each test first says "different" (0: never)."""
    evenings = [
        (compare(*arms), arms[0].units + arms[1].units, seen)
        for arms, seen in days(estates, tau, lift, rng)
    ]
    planned = evenings[-1][2]
    first = {name: np.zeros(estates, dtype=int) for name in ("sequential", "peeking", "fixed")}
    for day, (read, units, seen) in enumerate(evenings, start=1):
        look = confidence_sequence(
            read.difference, read.standard_error, units, seen / planned, 1 - ALPHA
        )
        # both begin to look at the same evening, so that only the test differs
        welch = (read.p_value < ALPHA) & (units >= FIRST_LOOK_UNITS)
        says = {"sequential": look.p_value < ALPHA, "peeking": welch}
        says["fixed"] = welch & (day == DAYS)
        for name, alarm in says.items():
            first[name] = np.where((first[name] == 0) & alarm, day, first[name])
    return first


def experiments(estates: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield the lines of the table of false alarms; the last one is the worst sequential rate."""
    strata = [
        (f"{name}, {skew}", days, tau)
        for name, days in (("arriving", arriving), ("returning", returning))
        for skew, tau in (("mild", 0.3), ("heavy", 1.0))
    ]
    each = -(-estates // len(strata))
    yield f"A/A, {each * len(strata)} estates, looked at on {DAYS} evenings, α = {ALPHA:g}"
    yield f"  {'':18} {'sequential':>10} {'peeking Welch':>14} {'ratio':>7} {'Welch, day 60':>14}"
    rates = []
    for title, days, tau in strata:
        first = peek(days, each, tau, 0.0, rng)
        rates.append([(first[name] > 0).mean() for name in ("sequential", "peeking", "fixed")])
        yield _line(title, rates[-1])
    overall = np.mean(rates, axis=0)
    yield _line("overall", overall)
    yield f"A/B, lift {EFFECT:.0%}: share that saw it by day {DAYS}, and the median day it did"
    for title, days, tau in strata:
        first = peek(days, max(each // 4, 1), tau, EFFECT, rng)
        seen = first["sequential"][first["sequential"] > 0]
        day = f"{np.median(seen):.0f}" if seen.size else "–"
        yield (
            f"  {title:18} sequential {(first['sequential'] > 0).mean():6.1%} (day {day:>2})"
            f"   Welch on day {DAYS} {(first['fixed'] > 0).mean():6.1%}"
        )
    yield f"false alarms of the sequence {overall[0]:.2%}, promised at most {ALPHA:.0%}"


def _line(title: str, rates: Floats) -> str:
    sequential, peeking, fixed = rates
    times = f"{peeking / sequential:6.1f}x" if sequential else "      –"
    return f"  {title:18} {sequential:10.2%} {peeking:14.2%} {times} {fixed:14.2%}"


def walks(estates: int, half_life_days: float, rng: np.random.Generator) -> Floats:
    """Draw the arms' success rates, shape (estates, days, arms)."""
    keep = 0.5 ** (1 / half_life_days)
    level = -0.5 + 0.4 * rng.standard_normal((estates, 1, ARMS))
    noise = 0.6 * rng.standard_normal((estates, BANDIT_DAYS, ARMS))
    walk = noise.copy()
    for day in range(1, BANDIT_DAYS):
        walk[:, day] = keep * walk[:, day - 1] + np.sqrt(1 - keep**2) * noise[:, day]
    return expit(level + walk)


def play(
    rates: Floats, discount: float, rng: np.random.Generator
) -> tuple[Floats, dict[str, Floats]]:
    """Return each day's shares of the arms, and the sums of the weighted read-out."""
    estates = len(rates)
    wins, losses = np.zeros((estates, ARMS)), np.zeros((estates, ARMS))
    shares = np.empty_like(rates)
    names = ("weight", "reward", "weight_squared", "weight_reward", "reward_squared")
    sums = {name: np.zeros((estates, ARMS)) for name in names}
    for day in range(BANDIT_DAYS):
        share = allocate(best_arm_probability(wins, losses))
        shares[:, day] = share
        pulls = rng.multinomial(CHOICES, share / share.sum(axis=-1, keepdims=True))
        won = rng.binomial(pulls, rates[:, day])
        wins, losses = discount * wins + won, discount * losses + pulls - won
        weight = 1 / share
        sums["weight"] += weight * pulls
        sums["reward"] += weight * won
        sums["weight_squared"] += weight**2 * pulls
        sums["weight_reward"] += weight**2 * won
        sums["reward_squared"] += weight**2 * won
    return shares, sums


def bandits(estates: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield the lines of the tables of regret and of the read-outs' coverage."""
    each = -(-estates // len(WALKS))
    choices = BANDIT_DAYS * CHOICES
    yield f"Bandits, {each * len(WALKS)} estates of {ARMS} arms, {BANDIT_DAYS} days × {CHOICES}"
    yield f"  {'per 1,000 choices':34} {'regret':>8} {'of uniform':>11} {'of best fixed':>14}"
    coverage = []
    for title, half_life in WALKS:
        rates = walks(each, half_life, rng)
        oracle = rates.max(axis=-1).sum(axis=-1) * CHOICES
        fixed = rates.sum(axis=1).max(axis=-1) * CHOICES
        uniform = rates.mean(axis=-1).sum(axis=-1) * CHOICES
        rows = [("oracle, each day's best arm", oracle), ("best fixed arm in hindsight", fixed)]
        rows.append(("uniform", uniform))
        for name, discount in (
            (f"Thompson, half-life {HALF_LIFE_DAYS} days", 0.5 ** (1 / HALF_LIFE_DAYS)),
            ("Thompson, forgets nothing", 1.0),
        ):
            shares, sums = play(rates, discount, rng)
            rows.append((name, (shares * rates).sum(axis=(1, 2)) * CHOICES))
            read = inverse_propensity_mean(**sums, is_share=True)
            truth = rates.mean(axis=1)
            known = np.isfinite(read.low)
            held = ((read.low <= truth) & (truth <= read.high))[known].mean()
            coverage.append((f"{title}, {name}", held, known.mean()))
        regret = {name: (oracle - reward).mean() / choices * 1000 for name, reward in rows}
        yield f"  {title}"
        for name, lost in regret.items():
            of_uniform = lost / regret["uniform"]
            of_fixed = lost / regret["best fixed arm in hindsight"]
            yield f"    {name:32} {lost:8.1f} {of_uniform:10.2f}x {of_fixed:13.2f}x"
    yield "Read-out of each arm's mean by inverse propensities, nominal 95 %"
    for title, held, known in coverage:
        yield f"  {title:44} holds {held:7.2%} of {known:.1%} arms with an interval"


def main(arguments: list[str] | None = None) -> int:
    """Print both tables; return 1 if the sequence raises more false alarms than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estates", type=int, default=2400, help="A/A estates")
    parser.add_argument("--bandits", type=int, default=240, help="drifting bandits")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    print("SIMULATED DATA")
    begun = time.perf_counter()
    table = list(experiments(options.estates, np.random.default_rng(options.seed)))
    print("\n".join(table), f"  {time.perf_counter() - begun:.1f} s", sep="\n")
    begun = time.perf_counter()
    print("\n".join(bandits(options.bandits, np.random.default_rng(options.seed + 1))))
    print(f"  {time.perf_counter() - begun:.1f} s")
    alarms = float(table[-1].split("sequence ")[1].split("%")[0]) / 100
    return 0 if alarms <= ALPHA else 1


if __name__ == "__main__":
    sys.exit(main())
