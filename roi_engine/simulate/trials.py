"""What is tried on tasks, and on whom: experiments, retrieval, and groups of users.

Every effect is centred: what one arm, group or way of working gains the others lose, so that
the rates of an agent are on average what its role says.
"""

from dataclasses import dataclass

import numpy as np

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import Horizon

GROUPS = ("self_service", "enterprise", "newcomer")
GROUP_SHARES = (0.5, 0.3, 0.2)
GROUP_SUCCESS = (0.03, 0.03, -0.12)
"""What is added to an agent's success for each group: newcomers are served worse."""

RETRIEVAL_SHARE = 0.35
"""Share of an agent's tasks that begin by looking something up; drawn, so it is no choice."""
RETRIEVAL_FACTOR = 0.4
"""What retrieval does to the hallucination rate."""
NO_RETRIEVAL_FACTOR = (1 - RETRIEVAL_SHARE * RETRIEVAL_FACTOR) / (1 - RETRIEVAL_SHARE)

CROSSED_SHARE = 0.02
"""Share of the exposed tasks whose last call is under another arm, if it has more than one."""
RATED_SHARE = 0.4
"""Share of ended help desk tickets that their requester rates."""
GOOD_SHARE = {True: 0.9, False: 0.25}
"""How likely a rating is good after an accepted first resolution, and after any other."""
NONE = -1


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment over tasks; ``effects`` are added to the success of each arm."""

    experiment_id: str
    hypothesis: str
    arms: tuple[str, ...]
    allocation: tuple[float, ...]
    effects: tuple[float, ...]
    minimum_effect: float
    guardrails: str
    metric: str = "success_rate"


EXPERIMENTS = (
    Experiment(
        "answer-style",
        "A worked answer resolves more tasks than a plain one.",
        ("control", "treatment"),
        (0.5, 0.5),
        (-0.05, 0.05),
        0.02,
        "hallucination_rate:0.03;escalation_rate:0.05",
    ),
    Experiment(
        "prompt-bandit",
        "One of three prompts resolves more tasks than the others.",
        ("short", "plain", "steps"),
        (1 / 3, 1 / 3, 1 / 3),
        (-0.06, 0.0, 0.06),
        0.03,
        "hallucination_rate:0.03",
    ),
)
AB_TEST, BANDIT = range(len(EXPERIMENTS))
BANDIT_AGENT = 1
"""Only this agent's tasks are under the bandit; the tasks of all others are under the A/B test."""


@dataclass(frozen=True, slots=True)
class Trials:
    """For each task: its group, its arm and how likely that was, and what they do to its rates.

    ``other_arm`` is where a task that crosses over ends up; -1 is none. ``mood`` is uniform on
    0 to 1: a requester who rates is pleased where it is below ``GOOD_SHARE``.
    """

    group: np.ndarray
    experiment: np.ndarray
    arm: np.ndarray
    propensity: np.ndarray
    other_arm: np.ndarray
    other_propensity: np.ndarray
    has_retrieval: np.ndarray
    is_rated: np.ndarray
    mood: np.ndarray
    success_added: np.ndarray
    hallucination_factor: np.ndarray


def ab_start(horizon: Horizon) -> int:
    """Return the day index on which the A/B test begins: there is a time before it."""
    return horizon.days // 7


def propensities(horizon: Horizon) -> np.ndarray:
    """Return how likely each arm is: experiment × day × arm, 0 for arms that do not exist.

    The bandit begins with equal shares and leans, day by day, towards its last arm.

    Examples:
        >>> from datetime import date
        >>> propensities(Horizon(date(2026, 1, 1), 2))[BANDIT].round(3).tolist()
        [[0.333, 0.333, 0.333], [0.15, 0.25, 0.6]]
    """
    most = max(len(one.arms) for one in EXPERIMENTS)
    shares = np.zeros((len(EXPERIMENTS), horizon.days, most))
    shares[AB_TEST, :, : len(EXPERIMENTS[AB_TEST].arms)] = EXPERIMENTS[AB_TEST].allocation
    progress = np.linspace(0.0, 1.0, horizon.days)[:, None]
    last = np.array([0.15, 0.25, 0.6])
    shares[BANDIT] = (1 - progress) * np.array(EXPERIMENTS[BANDIT].allocation) + progress * last
    return shares


