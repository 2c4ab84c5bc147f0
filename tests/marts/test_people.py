"""Work of people and agents: rows worked by hand, and percentiles that any level may ask for."""

from datetime import date, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.marts import rollup
from roi_engine.marts.contract import fact
from roi_engine.marts.histograms import bucket_sql, value_sql
from roi_engine.marts.params import Params
from roi_engine.metrics.quantiles import bucket_of, bucket_value

DAY = date(2026, 1, 31)
MINUTE = 60_000_000
HOUR = 60 * MINUTE
TASK = {
    "day": DAY,
    "created_day": DAY,
    "resolved_day": DAY,
    "agent_id": "a",
    "model_version": "m",
    "task_type": "t",
    "department": "d",
    "channel": "c",
    "outcome_class": "autonomous_success",
    "is_ended": True,
    "is_output_delivered": True,
    "is_mature": True,
    "human_minutes": "0",
    "human_minutes_basis": "none",
    "human_cost": "0",
    "inference_microseconds": 6 * MINUTE,
    "cycle_microseconds": 2 * HOUR,
    "evidence": "measured",
}
PERSON = TASK | {
    "agent_id": "__human__",
    "outcome_class": "assisted_success",
    "human_minutes_basis": "logged",
    "inference_microseconds": 0,
}


@pytest.fixture
def rows(make_estate, build_mart):
    """Build a mart from a few rows by table; other tables are empty."""
    empty = {name: frame.clear() for name, frame in make_estate(0, tasks=3).items()}

    def build(mart: str, day: date = DAY, as_of: date = DAY, **tables: list[dict]) -> pl.DataFrame:
        facts = dict(empty)
        for name, given_rows in tables.items():
            numbered = [
                ({"task_id": f"t{n}"} if name == "fct_task" else {}) | row
                for n, row in enumerate(given_rows)
            ]
            facts[name] = fact(name, numbered)
        params = Params(days=(day,), as_of=as_of, transform_run_ids={day: "r"})
        return build_mart(facts, mart, params)

    return build


def one(frame: pl.DataFrame, **where: object) -> dict:
    return frame.row(
        by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in where.items()), named=True
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1.0, 1e9, allow_nan=False), min_size=1, max_size=50))
def test_the_bucket_in_sql_is_the_kernels_bucket(values):
    frame = pl.DataFrame({"x": [*values, 0.0, 1.0]}, schema={"x": pl.Float64})
    wanted = bucket_of(frame["x"].to_numpy())
    ours = frame.select(pl.sql_expr(bucket_sql("x")).alias("b"))["b"].cast(pl.Int64)
    with duckdb.connect() as con:
        con.register("frame", frame)
        theirs = con.execute(f"select {bucket_sql('x')} as b from frame").fetchnumpy()["b"]
        con.register("buckets", pl.DataFrame({"b": wanted}))
        read = con.execute(f"select {value_sql('b')} as v from buckets").fetchnumpy()["v"]
    assert ours.to_list() == theirs.tolist() == wanted.tolist()
    assert read == pytest.approx(bucket_value(wanted), rel=1e-12)


def ask(query: str, **tables: pl.DataFrame) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.execute("create schema marts; create schema facts")
        for name, frame in tables.items():
            con.register("frame", frame)
            schema = "facts" if name.startswith("fct_") else "marts"
            con.execute(f"create table {schema}.{name} as from frame")
        return pl.from_arrow(con.execute(query).to_arrow_table())


@pytest.fixture(scope="module")
def kpi(facts, make_params, build_mart) -> dict[str, pl.DataFrame]:
    days = make_params(*(date(2026, 1, 1) + timedelta(days=n) for n in range(31)))
    return {name: build_mart(facts, name, days) for name in ("daily_kpi", "daily_duration")}


MINUTES = "cast(human_minutes as double)"
ASKED = {
    "handle_minutes_p50": (MINUTES, 0.5),
    "handle_minutes_p90": (MINUTES, 0.9),
    "work_minutes_p95": (f"{MINUTES} + inference_microseconds / 6e7", 0.95),
    "cycle_hours_p90": ("cycle_microseconds / 3.6e9", 0.9),
    "first_response_minutes_p50": ("first_response_microseconds / 6e7", 0.5),
    "business_cycle_hours_p50": ("business_cycle_microseconds / 3.6e9", 0.5),
    "value_hours_p95": ("value_microseconds / 3.6e9", 0.95),
}


