"""What is reported of people, users and operations is what is true in the simulated estate.

Counts equal the truth exactly. Rates are held against the true ones by their own intervals, or by
a distance that the size of the estate allows; seeds are fixed, so nothing is left to chance.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from roi_engine.metrics.difference import rate_difference

# one lake for all of these: the runs of a group share a worker
pytestmark = pytest.mark.xdist_group("truth_people")

ENDED = ["autonomous_success", "assisted_success", "failure", "unconfirmed"]
GAMMA_MINUTES, HARD_FACTOR = 12.8, 1.6


class Lake:
    """The marts and facts of one release, and the truth beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # what the release wrote is read as it lies there: no export of its own
        self.released = folder / "lake" / "release" / "current"

    def table(self, name: str) -> pl.DataFrame:
        """Return a mart or fact."""
        return pl.read_parquet(next(self.released.glob(f"*/{name}")), hive_partitioning=True)

    def newest(self, name: str) -> pl.DataFrame:
        """Return a daily mart's rows of the newest day."""
        rows = self.table(name)
        return rows.filter(pl.col("day") == rows["day"].max())

    def true_tasks(self) -> pl.DataFrame:
        """Return what really became of each task."""
        return pl.read_parquet(self.folder / "estate" / "truth" / "tasks.parquet")

    def true_rates(self) -> dict:
        """Return what nobody in the estate can know."""
        return json.loads((self.folder / "estate" / "truth" / "rates.json").read_text())


@pytest.fixture(scope="module")
def lake(roi, tmp_path_factory) -> Lake:
    """Return the release of a small estate."""
    folder = tmp_path_factory.mktemp("people")
    roi(
        *("simulate", "--out", folder / "estate", "--days", 8, "--tasks-per-day", 400),
        *("--agents", 6, "--seed", 11),
    )
    roi("run", "--inbox", folder / "estate" / "inbox", "--lake", folder / "lake")
    return Lake(folder)


def test_throughput_backlog_and_ratings_are_the_true_counts(lake):
    kpi, truth = lake.table("daily_kpi"), lake.true_tasks()
    ended = truth.filter(pl.col("outcome_class").is_in(ENDED))
    by_people = pl.col("handler") == "__human__"
    found = kpi.group_by(by_people.alias("by_people")).agg(pl.col("ended_tasks").sum())
    wanted = ended.group_by((pl.col("agent_id") == "__human__").alias("by_people")).agg(
        ended_tasks=pl.len().cast(pl.Int64)
    )
    assert found.sort("by_people").equals(wanted.sort("by_people"))
    is_open = truth["outcome_class"] == "open"
    assert lake.newest("daily_kpi")["backlog"].sum() == is_open.sum() > 50
    rated = ended.filter(pl.col("is_pleased").is_not_null())
    assert kpi["rated_tasks"].sum() == rated.height > 400
    assert kpi["satisfaction_thousandths"].sum() == 1000 * rated["is_pleased"].sum()


def test_newcomers_are_found_to_be_served_worse(lake):
    """By as much as is true, give or take what chance allows."""
    rows = lake.newest("daily_fairness").group_by("user_group").agg(
        pl.col("ended_tasks_28d", "successes_28d").sum()
    )  # fmt: skip
    k, n = (
        {row["user_group"]: row[column] for row in rows.iter_rows(named=True)}
        for column in ("successes_28d", "ended_tasks_28d")
    )
    true = lake.true_rates()["user_groups"]
    gap = rate_difference(
        [k["newcomer"]], [n["newcomer"]], [k["self_service"]], [n["self_service"]]
    )
    added = true["newcomer"]["success_added"] - true["self_service"]["success_added"]
    assert gap.low[0] <= added <= gap.high[0] < 0
    # people judge: enterprise gets what self-service gets
    even = rate_difference(
        [k["enterprise"]], [n["enterprise"]], [k["self_service"]], [n["self_service"]]
    )
    assert even.low[0] <= 0 <= even.high[0]


def test_retrieval_is_found_to_help(lake):
    rows = lake.table("grounding_effect")
    true = lake.true_rates()["retrieval"]
    sides = {
        side: rows.select(pl.col(f"{side}_effective_{name}").sum() for name in
                          ("hallucinations", "reviews")).row(0)
        for side in ("grounded", "ungrounded")
    }  # fmt: skip
    effect = rate_difference(
        *([value] for side in ("grounded", "ungrounded") for value in sides[side])
    )
    rates = pl.read_parquet(lake.folder / "estate" / "truth" / "rates.parquet")
    cell = ["agent_id", "task_type"]
    cells = rows.join(rates.group_by(cell).agg(pl.col("hallucination_probability").mean()), on=cell)
    reviews = pl.col("grounded_effective_reviews") + pl.col("ungrounded_effective_reviews")
    mean = cells.select(
        (pl.col("hallucination_probability") * reviews).sum() / reviews.sum()
    ).item()
    moved = (true["hallucination_factor_with"] - true["hallucination_factor_without"]) * mean
    assert effect.low[0] <= moved <= effect.high[0]
    # it was drawn in truth, but no experiment says so
    assert set(rows["inference"]) == {"association"}
    ends = rows.filter(pl.col("grounding_effect").is_not_null())
    assert (ends["grounding_effect_low"] <= ends["grounding_effect_high"]).all()


