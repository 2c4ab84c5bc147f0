"""How tasks end: when they are resolved, who comes back, who reviews them, what class they get."""

import numpy as np
import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Horizon
from roi_engine.simulate.tasks import (
    ACCEPTED,
    ALONE,
    AUTO_CLOSED,
    HUMAN,
    NO_TICKET,
    REJECTED,
    REOPENED,
    SERVICENOW,
    UNRESOLVED,
    ZENDESK,
)

OPEN_TIMEOUT_DAYS = 30
_STALE_FROM_DAYS = 45
"""Only estates this long hold tickets that stay open for ever, so none is near the timeout."""
ASKED_AT_ONCE = 0.08
"""Share of help desk tickets whose requester would ask again at once, were it still open then."""
ANONYMOUS_INCIDENTS = 0.1
"""Share of incidents that monitoring opens, in nobody's name."""
_NEVER = np.iinfo(np.int64).max // 4


def draw_outcomes(
    tasks: pl.DataFrame,
    last_end_us: np.ndarray,
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
    rng: np.random.Generator,
    *,
    request_rng: np.random.Generator,
) -> pl.DataFrame:
    """Add to each task the instants of its life, its requester, its reviews and its class.

    Instants that lie after the window are kept: the truth knows them, the sources do not yet.
    ``request_rng`` draws who asks twice at once, so that ``rng`` draws the same lives whoever does.
    """
    tasks = _resolve(tasks, last_end_us, horizon, rng)
    tasks = _return_contacts(tasks, rng)
    tasks = _ask_at_once(tasks, request_rng)
    tasks = _review(tasks, agents, rng)
    tasks = _evaluate(tasks, rng)
    tasks = _value(tasks, rng)
    return _classify(tasks, horizon)


def _resolve(
    tasks: pl.DataFrame, last_end_us: np.ndarray, horizon: Horizon, rng: np.random.Generator
) -> pl.DataFrame:
    count = tasks.height
    system, fate = tasks["system"].to_numpy(), tasks["fate"].to_numpy()
    clock = np.where(system == SERVICENOW, MINUTE_US, SECOND_US)
    by_person = (tasks["help"] != ALONE).to_numpy()
    quick = rng.exponential(6 * MINUTE_US, count)
    slow = rng.exponential(5 * HOUR_US, count)
    days = rng.uniform(1, 6, count) * DAY_US
    draw = rng.random(count)
    lag = np.select([draw < 0.08, (draw < 0.3) | by_person], [days, slow], quick)
    resolved = last_end_us + lag.astype(np.int64) + MINUTE_US
    if horizon.days >= _STALE_FROM_DAYS:
        stale = (tasks["day_index"].to_numpy() < 3) & (rng.random(count) < 0.02)
        resolved = np.where(stale, _NEVER, resolved)
    reopened = resolved + (rng.uniform(1, 120, count) * HOUR_US).astype(np.int64)
    again = reopened + (rng.uniform(1, 72, count) * HOUR_US).astype(np.int64)
    silent = resolved + 4 * DAY_US
    instants = {
        "resolved_us": resolved,
        "reopened_us": np.where(fate == REOPENED, reopened, _NEVER),
        "resolved_again_us": np.where(fate == REOPENED, again, _NEVER),
        "auto_closed_us": np.where(fate == AUTO_CLOSED, silent, _NEVER),
    }
    return tasks.with_columns(
        **{name: pl.Series(values - values % clock) for name, values in instants.items()}
    )


