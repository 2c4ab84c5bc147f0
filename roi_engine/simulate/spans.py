"""What agents do: model calls, retries, tools, and the spans that wrap them.

Columns are NumPy arrays from end to end; a row is never looked at alone.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.columns import hex_ids, marked, names
from roi_engine.simulate.horizon import DAY_US, HOUR_US, MINUTE_US, Horizon
from roi_engine.simulate.resources import add_resources
from roi_engine.simulate.tasks import HUMAN, HYBRID
from roi_engine.simulate.trials import EXPERIMENTS, NONE

TOKENS = (
    "input_uncached",
    "cache_read",
    "cache_write",
    "output_visible",
    "reasoning",
)
"""Disjoint buckets of a call. A cache write says no lifetime, so it has the shorter one."""
_NO_TASK = -1
_EMBED = roster.MODEL_INDEX["sim-embed"]
_FLASH = roster.MODEL_INDEX["sim-flash"]
_OMNI = roster.MODEL_INDEX["sim-omni"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Every span once, and for each task (by ``task_no``) when its last work ended."""

    spans: pl.DataFrame
    last_end_us: np.ndarray


@dataclass(frozen=True, slots=True)
class _Calls:
    """The leaf calls of all tasks, task by task and in order."""

    owner: np.ndarray  # row of the agent task
    step: np.ndarray  # 0, 1, … within the task
    is_last: np.ndarray
    first_row: np.ndarray  # of each task
    agent: np.ndarray
    model: np.ndarray
    start_us: np.ndarray
    end_us: np.ndarray
    tokens: dict[str, np.ndarray]


def draw_spans(
    tasks: pl.DataFrame,
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
    rng: np.random.Generator,
    first_token_rng: np.random.Generator,
) -> Drawn:
    """Draw the spans of every agent task, and each agent's overhead calls.

    Spans that begin after the window are left out: nobody has seen them yet.
    ``first_token_rng`` draws when the answers begin, and nothing else.
    """
    work = tasks.filter(pl.col("agent") != HUMAN)
    calls = _draw_calls(work, agents, rng)
    last_end = np.maximum.reduceat(calls.end_us, calls.first_row)
    parts = [
        _leaves(calls, work, rng),
        _retries(calls, rng),
        _tools(calls, agents, rng),
        _retrievals(calls, work),
        _wrappers(calls, work, last_end, rng),
    ]
    tied = _tie_to_tasks(pl.concat(parts, how="diagonal"), work, rng)
    overhead = _overhead(horizon, agents, work.height, rng)
    spans = pl.concat([tied, overhead], how="diagonal").filter(
        pl.col("started_us") < horizon.end_us
    )
    ends = tasks["created_us"].to_numpy().copy()
    ends[work["task_no"].to_numpy()] = last_end
    finished = _finish(spans, horizon, agents, rng)
    return Drawn(add_resources(_answer(finished, first_token_rng), horizon), ends)


def _draw_calls(
    work: pl.DataFrame, agents: tuple[roster.Agent, ...], rng: np.random.Generator
) -> _Calls:
    agent = work["agent"].to_numpy()
    turns = np.array([one.turns for one in agents])[agent]
    count = 1 + np.minimum(rng.poisson(turns), 12)
    owner = np.repeat(np.arange(work.height), count)
    first_row = np.cumsum(count) - count
    step = np.arange(owner.size) - first_row[owner]
    is_last = step == count[owner] - 1
    helper = np.array([-1 if one.helper is None else one.helper for one in agents])[agent]
    is_helped = (helper >= 0) & (rng.random(work.height) < 0.25)
    caller = np.where(is_helped[owner] & ~is_last, helper[owner], agent[owner])
    model = _models(agents, caller, is_last, rng)
    long_share = np.array([one.long_share for one in agents])[agent]
    is_long = rng.random(work.height) < long_share
    begin = work["created_us"].to_numpy()[owner] + 1_500_000
    elapsed, length = _times(model, is_long[owner], rng)
    start = begin + elapsed - elapsed[first_row][owner]
    end = start + length
    return _Calls(
        owner, step, is_last, first_row, caller, model, start, end, _tokens(model, step, rng)
    )


