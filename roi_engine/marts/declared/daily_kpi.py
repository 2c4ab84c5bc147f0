"""Declaration of daily_kpi: how much work got done, how fast, how well, and by whom."""

from roi_engine.marts.columns import COUNT, RATIO, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, money, quotient, ratio
from roi_engine.marts.declared.daily_duration import HANDLER, MEASURES
from roi_engine.marts.histograms import PERCENTILES

TASK = "fct_task"
ENDED = f"{TASK}.is_ended"
CLASS = f"{TASK}.outcome_class"
SHARE = (0, 1)
MICROSECONDS = {"minutes": 60_000_000, "hours": 3_600_000_000}

_TIMES = {
    "handle_minutes": ("handled_tasks", "People's time on a task", "human_minutes"),
    "work_minutes": (
        "worked_tasks",
        "People's and models' time on a task",
        "inference_microseconds",
    ),
    "cycle_hours": ("cycled_tasks", "Time from creation to resolution", "cycle_microseconds"),
    "first_response_minutes": (
        "answered_tasks",
        "Time to the first answer",
        "first_response_microseconds",
    ),
    "business_cycle_hours": (
        "business_cycled_tasks",
        "Time from creation to resolution that lies in service hours",
        "business_cycle_microseconds",
    ),
    "value_hours": (
        "valued_tasks",
        "Time from creation to the accepted output of a success",
        "value_microseconds",
    ),
    "handoff_minutes": (
        "handed_tasks",
        "Time from an agent's last action to a person's first on an escalated task",
        "handoff_microseconds",
    ),
}
"""Measure → tasks of which it is known, what it is, the fact column."""


def stem(measure: str) -> str:
    """Return what a measure's columns begin with, without its unit.

    Examples:
        >>> stem("first_response_minutes")
        'first_response'
    """
    return measure.rpartition("_")[0]


def _sum(measure: str) -> Column:
    tasks, about, source = _TIMES[measure]
    return Column(
        f"{stem(measure)}_microseconds",
        COUNT,
        "microseconds",
        f"{about}, added up over {tasks}.",
        "Σ over ended tasks of which it is known",
        (f"{TASK}.{source}", *((f"{TASK}.human_minutes",) if measure == "work_minutes" else ())),
        "§6",
        additive=True,
    )


def _mean(measure: str) -> Column:
    tasks, about, _ = _TIMES[measure]
    unit = measure.rpartition("_")[2]
    total = f"{stem(measure)}_microseconds"
    each = f"cast(sum({total}) as double) / sum({tasks}) / {MICROSECONDS[unit]}"
    return ratio(
        f"{measure}_mean",
        f"{about}, on average.",
        f"{total} / {tasks}",
        (total, tasks),
        "§6",
        unit=unit,
        measure=f"case when sum({tasks}) > 0 then {each} end",
    )


def _percentile(measure: str, name: str) -> Column:
    _, about, _ = _TIMES[measure]
    share = PERCENTILES[name]
    return Column(
        f"{measure}_{name}",
        RATIO,
        measure.rpartition("_")[2],
        f"{about}: {share:.0%} of tasks take no longer.",
        "smallest value that this share does not exceed, within 0.5 %, from daily_duration",
        ("daily_duration.measure", "daily_duration.bucket", "daily_duration.count"),
        "§6",
        nullable=True,
        low=0,
        histogram=("daily_duration", measure, share),
    )


def _share(name: str, about: str, part: str, whole: str) -> Column:
    return ratio(
        name,
        about,
        f"{part} / {whole}",
        (part, whole),
        "§6",
        bounds=SHARE,
        measure=quotient(part, whole),
    )


def _tasks(name: str, about: str, *inputs: str) -> Column:
    return count(name, about, "count", tuple(f"{TASK}.{one}" for one in inputs), "§6")


_PER_HOUR = "sum(worked_tasks) * 3600000000.0 / sum(work_microseconds)"

