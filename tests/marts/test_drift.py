"""Drift by hand: what moved, whether it was the mix, and what follows from it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from scipy import stats

from roi_engine.marts.contract import fact
from roi_engine.marts.facts import WINDOW_DAYS
from roi_engine.marts.params import Params

DAY = date(2026, 5, 31)
THEN = DAY - timedelta(days=40)


class Agent:
    """An agent's tasks, calls and charges in two windows."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict]] = {
            name: [] for name in ("fct_task", "fct_agent_action", "fct_cost_allocation")
        }

    def tasks(self, day: date, won: int, lost: int = 0, **columns: object) -> None:
        """Add tasks of a day."""
        for place in range(won + lost):
            self.rows["fct_task"].append(
                {
                    "task_id": f"task-{len(self.rows['fct_task'])}", "day": day, "agent_id": "a",
                    "task_type": "easy", "channel": "chat", "is_ended": True, "is_mature": True,
                    "outcome_class": "autonomous_success" if place < won else "failure",
                    "priced_cost": "1", "tokens": 1000, "inference_microseconds": 2_000_000,
                }
                | columns
            )  # fmt: skip

    def call(
        self, day: date, model: str = "m-1", status: str = "priced", **columns: object
    ) -> None:
        """Add a call."""
        self.rows["fct_agent_action"].append(
            {
                "action_id": f"action-{len(self.rows['fct_agent_action'])}", "day": day,
                "agent_id": "a", "model_version": model, "cost_status": status, "is_rollup": False,
            }
            | columns
        )  # fmt: skip

    def spend(self, day: date, cost: str, outcome: str = "failure", kind: str = "easy") -> None:
        """Add a charge."""
        self.rows["fct_cost_allocation"].append(
            {
                "charge_id": f"charge-{len(self.rows['fct_cost_allocation'])}", "day": day,
                "agent_id": "a", "task_type": kind, "outcome_class": outcome,
                "cost_class": "token_api", "charge_category": "Usage", "cost_basis": "billed",
                "allocated_cost": cost,
            }
        )  # fmt: skip


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def drift(make_estate, build_mart, agent):
    """Build the mart of the agent; return its rows by subject."""
    empty = {name: frame.clear() for name, frame in make_estate(0, tasks=3).items()}

    def build() -> dict[str, dict]:
        facts = empty | {name: fact(name, rows) for name, rows in agent.rows.items()}
        params = Params(days=(DAY,), as_of=DAY, transform_run_ids={DAY: "r"})
        frame = build_mart(facts, "drift", params)
        return {row["subject"]: row for row in frame.rows(named=True) if row["agent_id"] == "a"}

    return build


def test_harder_work_is_mix_and_no_worse_agent(agent, drift):
    agent.tasks(THEN, 90, 10)
    agent.tasks(THEN, 10, 10, task_type="hard")
    agent.tasks(DAY, 45, 5)
    agent.tasks(DAY, 50, 50, task_type="hard")
    row = drift()["win_rate"]
    assert (row["numerator_then"], row["denominator_now"]) == (100, 150)
    assert row["change"] == pytest.approx(95 / 150 - 100 / 120)
    assert (row["mix_effect"], row["rate_effect"]) == pytest.approx((row["change"], 0), abs=1e-12)
    assert (row["advice"], row["advice_reason"]) == ("re-baseline", "inputs_drifted")


def test_worse_on_the_same_inputs_asks_for_another_version(agent, drift):
    agent.tasks(THEN, 90, 10)
    agent.tasks(DAY, 60, 40)
    agent.call(THEN, "m-1")
    agent.call(DAY, "m-2")
    agent.call(DAY, "m-1")
    rows = drift()
    row = rows["win_rate"]
    # one day says nothing of days: the tasks' own, with a success and a failure more
    error = ((91 * 11 + 61 * 41) / 102**2 / 100) ** 0.5
    assert row["rate_effect"] == pytest.approx(-0.3)
    assert row["rate_standard_error"] == pytest.approx(error)
    assert row["rate_p_value"] == pytest.approx(2 * stats.norm.sf(0.3 / error))
    assert (row["advice"], row["advice_reason"]) == ("replace", "worse_on_same_inputs")
    assert rows["agent"]["advice"] == "replace"
    assert rows["cost_per_task"]["advice"] == "keep"
    versions = rows["model_versions"]
    assert (versions["model_versions_then"], versions["model_versions_now"]) == ("m-1", "m-1, m-2")


def test_worse_on_other_inputs_asks_for_training(agent, drift):
    agent.tasks(THEN, 90, 10)
    agent.tasks(DAY, 60, 40, tokens=9000)
    rows = drift()
    assert (rows["tokens"]["stability"], rows["tokens"]["ks"]) == ("major", 1)
    assert rows["latency"]["stability"] == "stable"
    assert (rows["agent"]["advice"], rows["agent"]["advice_reason"]) == (
        "retrain",
        "worse_on_new_inputs",
    )


