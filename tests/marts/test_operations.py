"""Operations: model calls, GPUs and incidents, rows worked by hand."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pytest

from roi_engine.marts import rollup
from roi_engine.marts.contract import fact
from roi_engine.marts.declared.daily_inference import PER_TASK
from roi_engine.marts.params import Params
from roi_engine.marts.queries_operations import RESOURCES

DAY = date(2026, 1, 31)
NOON = datetime.combine(DAY, time(12))
SECOND = 1_000_000
HOUR = 3_600 * SECOND
CALL = {
    "day": DAY,
    "agent_id": "a",
    "model_version": "m",
    "is_rollup": False,
    "cost_status": "priced",
    "priced_cost": "0.01",
    "started_at": NOON,
    "latency_microseconds": 2 * SECOND,
    "time_to_first_token_seconds": 0.5,
    "input_uncached_tokens": 100,
    "output_visible_tokens": 30,
    "reasoning_tokens": 10,
    "initiated_by": "human",
}
GPU = {
    "day": DAY,
    "gpu_uuid": "g0",
    "agent_id": "a",
    "busy_microseconds": HOUR // 2,
    "capacity_microseconds": HOUR,
    "peak_vram_mib": 40_000,
    "vram_capacity_mib": 80_000,
}


@pytest.fixture
def rows(make_estate, build_mart):
    """Build a mart from a few rows by table; other tables are empty."""
    empty = {name: frame.clear() for name, frame in make_estate(0, tasks=3).items()}

    def build(mart: str, day: date = DAY, **tables: list[dict]) -> pl.DataFrame:
        facts = dict(empty)
        for name, given in tables.items():
            number = enumerate(given)
            named = {"fct_agent_action": "action_id", "fct_incident": "incident_id"}.get(name)
            facts[name] = fact(name, [({named: f"x{n}"} if named else {}) | r for n, r in number])
        params = Params(days=(day,), as_of=day, transform_run_ids={day: "r"})
        return build_mart(facts, mart, params)

    return build


def one(frame: pl.DataFrame, **where: object) -> dict:
    return frame.row(
        by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in where.items()), named=True
    )


def test_calls_by_hand(rows):
    later = NOON + timedelta(hours=3)
    frame = rows(
        "daily_inference",
        fct_agent_action=[
            CALL,
            CALL | {"latency_microseconds": 6 * SECOND, "time_to_first_token_seconds": None},
            CALL | {"started_at": later, "output_visible_tokens": None, "reasoning_tokens": None},
            CALL | {"is_error": True, "latency_microseconds": 60 * SECOND},
            CALL | {"is_rollup": True, "cost_status": "rollup"},
            CALL | {"cost_status": "stated", "model_version": "__unknown__"},
        ],
    )
    assert frame.height == 1
    row = one(frame, agent_id="a", model_version="m")
    assert (row["calls"], row["errors"], row["error_rate"]) == (4, 1, 0.25)
    assert (row["input_uncached_tokens"], row["output_visible_tokens"]) == (400, 90)
    assert row["priced_cost"] == Decimal("0.04")
    # the failed call's minute is no latency
    assert row["latency_seconds_mean"] == pytest.approx(10 / 3)
    assert row["seconds_per_output_token_mean"] == pytest.approx(8 / 80)
    assert row["tokens_per_second"] == pytest.approx(10)
    assert row["time_to_first_token_seconds_mean"] == 0.5
    assert row["latency_seconds_p50"] == pytest.approx(2, rel=0.005)
    assert row["latency_seconds_p95"] == pytest.approx(6, rel=0.005)
    assert row["seconds_per_output_token_p50"] == pytest.approx(0.05, rel=0.005)
    assert row["requests_per_second"] == 4 / 86_400
    assert row["peak_requests_per_second"] == 3 / 3_600
    assert (row["advice"], row["advice_reason"]) == ("none", "too_few_calls")
    assert (row["gpus"], row["gpu_utilisation"], row["peak_vram_share"]) == (0, None, None)


def test_gpus_by_hand(rows):
    frame = rows(
        "daily_inference",
        fct_gpu_usage=[
            GPU,
            GPU | {"gpu_uuid": "g1", "peak_vram_mib": 78_000},
            GPU | {"agent_id": None, "dedicated_agent_id": "a", "busy_microseconds": 0},
            GPU | {"agent_id": None, "model": "served", "busy_microseconds": HOUR},
            GPU | {"agent_id": None, "model": "blind", "peak_vram_mib": None},
        ],
    )
    own = one(frame, agent_id="a", model_version="__unknown__")
    assert (own["gpus"], own["gpu_utilisation"]) == (2, pytest.approx(1 / 3))
    assert own["gpu_headroom"] == pytest.approx(2 / 3)
    assert (own["peak_vram_mib"], own["peak_vram_share"]) == (78_000, 0.975)
    assert (own["advice"], own["advice_reason"]) == ("smaller_model", "memory_full")
    server = one(frame, agent_id="__unallocated__", model_version="served")
    assert (server["advice"], server["advice_reason"]) == ("out", "gpu_busy")
    assert one(frame, model_version="blind")["vram_headroom"] is None


TASK = {"day": DAY, "agent_id": "a", "model_version": "m"}


def test_what_tasks_used_by_hand(rows):
    frame = rows(
        "daily_inference",
        fct_agent_action=[CALL],
        fct_task=[
            TASK | {"cpu_microseconds": 250_000, "peak_memory_bytes": 300, "received_bytes": 40},
            TASK | {"cpu_microseconds": 1_500_000, "peak_memory_bytes": 700},
            # used no CPU to speak of, which is known
            TASK | {"cpu_microseconds": 0},
            TASK,
            TASK | {"agent_id": "b", "sent_bytes": 12},
            TASK | {"agent_id": "silent"},
        ],
    )
    row = one(frame, agent_id="a")
    assert (row["cpu_tasks"], row["cpu_microseconds"]) == (3, 1_750_000)
    assert row["cpu_seconds_per_task"] == pytest.approx(1.75 / 3)
    assert (row["memory_tasks"], row["task_peak_memory_bytes"]) == (2, 1000)
    assert (row["peak_memory_bytes"], row["peak_memory_bytes_per_task"]) == (700, 500)
    assert (row["received_tasks"], row["received_bytes"]) == (1, 40)
    assert row["received_bytes_per_task"] == 40
    # what nobody says is not 0
    assert (row["sent_tasks"], row["sent_bytes_per_task"]) == (0, None)
    # a task counts on its own day, whether its calls are of this day or not
    other = one(frame, agent_id="b")
    assert (other["calls"], other["sent_bytes_per_task"]) == (0, 12)
    assert (other["cpu_seconds_per_task"], other["peak_memory_bytes"]) == (None, None)
    assert frame.height == 2


def test_what_tasks_used_adds_up_to_that_of_the_facts(facts, make_params, build_mart):
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]
    mart = build_mart(facts, "daily_inference", make_params(*days))
    tasks = facts["fct_task"].filter(pl.col("day").is_in(days))
    for total, (number, column) in RESOURCES.items():
        known = tasks[column].drop_nulls()
        assert 50 < known.len() < tasks.height
        assert (mart[total].sum(), mart[number].sum()) == (known.sum(), known.len())
        assert (mart.filter(pl.col(number) == 0)[total] == 0).all()
    for mean, (total, unit) in PER_TASK.items():
        number = RESOURCES[total][0]
        assert mart[mean].is_null().equals(mart[number] == 0)
        known = mart.filter(pl.col(number) > 0)
        np.testing.assert_allclose(known[mean] * known[number], known[total] / unit)
    assert mart["peak_memory_bytes"].max() == tasks["peak_memory_bytes"].max()
    assert (mart["peak_memory_bytes_per_task"] <= mart["peak_memory_bytes"]).all()


def test_work_that_nobody_waits_for_may_go_as_a_batch(rows):
    nightly = [CALL | {"initiated_by": "schedule"}] * 100
    row = one(rows("daily_inference", fct_agent_action=nightly), agent_id="a")
    assert (row["advice"], row["advice_reason"]) == ("batch", "nobody_waits")


def test_latency_at_any_level_is_that_of_the_facts(facts, make_params, build_mart):
    days = make_params(*(date(2026, 1, 1) + timedelta(days=n) for n in range(31)))
    marts = {name: build_mart(facts, name, days) for name in ("daily_inference", "daily_latency")}
    asked = ["seconds_per_output_token_p95", "time_to_first_token_seconds_p50"]
    calls = facts["fct_agent_action"].filter(
        ~pl.col("is_rollup") & ~pl.col("is_error"),
        pl.col("cost_status").is_in(["priced", "free", "unpriced", "unmetered"]),
    )
    each = "latency_microseconds / 1e6 / nullif(output_visible_tokens, 0)"
    with duckdb.connect() as con:
        con.execute("create schema marts")
        for name, frame in (*marts.items(), ("calls", calls)):
            con.register("frame", frame)
            con.execute(f"create table marts.{name} as from frame")
        rolled = con.execute(rollup.sql("daily_inference", ["agent_id"], asked)).pl()
        wanted = con.execute(
            f"""select agent_id, percentile_disc(0.95) within group (order by {each}),
                percentile_disc(0.5) within group (order by time_to_first_token_seconds)
            from marts.calls group by 1 order by 1"""
        ).pl()
    known = rolled.filter(pl.col(asked[0]).is_not_null())
    assert known["agent_id"].to_list() == wanted["agent_id"].to_list()
    for place, column in enumerate(asked, start=1):
        np.testing.assert_allclose(known[column], wanted[wanted.columns[place]], rtol=0.00501)


def incident(hours_ago: float, length: float | None, seen: float | None = 1, **columns) -> dict:
    """Return an incident that began so many hours before the end of the day."""
    begun = datetime.combine(DAY, time.min) + timedelta(hours=24 - hours_ago)
    return {
        "day": begun.date(),
        "agent_id": "a",
        "started_at": begun,
        "detected_at": None if seen is None else begun + timedelta(hours=seen),
        "recovered_at": None if length is None else begun + timedelta(hours=length),
    } | columns


def test_incidents_by_hand(rows):
    long_ago = {"day": DAY - timedelta(days=27), "agent_id": "a", "is_rollup": False}
    frame = rows(
        "daily_reliability",
        fct_agent_action=[long_ago, long_ago | {"agent_id": "calm", "day": DAY}],
        fct_incident=[
            incident(20, 4),
            # inside the first one: no more time is lost
            incident(19, 2),
            incident(30, 12),
            incident(2, None, seen=None),
        ],
    )
    row, calm = one(frame, agent_id="a"), one(frame, agent_id="calm")
    # the third reaches six hours into the day, of which the first covers two
    assert row["downtime_microseconds"] == (6 + 2 + 2) * HOUR
    assert row["availability"] == pytest.approx(14 / 24)
    assert (row["incidents"], row["incidents_28d"], row["open_28d"]) == (3, 4, 1)
    assert row["availability_28d"] == pytest.approx(1 - 16 / (28 * 24))
    assert row["incident_rate_28d"] == pytest.approx(30 * 4 / 28)
    assert row["incident_rate_low_28d"] < 30 * 4 / 28 < row["incident_rate_high_28d"]
    assert row["time_to_detect_mean_28d"] == pytest.approx((1 + 1 + 1 + 2) / 3)
    assert row["time_to_recover_mean_28d"] == pytest.approx((4 + 2 + 12 + 2) / 3)
    # Kaplan–Meier: of four at risk one ends at 2 (the open one leaves), then one of two at 4
    assert row["time_to_recover_median_28d"] == pytest.approx(4)
    assert (calm["availability"], calm["incidents_28d"], calm["days_28d"]) == (1, 0, 1)
    assert calm["time_to_recover_mean_28d"] is None


def test_an_incident_that_ended_later_was_open_at_the_end_of_the_day(rows):
    frame = rows("daily_reliability", fct_incident=[incident(3, 9)])
    row = one(frame, agent_id="a")
    assert (row["open_28d"], row["downtime_microseconds"]) == (1, 3 * HOUR)
    assert row["time_to_recover_mean_28d"] is None


def test_an_old_incident_that_goes_on_is_downtime_and_no_new_incident(rows):
    frame = rows("daily_reliability", fct_incident=[incident(29 * 24, None)])
    row = one(frame, agent_id="a")
    assert (row["incidents_28d"], row["days_28d"], row["availability_28d"]) == (0, 28, 0)


def test_availability_of_a_month_is_of_the_sums(rows):
    frames = [
        rows("daily_reliability", day=day, fct_incident=[incident(36, 24)])
        for day in (DAY - timedelta(days=1), DAY)
    ]
    with duckdb.connect() as con:
        con.register("frame", pl.concat(frames))
        con.execute("create schema marts; create table marts.daily_reliability as from frame")
        query = rollup.sql("daily_reliability", ["agent_id"], ["availability"])
        assert con.execute(query).fetchall() == [("a", 0.5)]