DAILY_KPI = Mart(
    name="daily_kpi",
    about="How much work got done, how fast, how well and at what cost, by agents and by people.",
    row="One row per day, handler, task type, department and channel with an ended task, a cost,"
    " or an open ticket; people without any agent (__human__) are the baseline.",
    section="§6",
    columns=(
        KEYS["day"],
        HANDLER,
        KEYS["task_type"],
        KEYS["department"],
        KEYS["channel"],
        _tasks("ended_tasks", "Tasks that ended: the throughput of the day.", "is_ended"),
        _tasks("successes", "Of these, successes of both classes.", "outcome_class"),
        _tasks("failures", "Of these, failures.", "outcome_class"),
        _tasks("unconfirmed_tasks", "Of these, closed in silence.", "outcome_class"),
        *(
            _tasks(tasks, f"Ended tasks of which this is known: {about[0].lower()}{about[1:]}.", at)
            for tasks, about, at in _TIMES.values()
        ),
        *(_sum(measure) for measure in MEASURES),
        *(_mean(measure) for measure in MEASURES),
        *(_percentile(measure, name) for measure in MEASURES for name in PERCENTILES),
        _tasks(
            "confirmed_tasks", "Ended tasks, those closed in silence left out.", "outcome_class"
        ),
        _tasks(
            "first_contact_tasks",
            "Tasks resolved at the first contact: a success that no agent handed to a person, not"
            " reopened, and the requester neither followed it up nor came back with the same kind"
            " of task within the reopen window.",
            "outcome_class",
            "is_escalated",
            "is_reopened",
        ),
        _share(
            "first_contact_resolution",
            "Share of confirmed tasks resolved at the first contact.",
            "first_contact_tasks",
            "confirmed_tasks",
        ),
        _tasks(
            "touched_tasks",
            "Ended tasks of which the ticket system counts the replies: those of Zendesk.",
            "is_one_touch",
        ),
        _tasks(
            "one_touch_tasks",
            "Of these, one-touch as Zendesk counts it: solved with fewer than two replies of the"
            " desk, whatever came after.",
            "is_one_touch",
        ),
        _share(
            "vendor_first_contact_resolution",
            "The vendor's own number, to stand beside first_contact_resolution.",
            "one_touch_tasks",
            "touched_tasks",
        ),
        _tasks("agent_tasks", "Ended tasks in which an agent took part.", "agent_id"),
        _tasks("escalated_tasks", "Of these, handed over to a person.", "is_escalated"),
        _share(
            "escalation_rate",
            "Share of agents' tasks handed over to a person; people hand over nothing.",
            "escalated_tasks",
            "agent_tasks",
        ),
        _share(
            "handoff_completeness",
            "Share of the tasks handed over of which it is known when a person took over.",
            "handed_tasks",
            "escalated_tasks",
        ),
        _tasks("reopened_tasks", "Ended tasks that were opened again.", "is_reopened"),
        _share(
            "reopen_rate", "Share of ended tasks opened again.", "reopened_tasks", "ended_tasks"
        ),
        _share("failure_rate", "Share of ended tasks that failed.", "failures", "ended_tasks"),
        _tasks("delivered_tasks", "Ended tasks with an output.", "is_output_delivered"),
        _tasks(
            "faulty_tasks",
            "Of these, rejected, or found hallucinated by a person.",
            "failed_by",
        ),
        _share("error_rate", "Share of outputs found faulty.", "faulty_tasks", "delivered_tasks"),
        _tasks("rated_tasks", "Tasks that the requester rated.", "satisfaction"),
        Column(
            "satisfaction_thousandths",
            COUNT,
            "thousandths",
            "Ratings added up, on their source's own scale.",
            "Σ rating, rounded to thousandths",
            (f"{TASK}.satisfaction",),
            "§6",
            additive=True,
        ),
        ratio(
            "satisfaction",
            "Mean rating, on its source's own scale; read it with rated_tasks.",
            "satisfaction_thousandths / 1000 / rated_tasks",
            ("satisfaction_thousandths", "rated_tasks"),
            "§6",
            unit="points",
            measure="case when sum(rated_tasks) > 0 then"
            " cast(sum(satisfaction_thousandths) as double) / sum(rated_tasks) / 1000 end",
        ),
        _tasks(
            "suggested_tasks",
            "Agents' tasks on which a person had the last word: approved or taken over.",
            "is_escalated",
            "is_approved_by_human",
        ),
        _tasks(
            "decided_tasks",
            "Agents' tasks that the agent ended, with a person's help.",
            "is_escalated",
            "is_approved_by_human",
            "human_minutes",
        ),
        _tasks(
            "automated_tasks",
            "Agents' tasks without any person.",
            "is_escalated",
            "is_approved_by_human",
            "human_minutes",
        ),
        *(
            _share(
                f"{name}_share",
                f"Share of all ended tasks {what}: automation coverage, once handlers are added.",
                f"{name}_tasks",
                "ended_tasks",
            )
            for name, what in (
                ("suggested", "in which an agent suggested and a person decided"),
                ("decided", "in which an agent decided with help"),
                ("automated", "done by an agent alone"),
            )
        ),
        money(
            "spend",
            "What the handler's cells were charged; 0 for people.",
            "Σ allocated_cost",
            ("fct_cost_allocation.allocated_cost",),
            "§2",
        ),
        money(
            "human_cost",
            "People's time on the tasks.",
            "Σ human_cost",
            ("fct_time_entry.human_cost",),
            "§2",
        ),
        count(
            "entries_without_cost",
            "Time entries whose cost nobody knows: it is missing here, not 0.",
            "count",
            ("fct_time_entry.human_cost",),
            "§2",
        ),
        ratio(
            "cost_per_case",
            "What an ended task cost, people's time included.",
            "(spend + human_cost) / ended_tasks",
            ("spend", "human_cost", "ended_tasks"),
            "§6",
            unit="currency per task",
            measure="case when sum(ended_tasks) > 0 then"
            " cast(sum(spend + human_cost) as double) / sum(ended_tasks) end",
        ),
        Column(
            "backlog",
            COUNT,
            "count",
            "Tickets open at the end of the day, of those that came in the 31 days to it; it adds"
            " up over the rows of one day, not over days.",
            "tickets created up to the day and not ended by its end",
            ("fct_ticket.day", "fct_ticket.ended_day", "fct_ticket.is_excluded"),
            "§6",
            low=0,
            measure="case when count(distinct day) = 1 then sum(backlog) end",
        ),
        ratio(
            "throughput_per_hour",
            "Tasks for each hour that people and models worked.",
            "worked_tasks / work hours",
            ("worked_tasks", "work_microseconds"),
            "§6",
            unit="tasks per hour",
            measure=f"case when sum(work_microseconds) > 0 then {_PER_HOUR} end",
        ),
        _tasks("judged_tasks", "Confirmed tasks whose reopen window is over.", "is_mature"),
        _tasks(
            "good_tasks",
            "Of these, resolved at the first contact and not found hallucinated.",
            "outcome_class",
            "is_escalated",
            "is_reopened",
            "is_hallucination",
        ),
        ratio(
            "quality_adjusted_productivity",
            "Tasks for each hour worked, of which only those done well count.",
            "throughput_per_hour · good_tasks / judged_tasks",
            ("worked_tasks", "work_microseconds", "good_tasks", "judged_tasks"),
            "§6",
            unit="tasks per hour",
            measure="case when sum(work_microseconds) > 0 and sum(judged_tasks) > 0 then"
            f" {_PER_HOUR} * sum(good_tasks) / sum(judged_tasks) end",
        ),
        *TRUST,
    ),
    notes=(
        "An escalated task is work of the agent that began it, and no first-contact resolution.",
        "Times are calendar times, but for business_cycle_hours: what of them lies in the"
        " department's service hours (service_hours.csv). It is empty for a task of which any day"
        " has no hours on file. Handle time needs none: it is time that people worked.",
        "A hand-off ends with a time entry of a person that says when it began; one that nobody"
        " logged is not known, and `handoff_completeness` says how many are. What a person did"
        " without logging it stays unknown.",
        "The time to value of an agent ends with its last model call before the resolution: no"
        " source says which of several answers was the one that was accepted.",
        "How much of their time on duty people worked on tasks is in `daily_staffing`: duty is of a"
        " day and a department, and knows neither handler nor task type.",
        "The productivity delta against people is in `productivity`.",
    ),
)