def test_peoples_minutes_are_found_on_the_agents_mix(lake):
    """People take 12.8 minutes, 1.6 times as many for the hard cases, of which they get most."""
    share = lake.true_rates()["hard_share"]["human"]
    true = GAMMA_MINUTES * (1 - share + share * HARD_FACTOR)
    matched = lake.table("productivity").filter(
        (pl.col("baseline_rank") == "matched") & (pl.col("baseline_cases") >= 20)
    )
    assert matched.height >= 2
    held = matched["baseline_minutes_low"].le(true) & matched["baseline_minutes_high"].ge(true)
    assert held.mean() >= 0.75
    assert (matched["productivity_delta"] > 0).all()


def test_novel_work_has_no_baseline(lake):
    rows = lake.table("productivity").filter(pl.col("task_type") == "market_brief")
    assert set(rows["baseline_rank"]) == {"none"}
    assert set(rows["productivity_delta_reason"]) == {"no_baseline"}


def test_each_agent_was_down_for_three_hours_once(lake):
    rows = lake.newest("daily_reliability")
    assert rows.height == 6
    assert set(rows["incidents_28d"]) == {1}
    assert set(rows["time_to_detect_mean_28d"]) == {1.0}
    assert set(rows["time_to_recover_mean_28d"]) == {3.0}
    np.testing.assert_allclose(rows["availability_28d"], 1 - 3 / (24 * rows["days_28d"]))
    daily = lake.table("daily_reliability")
    assert daily["downtime_microseconds"].sum() == 6 * 3 * 3_600_000_000


def test_calls_take_as_long_as_was_drawn(lake, roi):
    """A call takes 0.2 s and a log-normal of median e^14.6 µs; embeddings take a twentieth."""
    rows = json.loads(
        roi(
            *("rollup", "daily_inference", "--by", "model_version", "--json", "--column"),
            *("latency_seconds_p50,latency_seconds_p90,calls", "--lake", lake.folder / "lake"),
        )
    )
    known = [row for row in rows if row["calls"] > 250 and "embed" not in row["model_version"]]
    assert len(known) >= 4
    for row in known:
        assert row["latency_seconds_p50"] == pytest.approx(0.2 + np.exp(14.6) / 1e6, rel=0.12)
        p90 = 0.2 + np.exp(14.6 + 0.6 * 1.2816) / 1e6
        assert row["latency_seconds_p90"] == pytest.approx(p90, rel=0.15)


USED = {
    "cpu_microseconds": "cpu_time_us",
    "peak_memory_bytes": "peak_memory_bytes",
    "received_bytes": "received_bytes",
    "sent_bytes": "sent_bytes",
}


def test_tasks_used_what_their_steps_used(lake):
    """To the microsecond and the byte; what is delivered twice or repeated by a wrapper, once."""
    told = lake.table("fct_task").select("task_id", "agent_id", *USED)
    true = lake.true_tasks().select("task_id", *(pl.col(own).alias(f) for f, own in USED.items()))
    both = told.sort("task_id").join(true, on="task_id", how="full", suffix="_true")
    assert both.height == told.height == true.height
    for fact in USED:
        assert both[fact].equals(both[f"{fact}_true"], null_equal=True), fact
        assert 1500 < both[fact].count() < both.height
    # a third of the agents, and people, are not metered
    assert told.filter(pl.col("cpu_microseconds").is_null())["agent_id"].n_unique() >= 3
    mart = lake.table("daily_inference")
    assert mart["cpu_microseconds"].sum() == true["cpu_microseconds"].sum()
    assert mart["cpu_tasks"].sum() == true["cpu_microseconds"].count()
    assert mart["received_bytes"].sum() == true["received_bytes"].sum()
    assert mart["sent_bytes"].sum() == true["sent_bytes"].sum()
    assert mart["peak_memory_bytes"].max() == true["peak_memory_bytes"].max()
    means = told.group_by("agent_id").agg(pl.col("cpu_microseconds").mean() / 1e6).drop_nulls()
    found = mart.group_by("agent_id").agg(
        pl.col("cpu_microseconds").sum() / pl.col("cpu_tasks").sum() / 1e6
    )
    both = means.join(found, on="agent_id", suffix="_mart", validate="1:1")
    np.testing.assert_allclose(both["cpu_microseconds"], both["cpu_microseconds_mart"])