@pytest.mark.parametrize(
    "by", [(), ("handler",), ("task_type", "week"), ("day", "handler", "department"), ("month",)]
)
def test_a_percentile_of_any_level_is_that_of_the_facts(by, facts, kpi):
    rolled = ask(rollup.sql("daily_kpi", by, list(ASKED)), **kpi)
    keys = {
        "handler": "agent_id",
        "week": "cast(date_trunc('week', day) as date)",
        "month": "cast(date_trunc('month', day) as date)",
    }
    groups = "".join(f"{keys.get(key, key)} as {key}, " for key in by)
    exact = ", ".join(
        f"percentile_disc({share}) within group (order by {value}) as {column}"
        for column, (value, share) in ASKED.items()
    )
    places = ", ".join(str(n + 1) for n in range(len(by)))
    wanted = ask(
        f"select {groups}{exact} from facts.fct_task where is_ended"
        + (f" group by {places} order by {places}" if by else ""),
        fct_task=facts["fct_task"],
    )
    # rows of the mart without an ended task have no percentile, and no fact
    found = rolled.filter(pl.any_horizontal(pl.col(list(ASKED)).is_not_null()))
    assert found.height == wanted.height > 0
    for column in ASKED:
        assert found[column].is_null().to_list() == wanted[column].is_null().to_list()
        known = found[column].is_not_null()
        left, right = found[column].filter(known).to_numpy(), wanted[column].filter(known)
        np.testing.assert_allclose(left, right.to_numpy(), rtol=0.005 + 1e-9)


def test_a_percentile_of_the_grain_is_the_marts_own(kpi):
    grain = ["day", "handler", "task_type", "department", "channel"]
    rolled = ask(rollup.sql("daily_kpi", grain, list(ASKED)), **kpi)
    mart = kpi["daily_kpi"].sort(grain)
    for column in ASKED:
        left, right = rolled[column].fill_null(-1), mart[column].fill_null(-1)
        np.testing.assert_allclose(left.to_numpy(), right.to_numpy(), rtol=1e-12)


def test_a_mean_of_percentiles_is_another_number(kpi):
    (right,) = ask(rollup.sql("daily_kpi", (), ["cycle_hours_p90"]), **kpi)["cycle_hours_p90"]
    assert kpi["daily_kpi"]["cycle_hours_p90"].mean() != pytest.approx(right, rel=0.01)


def test_percentiles_stand_beside_sums_in_the_order_asked(kpi):
    rolled = ask(rollup.sql("daily_kpi", ["handler"], ["ended_tasks", "cycle_hours_p50"]), **kpi)
    assert rolled.columns == ["handler", "ended_tasks", "cycle_hours_p50"]
    assert rolled["ended_tasks"].sum() == kpi["daily_kpi"]["ended_tasks"].sum()


def test_every_ended_task_is_in_one_row(facts, kpi):
    ended = facts["fct_task"].filter("is_ended")
    assert kpi["daily_kpi"]["ended_tasks"].sum() == ended.height
    counted = kpi["daily_duration"].filter(pl.col("measure") == "cycle_hours")
    assert counted["count"].sum() == ended["cycle_microseconds"].count()


def test_backlog_equals_a_plain_count_over_tickets(facts, kpi):
    tickets = facts["fct_ticket"].filter(~pl.col("is_excluded"))
    for day in (date(2026, 1, 5), date(2026, 1, 20), DAY):
        is_open = (pl.col("ended_day").is_null() | (pl.col("ended_day") > day)) & (
            pl.col("day").is_between(day - timedelta(days=30), day)
        )
        found = kpi["daily_kpi"].filter(pl.col("day") == day)["backlog"].sum()
        assert found == tickets.filter(is_open).height > 0


def test_a_day_of_an_agent_and_of_people_by_hand(rows):
    frame = rows(
        "daily_kpi",
        fct_task=[
            TASK | {"satisfaction": 1.0},
            TASK | {"outcome_class": "assisted_success", "human_minutes": "9",
                    "is_escalated": True, "satisfaction": 0.0},
            TASK | {"outcome_class": "failure", "is_reopened": True, "failed_by": "reopened"},
            TASK | {"outcome_class": "failure", "failed_by": "rejected"},
            TASK | {"outcome_class": "unconfirmed", "is_output_delivered": False},
            PERSON | {"human_minutes": "12"},
            PERSON | {"human_minutes": "30"},
        ],
        fct_cost_allocation=[
            {"charge_id": "c", "day": DAY, "agent_id": "a", "task_type": "t", "department": "d",
             "channel": "c", "allocated_cost": "5", "cost_basis": "billed"},
        ],
        fct_time_entry=[
            {"task_id": "t1", "day": DAY, "agent_id": agent, "task_type": "t", "department": "d",
             "channel": "c", "human_cost": cost, "basis": "logged"}
            for agent, cost in (("a", "7.5"), ("__human__", "35"))
        ],
    )  # fmt: skip
    agent, people = one(frame, handler="a"), one(frame, handler="__human__")
    assert (agent["ended_tasks"], agent["successes"], agent["failures"]) == (5, 2, 2)
    assert agent["first_contact_resolution"] == 1 / 4
    assert agent["escalation_rate"] == 1 / 5
    assert agent["reopen_rate"] == 1 / 5
    assert agent["error_rate"] == 1 / 4
    assert (agent["satisfaction"], agent["rated_tasks"]) == (0.5, 2)
    assert (agent["suggested_tasks"], agent["decided_tasks"], agent["automated_tasks"]) == (1, 0, 4)
    assert agent["cost_per_case"] == 12.5 / 5
    assert agent["work_minutes_mean"] == (5 * 6 + 9) / 5
    assert agent["throughput_per_hour"] == pytest.approx(5 / (39 / 60))
    assert agent["quality_adjusted_productivity"] == pytest.approx(5 / (39 / 60) * 1 / 4)
    assert agent["cycle_hours_p95"] == pytest.approx(2, rel=0.005)
    assert people["handle_minutes_p50"] == pytest.approx(12, rel=0.005)
    assert people["cost_per_case"] == 35 / 2
    assert people["spend"] == 0
    # people hand over to nobody: that is no rate of 0
    assert people["escalation_rate"] is None
    assert people["first_contact_resolution"] == 1


