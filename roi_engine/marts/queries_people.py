"""Sums for the marts about people's work: handlers, productivity, fairness, grounding, cohorts."""

from roi_engine.marts.facts import REACH_DAYS, Count, FactQuery, Join, Sum
from roi_engine.marts.histograms import bucket_sql
from roi_engine.marts.money import CREDITED_SCALE, NANO
from roi_engine.marts.queries import (
    ALONE,
    BY_AN_AGENT,
    CREDITED_AGENT,
    CREDITED_BY_AN_AGENT,
    CREDITS,
    ENDED,
    SUCCESS,
    TOKENS,
    UNKNOWN,
    VALUED,
    WINDOW,
)

COHORT_DAYS = 188
"""How far back cohorts are followed: 26 weeks, and the days of the week that has begun."""

HANDLER = ("handler", f"coalesce(agent_id, '{UNKNOWN}')")
WORK_CELL = ("task_type", "department", "channel")
_CELL = tuple((name, f"coalesce({name}, '{UNKNOWN}')") for name in WORK_CELL)
_DAY = ("day", "day")

# whole microseconds: they add up exactly, squares too
HANDLE = "cast(floor(cast(human_minutes as double) * 60000000 + 0.5) as bigint)"
WORK = f"{HANDLE} + inference_microseconds"
_MICROMINUTES = "cast(floor(cast(baseline_minutes as double) * 1000000 + 0.5) as bigint)"
_FAMILIAR = "not coalesce(is_novel, false)"
_HANDLED = f"{ENDED} and human_minutes is not null"
_WORKED = f"{_HANDLED} and inference_microseconds is not null"
_CYCLED = f"{ENDED} and cycle_microseconds is not null"
_ANSWERED = f"{ENDED} and first_response_microseconds is not null"
_AGENT = "coalesce(agent_id, '__human__') <> '__human__'"
_ESCALATED = "coalesce(is_escalated, false)"
_IN_BUSINESS = f"{ENDED} and business_cycle_microseconds is not null"
_OF_VALUE = f"{ENDED} and value_microseconds is not null"
# a part of the escalated tasks, so that the share of them stays within 1
_HANDED = f"{ENDED} and {_AGENT} and {_ESCALATED} and handoff_microseconds is not null"
_APPROVED = "coalesce(is_approved_by_human, false)"
_REPAIRED = "coalesce(failed_by, '') in ('rejected', 'hallucinated')"
_FIRST_CONTACT = f"{SUCCESS} and not {_ESCALATED} and not coalesce(is_reopened, false)"
_CONFIRMED = f"{ENDED} and outcome_class <> 'unconfirmed'"
_JUDGED = f"{_CONFIRMED} and coalesce(is_mature, false)"
_GOOD = f"{_FIRST_CONTACT} and not coalesce(is_hallucination, false)"
_NO_HANDLER = "('__deferred__', '__idle__', '__unallocated__', '__out_of_scope__')"


def _durations(name: str, value: str, where: str, about: str) -> FactQuery:
    return FactQuery(
        name,
        "fct_task",
        by=(_DAY, HANDLER, *_CELL, ("bucket", bucket_sql(value))),
        counts=(
            Count("count"),
            Count("assumed_tasks", "coalesce(human_minutes_basis, 'none') = 'assumed'"),
        ),
        where=where,
        about=about,
    )


DURATIONS = {
    "handle_minutes": _durations(
        "handle_durations",
        f"cast({HANDLE} as double) / 60000000",
        _HANDLED,
        "How long people worked on ended tasks.",
    ),
    "work_minutes": _durations(
        "work_durations",
        f"cast({WORK} as double) / 60000000",
        _WORKED,
        "How long people and models together worked on ended tasks.",
    ),
    "cycle_hours": _durations(
        "cycle_durations",
        "cast(cycle_microseconds as double) / 3600000000",
        _CYCLED,
        "How long ended tasks took from creation to resolution.",
    ),
    "first_response_minutes": _durations(
        "first_response_durations",
        "cast(first_response_microseconds as double) / 60000000",
        _ANSWERED,
        "How long requesters of ended tasks waited for the first answer.",
    ),
    "business_cycle_hours": _durations(
        "business_cycle_durations",
        "cast(business_cycle_microseconds as double) / 3600000000",
        _IN_BUSINESS,
        "How long ended tasks took of the service hours.",
    ),
    "value_hours": _durations(
        "value_durations",
        "cast(value_microseconds as double) / 3600000000",
        _OF_VALUE,
        "How long it took until the accepted output of a task was there.",
    ),
    "handoff_minutes": _durations(
        "handoff_durations",
        "cast(handoff_microseconds as double) / 60000000",
        _HANDED,
        "How long escalated tasks lay between the agent and a person.",
    ),
}
"""Measure of daily_duration → its query."""

