"""What experiments ask of the facts: who was exposed to what, and what became of it."""

from dataclasses import dataclass

from roi_engine.marts.facts import Count, FactQuery, Join, Sum
from roi_engine.marts.money import NANO, VALUE_SCALE
from roi_engine.marts.queries import ENDED, SUCCESS, VALUED
from roi_engine.marts.rates import UNIT_WEIGHT

TRIAL_DAYS = 120
"""How far back exposures are read: an experiment that began earlier is no longer read out."""

PRE_PERIOD_DAYS = 28
"""Length of the time before an experiment from which covariates come."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What an experiment can be about: x over y, both summed over a unit's tasks.

    ``above`` counts tasks of a share, or is an amount; ``below`` says which tasks count, and
    ``per`` is the amount they are divided by, 1 each where it is empty.
    """

    name: str
    about: str
    above: str
    below: str
    per: str = ""
    scale: int = 0
    is_better_high: bool = True

    @property
    def is_share(self) -> bool:
        """Whether x counts some of the tasks that y counts."""
        return self.scale == 0


_REVIEWED = "coalesce(is_output_delivered, false) and coalesce(is_human_reviewed, false)"
_PRICED = f"{ENDED} and priced_cost is not null"
_VALUE = (
    f"case when {SUCCESS} then coalesce(labour_value, 0) + coalesce(speed_value, 0)"
    " + coalesce(direct_value, 0) + coalesce(avoided_loss, 0)"
    f" when {VALUED} then coalesce(direct_value, 0) else 0 end"
)
METRICS: tuple[Metric, ...] = (
    Metric("success_rate", "successes / ended tasks", f"{ENDED} and {SUCCESS}", ENDED),
    Metric(
        "autonomous_success_rate",
        "autonomous successes / ended tasks",
        f"{ENDED} and outcome_class = 'autonomous_success'",
        ENDED,
    ),
    Metric(
        "cost_per_task",
        "list price of calls and tools / ended tasks with a price",
        "priced_cost",
        _PRICED,
        scale=NANO,
        is_better_high=False,
    ),
    Metric(
        "value_per_cost",
        "gross value / list price of calls and tools, of ended tasks with both",
        _VALUE,
        f"{_PRICED} and not ({SUCCESS} and labour_value is null)",
        per="priced_cost",
        scale=VALUE_SCALE,
    ),
    Metric(
        "hallucination_rate",
        "found hallucinated / outputs that people reviewed",
        f"{_REVIEWED} and coalesce(is_hallucination, false)",
        _REVIEWED,
        is_better_high=False,
    ),
    Metric(
        "escalation_rate",
        "handed over to a person / ended tasks",
        f"{ENDED} and coalesce(is_escalated, false)",
        ENDED,
        is_better_high=False,
    ),
)
"""The metrics that experiments are read out by, in order."""

_LOGGED = "propensity is not null"
# 1/p in whole millionths, of at most a million
WEIGHT = f"cast(floor({UNIT_WEIGHT}.0 / greatest(propensity, 0.000001) + 0.5) as bigint)"


def _simple(metric: Metric) -> tuple[tuple[Sum, ...], tuple[Count, ...]]:
    """Return x and y of a metric."""
    if metric.is_share:
        counts = (Count(f"{metric.name}_x", metric.above), Count(f"{metric.name}_y", metric.below))
        return (), counts
    above = Sum(f"{metric.name}_x", metric.above, metric.scale, metric.below)
    if not metric.per:
        return (above,), (Count(f"{metric.name}_y", metric.below),)
    return (above, Sum(f"{metric.name}_y", metric.per, NANO, metric.below)), ()


def _squares(metric: Metric) -> tuple[Sum, ...]:
    """Return what else is needed where each row is a unit; a share's products are its counts."""
    if metric.is_share:
        return tuple(
            Sum(f"{metric.name}_{kind}{end}", WEIGHT, 0, f"{_LOGGED} and {which}", squared=square)
            for kind, square in (("weight_", False), ("weight_squared_", True))
            for end, which in (("x", metric.above), ("y", metric.below))
        )
    name, scale, where = metric.name, 2 * NANO, metric.below
    squares = [Sum(f"{name}_xx", metric.above, scale, where, product=metric.above)]
    if metric.per:
        squares += [
            Sum(f"{name}_xy", metric.above, scale, where, product=metric.per),
            Sum(f"{name}_yy", metric.per, scale, where, product=metric.per),
        ]
    return tuple(squares)