def test_business_hours_value_and_hand_over_by_hand(rows):
    frame = rows(
        "daily_kpi",
        fct_task=[
            # 20 hours to the resolution, 3 of them in service hours, the output after 1
            TASK | {"cycle_microseconds": 20 * HOUR, "business_cycle_microseconds": 3 * HOUR,
                    "value_microseconds": HOUR},
            # the hours of this one are not on file, nor when its last call ended
            TASK | {"business_cycle_microseconds": None, "value_microseconds": None},
            TASK | {"outcome_class": "assisted_success", "is_escalated": True,
                    "business_cycle_microseconds": HOUR, "value_microseconds": 2 * HOUR,
                    "handoff_microseconds": 30 * MINUTE},
            TASK | {"outcome_class": "failure", "is_escalated": True,
                    "business_cycle_microseconds": 0, "handoff_microseconds": 10 * MINUTE},
            TASK | {"outcome_class": "failure", "is_escalated": True},
            # an open task has handed over, but is no part of the escalated ones that ended
            TASK | {"outcome_class": "open", "is_ended": False, "is_escalated": True,
                    "handoff_microseconds": MINUTE},
            PERSON | {"value_microseconds": 4 * HOUR},
        ],
    )  # fmt: skip
    agent, people = one(frame, handler="a"), one(frame, handler="__human__")
    counted = ("business_cycled_tasks", "valued_tasks", "handed_tasks", "escalated_tasks")
    assert tuple(agent[name] for name in counted) == (3, 2, 2, 3)
    assert agent["business_cycle_hours_mean"] == pytest.approx(4 / 3)
    assert agent["value_hours_mean"] == 1.5
    assert agent["handoff_minutes_mean"] == 20
    assert agent["business_cycle_hours_p95"] == pytest.approx(3, rel=0.005)
    assert agent["business_cycle_hours_p50"] == pytest.approx(1, rel=0.0051)
    assert agent["value_hours_p50"] == pytest.approx(1, rel=0.0051)
    assert agent["handoff_minutes_p90"] == pytest.approx(30, rel=0.005)
    assert agent["handoff_completeness"] == pytest.approx(2 / 3)
    # without hours on file there is no business time, and people hand over to nobody
    assert people["business_cycle_hours_mean"] is None
    assert people["business_cycle_hours_p50"] is None
    assert people["handoff_completeness"] is None
    assert people["value_hours_mean"] == 4


def test_without_service_hours_every_other_figure_stays(rows):
    tasks = [TASK, TASK | {"outcome_class": "failure"}, PERSON | {"human_minutes": "12"}]
    known = [task | {"business_cycle_microseconds": HOUR} for task in tasks]
    with_hours, without = (rows("daily_kpi", fct_task=given_rows) for given_rows in (known, tasks))
    differing = [name for name in without.columns if not with_hours[name].equals(without[name])]
    assert {name.removeprefix("business_cycle") for name in differing} == {
        "d_tasks", "_microseconds", "_hours_mean", "_hours_p50", "_hours_p90", "_hours_p95"
    }  # fmt: skip
    assert without["business_cycle_hours_mean"].is_null().all()


ENTRY = {"day": DAY, "agent_id": "a", "task_type": "t", "channel": "c", "basis": "logged"}


def entry(roster: str, minutes: str | None, **said: object) -> dict:
    return ENTRY | {"roster": roster, "minutes": minutes, "is_day_assumed": False} | said


def duty(roster: str, hours: int | None, day: date = DAY) -> dict:
    told = None if hours is None else hours * HOUR
    return {"day": day, "roster": roster, "duty_microseconds": told}