def test_drift_names_the_versions_that_served(lake):
    """All of eight days is lately; only agents whose calls name versions have any."""
    rows = lake.table("drift").filter(pl.col("subject") == "agent")
    served = {
        row["agent_id"]: (row["model_registry_versions_now"], row["feature_versions_now"])
        for row in rows.iter_rows(named=True)
    }
    true = lake.table("fct_agent_action").filter(pl.col("model_registry_version").is_not_null())
    assert len(served) == 6
    assert set(served.values()) == {("4, 5", "features-1, features-2"), (None, None)}
    assert {agent for agent, versions in served.items() if versions[0]} == set(true["agent_id"])
    assert set(rows["model_registry_versions_then"]) == {None}


def test_each_hand_over_took_as_long_as_it_did(lake):
    """To the microsecond, wherever a person logged it and began after the agent's last call."""
    told = lake.table("fct_task").select("task_id", "handoff_microseconds", "is_ended")
    true = lake.true_tasks().select("task_id", "handoff_us").filter(
        pl.col("handoff_us").is_not_null()
    )  # fmt: skip
    both = true.join(told, on="task_id", how="left")
    assert both.height > 50
    assert both["handoff_us"].equals(both["handoff_microseconds"], null_equal=True)
    # nothing is told of a task that no person is known to have taken up
    kpi = lake.table("daily_kpi")
    others = told.join(true, on="task_id", how="anti").filter("is_ended")
    early = others["handoff_microseconds"].count()
    assert early < both.height / 10
    assert kpi["handed_tasks"].sum() == both["is_ended"].sum() + early


def test_people_on_duty_are_used_as_much_as_they_were(lake):
    truth = pl.read_parquet(lake.folder / "estate" / "truth" / "staffing.parquet")
    found = lake.table("daily_staffing").join(truth, on=["day", "roster"], how="full")
    known = found.filter(pl.col("duty_minutes") > 0)
    assert known.height >= 12
    assert (known["duty_microseconds"] == known["duty_minutes"] * 60_000_000).all()
    own = known.filter(pl.col("roster") != "__shared__")
    logged = own["worked_microseconds"] - own["assumed_microseconds"]
    np.testing.assert_allclose(logged / 60_000_000, own["logged_minutes"])
    np.testing.assert_allclose(
        own["human_utilisation"], own["worked_microseconds"] / 60_000_000 / own["duty_minutes"]
    )
    # around the clock, by as many as nobody says
    unsaid = found.filter(pl.col("roster") == "operations")
    assert unsaid["human_utilisation"].null_count() == unsaid.height == 8


def test_the_vendors_first_contact_number_is_made_of_its_replies(lake):
    replies = {}
    for page in sorted((lake.folder / "estate" / "inbox" / "tickets" / "zendesk").glob("*/*.json")):
        if "broken" not in page.name:
            sets = json.loads(page.read_text())["metric_sets"]
            replies |= {f"zendesk:{one['ticket_id']}": one["replies"] for one in sets}
    tickets = lake.table("fct_ticket").filter(~pl.col("is_excluded"))
    told = tickets.filter(pl.col("is_one_touch").is_not_null())
    assert told.height > 1000
    for number, is_one_touch in told.select("ticket_id", "is_one_touch").iter_rows():
        assert is_one_touch == (replies[number] < 2), number
    solved = tickets.filter(pl.col("ticket_status").is_in(["solved", "closed"]))
    assert set(told["ticket_id"]) == set(
        solved.filter(pl.col("source_system") == "zendesk")["ticket_id"]
    )


def test_a_share_of_calls_fails_as_drawn(lake):
    """4 of 104 calls are attempts in vain."""
    rows = lake.table("daily_inference")
    assert rows["errors"].sum() / rows["calls"].sum() == pytest.approx(0.04 / 1.04, rel=0.15)


def test_cohorts_hold_all_spend_and_all_open_tasks(lake):
    cohorts, truth = lake.table("roi_cohort"), lake.true_tasks()
    assert cohorts["spend"].sum() == lake.table("daily_asr")["spend"].sum()
    own = truth.filter(pl.col("agent_id") != "__human__")
    assert cohorts["open_tasks"].sum() == (own["outcome_class"] == "open").sum()
    assert cohorts["unobserved_tasks"].sum() == (own["outcome_class"] == "unobserved").sum()
    # the younger a cohort, the more of it is open
    by_week = cohorts.group_by("cohort_week").agg(pl.col("open_tasks", "tasks").sum())
    shares = by_week.sort("cohort_week")["open_tasks"] / by_week.sort("cohort_week")["tasks"]
    assert all(older < younger for older, younger in pairwise(shares))
    # eight days are too few to know what an open task comes to in 37
    assert cohorts["success_share"].null_count() == cohorts.height
