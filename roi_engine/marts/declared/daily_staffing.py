"""Declaration of daily_staffing: how much of their time on duty people worked on tasks."""

from roi_engine.marts.columns import COUNT, Column, Mart
from roi_engine.marts.declared.common import (
    KEYS,
    TRUST,
    complete_sum,
    count,
    key,
    quotient,
    ratio,
)

_DUTY = "fct_duty"
_ENTRY = "fct_time_entry"


def _time(name: str, about: str, formula: str, *inputs: str) -> Column:
    return Column(name, COUNT, "microseconds", about, formula, inputs, "§6", additive=True, low=0)


DAILY_STAFFING = Mart(
    name="daily_staffing",
    about="How much of their time on duty people worked on tasks: human utilisation.",
    row="One row per day and roster of whose people any were on duty or worked on a task.",
    section="§6",
    columns=(
        KEYS["day"],
        key(
            "roster",
            "The department whose people these are; __shared__ for those of all departments without"
            " a line of their own in service_hours.csv, where lines without a department are on"
            " file.",
            (f"{_ENTRY}.roster", f"{_DUTY}.roster"),
            "§6",
        ),
        Column(
            "duty_microseconds",
            COUNT,
            "microseconds",
            "People's time on duty; 0 on a day off, NULL where nobody says how many are on duty.",
            "Σ length of a service window · people on duty in it",
            (f"{_DUTY}.duty_microseconds",),
            "§6",
            nullable=True,
            low=0,
            measure=complete_sum("duty_microseconds"),
        ),
        _time(
            "worked_microseconds",
            "People's time on tasks, within service hours or not; unknown lengths are not in it.",
            "Σ minutes of time entries",
            f"{_ENTRY}.minutes",
        ),
        _time(
            "assumed_microseconds",
            "Of this, time whose length is assumed.",
            "Σ minutes of assumed time entries",
            f"{_ENTRY}.minutes",
            f"{_ENTRY}.basis",
        ),
        _time(
            "staffed_microseconds",
            "Of worked_microseconds, the time of rows whose duty is known; else 0.",
            "worked_microseconds where duty_microseconds is known",
            "worked_microseconds",
            "duty_microseconds",
        ),
        count("entries", "Times that people spent on tasks.", "count", (f"{_ENTRY}.day",), "§6"),
        count(
            "entries_without_minutes",
            "Of these, such whose length nobody knows: it is missing here, not 0.",
            "count",
            (f"{_ENTRY}.minutes",),
            "§6",
        ),
        count(
            "undated_entries",
            "Of entries, such without a day of their own: they count on that of the resolution.",
            "count",
            (f"{_ENTRY}.is_day_assumed",),
            "§6",
        ),
        ratio(
            "human_utilisation",
            "People's time on tasks for an hour on duty, of what is staffed; over 1 where they"
            " worked more than that.",
            "staffed_microseconds / duty_microseconds",
            ("staffed_microseconds", "duty_microseconds"),
            "§6",
            bounds=(0, None),
            measure=quotient("staffed_microseconds", "duty_microseconds"),
        ),
        *TRUST,
    ),
    notes=(
        "Work counts for the department that the task was for, which may not be that of the person"
        " who did it. What people do on duty beside logged work on tasks is not known, so this is"
        " no measure of anybody's diligence.",
        "`evidence` is assumed where the length of any work is: `assumed_microseconds` says how"
        " much. Time entries carry whole days: work at night counts on the day it began.",
        "`roi rollup daily_staffing --by month --column human_utilisation` adds both times up over"
        " the rows whose duty is known, then divides.",
    ),
)