def test_utilisation_by_hand(rows):
    frame = rows(
        "daily_staffing",
        fct_time_entry=[
            entry("claims", "240"),
            entry("claims", "60", basis="assumed", is_day_assumed=True),
            entry("claims", None, basis="assumed"),
            entry("__shared__", "30", department="sales"),
            entry("__shared__", "90", department="legal"),
            entry("silent", "45"),
        ],
        fct_duty=[
            duty("claims", 10), duty("closed", 0), duty("silent", None), duty("__shared__", 8),
        ],
    )  # fmt: skip
    assert frame["roster"].to_list() == ["__shared__", "claims", "closed", "silent"]
    claims, shared = one(frame, roster="claims"), one(frame, roster="__shared__")
    assert claims["human_utilisation"] == 0.5
    assert claims["worked_microseconds"] == 5 * HOUR
    assert claims["assumed_microseconds"] == HOUR
    counted = ("entries", "entries_without_minutes", "undated_entries")
    assert tuple(claims[name] for name in counted) == (3, 1, 1)
    assert claims["evidence"] == "assumed"
    assert shared["human_utilisation"] == 2 / 8
    assert shared["evidence"] == "measured"
    # a day off has no one to be utilised; staff of unknown number are not nobody
    closed, silent = one(frame, roster="closed"), one(frame, roster="silent")
    assert (closed["duty_microseconds"], closed["human_utilisation"]) == (0, None)
    assert (silent["duty_microseconds"], silent["human_utilisation"]) == (None, None)
    assert (silent["worked_microseconds"], silent["staffed_microseconds"]) == (45 * MINUTE, 0)
    # all together: what is staffed, over all duty that is known
    total = ask(rollup.sql("daily_staffing", (), ()), daily_staffing=frame).row(0, named=True)
    assert total["human_utilisation"] == pytest.approx(7 / 18)
    assert total["worked_microseconds"] == 7 * HOUR + 45 * MINUTE
    assert total["duty_microseconds"] is None


def test_where_nobody_keeps_hours_utilisation_is_not_known(rows):
    frame = rows("daily_staffing", fct_time_entry=[entry("claims", "30"), entry("sales", "15")])
    assert frame["roster"].to_list() == ["claims", "sales"]
    assert frame["duty_microseconds"].is_null().all()
    assert frame["human_utilisation"].is_null().all()
    assert frame["worked_microseconds"].sum() == 45 * MINUTE


def test_no_work_is_lost_between_entries_and_staffing(facts, make_params, build_mart):
    days = make_params(*(date(2026, 1, 1) + timedelta(days=n) for n in range(31)))
    frame = build_mart(facts, "daily_staffing", days)
    minutes = facts["fct_time_entry"]["minutes"].cast(pl.Float64)
    assert frame["worked_microseconds"].sum() == pytest.approx(minutes.sum() * MINUTE)
    assert frame["entries"].sum() == facts["fct_time_entry"].height
    duty_told = facts["fct_duty"]["duty_microseconds"]
    assert frame["duty_microseconds"].sum() == duty_told.sum()


def test_a_rate_for_all_handlers_is_taken_of_the_sums(rows):
    frame = rows(
        "daily_kpi",
        fct_task=[*[TASK] * 3, *[PERSON | {"human_minutes": "1"}] * 2],
    )
    (share,) = ask(rollup.sql("daily_kpi", (), ["automated_share"]), daily_kpi=frame)[
        "automated_share"
    ]
    assert share == 3 / 5


def test_the_vendors_number_stands_beside_ours(rows):
    """Of five by one reply or more: ours knows who came back, theirs counts replies."""
    frame = rows(
        "daily_kpi",
        fct_task=[
            *[TASK | {"is_one_touch": True}] * 2,
            TASK | {"is_one_touch": True, "is_reopened": True, "outcome_class": "failure"},
            TASK | {"is_one_touch": True, "is_escalated": True},
            TASK | {"is_one_touch": False},
            # of another system, which counts no replies; and one that is not solved
            TASK | {"outcome_class": "failure", "department": "other"},
            TASK | {"outcome_class": "open", "is_ended": False, "department": "other"},
        ],
    )
    row, other = one(frame, department="d"), one(frame, department="other")
    assert (row["one_touch_tasks"], row["touched_tasks"]) == (4, 5)
    assert row["vendor_first_contact_resolution"] == 4 / 5
    assert row["first_contact_resolution"] == 3 / 5
    assert other["vendor_first_contact_resolution"] is None


def test_backlog_does_not_add_up_over_days(rows):
    ticket = {"day": DAY - timedelta(days=1), "agent_id": "a", "task_type": "t"}
    frames = [
        rows("daily_kpi", day=day, fct_ticket=[ticket | {"ticket_id": "x"}])
        for day in (DAY - timedelta(days=1), DAY)
    ]
    both = pl.concat(frames)
    assert both["backlog"].to_list() == [1, 1]
    rolled = ask(rollup.sql("daily_kpi", (), ["backlog"]), daily_kpi=both)
    assert rolled["backlog"].to_list() == [None]
    by_day = ask(rollup.sql("daily_kpi", ["day"], ["backlog"]), daily_kpi=both)
    assert by_day["backlog"].to_list() == [1, 1]