def expected_effect(horizon: Horizon, agent: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Return what the experiments add to an agent's success on a day, over all arms."""
    shares = propensities(horizon)[BANDIT]
    by_day = shares @ np.array(EXPERIMENTS[BANDIT].effects)
    return np.where(agent == BANDIT_AGENT, by_day[day], 0.0)


def draw_trials(
    horizon: Horizon, agent: np.ndarray, day: np.ndarray, rng: np.random.Generator
) -> Trials:
    """Draw what is tried on each task; people (a negative agent) try nothing."""
    count = agent.size
    group = np.searchsorted(np.cumsum(GROUP_SHARES)[:-1], rng.random(count), side="right")
    has_retrieval = (rng.random(count) < RETRIEVAL_SHARE) & (agent >= 0)
    draw, crosses = rng.random(count), rng.random(count) < CROSSED_SHARE
    experiment = np.select(
        [agent < 0, agent == BANDIT_AGENT, day >= ab_start(horizon)], [NONE, BANDIT, AB_TEST], NONE
    )
    shares = propensities(horizon)[experiment, day]
    rows = np.arange(count)
    arm_count = np.array([len(one.arms) for one in EXPERIMENTS])[experiment]
    arm = np.minimum((np.cumsum(shares, axis=1) <= draw[:, None]).sum(axis=1), arm_count - 1)
    other = (arm + 1) % arm_count
    effects = np.zeros(shares.shape)
    for index, one in enumerate(EXPERIMENTS):
        effects[experiment == index, : len(one.effects)] = one.effects
    is_tried = experiment != NONE
    by_agent = agent >= 0
    return Trials(
        group=group,
        experiment=experiment,
        arm=np.where(is_tried, arm, NONE),
        propensity=np.where(is_tried, shares[rows, arm], np.nan),
        other_arm=np.where(is_tried & crosses, other, NONE),
        other_propensity=np.where(is_tried & crosses, shares[rows, other], np.nan),
        has_retrieval=has_retrieval,
        is_rated=rng.random(count) < RATED_SHARE,
        mood=rng.random(count),
        success_added=np.where(by_agent, np.array(GROUP_SUCCESS)[group], 0.0)
        + np.where(is_tried, effects[rows, arm], 0.0),
        hallucination_factor=np.where(has_retrieval, RETRIEVAL_FACTOR, NO_RETRIEVAL_FACTOR),
    )


def as_truth(horizon: Horizon, agents: tuple[roster.Agent, ...]) -> dict[str, object]:
    """Return what is true of the trials, to be written down."""
    found = propensities(horizon)
    return {
        "satisfaction": {
            "rated_share": RATED_SHARE,
            "good_after_acceptance": GOOD_SHARE[True],
            "good_after_failure": GOOD_SHARE[False],
        },
        "user_groups": {
            name: {"share": share, "success_added": added}
            for name, share, added in zip(GROUPS, GROUP_SHARES, GROUP_SUCCESS, strict=True)
        },
        "retrieval": {
            "share": RETRIEVAL_SHARE,
            "is_random": True,
            "hallucination_factor_with": RETRIEVAL_FACTOR,
            "hallucination_factor_without": NO_RETRIEVAL_FACTOR,
        },
        "experiments": {
            one.experiment_id: {
                "agents": [
                    agent.agent_id
                    for row, agent in enumerate(agents)
                    if (row == BANDIT_AGENT) == (index == BANDIT)
                ],
                "outcome": "probability that the first resolution is accepted",
                "success_added": dict(zip(one.arms, one.effects, strict=True)),
                "lift": one.effects[-1] - one.effects[0],
                "crossed_share": CROSSED_SHARE,
                "propensity_first_day": dict(zip(one.arms, found[index, 0].tolist(), strict=False)),
                "propensity_last_day": dict(zip(one.arms, found[index, -1].tolist(), strict=False)),
            }
            for index, one in enumerate(EXPERIMENTS)
        },
    }
