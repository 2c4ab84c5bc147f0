"""The order of runs never shows: a day is built again exactly when what it is made of changed."""

from datetime import date, timedelta

import pytest

from roi_engine import links, scope
from roi_engine.sources import schema
from roi_engine.warehouse import lake

D = [date(2026, 3, 1) + timedelta(days=n) for n in range(10)]


class Estate:
    """A lake with a few bronze rows, written as landing writes them."""

    def __init__(self, root):
        self.root = root
        self.bronze = root / "bronze"
        self.releases = 0
        with lake.connect(root) as con:
            for table in schema.TABLES:
                self._write(con, table, "empty", date(1970, 1, 1), [])

    def _write(self, con, table, load, day, rows):
        folder = self.bronze / (
            "reference" if table.day_from is None else f"{table.source}/day={day}"
        )
        folder.mkdir(parents=True, exist_ok=True)
        columns = table.all_columns
        cells = ", ".join(f'null::{kind} as "{name}"' for name, kind in columns.items())
        con.execute(f"create or replace temp table draft as select {cells} limit 0")
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            con.execute(
                f"insert into draft ({names}) values ({', '.join('?' * len(row))})",
                list(row.values()),
            )
        con.execute(f"copy draft to '{folder}/{table.name}-{load}.parquet' (format parquet)")

    def land(self, load, table, day, **row):
        """Land one row as its own load."""
        with lake.connect(self.root) as con:
            self._write(con, table, load, day, [row | {"_load_id": load}])
            con.execute("insert into lake.ops.active_load values (?, ?, 0)", [load, table.source])
            con.execute(
                "insert into lake.ops.manifest (load_id, source, status, interval_end)"
                " values (?, ?, 'landed', ?)",
                [load, table.source, day],
            )

    def span(self, load, day, task=None):
        """Land one span at noon."""
        self.land(load, schema.SPANS, day, conversation_id=task, started_at=f"{day} 12:00:00")

    def ticket(self, load, created, **row):
        """Land one ticket version."""
        row = {"ticket_id": "zendesk:1", "updated_at": f"{created} 13:00:00"} | row
        self.land(load, schema.TICKETS, created, created_at=f"{created} 12:00:00", **row)

    def plan(self, requested=None, code="1", read=None):
        """Return the plan of a run, or the days of a source that it reads."""
        with lake.connect(self.root) as con:
            links.read(con, self.root, timezone="UTC", window_days=7)
            as_of = scope.newest_event_day(con)
            plan = scope.plan(
                con, requested=requested, as_of=as_of, code_version=code, waits=scope.Waits()
            )
            if read:
                scope.write_read_days(con, plan.build, reopen_window_days=7)
                rows = con.execute(
                    "select day from lake.ops.read_day where source = ? order by 1", [read]
                ).fetchall()
                return [row[0] for row in rows]
            return plan

    def fact(self, **task):
        """Release one task's fact, as an earlier run left it."""
        with lake.connect(self.root) as con:
            con.execute(
                "create table if not exists lake.facts.fct_task (task_id varchar, day date,"
                " created_day date, outcome_class varchar, failed_by varchar, is_mature boolean)"
            )
            con.execute(
                "create table if not exists lake.facts.fct_ticket"
                " (day date, ended_day date, is_mature boolean)"
            )
            con.execute(
                "insert into lake.facts.fct_task values (?, ?, ?, ?, null, ?)",
                [
                    task["task_id"],
                    task["day"],
                    task["day"],
                    task["outcome_class"],
                    task["is_mature"],
                ],
            )

    def publish(self, plan, status="final"):
        """Record the plan's days as released."""
        with lake.connect(self.root) as con:
            self.releases += 1
            for day in sorted({*plan.build, *plan.aged}):
                con.execute(
                    "insert into lake.ops.published values (?, 1, ?, ?, ?, ?, 'c', '{}')",
                    [self.releases, day, plan.transform_run_ids[day], status, plan.as_of],
                )


@pytest.fixture
def estate(tmp_path):
    return Estate(tmp_path / "lake")


def test_no_days_means_every_day_seen(estate):
    estate.span("a", D[0])
    estate.span("b", D[3])
    assert estate.plan().build == [D[0], D[3]]


def test_marts_follow_for_30_days_where_a_day_is_built(estate):
    for n, load in ((0, "a"), (3, "b"), (5, "c")):
        estate.span(load, D[n])
    estate.publish(estate.plan())
    estate.span("d", D[3])
    plan = estate.plan(requested=[D[3]])
    assert plan.build == [D[3]]
    assert scope.following(plan.build, D) == D[3:]