WORK_BY_HANDLER = FactQuery(
    "work_by_handler",
    "fct_task",
    by=(_DAY, HANDLER, *_CELL),
    sums=(
        Sum("handle_microseconds", HANDLE, 0, _HANDLED),
        Sum("work_microseconds", WORK, 0, _WORKED),
        Sum("cycle_microseconds", "cycle_microseconds", 0, _CYCLED),
        Sum("first_response_microseconds", "first_response_microseconds", 0, _ANSWERED),
        Sum("business_cycle_microseconds", "business_cycle_microseconds", 0, _IN_BUSINESS),
        Sum("value_microseconds", "value_microseconds", 0, _OF_VALUE),
        Sum("handoff_microseconds", "handoff_microseconds", 0, _HANDED),
        Sum(
            "satisfaction_thousandths",
            "cast(floor(satisfaction * 1000 + 0.5) as bigint)",
            0,
            "satisfaction is not null",
        ),
    ),
    counts=(
        Count("ended_tasks", ENDED),
        Count("successes", SUCCESS),
        Count("failures", "outcome_class = 'failure'"),
        Count("unconfirmed_tasks", "outcome_class = 'unconfirmed'"),
        Count("handled_tasks", _HANDLED),
        Count("worked_tasks", _WORKED),
        Count("cycled_tasks", _CYCLED),
        Count("answered_tasks", _ANSWERED),
        Count("business_cycled_tasks", _IN_BUSINESS),
        Count("valued_tasks", _OF_VALUE),
        Count("handed_tasks", _HANDED),
        Count("confirmed_tasks", _CONFIRMED),
        Count("first_contact_tasks", _FIRST_CONTACT),
        Count("one_touch_tasks", f"{ENDED} and coalesce(is_one_touch, false)"),
        Count("touched_tasks", f"{ENDED} and is_one_touch is not null"),
        Count("agent_tasks", f"{ENDED} and {_AGENT}"),
        Count("escalated_tasks", f"{ENDED} and {_AGENT} and {_ESCALATED}"),
        Count("reopened_tasks", f"{ENDED} and coalesce(is_reopened, false)"),
        Count("delivered_tasks", "coalesce(is_output_delivered, false)"),
        Count("faulty_tasks", f"coalesce(is_output_delivered, false) and {_REPAIRED}"),
        Count("rated_tasks", "satisfaction is not null"),
        Count("suggested_tasks", f"{ENDED} and {_AGENT} and ({_ESCALATED} or {_APPROVED})"),
        Count(
            "decided_tasks",
            f"{ENDED} and {_AGENT} and not {_ESCALATED} and not {_APPROVED} and not ({ALONE})",
        ),
        Count("automated_tasks", f"{ENDED} and {_AGENT} and {ALONE} and not {_APPROVED}"),
        Count("judged_tasks", _JUDGED),
        Count("good_tasks", f"{_JUDGED} and {_GOOD}"),
        Count("published_tasks", f"{ENDED} and evidence = 'published'"),
        Count(
            "assumed_tasks",
            f"{ENDED} and (coalesce(human_minutes_basis, 'none') = 'assumed'"
            " or evidence = 'assumed')",
        ),
    ),
    about="Ended tasks of each handler, how they ended, and how long they took.",
)
HUMAN_COST_BY_HANDLER = FactQuery(
    "human_cost_by_handler",
    "fct_time_entry",
    by=(_DAY, HANDLER, *_CELL),
    sums=(Sum("human_cost", "human_cost", NANO),),
    counts=(
        Count("assumed_entries", "basis = 'assumed'"),
        Count("entries_without_cost", "human_cost is null"),
    ),
    about="People's time, on agents' tasks and on their own.",
)
SPEND_BY_HANDLER = FactQuery(
    "spend_by_handler",
    "fct_cost_allocation",
    by=(_DAY, HANDLER, *_CELL),
    sums=(Sum("spend", "allocated_cost", NANO),),
    counts=(
        Count("billed_lines", "coalesce(cost_basis, 'billed') in ('billed', 'mixed')"),
        Count("estimated_lines", "cost_basis in ('estimated', 'mixed')"),
    ),
    where=f"coalesce(agent_id, '') not in {_NO_HANDLER}",
    about="What each agent's cells were charged.",
)
BACKLOG = FactQuery(
    "backlog",
    "fct_ticket",
    by=(_DAY, HANDLER, *_CELL, ("ended_day", "ended_day")),
    counts=(Count("tickets"),),
    where="not coalesce(is_excluded, false)",
    reaches_back=REACH_DAYS - 1,
    about="Tickets by the day on which they came and the day on which they ended.",
)
_MINUTES = "cast(floor(cast(minutes as double) * 60000000 + 0.5) as bigint)"
_ROSTER = ("roster", f"coalesce(roster, '{UNKNOWN}')")
WORKED_BY_ROSTER = FactQuery(
    "worked_by_roster",
    "fct_time_entry",
    by=(_DAY, _ROSTER),
    sums=(
        Sum("worked_microseconds", _MINUTES, 0, "minutes is not null"),
        Sum("assumed_microseconds", _MINUTES, 0, "minutes is not null and basis = 'assumed'"),
    ),
    counts=(
        Count("entries"),
        Count("entries_without_minutes", "minutes is null"),
        Count("undated_entries", "coalesce(is_day_assumed, true)"),
        Count("assumed_entries", "basis = 'assumed'"),
    ),
    about="People's time on tasks, by the roster that it belongs to.",
)
DUTY = FactQuery(
    "duty",
    "fct_duty",
    by=(_DAY, _ROSTER),
    sums=(Sum("duty_microseconds", "duty_microseconds", 0, "duty_microseconds is not null"),),
    counts=(Count("known_duties", "duty_microseconds is not null"),),
    about="People's time on duty, of each roster with service hours on file.",
)
SERVED = FactQuery(
    "served",
    "fct_task",
    by=(
        _DAY,
        ("task_type", f"coalesce(task_type, '{UNKNOWN}')"),
        ("user_group", f"coalesce(user_group, '{UNKNOWN}')"),
    ),
    counts=(
        Count("ended_tasks", ENDED),
        Count("successes", SUCCESS),
        Count("escalated_tasks", f"{ENDED} and {_ESCALATED}"),
        Count("published_tasks", f"{ENDED} and evidence = 'published'"),
        Count("assumed_tasks", f"{ENDED} and coalesce(evidence, 'assumed') = 'assumed'"),
    ),
    where=BY_AN_AGENT,
    reaches_back=WINDOW,
    about="How agents' tasks ended, by group of users.",
)
REVIEWS_BY_RETRIEVAL = FactQuery(
    "reviews_by_retrieval",
    "fct_task",
    by=(
        _DAY,
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("task_type", f"coalesce(task_type, '{UNKNOWN}')"),
        ("has_retrieval", "coalesce(has_retrieval, false)"),
        ("is_reviewed", "coalesce(is_human_reviewed, false)"),
        ("is_hallucination", "coalesce(is_hallucination, false)"),
        ("is_random", "coalesce(is_random_review, false)"),
        ("sampling_probability", "sampling_probability"),
    ),
    counts=(Count("outputs"),),
    where=f"coalesce(is_output_delivered, false) and {BY_AN_AGENT}",
    reaches_back=WINDOW,
    about="Delivered outputs with and without retrieval, and what reviews of them found.",
)
_TASK_OF_UNIT = Join(
    "fct_task",
    on=("task_id",),
    columns=(
        ("task_day", "day"),
        ("task_agent_id", "agent_id"),
        ("of_task_type", "task_type"),
        ("of_channel", "channel"),
        ("with_retrieval", "has_retrieval"),
        ("was_delivered", "is_output_delivered"),
        ("was_ended", "is_ended"),
        ("people_minutes", "human_minutes"),
        ("people_minutes_basis", "human_minutes_basis"),
        ("model_microseconds", "inference_microseconds"),
    ),
    how="inner",
)
_CLEAN = "unit = 'task' and coalesce(is_in_period, false) and not coalesce(is_crossed_over, false)"
RETRIEVAL_BY_ARM = FactQuery(
    "retrieval_by_arm",
    "fct_experiment_exposure",
    by=(
        ("day", "task_day"),
        ("agent_id", f"coalesce(task_agent_id, '{UNKNOWN}')"),
        ("task_type", f"coalesce(of_task_type, '{UNKNOWN}')"),
        ("experiment_id", "experiment_id"),
        ("arm", "arm"),
        ("has_retrieval", "coalesce(with_retrieval, false)"),
    ),
    counts=(Count("outputs"),),
    where=f"{_CLEAN} and coalesce(was_delivered, false)",
    join=_TASK_OF_UNIT,
    reaches_back=2 * REACH_DAYS - 1,
    about="Delivered outputs of tasks in experiments, by arm, with and without retrieval.",
)
_UNIT_HANDLE = "cast(floor(cast(people_minutes as double) * 60000000 + 0.5) as bigint)"
_UNIT_WORK = f"{_UNIT_HANDLE} + model_microseconds"
WORK_BY_ARM = FactQuery(
    "work_by_arm",
    "fct_experiment_exposure",
    by=(
        ("day", "task_day"),
        ("handler", f"coalesce(task_agent_id, '{UNKNOWN}')"),
        ("task_type", f"coalesce(of_task_type, '{UNKNOWN}')"),
        ("channel", f"coalesce(of_channel, '{UNKNOWN}')"),
        ("experiment_id", "experiment_id"),
        ("arm", "arm"),
    ),
    sums=(
        Sum("work_microseconds", _UNIT_WORK, 0),
        Sum("work_squared", _UNIT_WORK, 0, squared=True),
    ),
    counts=(
        Count("tasks"),
        Count("assumed_tasks", "coalesce(people_minutes_basis, 'none') = 'assumed'"),
    ),
    where=(
        f"{_CLEAN} and coalesce(was_ended, false) and people_minutes is not null"
        " and model_microseconds is not null"
    ),
    join=_TASK_OF_UNIT,
    reaches_back=2 * REACH_DAYS - 1,
    about="Working time on tasks in experiments, by arm and handler.",
)
# people's own time is a baseline only where it was logged
_TIMED = (
    f"{_WORKED} and (coalesce(agent_id, '{UNKNOWN}') <> '__human__'"
    " or coalesce(human_minutes_basis, 'none') = 'logged')"
)
WORK_BY_STRATUM = FactQuery(
    "work_by_stratum",
    "fct_task",
    by=(_DAY, HANDLER, _CELL[0], _CELL[2]),
    sums=(
        Sum("work_microseconds", WORK, 0),
        Sum("work_squared", WORK, 0, squared=True),
        Sum("baseline_microminutes", _MICROMINUTES, 0, _FAMILIAR),
    ),
    counts=(
        Count("tasks"),
        Count("assumed_tasks", "coalesce(human_minutes_basis, 'none') = 'assumed'"),
        Count("baseline_tasks", f"{_FAMILIAR} and baseline_minutes is not null"),
    ),
    where=_TIMED,
    reaches_back=WINDOW,
    about="Working time on ended tasks, by handler and stratum.",
)
ROLLOUT_DAYS = 112
"""How far back a roll-out is followed: 28 days before it, the window, and 8 weeks between them."""