def _models(
    agents: tuple[roster.Agent, ...],
    caller: np.ndarray,
    is_last: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    first, second = (
        np.array([roster.MODEL_INDEX[one.models[place]] for one in agents])[caller]
        for place in (0, 1)
    )
    primary = rng.random(caller.size) < np.array([one.primary_share for one in agents])[caller]
    embeds = ~is_last & (rng.random(caller.size) < 0.06)
    return np.where(embeds, _EMBED, np.where(primary, first, second))


def _times(
    model: np.ndarray, is_long: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each call starts, counted from the first call of all, and how long it takes."""
    size = model.size
    length = 200_000 + np.exp(rng.normal(14.6, 0.6, size)).astype(np.int64)
    length = np.where(model == _EMBED, length // 20, length)
    pause = rng.exponential(1_500_000, size)
    pause += np.where(is_long, rng.exponential(40 * MINUTE_US, size), 0)
    # a tenth of the calls start beside the one before them: parallel, so intervals overlap
    beside = np.roll(rng.random(size) < 0.1, -1)
    advance = np.where(beside, 5_000, length + pause.astype(np.int64))
    return np.cumsum(advance) - advance, length


def _tokens(model: np.ndarray, step: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    caches = np.array([one.caches for one in roster.MODELS])[model]
    apart = np.array([one.counts_cache_apart for one in roster.MODELS])[model]
    thinks = np.array([one.thinks for one in roster.MODELS])[model]
    size = model.size
    total = np.exp(rng.normal(6.8, 0.7, size)).astype(np.int64) + 350 * step + 20
    read = np.where(caches & (step > 0) & (rng.random(size) < 0.6), total * 7 // 10, 0)
    write = np.where(apart & (step == 0) & (rng.random(size) < 0.4), total * 3 // 10, 0)
    visible = np.exp(rng.normal(5.2, 0.6, size)).astype(np.int64) + 1
    thought = np.exp(rng.normal(6.0, 0.7, size)).astype(np.int64)
    return {
        "input_uncached": total - read - write,
        "cache_read": read,
        "cache_write": write,
        "output_visible": np.where(model == _EMBED, 0, visible),
        "reasoning": np.where(thinks, thought, 0),
    }


def _leaves(calls: _Calls, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    flagged = rng.random(calls.owner.size) < 0.004
    approved = (work["help"].to_numpy() == HYBRID)[calls.owner] & calls.is_last
    crosses = (work["other_arm"].to_numpy() != NONE)[calls.owner]
    return pl.DataFrame(
        {
            "owner": calls.owner,
            "is_crossed": crosses & calls.is_last & (calls.step > 0),
            "kind": pl.repeat("call", calls.owner.size, eager=True),
            "agent": calls.agent,
            "model": calls.model,
            "started_us": calls.start_us,
            "ended_us": calls.end_us,
            "is_overhead": marked(flagged),
            "is_approved_by_human": marked(approved),
            **calls.tokens,
        }
    )


def _retries(calls: _Calls, rng: np.random.Generator) -> pl.DataFrame:
    """Return failed attempts that were billed: the prompt was read, no answer came."""
    row = np.flatnonzero(rng.random(calls.owner.size) < 0.04)
    read = {name: values[row] for name, values in calls.tokens.items()}
    return pl.DataFrame(
        {
            "owner": calls.owner[row],
            "kind": pl.repeat("call", row.size, eager=True),
            "agent": calls.agent[row],
            "model": calls.model[row],
            "started_us": calls.start_us[row] - 900_000,
            "ended_us": calls.start_us[row] - 250_000,
            "error_type": names(("timeout", "rate_limit", "500"), rng.integers(0, 3, row.size)),
            **read,
            "output_visible": np.zeros(row.size, dtype=np.int64),
            "reasoning": np.zeros(row.size, dtype=np.int64),
        }
    )


def _tools(
    calls: _Calls, agents: tuple[roster.Agent, ...], rng: np.random.Generator
) -> pl.DataFrame:
    row = np.flatnonzero(~calls.is_last & (rng.random(calls.owner.size) < 0.55))
    agent = calls.agent[row]
    failed = rng.random(row.size) < 0.03
    return pl.DataFrame(
        {
            "owner": calls.owner[row],
            "kind": pl.repeat("tool", row.size, eager=True),
            "agent": agent,
            "started_us": calls.end_us[row] + 2_000,
            "ended_us": calls.end_us[row] + 2_000 + rng.integers(20_000, 900_000, row.size),
            "tool_name": names([one.tool for one in agents], agent),
            "stated_cost": names([one.tool_cost for one in agents], agent),
            "error_type": names(("tool_error",), np.where(failed, 0, -1)),
        }
    )


def _retrievals(calls: _Calls, work: pl.DataFrame) -> pl.DataFrame:
    row = np.flatnonzero((calls.step == 0) & work["has_retrieval"].to_numpy()[calls.owner])
    return pl.DataFrame(
        {
            "owner": calls.owner[row],
            "kind": pl.repeat("retrieval", row.size, eager=True),
            "agent": calls.agent[row],
            "started_us": calls.start_us[row] - 240_000,
            "ended_us": calls.start_us[row] - 20_000,
        }
    )


def _wrappers(
    calls: _Calls, work: pl.DataFrame, last_end: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    """Return roll-up spans: an agent span for most tasks, a workflow span around some of them.

    Half of them repeat the sum of their children's tokens, so pricing them counts twice.
    """
    has_agent_span = rng.random(work.height) < 0.8
    has_workflow = has_agent_span & (rng.random(work.height) < 0.3)
    repeats = rng.random(work.height) < 0.5
    parts = []
    for kind, chosen, early in (
        ("agent", has_agent_span, 1_000),
        ("workflow", has_workflow, 2_000),
    ):
        owner = np.flatnonzero(chosen)
        totals = {
            name: pl.Series(
                np.where(repeats, np.add.reduceat(values, calls.first_row), -1)[owner]
            ).replace(-1, None)
            for name, values in calls.tokens.items()
        }
        last_row = np.append(calls.first_row[1:], calls.owner.size) - 1
        parts.append(
            pl.DataFrame(
                {
                    "owner": owner,
                    "kind": pl.repeat(kind, owner.size, eager=True),
                    "agent": work["agent"].to_numpy()[owner],
                    "model": calls.model[last_row][owner],
                    "started_us": calls.start_us[calls.first_row][owner] - early,
                    "ended_us": last_end[owner] + early,
                    **totals,
                }
            )
        )
    return pl.concat(parts)


def _tie_to_tasks(
    spans: pl.DataFrame, work: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Give spans their ids, their trace, their parent and their task."""
    spans = spans.with_columns(span_id=hex_ids(rng, spans.height))
    owner, kind, ids = spans["owner"].to_numpy(), spans["kind"], spans["span_id"]
    wrapper = {}
    for name in ("agent", "workflow"):
        row = np.full(work.height, -1)
        own = (kind == name).to_numpy()
        row[owner[own]] = np.flatnonzero(own)
        wrapper[name] = ids.gather(np.maximum(row, 0)).set(pl.Series(row < 0), None).gather(owner)
    return spans.with_columns(
        *_exposures(spans, work),
        trace_id=hex_ids(rng, work.height, 16).gather(owner),
        task_no=work["task_no"].gather(owner),
        conversation_id=work["task_id"].gather(owner),
        parent_span_id=pl.when(kind == "agent")
        .then(wrapper["workflow"])
        .when(kind != "workflow")
        .then(wrapper["agent"]),
    ).drop("owner", "is_crossed")


def _exposures(spans: pl.DataFrame, work: pl.DataFrame) -> list[pl.Series]:
    """Return the arm under which each call was made, and how likely that arm was."""
    owner = spans["owner"].to_numpy()
    is_call = (spans["kind"] == "call").to_numpy()
    is_crossed = spans["is_crossed"].fill_null(value=False).to_numpy()

    def either(column: str) -> np.ndarray:
        own, other = work[column].to_numpy()[owner], work[f"other_{column}"].to_numpy()[owner]
        return np.where(is_crossed, other, own)

    experiment = np.where(is_call, work["experiment"].to_numpy()[owner], NONE)
    is_tried = experiment != NONE
    before = np.cumsum([0] + [len(one.arms) for one in EXPERIMENTS])[experiment]
    return [
        names([one.experiment_id for one in EXPERIMENTS], experiment).alias("experiment_id"),
        names(
            [arm for one in EXPERIMENTS for arm in one.arms],
            np.where(is_tried, before + either("arm"), NONE),
        ).alias("experiment_arm"),
        pl.Series("experiment_propensity", either("propensity")).set(pl.Series(~is_tried), None),
    ]


def _overhead(
    horizon: Horizon, agents: tuple[roster.Agent, ...], task_count: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Return polling, health checks and memory refreshes: calls that serve no task."""
    daily = np.array([max(2, int(0.03 * one.share * task_count / horizon.days)) for one in agents])
    agent = np.repeat(np.tile(np.arange(len(agents)), horizon.days), np.tile(daily, horizon.days))
    day = np.repeat(np.arange(horizon.days), daily.sum())
    size = agent.size
    model = np.array([roster.MODEL_INDEX[one.models[1]] for one in agents])[agent]
    start = horizon.start_us + day * DAY_US + rng.integers(0, 24 * HOUR_US, size)
    flagged = rng.random(size) < 0.5
    return pl.DataFrame(
        {
            "kind": pl.repeat("call", size, eager=True),
            "agent": agent,
            "model": model,
            "started_us": start,
            "ended_us": start + rng.integers(150_000, 1_500_000, size),
            "is_overhead": marked(flagged),
            "task_no": np.full(size, _NO_TASK),
            **_tokens(model, np.zeros(size, dtype=np.int64), rng),
            "span_id": hex_ids(rng, size),
            "trace_id": hex_ids(rng, size, 16),
        }
    )


def _finish(
    spans: pl.DataFrame,
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Add what follows from agent, model and time."""
    agent = spans["agent"].to_numpy()
    model = spans["model"].fill_null(-1).to_numpy()
    is_later = spans["started_us"].to_numpy() >= horizon.change_us
    raw = names(
        [name for one in roster.MODELS for name in one.raw],
        np.where(model < 0, -1, 2 * model + is_later),
    )
    kind = spans["kind"]
    is_call = (kind == "call").to_numpy()
    # some gateways do not log which model answered
    unanswered = rng.random(spans.height) < 0.1
    starter = names([one.initiated_by for one in agents], agent)
    batched = is_call & (model == _OMNI) & (rng.random(spans.height) < 0.08)
    leaf = names(
        ("chat", "embeddings", "generate_content"),
        np.select([model == _EMBED, model == _FLASH], [1, 2]),
    )
    return spans.with_columns(
        raw.alias("request_model"),
        pl.Series("response_model", raw).set(pl.Series(unanswered), None),
        names([one.provider for one in roster.MODELS], model).alias("provider"),
        names([one.agent_id for one in agents], agent).alias("agent_id"),
        pl.when(pl.col("conversation_id").is_null())
        .then(pl.lit("schedule"))
        .otherwise(starter)
        .alias("initiated_by"),
        names(("batch",), np.where(batched, 0, -1)).alias("tier"),
        pl.col("kind")
        .replace_strict(
            {
                "call": None,
                "tool": "execute_tool",
                "retrieval": "retrieval",
                "agent": "invoke_agent",
                "workflow": "invoke_workflow",
            },
            return_dtype=pl.String,
        )
        .fill_null(leaf)
        .alias("operation"),
        is_call=pl.Series(is_call),
        is_later=pl.Series(is_later),
    )


def _answer(spans: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Add when the first token of each call that streams a text came, after its start."""
    length = (spans["ended_us"] - spans["started_us"]).to_numpy()
    share = rng.beta(2.0, 8.0, spans.height)
    is_text = (
        spans["is_call"].to_numpy()
        & (spans["model"].fill_null(-1).to_numpy() != _EMBED)
        & spans["error_type"].is_null().to_numpy()
    )
    after = np.minimum(80_000 + (share * length).astype(np.int64), length)
    return spans.with_columns(
        time_to_first_token_us=pl.Series(after).set(pl.Series(~is_text), None)
    )
