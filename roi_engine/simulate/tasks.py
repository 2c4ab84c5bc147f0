"""The work that arrives: who gets it, how it will end, and what nobody can see of it."""

import numpy as np
import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.columns import hex_ids
from roi_engine.simulate.horizon import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Horizon
from roi_engine.simulate.trials import GOOD_SHARE, draw_trials

ACCEPTED, UNRESOLVED, REJECTED, REOPENED, AUTO_CLOSED = range(5)
"""How a task ends if nothing else happens to it (column ``fate``)."""
ALONE, ESCALATED, HYBRID = range(3)
"""How much a person takes part (column ``help``)."""
ZENDESK, SERVICENOW, NO_TICKET = range(3)
"""Where a task's ticket lies (column ``system``)."""
HUMAN = -1
"""The ``agent`` of a ticket that people work on from the start."""


def draw_tasks(
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
    per_day: int,
    rng: np.random.Generator,
    trial_rng: np.random.Generator,
) -> pl.DataFrame:
    """Draw ``per_day`` tasks for each day, one row each, in order of creation.

    Indices (``agent``, ``task_type``, ``department``, ``channel``) point into the roster; a
    department of -1 is one that the ticket leaves empty. ``trial_rng`` draws what is tried on
    each task (see ``trials``), so that ``rng`` draws the same tasks whatever is tried.
    """
    count = horizon.days * per_day
    day = np.repeat(np.arange(horizon.days), per_day)
    agent = _assign(agents, count, rng)
    is_human = agent == HUMAN
    kind = _task_types(agents, agent, rng)
    system = np.where(kind == roster.TYPE_INDEX["it_incident"], SERVICENOW, ZENDESK)
    system[~is_human & (rng.random(count) < roster.UNTICKETED_SHARE)] = NO_TICKET
    created = horizon.start_us + day * DAY_US + _time_of_day(count, rng)
    # an incident table shows minutes, a help desk shows seconds
    created -= created % np.where(system == SERVICENOW, MINUTE_US, SECOND_US)
    hard = rng.random(count) < np.where(
        is_human, roster.HARD_SHARE["human"], roster.HARD_SHARE["agent"]
    )
    tried = draw_trials(horizon, agent, day, trial_rng)
    success, hallucination = true_rates(horizon, agents, agent, kind, day)
    success = success + tried.success_added
    hallucination = hallucination * tried.hallucination_factor
    # what people did is confirmed by them
    can_close_silently = (system == ZENDESK) & ~is_human
    fate = _fates(success - roster.HARD_PENALTY * hard, system, can_close_silently, rng)
    frame = pl.DataFrame(
        {
            "day_index": day,
            "created_us": created,
            "agent": agent,
            "task_type": kind,
            "department": _departments(agents, agent, kind, rng),
            "channel": rng.choice(len(roster.CHANNELS), count, p=[0.45, 0.25, 0.2, 0.1]),
            "system": system,
            "is_hard": hard,
            "fate": fate,
            "help": _help(agents, agent, fate, rng),
            "is_hallucinated": (rng.random(count) < hallucination)
            & np.isin(fate, [ACCEPTED, REJECTED, AUTO_CLOSED]),
            "user_group": tried.group,
            "experiment": tried.experiment,
            "arm": tried.arm,
            "propensity": tried.propensity,
            "other_arm": tried.other_arm,
            "other_propensity": tried.other_propensity,
            "has_retrieval": tried.has_retrieval,
            "is_rated": tried.is_rated & (system == ZENDESK),
            "is_pleased": tried.mood
            < np.where(np.isin(fate, [ACCEPTED, AUTO_CLOSED]), GOOD_SHARE[True], GOOD_SHARE[False]),
        }
    ).sort("created_us", maintain_order=True)
    return frame.with_columns(
        pl.Series("task_id", hex_ids(rng, count)).alias("task_id"),
        task_no=pl.int_range(pl.len(), dtype=pl.Int64),
    ).with_columns(task_id=pl.concat_str(pl.lit("conv-"), "task_id"))