def test_hard_cases_go_to_people_and_do_not_bend_the_baseline(rows):
    """By mail people need 5 minutes, by phone 20; the agent gets 9 mails for each call."""
    people = [
        PERSON | {"channel": channel, "human_minutes": minutes}
        for channel, minutes, number in (("mail", "5", 10), ("phone", "20", 30))
        for _ in range(number)
    ]
    own = [
        TASK | {"channel": channel, "inference_microseconds": minutes * MINUTE}
        for channel, minutes, number in (("mail", 2, 9), ("phone", 8, 1))
        for _ in range(number)
    ]
    row = one(rows("productivity", fct_task=[*people, *own]), agent_id="a")
    assert row["baseline_rank"] == "matched"
    assert (row["cases"], row["baseline_cases"], row["uncovered_share"]) == (10, 40, 0)
    assert row["baseline_minutes"] == pytest.approx(6.5)
    assert row["work_minutes_mean"] == pytest.approx(2.6)
    assert row["productivity_delta"] == pytest.approx(1.5)


def test_without_people_on_the_like_the_assumption_speaks(rows):
    alone = [TASK | {"baseline_minutes": "24", "channel": "chat"}] * 4
    other = [PERSON | {"channel": "mail", "human_minutes": "5"}] * 9
    row = one(rows("productivity", fct_task=[*alone, *other]), agent_id="a")
    assert (row["baseline_rank"], row["evidence"]) == ("assumed", "assumed")
    assert (row["uncovered_share"], row["baseline_cases"]) == (1, 0)
    assert (row["baseline_minutes"], row["productivity_delta"]) == (24, 3)
    assert row["productivity_delta_low"] is None


def test_nothing_to_compare_with_has_a_reason(rows):
    novel = TASK | {"is_novel": True, "baseline_minutes": "24"}
    row = one(rows("productivity", fct_task=[novel]), agent_id="a")
    assert (row["baseline_rank"], row["productivity_delta_reason"]) == ("none", "no_baseline")
    instant = TASK | {"inference_microseconds": 0, "baseline_minutes": "24"}
    row = one(rows("productivity", fct_task=[instant]), agent_id="a")
    assert (row["productivity_delta"], row["productivity_delta_reason"]) == (None, "no_time")


def test_people_whose_minutes_are_assumed_are_no_measured_baseline(rows):
    guessed = PERSON | {"human_minutes": "50", "human_minutes_basis": "assumed"}
    tasks = [TASK | {"baseline_minutes": "12"}, *[guessed] * 5]
    assert one(rows("productivity", fct_task=tasks), agent_id="a")["baseline_rank"] == "assumed"


def exposures(arms: list[str], **columns: object) -> list[dict]:
    return [
        {
            "experiment_id": "holdout",
            "unit": "task",
            "unit_id": f"t{number}",
            "task_id": f"t{number}",
            "arm": arm,
            "day": DAY,
            "is_crossed_over": False,
            "is_in_period": True,
            **columns,
        }
        for number, arm in enumerate(arms)
    ]


def test_people_drawn_by_lot_are_the_best_baseline(rows):
    drawn = [PERSON | {"human_minutes": "18"}] * 30 + [TASK] * 30
    others = [PERSON | {"human_minutes": "60"}] * 40
    arms = ["people"] * 30 + ["agent"] * 30
    tables = {"fct_task": [*drawn, *others], "fct_experiment_exposure": exposures(arms)}
    row = one(rows("productivity", **tables), agent_id="a")
    assert (row["baseline_rank"], row["experiment_id"]) == ("randomised_holdout", "holdout")
    assert (row["baseline_minutes"], row["baseline_cases"]) == (18, 30)
    assert row["productivity_delta"] == pytest.approx(2)
    # an arm too small to speak leaves the word to people on the like
    tables["fct_experiment_exposure"] = exposures(arms[1:])
    tables["fct_task"] = tables["fct_task"][1:]
    row = one(rows("productivity", **tables), agent_id="a")
    assert (row["baseline_rank"], row["experiment_id"]) == ("matched", None)


def rolled_out(**changed: dict[str, object]) -> list[dict]:
    """Return 30 tasks before and 30 after for mail, taken over by a, and four other channels.

    People needed 20 minutes by mail; elsewhere 10, of which 9 are left, or 9 ± 0.1.
    """
    then, now = DAY - timedelta(days=40), DAY - timedelta(days=3)
    came = {"day": DAY - timedelta(days=30), "channel": "mail", "inference_microseconds": 0}
    tasks = [TASK | came | changed.get("first", {})]
    for channel, before, after in (
        ("mail", "20", None),
        ("c1", "10", "9"),
        ("c2", "10", "9"),
        ("c3", "10", "8.9"),
        ("c4", "10", "9.1"),
    ):
        at = {"channel": channel, "user_group": "g"}
        old = PERSON | at | {"day": then, "human_minutes": before}
        new = PERSON | at | {"day": now, "human_minutes": after}
        if channel == "mail":
            new = TASK | at | {"day": now, "inference_microseconds": 6 * MINUTE}
        tasks += [old | changed.get(f"{channel} before", {})] * 30
        tasks += [new | changed.get(f"{channel} after", {})] * 30
    tasks[0]["user_group"] = "g"
    return tasks