def test_the_same_inputs_twice_build_nothing(estate):
    estate.span("a", D[0], task="t")
    estate.publish(estate.plan())
    assert estate.plan().build == []


def test_new_code_builds_every_released_day_again(estate):
    estate.span("a", D[0])
    estate.publish(estate.plan())
    assert estate.plan(code="2").build == [D[0]]


def test_a_late_ticket_rebuilds_the_days_on_which_its_task_cost_money(estate):
    estate.span("a", D[0], task="t")
    estate.span("b", D[1], task="t")
    estate.span("c", D[2], task="other")
    estate.publish(estate.plan())
    estate.ticket("d", D[5], correlation_id="t", resolved_at=f"{D[6]} 09:00:00")
    assert estate.plan(requested=[]).build == [D[0], D[1]]
    assert estate.plan().build == [D[0], D[1], D[5], D[6]]


def test_a_repeat_contact_rebuilds_the_day_of_the_earlier_ticket(estate):
    common = {"requester_id": "h", "task_type": "q"}
    estate.ticket("a", D[0], resolved_at=f"{D[1]} 09:00:00", **common)
    estate.publish(estate.plan())
    estate.ticket("b", D[4], ticket_id="zendesk:2", **common)
    assert estate.plan(requested=[]).build == [D[0], D[1]]


def test_the_agent_of_a_later_task_decides_of_the_earlier_one_but_never_the_other_way(estate):
    """Who was asked again is in the later task's actions, which may land after its ticket."""
    common = {"requester_id": "h", "task_type": "q"}
    estate.ticket("a", D[0], correlation_id="first", resolved_at=f"{D[0]} 12:30:00", **common)
    estate.span("s", D[0], task="first")
    estate.ticket("b", D[4], correlation_id="again", ticket_id="zendesk:2", **common)
    estate.span("unrelated", D[3])
    estate.publish(estate.plan())

    estate.span("c", D[6], task="again")
    assert estate.plan(requested=[]).build == [D[0], D[4]]
    # building the earlier day reads every day of the later task
    read = estate.plan(requested=[], read="tokens")
    assert {D[0], D[4], D[6]} <= {*read}
    estate.publish(estate.plan())

    estate.span("d", D[0], task="first")
    assert estate.plan(requested=[]).build == [D[0]]


def test_a_ticket_of_which_only_the_creation_is_known_can_be_repeated(estate):
    common = {"requester_id": "h", "task_type": "q"}
    estate.ticket("a", D[0], updated_at=None, **common)
    estate.publish(estate.plan())
    estate.ticket("b", D[4], ticket_id="zendesk:2", **common)
    assert estate.plan(requested=[]).build == [D[0]]


def test_a_contact_after_the_window_changes_nothing_before(estate):
    common = {"requester_id": "h", "task_type": "q"}
    estate.ticket("a", D[0], resolved_at=f"{D[0]} 12:30:00", **common)
    estate.publish(estate.plan())
    estate.ticket("b", D[9], ticket_id="zendesk:2", **common)
    assert estate.plan(requested=[]).build == []


def test_a_new_export_rebuilds_every_day_of_its_billing_period(estate):
    def charge(load, day):
        estate.land(
            load,
            schema.CHARGES,
            day,
            provider_name="p",
            billing_account_id="1",
            billing_period_start="2026-03-01 00:00:00",
            charge_period_start=f"{day} 00:00:00",
            charge_period_end=f"{day + timedelta(days=1)} 00:00:00",
        )

    charge("a", D[0])
    charge("b", D[1])
    estate.span("s", D[5])
    estate.publish(estate.plan())
    charge("c", D[2])
    assert estate.plan(requested=[]).build == [D[0], D[1]]
    assert estate.plan().build == [D[0], D[1], D[2]]


def test_a_providers_report_rebuilds_the_day_that_it_reports(estate):
    def report(load, day):
        estate.land(
            load,
            schema.PROVIDER_COSTS,
            day,
            system="openai_costs",
            bucket_start=f"{day} 00:00:00",
        )

    estate.span("s", D[0])
    estate.span("t", D[1])
    estate.publish(estate.plan())
    report("a", D[1])
    assert estate.plan(requested=[]).build == [D[1]]
    estate.publish(estate.plan())
    assert estate.plan().build == []
    report("b", D[1])
    assert estate.plan(requested=[]).build == [D[1]]


def test_a_changed_reference_row_rebuilds_every_released_day(estate):
    estate.span("a", D[0])
    estate.publish(estate.plan())
    estate.land("r", schema.REFERENCE["agents"], D[0], agent_id="x")
    assert estate.plan(requested=[]).build == [D[0]]


