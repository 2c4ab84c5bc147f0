"""The window's work as a linear programme: what value_plan, value_frontier and portfolios share."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import weakest
from roi_engine.marts.queries_planning import GPU_WORK, PLAN_CELLS, TRUST
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.value_plan import Limits, Needs, Plan, value_plan

Places: TypeAlias = NDArray[np.intp]

QUERIES: tuple[FactQuery, ...] = (PLAN_CELLS, GPU_WORK)
HOUR, GIB_IN_MIB = 3.6e9, 1024.0
"""Microseconds of an hour, MiB of a GiB."""

_KEYS = ["agent_id", "task_type"]


@dataclass(frozen=True, slots=True)
class Programme:
    """Cells as rows, and the same as tables of agents by types for the kernel.

    ``row`` and ``column`` say where in the tables a cell is.
    """

    cells: pl.DataFrame
    row: Places
    column: Places
    net_value: Floats
    needs: Needs
    limits: Limits

    def solve(self) -> Plan:
        """Return the best plan."""
        return value_plan(self.net_value, self.needs, self.limits)

    def at(self, table: Floats) -> Floats:
        """Return a table's values cell by cell."""
        return np.asarray(table[self.row, self.column], dtype=np.float64)

    def laid_out(self, values: Floats, empty: float = np.nan) -> Floats:
        """Return cells' values as a table."""
        return _table(values, self.row, self.column, self.net_value.shape, empty)


def programme(facts: Frames, params: Params) -> Programme:
    """Read the programme off the window.

    Args:
        facts: Answers to ``QUERIES``.
        params: ``min_group_size`` says how many tasks tell what one brings, ``plan_budget`` what
            may be spent.

    Returns:
        Cells sorted by agent and kind of work, of those with tasks.
    """
    cells = (
        answer(PLAN_CELLS, facts)
        .group_by(_KEYS)
        .agg(
            pl.col("gross_value", "total_cost", "ended_tasks").sum(),
            *(weakest(name) for name in TRUST),
        )
        .filter(pl.col("ended_tasks") > 0)
        .sort(_KEYS)
        .with_columns(
            present_tasks=pl.col("ended_tasks").cast(pl.Int64),
            demand=pl.col("ended_tasks").sum().over("task_type").cast(pl.Float64),
            plan_reason=pl.when(pl.col("ended_tasks") < params.min_group_size)
            .then(pl.lit("too_few_tasks"))
            .when(pl.col("total_cost") <= 0)
            .then(pl.lit("no_cost")),
        )
    )
    tasks, cost = doubles(cells, "present_tasks"), units(cells, "total_cost")
    net = units(cells, "gross_value") - cost
    usable = cells["plan_reason"].is_null().to_numpy()
    gpu, limits = _gpu(cells, facts)
    cells = cells.with_columns(
        nullable("net_value_per_task", ratio(net, tasks)),
        nullable("cost_per_task", ratio(cost, tasks)),
        *(nullable(f"{name}_per_task", values) for name, values in gpu.items()),
    )
    agents, kinds = (cells[name].unique().sort() for name in _KEYS)
    row, column = (
        names.search_sorted(cells[name]).to_numpy()
        for name, names in zip(_KEYS, (agents, kinds), strict=True)
    )
    shape = agents.len(), kinds.len()
    able = np.where(usable, ratio(net, tasks), np.nan)
    demand = np.zeros(shape[1])
    demand[column] = cells["demand"].to_numpy()
    budget = float(params.plan_budget) if params.plan_budget is not None else cost[usable].sum()
    tables = [
        _table(values, row, column, shape, np.nan)
        for values in (able, ratio(cost, tasks), *gpu.values())
    ]
    return Programme(
        cells,
        row,
        column,
        tables[0],
        Needs(*tables[1:]),
        Limits(demand, float(budget), *limits),
    )


def _gpu(cells: pl.DataFrame, facts: Frames) -> tuple[dict[str, Floats], tuple[float, float]]:
    """Return what a task of each cell takes of GPU time and memory, and what there is of them.

    There is what was sampled, less what workloads of no agent took; never less than agents took.
    """
    work = answer(GPU_WORK, facts)
    mine = work.select(
        "agent_id",
        nullable("gpu_hours", doubles(work, "busy_microseconds", HOUR)),
        nullable("vram_gib_hours", doubles(work, "peak_vram_mib", GIB_IN_MIB)),
    )
    tasks = cells.group_by("agent_id").agg(all_tasks=pl.col("present_tasks").sum())
    held = (
        tasks.join(mine, on="agent_id", how="left", validate="1:1")
        .with_columns(pl.col("gpu_hours", "vram_gib_hours").fill_null(0.0))
        .sort("agent_id")
    )
    each = cells.select(*_KEYS).join(held, on="agent_id", how="left", validate="m:1").sort(_KEYS)
    names = ("gpu_hours", "vram_gib_hours")
    per_task = {name: ratio(doubles(each, name), doubles(each, "all_tasks")) for name in names}
    there = (
        doubles(work, "capacity_microseconds", HOUR).sum(),
        doubles(work, "vram_capacity", HOUR * GIB_IN_MIB).sum(),
    )
    used = [float(held[name].sum()) for name in names]
    others = [float(mine[name].sum()) - taken for name, taken in zip(names, used, strict=True)]
    limits = tuple(
        max(float(whole) - other, taken) if taken > 0 else np.inf
        for whole, other, taken in zip(there, others, used, strict=True)
    )
    return per_task, (limits[0], limits[1])


def _table(
    values: Floats, row: Places, column: Places, shape: tuple[int, ...], empty: float
) -> Floats:
    table: Floats = np.full(shape, empty)
    table[row, column] = values
    return table