def true_rates(
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
    agent: np.ndarray,
    kind: np.ndarray,
    day: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the true success (of an easy case) and hallucination rate of each row.

    The first agent drifts from ``horizon.drift_day`` on. People succeed in 93 % of easy cases
    and do not hallucinate here.
    """
    shape = (len(agents) + 1, len(roster.TASK_TYPES))
    success, hallucination = np.full(shape, 0.93), np.zeros(shape)
    for row, one in enumerate(agents):
        for name, right, wrong in zip(one.task_types, one.success, one.hallucination, strict=True):
            success[row, roster.TYPE_INDEX[name]] = right
            hallucination[row, roster.TYPE_INDEX[name]] = wrong
    drifted = (agent == 0) & (day >= horizon.drift_day)
    return (
        success[agent, kind] + np.where(drifted, roster.DRIFT_SUCCESS, 0.0),
        hallucination[agent, kind] * np.where(drifted, roster.DRIFT_HALLUCINATION, 1.0),
    )


def _assign(agents: tuple[roster.Agent, ...], count: int, rng: np.random.Generator) -> np.ndarray:
    shares = np.array([one.share for one in agents]) * (1 - roster.HUMAN_SHARE)
    bounds = np.cumsum(shares)
    drawn = np.searchsorted(bounds, rng.random(count), side="right")
    return np.where(drawn >= len(agents), HUMAN, drawn)


def _task_types(
    agents: tuple[roster.Agent, ...], agent: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    first = np.array([roster.TYPE_INDEX[one.task_types[0]] for one in agents] + [0])
    last = np.array([roster.TYPE_INDEX[one.task_types[-1]] for one in agents] + [0])
    kind = np.where(rng.random(agent.size) < 0.65, first[agent], last[agent])
    # market briefs were impossible before, so nobody does them by hand
    by_hand = rng.integers(0, roster.TYPE_INDEX["market_brief"], agent.size)
    return np.where(agent == HUMAN, by_hand, kind)


def _time_of_day(count: int, rng: np.random.Generator) -> np.ndarray:
    """Most work comes in office hours, a quarter around the clock."""
    office = np.clip(rng.normal(13.5, 3.2, count), 0, 23.999)
    clock = rng.uniform(0, 24, count)
    hours = np.where(rng.random(count) < 0.25, clock, office)
    return (hours * HOUR_US).astype(np.int64)


def _departments(
    agents: tuple[roster.Agent, ...],
    agent: np.ndarray,
    kind: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    own = np.array([roster.DEPARTMENTS.index(one.department) for one in agents] + [0])
    home = np.where(agent == HUMAN, kind % len(roster.DEPARTMENTS), own[agent])
    draw = rng.random(agent.size)
    other = rng.integers(0, len(roster.DEPARTMENTS), agent.size)
    return np.select([draw < 0.8, draw < 0.9], [home, other], -1)


def _fates(
    success: np.ndarray,
    system: np.ndarray,
    can_close_silently: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    draw, kind = rng.random(success.size), rng.random(success.size)
    failed = np.select([kind < 0.5, kind < 0.75], [UNRESOLVED, REJECTED], REOPENED)
    # only the help desk knows a rejection
    failed[(system == SERVICENOW) & (failed == REJECTED)] = UNRESOLVED
    silent = (rng.random(success.size) < roster.AUTO_CLOSED_SHARE) & can_close_silently
    return np.where(draw < success, np.where(silent, AUTO_CLOSED, ACCEPTED), failed)


def _help(
    agents: tuple[roster.Agent, ...],
    agent: np.ndarray,
    fate: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    autonomy = np.array([one.autonomy for one in agents] + [0.0])[agent]
    alone = np.where(fate == ACCEPTED, autonomy, 0.7)
    helped = np.where(rng.random(agent.size) < 0.5, ESCALATED, HYBRID)
    taken = np.where(rng.random(agent.size) < alone, ALONE, helped)
    return np.select([agent == HUMAN, fate == AUTO_CLOSED], [HYBRID, ALONE], taken)