def test_what_an_agent_took_over_is_held_against_itself_moved_as_others_moved(rows):
    row = one(rows("productivity", fct_task=rolled_out()), agent_id="a")
    moved = (0.9 * 0.9 * 0.89 * 0.91) ** (1 / 4)
    assert (row["baseline_rank"], row["evidence"]) == ("staggered_rollout", "measured")
    assert row["baseline_minutes"] == pytest.approx(20 * moved)
    assert row["productivity_delta"] == pytest.approx(20 * moved / 6 - 1)
    assert row["baseline_minutes_low"] < 20 * moved < row["baseline_minutes_high"]
    assert (row["cases"], row["baseline_cases"], row["uncovered_share"]) == (30, 30 + 4 * 60, 0)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"first": {"day": DAY - timedelta(days=10)}}, id="it came within the window"),
        pytest.param({"first": {"day": DAY - timedelta(days=80)}}, id="it was there before"),
        pytest.param({"mail before": {"human_minutes_basis": "assumed"}}, id="assumed before"),
        pytest.param(
            {name: {"agent_id": "b"} for name in ("c1 after", "c2 after")},
            id="only two groups are still people's",
        ),
        pytest.param({"c1 before": {"channel": "x"}, "c2 after": {"channel": "y"}}, id="others"),
    ],
)
def test_what_is_no_roll_out_leaves_the_word_to_others(rows, changed):
    row = one(rows("productivity", fct_task=rolled_out(**changed)), agent_id="a")
    assert row["baseline_rank"] == "none"


def test_an_agent_that_takes_the_easy_ones_has_not_taken_over(rows):
    hard = PERSON | {"day": DAY, "channel": "mail", "user_group": "g", "human_minutes": "90"}
    for number, rank in ((7, "staggered_rollout"), (8, "matched")):
        tasks = [*rolled_out(), *[hard] * number]
        row = one(rows("productivity", fct_task=tasks), agent_id="a")
        assert row["baseline_rank"] == rank
        if rank == "staggered_rollout":
            # all cases of the group speak, whoever ended them
            mean = (30 * 6 + 7 * 90) / 37
            assert row["productivity_delta"] == pytest.approx(row["baseline_minutes"] / mean - 1)


def served(group: str, good: int, bad: int, **columns: object) -> list[dict]:
    return [
        TASK
        | {"user_group": group, "outcome_class": "autonomous_success" if n < good else "failure"}
        | columns
        for n in range(good + bad)
    ]


def test_four_fifths_by_hand(rows):
    frame = rows(
        "daily_fairness",
        fct_task=[
            *served("large", 160, 40),
            *served("worse", 36, 24),
            *served("same", 40, 10),
            *served("few", 1, 20),
        ],
    )
    worse, same, few = (one(frame, user_group=name) for name in ("worse", "same", "few"))
    assert set(frame["reference_group"]) == {"large"}
    assert (round(worse["success_ratio_28d"], 9), worse["success_verdict"]) == (0.75, "below")
    assert (same["success_verdict"], same["success_ratio_28d"]) == ("within", 1)
    itself = one(frame, user_group="large")
    assert itself["is_reference"]
    assert (itself["success_ratio_low_28d"], itself["success_ratio_high_28d"]) == (1, 1)
    few_days = rows("daily_fairness", fct_task=[*served("large", 40, 10), *served("b", 30, 9)])
    itself = one(few_days, user_group="large")
    assert (itself["success_ratio_low_28d"], itself["success_ratio_high_28d"]) == (1, 1)
    assert itself["success_is_certain"] is False
    # a small group shows nothing from which it could be worked out
    assert few["suppressed_reason"] == "small_group"
    shown = [name for name in few if name.endswith("_28d")]
    assert len(shown) > 8
    assert all(few[name] is None for name in shown)
    assert few["success_verdict"] == few["escalation_verdict"] == "insufficient_data"


def test_escalation_is_judged_as_a_harm(rows):
    handed = {"is_escalated": True}
    frame = rows(
        "daily_fairness",
        fct_task=[
            *served("large", 198, 0),
            *served("large", 2, 0, **handed),
            *served("often", 90, 0),
            *served("often", 10, 0, **handed),
            *served("never", 50, 0),
        ],
    )
    often, never = one(frame, user_group="often"), one(frame, user_group="never")
    assert often["escalation_ratio_28d"] == pytest.approx(10)
    assert (often["escalation_verdict"], often["escalation_is_certain"]) == ("below", True)
    assert (never["escalation_ratio_28d"], never["escalation_verdict"]) == (0, "within")