def test_dearer_tasks_are_worse(agent, drift):
    for day, costs in ((THEN, ("1", "1.2", "0.9")), (DAY, ("3", "3.3", "2.9"))):
        for cost in costs:
            agent.tasks(day, 10, priced_cost=cost)
    row = drift()["cost_per_task"]
    assert row["numerator_then"] == Decimal(31)
    then, now = ([float(c) for c in costs for _ in range(10)] for costs in (
        ("1", "1.2", "0.9"), ("3", "3.3", "2.9"),
    ))  # fmt: skip
    error = (stats.tvar(then) / 30 + stats.tvar(now) / 30) ** 0.5
    assert row["rate_standard_error"] == pytest.approx(error)
    assert (row["advice"], row["advice_reason"]) == ("replace", "worse_on_same_inputs")


def test_a_share_of_money_is_as_sure_as_its_days(agent, drift):
    for back, (alone, rest) in enumerate([("6", "4"), ("5", "5"), ("7", "3")]):
        agent.spend(DAY - timedelta(days=back), alone, "autonomous_success")
        agent.spend(DAY - timedelta(days=back), rest)
        agent.spend(THEN - timedelta(days=back), "5", "autonomous_success")
        agent.spend(THEN - timedelta(days=back), "5")
    row = drift()["asr_spend"]
    assert (row["value_then"], row["value_now"]) == pytest.approx((0.5, 0.6))
    # residuals 0, −1 and 1 of three days of 10, each with a leverage of a third
    assert row["rate_standard_error"] == pytest.approx((2 / 30**2) ** 0.5 * 3 / 2)


def test_refunds_leave_no_effect_and_say_so(agent, drift):
    for day in (THEN, DAY):
        agent.spend(day, "5", "autonomous_success")
        agent.spend(day, "-3")
    row = drift()["asr_spend"]
    assert row["value_now"] == 2.5
    assert (row["change"], row["advice"], row["advice_reason"]) == (None, "keep", "not_known")


def test_a_long_loss_on_mature_days_decides(agent, drift):
    for back in range(35):
        agent.spend(DAY - timedelta(days=back), "2")
    rows = drift()
    # the last seven days can still change
    assert rows["agent"]["days_under_one"] == 28
    assert (rows["agent"]["advice"], rows["agent"]["advice_reason"]) == ("replace", "loses_money")
    agent.rows["fct_cost_allocation"].pop()
    assert drift()["agent"]["advice"] == "keep"
    for back in range(34, 64):
        agent.spend(DAY - timedelta(days=back), "2")
    assert drift()["agent"]["advice"] == "retire"


def test_gaps_in_the_data_are_shares_of_what_should_be_there(agent, drift):
    agent.tasks(THEN, 4)
    agent.tasks(DAY, 3)
    agent.tasks(DAY, 1, task_type=None)
    for status in ("priced", "unpriced", "unpriced", "unpriced", "free"):
        agent.call(DAY, status=status)
    rows = drift()
    assert (rows["untyped_tasks"]["value_then"], rows["untyped_tasks"]["change"]) == (0, 0.25)
    assert (rows["unpriced_calls"]["value_then"], rows["unpriced_calls"]["value_now"]) == (
        None,
        0.75,
    )


SERVED = ("model_versions", "model_registry_versions", "feature_versions")


def test_what_got_worse_names_the_versions_that_it_ran_with(agent, drift):
    for back in range(WINDOW_DAYS):
        agent.tasks(THEN + timedelta(days=back - 15), 19, 1)
        agent.tasks(DAY - timedelta(days=back), 12, 8)
    agent.call(THEN, model_registry_version="6")
    agent.call(DAY, model_registry_version="8", feature_version="2026-05")
    agent.call(DAY, model_registry_version="7", feature_version="2026-05")
    agent.call(DAY, "m-0")
    # what is older than both windows, and what another agent had
    agent.call(DAY - timedelta(days=2 * WINDOW_DAYS), model_registry_version="5")
    agent.call(DAY, agent_id="b", model_registry_version="9")
    rows = drift()
    assert rows["agent"]["advice"] == rows["win_rate"]["advice"] == "replace"
    for subject in ("agent", "win_rate", "model_versions"):
        then, now = (
            [rows[subject][f"{name}_{when}"] for name in SERVED] for when in ("then", "now")
        )
        assert then == ["m-1", "6", None]
        assert now == ["m-0, m-1", "7, 8", "2026-05"]
    assert rows["channel"]["model_registry_versions_now"] is None


def test_an_agent_of_one_window_has_nothing_to_be_compared_with(agent, drift):
    agent.tasks(DAY, 9, 1)
    rows = drift()
    assert rows["task_type"]["stability"] == "unknown"
    assert rows["win_rate"]["change"] is None
    assert (rows["agent"]["advice"], rows["agent"]["advice_reason"]) == ("keep", "not_known")


def test_people_and_reserved_members_have_no_row(agent, drift):
    agent.tasks(DAY, 9, agent_id="__human__")
    assert drift() == {}
