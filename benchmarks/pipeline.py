"""One day from bytes to marts: `roi run` by stage, and a json + pandas script beside it.

    python benchmarks/pipeline.py [--spans-json N] [--spans-parquet N] [--folder DIR]

Each estate is simulated first and is not counted. Both sides read the same inbox, each in a process
of its own, one after the other; `roi run` and `json + pandas` are whole commands with imports.
Seconds are this machine's; compare stages, and runs of one machine, and on a machine that does
other work only CPU seconds. Memory is the largest resident set (of `roi run`: its own, and dbt's,
so far).

What the two give is held together afterwards, and every figure that differs is printed with its
difference. `pipeline_peer.py` says which rules it leaves out; the lake also makes every other fact
and mart, checks them, keeps lineage, publishes and exports. `land + shape + value` are its stages
that do what the peer does (for all marts, not three).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROI = Path(sys.executable).parent / "roi"
PEER = Path(__file__).with_name("pipeline_peer.py")
SPANS_PER_TASK = 4.28
"""What the simulator gives; the real number of spans is printed."""

SAME_WORK = ("land", "shape", "value")
TOLERANCE = 1e-6
"""Relative, of money and shares: the lake rounds each call to nano-units, floats do not. Counts
must be equal."""

OTHER_RULE = {"hallucination_cost": "the peer takes each cell's own reviews and pools nothing"}
"""Figures that differ by design, each with the reason."""

COUNTS = frozenset(
    [
        *("spans", "actions", "unpriced_actions", "tokens", "tasks", "ended_tasks", "successes"),
        *("autonomous_successes", "outputs", "reviewed", "hallucinated"),
    ]
)
FIGURES = {
    "spans": "select count(*) from fct_agent_action",
    "actions": "select sum(actions) from daily_asr",
    "unpriced_actions": "select sum(unpriced_actions) from daily_asr",
    "tokens": "select sum(tokens) from daily_asr",
    "priced_cost": "select sum(priced_cost) from fct_agent_action",
    "tasks": "select sum(tasks) from daily_roi",
    "ended_tasks": "select sum(ended_tasks) from daily_roi",
    "successes": "select sum(successes) from daily_roi",
    "autonomous_successes": "select sum(autonomous_successes) from daily_asr",
    "outputs": "select sum(outputs) from daily_hallucination_adjusted_cost",
    "reviewed": "select sum(reviewed) from daily_hallucination_adjusted_cost",
    "hallucinated": "select sum(hallucinated) from daily_hallucination_adjusted_cost",
    "spend": "select sum(spend) from daily_asr",
    "human_cost": "select sum(human_cost) from daily_asr",
    "total_cost": "select sum(total_cost) from daily_roi",
    "gross_value": "select sum(gross_value) from daily_asr",
    "asr_spend": "select sum(autonomous_spend) / sum(spend_without_credits) from daily_asr",
    "hallucination_cost": "select sum(hallucination_cost) from daily_hallucination_adjusted_cost",
}
"""Figure → the query that asks the lake for it."""


class Ran(NamedTuple):
    """What a command printed, and what it took; CPU seconds are those of its children too."""

    answer: Any
    wall: float
    cpu: float


def command(*arguments: object) -> Ran:
    """Run a command that prints JSON."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        [str(one) for one in arguments], check=False, capture_output=True, text=True
    )
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(json.loads(done.stdout), wall, cpu)


def roi(*arguments: object) -> Ran:
    """Run a command of roi."""
    return command(ROI, *arguments, "--json")


def lake_figures(lake: Path) -> dict[str, float]:
    """Return the same figures as the peer's, of the newest release."""
    asked = ", ".join(f"({query})::double as {name}" for name, query in FIGURES.items())
    sums = roi("sql", f"select {asked}", "--lake", lake).answer[0]
    by_agent = (
        "select 'asr_spend of ' || agent_id as name, asr_spend from daily_asr"
        " where asr_spend is not null order by 1"
    )
    agents = roi("sql", by_agent, "--lake", lake).answer
    return sums | {one["name"]: one["asr_spend"] for one in agents}