def test_a_nameless_group_is_no_reference_and_a_small_reference_judges_nobody(rows):
    frame = rows("daily_fairness", fct_task=[*served("", 1, 0), *served("a", 40, 0)])
    nameless = [task | {"user_group": None} for task in served("x", 90, 0)]
    frame = rows("daily_fairness", fct_task=[*nameless, *served("a", 40, 0)])
    assert set(frame["reference_group"]) == {"a"}
    frame = rows("daily_fairness", fct_task=[*nameless, *served("a", 4, 0)])
    assert frame["reference_group"].null_count() == frame.height == 2
    assert set(frame["success_verdict"]) == {"insufficient_data"}


def reviewed(number: int, found: int, **columns: object) -> list[dict]:
    return [
        TASK
        | {"is_human_reviewed": True, "is_random_review": True, "is_hallucination": n < found}
        | columns
        for n in range(number)
    ]


def test_grounding_effect_by_hand(rows):
    tasks = [
        *reviewed(80, 4, has_retrieval=True),
        *reviewed(100, 15, has_retrieval=False),
        *[TASK | {"has_retrieval": True}] * 7,
    ]
    row = one(rows("grounding_effect", fct_task=tasks), agent_id="a")
    assert (row["grounded_outputs"], row["grounded_reviewed"]) == (87, 80)
    assert row["grounding_effect"] == pytest.approx(-0.1)
    assert row["grounding_effect_low"] < -0.1 < row["grounding_effect_high"] < 0
    assert (row["inference"], row["grounding_effect_reason"]) == ("association", None)


def test_reviews_for_a_reason_count_by_their_chance_or_not_at_all(rows):
    tasks = [
        *reviewed(10, 2, has_retrieval=True),
        *reviewed(5, 5, has_retrieval=True, is_random_review=False),
        *reviewed(4, 4, has_retrieval=False, is_random_review=False),
    ]
    row = one(rows("grounding_effect", fct_task=tasks), agent_id="a")
    assert (row["grounded_reviewed"], row["grounded_effective_reviews"]) == (15, 10)
    assert row["grounded_hallucination_rate"] == pytest.approx(0.2)
    assert row["grounding_effect"] is None
    assert row["grounding_effect_reason"] == "no_ungrounded_reviews"


@pytest.mark.parametrize(
    ("arms", "columns", "inference"),
    [
        (["with"] * 5 + ["without"] * 5, {}, "experiment"),
        (["with"] * 4 + ["without"] * 6, {}, "association"),
        (["with"] * 5 + ["without"] * 4, {}, "association"),
        (["with"] * 5 + ["without"] * 5, {"is_crossed_over": True}, "association"),
        (["with"] * 5 + ["without"] * 5, {"is_in_period": False}, "association"),
    ],
    ids=["drawn", "one without retrieval in the other arm", "one not drawn", "crossed", "too late"],
)
def test_only_a_draw_makes_an_effect(rows, arms, columns, inference):
    tasks = [*reviewed(5, 0, has_retrieval=True), *reviewed(5, 1, has_retrieval=False)]
    row = one(
        rows(
            "grounding_effect", fct_task=tasks, fct_experiment_exposure=exposures(arms, **columns)
        ),
        agent_id="a",
    )
    assert row["inference"] == inference


def cost(amount: str, **columns: object) -> dict:
    return {"charge_id": "c", "day": DAY, "agent_id": "a", "allocated_cost": amount} | columns


def step(task: str | None, priced: str | None, tokens: int = 0) -> dict:
    return {
        "action_id": f"{task}-{priced}",
        "day": DAY,
        "agent_id": "a",
        "task_id": task,
        "is_rollup": False,
        "priced_cost": priced,
        "input_uncached_tokens": tokens,
    }


MONDAY = date(2026, 1, 26)
EARLIER = DAY - timedelta(days=10)


def test_spend_is_shared_over_weeks_by_usage_and_none_is_lost(rows):
    old = TASK | {"task_id": "old", "created_day": EARLIER}
    new = TASK | {"task_id": "new"}
    frame = rows(
        "daily_cohort",
        fct_task=[old, new],
        fct_cost_allocation=[cost("10.000000001")],
        fct_agent_action=[step("old", "1"), step("new", "1"), step(None, "1")],
    ).sort("cohort_week")
    assert frame["cohort_week"].to_list() == [date(2026, 1, 19), MONDAY]
    assert frame["spend"].to_list() == [Decimal("3.333333334"), Decimal("6.666666667")]
    assert frame["tasks"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("steps", "spend"),
    [
        ([step("old", None, 30), step("new", None, 10)], ["6", "2"]),
        ([], [None, "8"]),
    ],
    ids=["by tokens where nothing is priced", "in the own week where nothing was used"],
)
def test_without_prices_spend_follows_tokens_then_the_day(rows, steps, spend):
    tasks = [TASK | {"task_id": "old", "created_day": EARLIER}, TASK | {"task_id": "new"}]
    frame = rows(
        "daily_cohort",
        fct_task=tasks,
        fct_cost_allocation=[cost("8")],
        fct_agent_action=steps,
    ).sort("cohort_week")
    assert frame["spend"].to_list() == [Decimal(one_of or 0) for one_of in spend]