def test_a_day_follows_as_of_only_when_something_that_it_waited_for_has_come(estate):
    """A reopen window, a time-out, the close of the month: else a provisional day stays."""
    for n, load in ((0, "a"), (1, "b"), (2, "c")):
        estate.span(load, D[n], task=f"task-{load}")
    estate.publish(estate.plan(), status="provisional")
    estate.fact(task_id="task-a", day=D[0], outcome_class="unobserved", is_mature=False)
    estate.fact(task_id="task-b", day=D[1], outcome_class="unobserved", is_mature=False)

    estate.span("d", D[6])
    assert (estate.plan().build, estate.plan().aged) == ([D[6]], [])
    estate.span("e", D[7])  # D0 and its 7 days
    assert (estate.plan().build, estate.plan().aged) == ([D[6], D[7]], [D[0]])
    estate.publish(estate.plan(), status="provisional")

    timed_out = D[2] + timedelta(days=31)
    estate.fact(task_id="task-c", day=D[2], outcome_class="open", is_mature=False)
    estate.span("f", timed_out - timedelta(days=1))
    assert D[2] not in {*estate.plan().build, *estate.plan().aged}
    estate.span("g", timed_out)  # the task's outcome is another now: no mere age
    assert D[2] in estate.plan().build


def test_a_day_whose_inputs_changed_is_built_and_no_longer_only_aged(estate):
    estate.span("a", D[0], task="task-a")
    estate.publish(estate.plan(), status="provisional")
    estate.fact(task_id="task-a", day=D[0], outcome_class="unobserved", is_mature=False)
    estate.span("b", D[7])
    assert estate.plan().aged == [D[0]]
    estate.span("late", D[0], task="task-a")
    assert (estate.plan().build, estate.plan().aged) == ([D[0], D[7]], [])


def test_a_month_is_final_once_its_bill_is_closed_and_its_windows_are_over(estate):
    estate.span("a", D[0])
    estate.publish(estate.plan(), status="provisional")
    closed = date(2026, 4, 13)
    estate.span("b", closed - timedelta(days=1))
    assert D[0] not in {*estate.plan().build, *estate.plan().aged}
    estate.span("c", closed)
    plan = estate.plan()
    assert D[0] in plan.aged
    estate.publish(plan)
    estate.span("d", closed + timedelta(days=30))
    assert D[0] not in {*estate.plan().build, *estate.plan().aged}


def test_building_a_day_reads_its_neighbours_and_the_other_days_of_its_tasks(estate):
    estate.span("a", D[4], task="t")
    estate.span("b", D[8], task="t")
    assert estate.plan(requested=[D[4]], read="tokens") == [D[3], D[4], D[5], D[8]]


def test_the_transform_run_does_not_depend_on_what_else_is_built(estate):
    estate.span("a", D[0], task="t")
    estate.span("b", D[3])
    alone = estate.plan(requested=[D[0]]).transform_run_ids[D[0]]
    assert estate.plan().transform_run_ids[D[0]] == alone


def test_minutes_logged_later_belong_to_the_days_of_their_task(estate):
    estate.ticket("a", D[0], resolved_at=f"{D[0]} 13:00:00")
    estate.land(
        "r",
        schema.REFERENCE["time_entries"],
        D[9],
        ticket_id="1",
        minutes=5,
        started_at=f"{D[9]} 09:00:00",
    )
    assert estate.plan().build == [D[0], D[9]]
    assert D[0] in estate.plan(requested=[D[9]], read="tokens")


def test_exports_are_compared_as_wholes_so_all_days_of_a_needed_period_are_read(estate):
    """And no day of another period: what one day costs must not grow with the bills before it."""
    for load, month, day in (("a", 2, 27), ("b", 3, 1), ("c", 3, 9), ("d", 4, 20)):
        estate.land(
            load,
            schema.CHARGES,
            date(2026, month, day),
            provider_name="p",
            billing_period_start=date(2026, month, 1),
            charge_period_start=date(2026, month, day),
            charge_period_end=date(2026, month, day) + timedelta(days=1),
        )
    march = {D[0], date(2026, 3, 9)}
    assert {*estate.plan(requested=[D[0]], read="charges")} == march
    with lake.connect(estate.root) as con:
        links.read(con, estate.root, timezone="UTC", window_days=7)
        assert {*scope.days_of_periods(con, [D[0]])} == march
        assert scope.days_of_periods(con, [D[3]]) == []
