"""Print how often intervals hold the truth, by stratum and over all: SIMULATED DATA.

    python -m benchmarks.coverage --estates 2000
    python -m benchmarks.coverage --estates 2000 --only asr_spend

Each module of the package draws from generators of its own, so ``--only`` prints the same figures
as the whole run. The exit code is 1 where a nominal of 95 % holds less than 93 % on the mean over
its prior, or more than 97 % by more than the draw of the estates explains: an interval that is too
sure misleads, and one that is too wide only tells less, so luck excuses the second alone.
"""

import argparse
import pkgutil
import sys
import time
import zlib
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import numpy as np
import polars as pl

import benchmarks.coverage as package

PROMISED, LOWEST, HIGHEST = 0.95, 0.93, 0.97


class Line(NamedTuple):
    """What one interval comes to over its prior."""

    interval: str
    nominal: float
    mean: float
    error: float
    """How far the mean may be off because estates were drawn, at 95 %."""
    over_strata: float
    worst: float
    worst_stratum: str
    estates: int
    missing: float
    is_at_least: bool = False
    """Whether it promises its nominal at the least, as what holds at every look does."""

    @property
    def is_kept(self) -> bool:
        """Say whether the mean is what the nominal promises; only 95 % promises anything."""
        return self.nominal != PROMISED or not (self.is_too_sure or self.is_too_wide)

    @property
    def is_too_sure(self) -> bool:
        """Say whether it holds less than it may, be it by luck."""
        return self.mean < LOWEST

    @property
    def is_too_wide(self) -> bool:
        """Say whether it holds more than it may, and that is no luck of the estates drawn."""
        return not self.is_at_least and self.mean - self.error > HIGHEST

    @property
    def verdict(self) -> str:
        """Name the promise where it is broken."""
        return "" if self.is_kept else "TOO SURE" if self.is_too_sure else "TOO WIDE"


def modules(only: str = "") -> Iterator[ModuleType]:
    """Yield the package's modules by name, or the one asked for."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    known = sorted(name for name in names if not name.startswith("_"))
    if only and only not in known:
        raise SystemExit(f"no interval {only}; there are {', '.join(known)}")
    for name in [only] if only else known:
        yield import_module(f"{package.__name__}.{name}")


def intervals(module: ModuleType, estates: int, seed: int) -> Iterator[tuple[Line, pl.DataFrame]]:
    """Draw a module's estates; yield each interval's line and its table by stratum."""
    rng = np.random.default_rng([seed, zlib.crc32(module.__name__.encode())])
    rows = module.draw(estates, rng)
    if "interval" not in rows.columns:
        rows = rows.with_columns(interval=pl.lit(module.TITLE))
    if "nominal" not in rows.columns:
        rows = rows.with_columns(nominal=pl.lit(getattr(module, "NOMINAL", PROMISED)))
    for (name, promised), each in rows.group_by("interval", "nominal", maintain_order=True):
        known = each.filter("has_interval")
        table = known.group_by("stratum", maintain_order=True).agg(
            pl.col("estate").n_unique().alias("estates"), pl.len(), pl.col("held").mean()
        )
        worst = table.sort("held").row(0, named=True)
        mean = known["held"].mean()
        # intervals of one estate share its luck
        by_estate = known.group_by("estate").agg((pl.col("held") - mean).sum())["held"]
        line = Line(
            interval=name,
            nominal=promised,
            mean=mean,
            error=1.96 * float(np.linalg.norm(by_estate.to_numpy())) / known.height,
            over_strata=table["held"].mean(),
            worst=worst["held"],
            worst_stratum=worst["stratum"],
            estates=each["estate"].n_unique(),
            missing=1 - known.height / each.height,
            is_at_least=name in getattr(module, "AT_LEAST", ()),
        )
        yield line, table


def report(line: Line, table: pl.DataFrame) -> Iterator[str]:
    """Yield the lines of an interval's table, by stratum and over all."""
    yield f"{line.interval}, nominal {line.nominal:.0%}: {line.estates} estates, one window each"
    for stratum, estates, drawn, held in table.iter_rows():
        yield f"  {stratum:44} {estates:6} estates {drawn:6} intervals  {held:7.2%}"
    seen = f"{line.mean:.2%} ± {line.error:.2%}"
    yield f"  seen {seen} over all · {line.over_strata:.2%} mean over strata"
    without = f"{line.missing:.1%} without an interval"
    yield f"  worst {line.worst:.2%} ({line.worst_stratum}) · {without}"


def summary(lines: list[Line]) -> Iterator[str]:
    """Yield one line an interval."""
    width = max(len(line.interval) for line in lines)
    yield f"{'interval':{width}}  nominal    seen       ±   worst  estates  without  worst stratum"
    for line in lines:
        yield (
            f"{line.interval:{width}}  {line.nominal:7.0%}"
            f" {line.mean:7.2%} {line.error:7.2%} {line.worst:7.2%}  {line.estates:7}"
            f"  {line.missing:7.1%}  {line.worst_stratum}"
            f"{'  (at least)' if line.is_at_least else ''}{line.verdict and f'  {line.verdict}'}"
        )


def main(arguments: list[str] | None = None) -> int:
    """Print every table and the summary; return 1 if an interval breaks its promise."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--estates", type=int, default=2000, help="estates for each interval")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="NAME", help="one module of the package")
    options = parser.parse_args(arguments)
    lines = []
    chosen = list(modules(options.only))
    print("SIMULATED DATA · nominal 95 % promises 93–97 % on the mean over the prior, luck aside")
    for module in chosen:
        begun = time.perf_counter()
        for line, table in intervals(module, options.estates, options.seed):
            lines.append(line)
            print("\n".join(report(line, table)))
        print(f"  {time.perf_counter() - begun:.1f} s", flush=True)
    print("\n".join(["", "SIMULATED DATA", *summary(lines)]))
    return 0 if all(line.is_kept for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