_SUMS = tuple(total for metric in METRICS for total in _simple(metric)[0])
_COUNTS = tuple(count for metric in METRICS for count in _simple(metric)[1])
_CROSSED = ("is_crossed_over", "coalesce(is_crossed_over, false)")
_IN_PERIOD = "coalesce(is_in_period, false)"

EXPERIMENTS = FactQuery(
    "experiments",
    "dim_experiment",
    by=tuple(
        (name, name)
        for name in (
            *("experiment_id", "hypothesis", "metric", "unit", "arms", "allocation"),
            *("starts_on", "ends_on", "minimum_effect", "guardrails"),
        )
    ),
    reaches_back=None,
    about="Experiments on file.",
)
TRIALS = FactQuery(
    "trials",
    "fct_experiment_exposure",
    by=(
        ("day", "day"),
        ("experiment_id", "experiment_id"),
        ("arm", "arm"),
        _CROSSED,
        ("is_logged", _LOGGED),
    ),
    sums=(
        Sum("weight", WEIGHT, 0, _LOGGED),
        Sum("weight_squared", WEIGHT, 0, _LOGGED, squared=True),
        *_SUMS,
        *(total for metric in METRICS for total in _squares(metric)),
    ),
    counts=(
        Count("units"),
        Count("open_units", f"not {ENDED}"),
        Count("immature_units", f"{ENDED} and not coalesce(is_mature, true)"),
        *_COUNTS,
    ),
    where=f"unit = 'task' and {_IN_PERIOD}",
    join=Join(
        "fct_task",
        on=("task_id",),
        columns=tuple(
            (name, name)
            for name in (
                *("outcome_class", "is_ended", "is_mature", "is_escalated", "is_output_delivered"),
                *("is_human_reviewed", "is_hallucination", "priced_cost"),
                *("labour_value", "speed_value", "direct_value", "avoided_loss"),
            )
        ),
        same_days=True,
    ),
    reaches_back=TRIAL_DAYS - 1,
    about="Tasks by experiment and arm, on the day of their first exposure: one row is a unit.",
)
TRIAL_UNITS = FactQuery(
    "trial_units",
    "fct_experiment_exposure",
    by=(
        *((name, name) for name in ("day", "experiment_id", "unit", "unit_id", "arm")),
        _CROSSED,
        ("propensity", "propensity"),
    ),
    counts=(Count("rows"),),
    where=f"unit <> 'task' and {_IN_PERIOD}",
    reaches_back=TRIAL_DAYS - 1,
    about="Agents and groups of users by experiment and arm.",
)


def _tasks_of(name: str, unit: str, about: str) -> FactQuery:
    return FactQuery(
        name,
        "fct_task",
        by=(("day", "day"), ("created_day", "coalesce(created_day, day)"), ("unit_id", unit)),
        sums=_SUMS,
        counts=(
            Count("tasks"),
            Count("open_tasks", f"not {ENDED}"),
            Count("immature_tasks", f"{ENDED} and not coalesce(is_mature, true)"),
            *_COUNTS,
        ),
        where=f"{unit} is not null",
        reaches_back=TRIAL_DAYS + PRE_PERIOD_DAYS - 1,
        about=about,
    )


TASKS_OF_AGENTS = _tasks_of(
    "tasks_of_agents", "agent_id", "Tasks of agents that an experiment may randomise."
)
TASKS_OF_GROUPS = _tasks_of(
    "tasks_of_groups", "user_group", "Tasks for groups of users that an experiment may randomise."
)
TRIAL_QUERIES = (EXPERIMENTS, TRIALS, TRIAL_UNITS, TASKS_OF_AGENTS, TASKS_OF_GROUPS)