def _return_contacts(tasks: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let some requesters come back on the same kind of task.

    Inside seven days of the resolution that makes the first ticket a failure, by a follow-up
    ticket or by a plain new one; after more than eight days it does not.
    """
    count = tasks.height
    eligible = (tasks["system"] == ZENDESK) & tasks["fate"].is_in([ACCEPTED, UNRESOLVED])
    chosen = eligible.to_numpy() & (rng.random(count) < 0.035)
    requester = np.arange(count) + 1
    child_of = np.full(count, -1)
    recontact = np.full(count, -1)
    follows = rng.random(count) < 0.4
    comes_late = rng.random(count) < 0.25
    created = tasks["created_us"].to_numpy()
    resolved = tasks["resolved_us"].to_numpy()
    kind, system = tasks["task_type"].to_numpy(), tasks["system"].to_numpy()
    for one in range(len(roster.TASK_TYPES)):
        rows = np.flatnonzero((kind == one) & (system == ZENDESK))
        parents = rows[chosen[rows]]
        wait = np.where(comes_late[parents], 9 * DAY_US, 2 * HOUR_US)
        after = np.searchsorted(created[rows], resolved[parents] + wait)
        after += rng.integers(0, 3, parents.size)
        known = after < rows.size
        parents, child = parents[known], rows[after[known]]
        limit = np.where(comes_late[parents], 14 * DAY_US, 6 * DAY_US)
        keep = (created[child] - resolved[parents] < limit) & ~chosen[child]
        parents, child = parents[keep], child[keep]
        # a ticket answers one earlier ticket at most
        first = np.unique(child, return_index=True)[1]
        parents, child = parents[first], child[first]
        requester[child] = requester[parents]
        child_of[child] = np.where(follows[parents] & ~comes_late[parents], parents, -1)
        recontact[parents] = np.where(comes_late[parents], -1, child)
    return tasks.with_columns(
        requester=pl.Series(requester),
        follow_up_of=pl.Series(child_of),
        recontacted_by=pl.Series(recontact),
        recontacted_us=pl.Series(np.where(recontact >= 0, created[recontact], _NEVER)),
    )


def _ask_at_once(tasks: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let some requesters ask again while the first is still at work, whoever gets it then.

    That changes no outcome. Adds ``has_requester`` (monitoring opens incidents in nobody's name)
    and ``is_redundant``: an agent's task that was asked for again, here or in a return contact
    inside the window, and then got by another agent; NULL where nobody can know who asked.
    """
    count = tasks.height
    requester = tasks["requester"].to_numpy().copy()
    created, resolved = tasks["created_us"].to_numpy(), tasks["resolved_us"].to_numpy()
    kind, system = tasks["task_type"].to_numpy(), tasks["system"].to_numpy()
    agent, again = tasks["agent"].to_numpy(), tasks["recontacted_by"].to_numpy().copy()
    is_alone = np.bincount(requester)[requester] == 1
    draw, further = rng.random(count), rng.integers(1, 4, count)
    for one in range(len(roster.TASK_TYPES)):
        rows = np.flatnonzero((kind == one) & (system == ZENDESK) & is_alone)
        place = np.flatnonzero(draw[rows] < ASKED_AT_ONCE)
        # three apart at most: nobody is asked again by two, or asks again what asked again
        place = place[np.diff(place, prepend=-9) > 6]
        place = place[place + further[rows[place]] < rows.size]
        first, second = rows[place], rows[place + further[rows[place]]]
        keep = created[second] < resolved[first]
        first, second = first[keep], second[keep]
        requester[second] = requester[first]
        again[first] = second
    has_requester = (system != SERVICENOW) | (rng.random(count) >= ANONYMOUS_INCIDENTS)
    elsewhere = (again >= 0) & (agent[again] != agent) & (agent[again] != HUMAN) & (agent != HUMAN)
    is_known = has_requester & (system != NO_TICKET)
    return tasks.with_columns(
        requester=pl.Series(requester),
        has_requester=pl.Series(has_requester),
        is_redundant=pl.Series(elsewhere).set(pl.Series(~is_known), None),
    )


def _review(
    tasks: pl.DataFrame, agents: tuple[roster.Agent, ...], rng: np.random.Generator
) -> pl.DataFrame:
    """Draw reviews by people: at random with a known probability, or after a complaint.

    Only settled outputs are reviewed, so what comes back for other reasons says nothing
    about the rate.
    """
    count = tasks.height
    agent = tasks["agent"].to_numpy()
    probability = np.array([one.review_probability for one in agents] + [0.0])[agent]
    eligible = (
        (agent != HUMAN)
        & (tasks["system"] != NO_TICKET).to_numpy()
        & tasks["fate"].is_in([ACCEPTED, REJECTED]).to_numpy()
        & (tasks["recontacted_by"] < 0).to_numpy()
    )
    wrong = tasks["is_hallucinated"].to_numpy()
    is_random = eligible & (rng.random(count) < probability)
    triggered = eligible & (
        rng.random(count)
        < np.where(wrong, roster.TRIGGERED_REVIEW[True], roster.TRIGGERED_REVIEW[False])
    )
    reviewed = is_random | triggered
    at = tasks["resolved_us"].to_numpy() + (rng.uniform(1, 60, count) * HOUR_US).astype(np.int64)
    at -= at % MINUTE_US
    return tasks.with_columns(
        is_random_review=pl.Series(is_random),
        sampling_probability=pl.Series(probability).set(pl.Series(~is_random), None),
        reviewed_us=pl.Series(np.where(reviewed, at, _NEVER)),
    )


def _evaluate(tasks: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let the automatic evaluator look at a share of the outputs, with its known errors."""
    count = tasks.height
    seen = (
        (tasks["agent"] != HUMAN).to_numpy()
        & (tasks["fate"] != UNRESOLVED).to_numpy()
        & (rng.random(count) < roster.EVALUATOR_SHARE)
    )
    flags = rng.random(count) < np.where(
        tasks["is_hallucinated"].to_numpy(), roster.SENSITIVITY, 1 - roster.SPECIFICITY
    )
    at = tasks["resolved_us"].to_numpy() + rng.integers(5, 600, count) * SECOND_US
    return tasks.with_columns(
        evaluated_us=pl.Series(np.where(seen, at, _NEVER)), evaluator_flags=pl.Series(flags)
    )


def _value(tasks: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Draw what people spent, and the money that a task itself brought or lost, in cents."""
    count = tasks.height
    kind = tasks["task_type"]
    is_capital = (kind == roster.TYPE_INDEX["fx_hedge"]).to_numpy()
    is_novel = (kind == roster.TYPE_INDEX["market_brief"]).to_numpy()
    is_incident = (kind == roster.TYPE_INDEX["it_incident"]).to_numpy()
    allocated = rng.integers(500, 20_000, count) * 100
    gain = np.rint(allocated * rng.normal(0.004, 0.02, count)).astype(np.int64)
    brief = rng.integers(100, 4_000, count)
    direct = np.select([is_capital, is_novel], [gain, brief], 0)
    avoided = is_incident & (rng.random(count) < 0.1)
    by_agent = (tasks["agent"] != HUMAN).to_numpy()
    helped = (tasks["help"] != ALONE).to_numpy()
    hard = np.where(tasks["is_hard"].to_numpy(), 1.6, 1.0)
    minutes = np.rint(10 * rng.gamma(4, 3.2, count) * hard * np.where(by_agent, 0.6, 1.0))
    return tasks.with_columns(
        direct_value_cents=pl.Series(direct).set(
            pl.Series(~((is_capital | is_novel) & by_agent)), None
        ),
        capital_cents=pl.Series(allocated).set(pl.Series(~(is_capital & by_agent)), None),
        avoided_loss_cents=pl.Series(rng.integers(1_000, 50_000, count)).set(
            pl.Series(~(avoided & by_agent)), None
        ),
        # tenths of a minute, so that the text in the file is exact
        human_decimin=pl.Series(np.where(helped, np.maximum(minutes, 5), 0).astype(np.int64)),
        has_time_entry=pl.Series(helped & (rng.random(count) < 0.6)),
    )


def _classify(tasks: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
    """Add ``outcome_class`` as it stands at the end of the window, and the eventual one."""
    return tasks.with_columns(
        outcome_class=class_at(horizon.end_us, horizon),
        # long after all that happens, and well before what never does (which is cut to a clock)
        eventual_class=class_at(_NEVER // 2, horizon),
    )


def class_at(instant_us: int, horizon: Horizon) -> pl.Expr:
    """Return the outcome class of each task as known at an instant.

    Precedence: open, failure, unconfirmed, assisted, autonomous. A ticket that is open for more
    than the timeout on the window's last day is a failure.
    """

    def known(column: str) -> pl.Expr:
        return pl.col(column) < instant_us

    is_open = ~known("resolved_us") | (known("reopened_us") & ~known("resolved_again_us"))
    is_stale = pl.col("day_index") < horizon.days - 1 - OPEN_TIMEOUT_DAYS
    is_failure = (
        pl.col("fate").is_in([UNRESOLVED, REJECTED])
        | known("reopened_us")
        | known("recontacted_us")
        | (known("reviewed_us") & pl.col("is_hallucinated"))
    )
    return (
        pl.when(pl.col("system") == NO_TICKET)
        .then(pl.lit("unobserved"))
        .when(is_open & is_stale)
        .then(pl.lit("failure"))
        .when(is_open)
        .then(pl.lit("open"))
        .when(is_failure)
        .then(pl.lit("failure"))
        .when(known("auto_closed_us"))
        .then(pl.lit("unconfirmed"))
        .when(pl.col("help") != ALONE)
        .then(pl.lit("assisted_success"))
        .otherwise(pl.lit("autonomous_success"))
    )