def compare(ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Print both sides of every figure, and whether they agree."""
    print(f"\n{'figure':<32}{'roi':>20}{'peer':>20}")
    for name in [*ours, *sorted(set(theirs) - set(ours))]:
        left, right = ours.get(name), theirs.get(name)
        if left is None or right is None:
            print(f"{name:<32}{left!s:>20}{right!s:>20}  MISSING on one side")
            continue
        apart = abs(left - right)
        agrees = apart == 0 if name in COUNTS else apart <= TOLERANCE * abs(left)
        said = "equal" if agrees else f"DIFFERS by {apart / abs(left) if left else apart:.2e}"
        if not agrees and name in OTHER_RULE:
            said += f", by design: {OTHER_RULE[name]}"
        print(f"{name:<32}{_shown(name, left):>20}{_shown(name, right):>20}  {said}")


def _shown(name: str, figure: float) -> str:
    return f"{figure:,.0f}" if name in COUNTS else f"{figure:,.6f}"


def measure(folder: Path, spans: int, kind: str) -> None:
    """Simulate a day, run it and the peer, and print stages, ratios and figures."""
    inbox = folder / "estate" / "inbox"
    estate = roi(
        *("simulate", "--out", folder / "estate", "--days", 1, "--agents", 6),
        *("--tasks-per-day", max(int(spans / SPANS_PER_TASK), 1), "--spans", kind),
    ).answer
    print(f"SIMULATED · {estate['spans']:,} spans, {estate['tasks']:,} tasks, 1 day")
    load = f"{os.getloadavg()[0]:.1f} before, "
    peer = command(sys.executable, PEER, inbox, folder / "peer")
    run = roi("run", "--inbox", inbox, "--lake", folder / "lake")
    load += f"{os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores"
    print(f"load of the machine: {load}")

    made, scripted = run.answer, peer.answer
    print(f"\n{'':<16}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}")
    for stage, seconds in made["seconds"].items():
        print(f"{stage:<16}{seconds:>10.1f}{'':>10}{made['peak_mib'][stage]:>10.0f}")
    for stage, seconds in scripted["seconds"].items():
        print(f"peer: {stage:<12}{seconds:>8.1f}")
    for name, ran, peak in (
        ("roi run", run, max(made["peak_mib"].values())),
        ("json + pandas", peer, scripted["peak_mib"]),
    ):
        print(f"{name:<16}{ran.wall:>10.1f}{ran.cpu:>10.1f}{peak:>10.0f}")

    same = sum(made["seconds"][stage] for stage in SAME_WORK)
    reading = sum(scripted["seconds"][stage] for stage in ("read spans", "read tickets"))
    print()
    for said, ratio in (
        ("roi run against the peer", peer.wall / run.wall),
        ("the same in CPU seconds", peer.cpu / run.cpu),
        ("land + shape + value against the peer", peer.wall / same),
        ("land against the peer's reading", reading / made["seconds"]["land"]),
    ):
        print(f"{said:<40}{ratio:>8.2f} × as fast")
    compare(lake_figures(folder / "lake"), scripted["figures"])


def main() -> None:
    """Measure each form of spans."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spans-json", type=int, default=1_000_000, help="0 leaves it out")
    parser.add_argument("--spans-parquet", type=int, default=1_000_000, help="0 leaves it out")
    parser.add_argument("--folder", type=Path, help="where estates and lakes go (default: temp)")
    given = parser.parse_args()
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    cases = {"otlp": given.spans_json, "parquet": given.spans_parquet}
    for kind, spans in cases.items():
        if spans:
            with tempfile.TemporaryDirectory(dir=given.folder) as folder:
                print(
                    f"\n{'OTLP JSON' if kind == 'otlp' else 'flat Parquet'}, {spans:,} spans",
                    flush=True,
                )
                measure(Path(folder), spans, kind)


if __name__ == "__main__":
    main()