WORK_BY_GROUP = FactQuery(
    "work_by_group",
    "fct_task",
    by=(
        _DAY,
        HANDLER,
        _CELL[0],
        _CELL[2],
        ("user_group", f"coalesce(user_group, '{UNKNOWN}')"),
    ),
    sums=(
        Sum("work_microseconds", f"({WORK})", 0, _TIMED),
        Sum("work_squared", f"({WORK})", 0, _TIMED, squared=True),
    ),
    counts=(Count("ended_tasks", ENDED), Count("tasks", _TIMED)),
    where=ENDED,
    reaches_back=ROLLOUT_DAYS - 1,
    about="Ended tasks and working time on them, by handler, channel and user group.",
)
COHORT_TASKS = FactQuery(
    "cohort_tasks",
    "fct_task",
    by=(
        _DAY,
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("created_day", "coalesce(created_day, day)"),
    ),
    sums=(Sum("human_cost", "human_cost", NANO),),
    counts=(
        *(
            Count(name, f"outcome_class = '{outcome}'")
            for name, outcome in (
                ("autonomous_successes", "autonomous_success"),
                ("assisted_successes", "assisted_success"),
                ("failures", "failure"),
                ("unconfirmed_tasks", "unconfirmed"),
                ("open_tasks", "open"),
                ("unobserved_tasks", "unobserved"),
            )
        ),
        Count("tasks_without_human_cost", "human_cost is null"),
        Count("assumed_tasks", "coalesce(human_minutes_basis, 'none') = 'assumed'"),
    ),
    where=BY_AN_AGENT,
    about="Tasks by the day on which they were created, and what became of them.",
)
COHORT_VALUE = FactQuery(
    "cohort_value",
    "fct_task",
    by=(
        _DAY,
        ("agent_id", CREDITED_AGENT),
        ("created_day", "coalesce(created_day, day)"),
    ),
    sums=(
        Sum("labour_value", "labour_value", CREDITED_SCALE, SUCCESS, times="credit"),
        Sum("speed_value", "speed_value", CREDITED_SCALE, SUCCESS, times="credit"),
        Sum("direct_value", "direct_value", CREDITED_SCALE, VALUED, times="credit"),
        Sum("avoided_loss", "avoided_loss", CREDITED_SCALE, SUCCESS, times="credit"),
    ),
    counts=(
        Count("published_tasks", "evidence = 'published'"),
        Count("assumed_tasks", "evidence = 'assumed'"),
    ),
    where=f"{ENDED} and {CREDITED_BY_AN_AGENT}",
    join=CREDITS,
    about="Value by the day on which its task was created.",
)
COHORT_USE = FactQuery(
    "cohort_use",
    "fct_agent_action",
    by=(
        _DAY,
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("created_day", "coalesce(of_created_day, day)"),
    ),
    sums=(Sum("priced_cost", "priced_cost", NANO), Sum("tokens", TOKENS, 0)),
    where=f"not coalesce(is_rollup, false) and {BY_AN_AGENT}",
    join=Join("fct_task", on=("task_id",), columns=(("of_created_day", "created_day"),)),
    about="Usage by the day on which the task was created; actions of no task by their own day.",
)
COHORT_AGES = FactQuery(
    "cohort_ages",
    "fct_task",
    by=(
        ("agent_id", f"coalesce(agent_id, '{UNKNOWN}')"),
        ("created_day", "coalesce(created_day, day)"),
        ("resolved_day", "resolved_day"),
        ("outcome_class", "outcome_class"),
        ("is_timed_out", "coalesce(failed_by, '') = 'timed_out'"),
    ),
    counts=(Count("tasks"),),
    where=f"{BY_AN_AGENT} and outcome_class <> 'unobserved'",
    reaches_back=COHORT_DAYS - 1,
    about="Tasks by the days on which they were created and resolved, and their outcome.",
)
COHORT_TO_DATE = FactQuery(
    "cohort_to_date",
    "daily_cohort",
    by=(
        ("cohort_week", "cohort_week"),
        ("agent_id", "agent_id"),
        ("evidence", "evidence"),
        ("cost_basis", "cost_basis"),
        ("status", "status"),
    ),
    sums=(
        *(Sum(name, name, NANO) for name in ("spend", "human_cost", "gross_value")),
        *(
            Sum(name, name, 0)
            for name in (
                *("tasks", "autonomous_successes", "assisted_successes", "failures"),
                *("unconfirmed_tasks", "open_tasks", "unobserved_tasks"),
            )
        ),
    ),
    reaches_back=COHORT_DAYS - 1,
    about="Spend, value and tasks of each cohort to date.",
)
