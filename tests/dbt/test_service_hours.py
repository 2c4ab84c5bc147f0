"""Business time of many tasks, over the night in which New York's clocks go forward."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from roi_engine.sources.schema import REFERENCE, TICKETS
from tests.dbt.tiny import Row, facts_of

ZONE = ZoneInfo("America/New_York")
START = datetime(2026, 2, 25, tzinfo=UTC)
DAYS = 24
MINUTES = DAYS * 1440
MINUTE = 60_000_000

WINDOWS = {
    "claims": {
        **dict.fromkeys(range(1, 6), (("08:00", "12:00", 4), ("13:00", "18:30", 2))),
        7: [("00:00", "24:00", 1)],
    },
    None: {1: [("22:00", "24:00", 1)], 2: [("00:00", "06:15", 1)], 6: [("09:00", "10:00", 1)]},
}
"""Department → weekday → opens, closes, people."""


def _text(minute: int) -> str:
    return f"{START + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}"


def _ticket(name: str, department: str, created: int, resolved: int) -> Row:
    return {
        "system": "zendesk",
        "ticket_id": f"zendesk:{name}",
        "correlation_id": name,
        "status": "solved",
        "task_type": name,
        "department": department,
        "is_person_assigned": True,
        "created_at": _text(created),
        "updated_at": _text(resolved),
        "resolved_at": _text(resolved),
    }


def _drawn() -> list[tuple[str, str, int, int]]:
    """Draw three instants a case: the time between the outer two, and its two parts."""
    rng = np.random.default_rng(20)
    # the first and last local days are left out: not all of their minutes are drawn from
    instants = np.sort(rng.integers(1440, MINUTES - 1440, (80, 3)), axis=1)
    return [
        (f"{place}-{part}", department, int(begin), int(end))
        for place, (first, middle, last) in enumerate(instants)
        for department in ("claims" if place % 3 else "sales",)
        for part, begin, end in (
            ("whole", first, last),
            ("before", first, middle),
            ("after", middle, last),
        )
    ]


def _open_minutes(department: str | None) -> np.ndarray:
    """Return how many minutes are open before each, asking every minute what its clock shows."""
    is_open = []
    for minute in range(MINUTES):
        local = (START + timedelta(minutes=minute)).astimezone(ZONE)
        shown = f"{local:%H:%M}"
        windows = WINDOWS[department].get(local.isoweekday(), [])
        is_open.append(any(opens <= shown < closes for opens, closes, _ in windows))
    return np.concatenate([[0], np.cumsum(is_open)])


TASKS = _drawn()


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Return the facts of the drawn tasks."""
    hours = [
        {
            "department": department,
            "weekday": weekday,
            "opens_at": opens,
            "closes_at": closes,
            "people": people,
        }
        for department, week in WINDOWS.items()
        for weekday, windows in week.items()
        for opens, closes, people in windows
    ]
    rows = [(TICKETS, [_ticket(*task) for task in TASKS]), (REFERENCE["service_hours"], hours)]
    days = [f"{START + timedelta(days=shift):%Y-%m-%d}" for shift in range(-1, DAYS + 1)]
    root = tmp_path_factory.mktemp("lake")
    return facts_of(root, rows, days, ("fct_task", "fct_duty"))


@pytest.fixture(scope="module")
def taken(facts) -> dict[str, tuple[int, int]]:
    """Return task → business and calendar microseconds."""
    columns = ("business_cycle_microseconds", "cycle_microseconds")
    return {task: (own, whole) for task, own, whole in facts["fct_task"].select(
        "task_id", *columns).iter_rows()}  # fmt: skip


def test_business_time_is_what_asking_every_minute_gives(taken):
    before = {"claims": _open_minutes("claims"), "sales": _open_minutes(None)}
    wanted = {
        name: int(before[department][end] - before[department][begin]) * MINUTE
        for name, department, begin, end in TASKS
    }
    assert {name: own for name, (own, _) in taken.items()} == wanted
    assert len(set(wanted.values())) > 100


def test_business_time_is_a_part_of_the_time(taken):
    assert all(0 <= own <= whole for own, whole in taken.values())


def test_the_parts_of_a_time_add_up_to_the_whole(taken):
    for name, (own, _) in taken.items():
        if name.endswith("whole"):
            case = name.removesuffix("whole")
            assert own == taken[f"{case}before"][0] + taken[f"{case}after"][0]


def test_a_sunday_that_loses_an_hour_has_23_hours_of_duty(facts):
    duty = {
        (str(day), roster): hours / 3.6e9
        for day, roster, hours in facts["fct_duty"]
        .select("day", "roster", "duty_microseconds")
        .iter_rows()
    }
    assert duty["2026-03-01", "claims"] == 24
    assert duty["2026-03-08", "claims"] == 23
    # 4 hours of 4 people and 5.5 of 2; nobody on Saturday, which is known
    assert duty["2026-03-09", "claims"] == 27
    assert duty["2026-03-07", "claims"] == 0
    assert duty["2026-03-10", "__shared__"] == 6.25