def test_no_spend_is_lost_between_agents_and_cohorts(facts, make_params, build_mart):
    days = make_params(*(date(2026, 1, 1) + timedelta(days=n) for n in range(31)))
    cohorts = build_mart(facts, "daily_cohort", days)
    agents = build_mart(facts, "daily_asr", days)
    by = ["day", "agent_id"]
    left = cohorts.group_by(by).agg(pl.col("spend", "tasks").sum()).filter(pl.col("spend") != 0)
    right = agents.filter(pl.col("spend") != 0).select(*by, "spend")
    assert left.sort(by).select(*by, "spend").equals(right.sort(by))
    own = facts["fct_task"].filter(pl.col("agent_id") != "__human__")
    assert cohorts["tasks"].sum() == own.height
    assert sum(cohorts["gross_value"], Decimal(0)) == pytest.approx(
        sum(agents["gross_value"], Decimal(0)), abs=Decimal("1e-6")
    )


def cohort(created: date, resolved: date | None, outcome: str, number: int = 1, **columns) -> list:
    ended = outcome != "open"
    return [
        TASK
        | {"created_day": created, "resolved_day": resolved, "day": resolved or created}
        | {"outcome_class": outcome, "is_ended": ended}
        | columns
    ] * number


def test_open_tasks_count_for_as_long_as_they_were_seen(rows):
    """Of 40 tasks half are settled at age 9, 20 are open: 10 of them came too late to say."""
    monday = date(2025, 12, 1)
    sunday = monday + timedelta(days=6)
    tasks = [
        *cohort(monday, monday + timedelta(days=2), "autonomous_success", 10),
        *cohort(monday, monday + timedelta(days=2), "assisted_success", 5),
        *cohort(monday, monday + timedelta(days=2), "failure", 5),
        *cohort(sunday, sunday + timedelta(days=20), "autonomous_success", 10),
        *cohort(monday, None, "open", 10),
    ]
    as_of = sunday + timedelta(days=25)
    row = one(
        rows("roi_cohort", day=as_of, as_of=as_of, fct_task=tasks), agent_id="a", cohort_week=monday
    )
    assert (row["tasks"], row["open_tasks"], row["horizon_days"]) == (40, 10, 37)
    assert row["open_share"] == 0.25
    assert (row["followed_tasks"], row["settled_tasks"]) == (40, 20)
    # nobody was followed for 37 days: what the open ones will come to is not known
    assert row["success_share"] is None
    assert row["success_share_reason"] == "not_followed"

    as_of = sunday + timedelta(days=37)
    row = one(
        rows("roi_cohort", day=as_of, as_of=as_of, fct_task=tasks), agent_id="a", cohort_week=monday
    )
    # 20 settled at age 9, 10 more at age 27, 10 open to the end: nothing is censored before
    assert row["autonomous_success_share"] == pytest.approx(20 / 40)
    assert row["success_share"] == pytest.approx(25 / 40)
    assert row["success_share_low"] < 25 / 40 < row["success_share_high"]


def test_what_may_still_be_reopened_is_not_settled(rows):
    monday = date(2025, 12, 1)
    tasks = [
        *cohort(monday, monday, "autonomous_success", 6),
        *cohort(monday, None, "failure", 4, failed_by="timed_out"),
    ]
    for age, settled, share in ((6, 0, None), (7, 6, None), (37, 10, 0.6)):
        as_of = monday + timedelta(days=age)
        row = one(
            rows("roi_cohort", day=as_of, as_of=as_of, fct_task=tasks),
            agent_id="a",
            cohort_week=monday,
        )
        assert row["settled_tasks"] == settled
        assert row["success_share"] == (share if share is None else pytest.approx(share))


def test_a_cohorts_return_is_of_its_own_tasks(rows):
    tasks = [
        TASK | {"task_id": "x", "created_day": EARLIER, "labour_value": "30", "human_cost": "2"},
        TASK | {"task_id": "y", "labour_value": "1"},
    ]
    shares = [{"task_id": name, "day": DAY, "agent_id": "a", "credit": "1"} for name in "xy"]
    frame = rows(
        "roi_cohort",
        fct_task=tasks,
        fct_task_credit=shares,
        fct_cost_allocation=[cost("10")],
        fct_agent_action=[step("x", "8"), step("y", "2")],
    )
    old = one(frame, cohort_week=date(2026, 1, 19))
    assert (old["spend"], old["human_cost"], old["gross_value"]) == (8, 2, 30)
    assert old["cohort_roi"] == pytest.approx(2)
    assert one(frame, cohort_week=MONDAY)["cohort_roi"] == pytest.approx(-0.5)
