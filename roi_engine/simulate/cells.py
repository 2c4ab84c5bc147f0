"""What a cost can land on: who acted, with what, for which kind of work, and how it ended."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import DAY_US, Horizon
from roi_engine.simulate.tasks import NO_TICKET

UNKNOWN = "__unknown__"
CELL = ("agent_id", "model_version", "task_type", "department", "channel", "outcome_class")
"""The parts of a cell, in the order in which they break ties."""
Cell = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """What one cell used of one model on one day (``model`` None: tools and retrievals)."""

    cell: Cell
    provider: str | None
    model: str | None
    priced_nano: int
    tokens: int
    inference_us: int
    unpriced_calls: int
    stated_nano: int


def reserved(name: str) -> Cell:
    """Return the cell of a reserved member: all that is known of it is its name."""
    return (name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


def overhead(agent: roster.Agent) -> Cell:
    """Return the cell of what an agent costs without working on a task."""
    return (agent.agent_id, UNKNOWN, UNKNOWN, agent.department, UNKNOWN, "overhead")


def uses_by_day(
    spans: pl.DataFrame, tasks: pl.DataFrame, horizon: Horizon, agents: tuple[roster.Agent, ...]
) -> dict[date, list[Use]]:
    """Sum every action (roll-ups are none) to its cell, day by day, in whole numbers."""
    uses: dict[date, list[Use]] = defaultdict(list)
    for row in _sums(spans, tasks, horizon, agents).iter_rows(named=True):
        model = None if row["model"] is None else roster.MODELS[row["model"]]
        uses[horizon.day(row["day_index"])].append(
            Use(
                cell=tuple(row[name] for name in CELL),
                provider=model.provider if model else None,
                model=model.name if model else None,
                priced_nano=row["priced_nano"],
                tokens=row["tokens"],
                inference_us=row["inference_us"],
                unpriced_calls=row["unpriced_calls"],
                stated_nano=row["stated_nano"],
            )
        )
    return uses


def _sums(
    spans: pl.DataFrame, tasks: pl.DataFrame, horizon: Horizon, agents: tuple[roster.Agent, ...]
) -> pl.DataFrame:
    """Sum actions by what they are in whole numbers first, and give the few sums their names."""
    is_call = pl.col("is_call")
    is_overhead = pl.col("conversation_id").is_null() | pl.col("is_overhead").fill_null(value=False)
    context = ("task_type", "department", "channel", "system", "outcome_class")
    kinds = tasks.select("task_no", *context, kind_no=pl.struct(context).rank("dense"))
    task_no = pl.col("task_no").clip(lower_bound=0)
    actions = spans.filter(pl.col("kind").is_in(["call", "tool", "retrieval"])).with_columns(
        day_index=(pl.col("started_us") - horizon.start_us) // DAY_US, overhead=is_overhead
    )
    parts = {
        "day_index": horizon.days,
        "model": len(roster.MODELS) + 1,
        "agent": len(agents),
        "is_later": 2,
        "overhead": 2,
    }
    # one number a row is grouped several times faster than ten columns
    key = kinds["kind_no"].gather(actions.select(task_no).to_series()).cast(pl.Int64)
    for name, size in parts.items():
        key = key * size + actions[name].cast(pl.Int64).fill_null(size - 1)
    sums = (
        actions.with_columns(key=key)
        .group_by("key")
        .agg(
            pl.first(*parts, "task_no"),
            pl.sum("priced_nano"),
            pl.sum("tokens"),
            (pl.col("ended_us") - pl.col("started_us")).filter(is_call).sum().alias("inference_us"),
            (is_call & ~pl.col("is_priced")).sum().alias("unpriced_calls"),
            # an agent's tool has one price, so counting is adding up
            pl.count("stated_cost").alias("stated_count"),
            pl.col("stated_cost").drop_nulls().first(),
        )
        .with_columns(
            task_no.alias("task_no"),
            stated_nano=pl.col("stated_count").cast(pl.Int64)
            * (pl.col("stated_cost").cast(pl.Decimal(18, 9)) * 10**9).cast(pl.Int64).fill_null(0),
        )
        .join(kinds, on="task_no", how="left")
    )
    amounts = ("priced_nano", "tokens", "inference_us", "unpriced_calls", "stated_nano")
    return (
        _as_cells(sums, agents)
        .group_by("day_index", "model", *CELL)
        .agg(pl.sum(*amounts))
        .sort("day_index", "model", *CELL)
    )


def _as_cells(sums: pl.DataFrame, agents: tuple[roster.Agent, ...]) -> pl.DataFrame:
    has_task = ~pl.col("overhead")
    has_ticket = has_task & (pl.col("system") != NO_TICKET)
    versions = tuple(name for model in roster.MODELS for name in model.raw)
    return sums.with_columns(
        agent_id=_named("agent", tuple(one.agent_id for one in agents)),
        model_version=_named_by(2 * pl.col("model") + pl.col("is_later"), versions),
        task_type=_only(has_ticket, _named("task_type", roster_types())),
        # the helper of an agent works in the same department
        department=pl.coalesce(
            _only(has_ticket, _named("department", roster.DEPARTMENTS)),
            _named("agent", tuple(one.department for one in agents)),
        ),
        channel=_only(has_ticket, _named("channel", roster.CHANNELS)),
        outcome_class=_only(has_task, pl.col("outcome_class")).fill_null("overhead"),
    ).with_columns(pl.col("model_version", "task_type", "channel").fill_null(UNKNOWN))


def roster_types() -> tuple[str, ...]:
    """Return the names of the task types, in order of their index."""
    return tuple(kind.name for kind in roster.TASK_TYPES)


def _named(column: str, values: tuple[str, ...]) -> pl.Expr:
    return _named_by(pl.col(column), values)


def _named_by(index: pl.Expr, values: tuple[str, ...]) -> pl.Expr:
    return index.replace_strict(dict(enumerate(values)), default=None, return_dtype=pl.String)


def _only(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(value)
