"""Experiments and bandits by hand: who counts, what is compared with what, and what is decided."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from scipy import stats

from roi_engine.marts.contract import fact
from roi_engine.marts.params import Params
from roi_engine.metrics.experiment import compare, sum_units
from roi_engine.metrics.sequential import confidence_sequence, critical
from roi_engine.metrics.verdict import power

DAY = date(2026, 5, 31)
BEGUN = DAY - timedelta(days=9)
PLAN = {
    "experiment_id": "style",
    "metric": "success_rate",
    "unit": "task",
    "arms": "control; treatment",
    "allocation": "0.5;0.5",
    "starts_on": BEGUN,
    "ends_on": DAY + timedelta(days=11),
    "minimum_effect": 0.02,
}


class Trial:
    """An experiment's exposures and tasks, written one by one."""

    def __init__(self) -> None:
        self.tasks: list[dict] = []
        self.exposures: list[dict] = []

    def add(
        self,
        arm: str,
        count: int = 1,
        *,
        day: date = BEGUN,
        crossed: bool = False,
        propensity: float | None = 0.5,
        experiment: str = "style",
        **task: object,
    ) -> None:
        """Add tasks that were exposed to an arm and won, unless ``task`` says otherwise."""
        for _ in range(count):
            name = f"task-{len(self.tasks)}"
            self.tasks.append({"task_id": name, "day": day, "agent_id": "a"} | won() | task)
            self.exposures.append(
                {
                    "experiment_id": experiment, "unit": "task", "unit_id": name, "task_id": name,
                    "arm": arm, "day": day, "propensity": propensity,
                    "is_crossed_over": crossed, "is_in_period": True,
                }
            )  # fmt: skip

    def expose(self, unit_id: str, arm: str, day: date = BEGUN, unit: str = "user_group") -> None:
        """Expose a group or an agent for a day."""
        self.exposures.append(
            {
                "experiment_id": "teams", "unit": unit, "unit_id": unit_id, "arm": arm,
                "day": day, "propensity": 0.5, "is_crossed_over": False, "is_in_period": True,
            }
        )  # fmt: skip


def won() -> dict:
    return {
        "outcome_class": "autonomous_success", "is_ended": True, "is_output_delivered": True,
        "is_mature": True, "labour_value": "1", "priced_cost": "1",
    }  # fmt: skip


LOST = {"outcome_class": "failure", "is_output_delivered": False}
OPEN = {"outcome_class": "open", "is_ended": False}


@pytest.fixture
def trial() -> Trial:
    return Trial()


@pytest.fixture
def read(make_estate, build_mart, trial):
    """Build a mart of the trial; other tables are empty."""
    empty = {name: frame.clear() for name, frame in make_estate(0, tasks=3).items()}

    def build(mart: str = "experiment_readout", *plans: dict) -> pl.DataFrame:
        facts = empty | {
            "fct_task": fact("fct_task", trial.tasks),
            "fct_experiment_exposure": fact("fct_experiment_exposure", trial.exposures),
            "dim_experiment": fact("dim_experiment", plans or [PLAN]),
        }
        params = Params(days=(DAY,), as_of=DAY, transform_run_ids={DAY: "r"})
        return build_mart(facts, mart, params)

    return build


def of(frame: pl.DataFrame, arm: str = "treatment", metric: str = "success_rate") -> dict:
    chosen = (pl.col("arm") == arm) & (pl.col("metric") == metric)
    return frame.row(by_predicate=chosen, named=True)


def test_a_difference_of_rates_is_the_t_test_over_tasks(trial, read):
    trial.add("control", 30)
    trial.add("control", 30, **LOST)
    trial.add("treatment", 54)
    trial.add("treatment", 6, **LOST)
    row = of(read())
    x, y = np.repeat([1.0, 0.0], [54, 6]), np.repeat([1.0, 0.0], [30, 30])
    test = stats.ttest_ind(x, y, equal_var=False)
    ends = test.confidence_interval()
    assert (row["numerator"], row["denominator"], row["level"]) == (54, 60, 0.9)
    assert row["difference"] == pytest.approx(0.4)
    assert row["difference_low"] == pytest.approx(ends.low)
    assert row["p_value"] == pytest.approx(test.pvalue)
    # the first week held all 120 units, and 20 days are planned
    assert row["planned_units"] == round(60 * 20 / 7)
    looks = confidence_sequence([0.4], [row["standard_error"]], [120], [7 / 20])
    assert row["sequence_low"] == pytest.approx(looks.low[0])
    assert row["sequence_low"] < row["difference_low"]
    assert (row["decision"], row["reason"], row["covariate"]) == ("ship", None, "none")
    at_end = row["standard_error"] * (7 / 20) ** 0.5
    assert row["power"] == pytest.approx(power(0.02, at_end, critical(1.0)))
    assert row["detectable_effect"] == pytest.approx((critical(1.0) + 0.841621) * at_end)


def test_the_reference_has_levels_and_no_effects(trial, read):
    trial.add("control", 30)
    trial.add("treatment", 30)
    row = of(read(), "control")
    assert (row["is_reference"], row["level"], row["reason"]) == (True, 1.0, "reference_arm")
    effects = ("difference", "p_value", "p_value_holm", "lift", "sequence_low", "power", "decision")
    assert [row[name] for name in effects] == [None] * len(effects)


def test_units_of_two_arms_are_counted_and_left_out(trial, read):
    trial.add("control", 10)
    trial.add("treatment", 8)
    trial.add("treatment", 3, crossed=True, **LOST)
    row = of(read())
    assert (row["units"], row["crossed_over_units"], row["level"]) == (8, 3, 1.0)


def test_open_tasks_are_in_no_rate(trial, read):
    trial.add("control", 10)
    trial.add("treatment", 6)
    trial.add("treatment", 2, **LOST)
    trial.add("treatment", 5, **OPEN)
    row = of(read())
    assert (row["units"], row["open_units"], row["level"]) == (13, 5, 0.75)
    assert row["status"] == "provisional"


def test_money_per_task_is_the_t_test_over_costs(trial, read):
    costs = {"control": [1.0, 2.5, 3.0, 4.5], "treatment": [2.0, 7.25, 4.0]}
    for arm, each in costs.items():
        for cost in each:
            trial.add(arm, priced_cost=str(cost))
        trial.add(arm, priced_cost=None)
    row = of(read(), metric="cost_per_task")
    test = stats.ttest_ind(costs["treatment"], costs["control"], equal_var=False)
    # the task without a price is a unit of which nothing is known
    assert (row["units"], row["denominator"]) == (4, 3)
    assert row["numerator"] == Decimal("13.25")
    assert row["difference"] == pytest.approx(np.mean([2, 7.25, 4]) - np.mean([1, 2.5, 3, 4.5]))
    units = [sum_units([0] * 4, 1, [2, 7.25, 4, 0], [1, 1, 1, 0]),
             sum_units([0] * 5, 1, [1, 2.5, 3, 4.5, 0], [1, 1, 1, 1, 0])]  # fmt: skip
    assert row["p_value"] == pytest.approx(compare(*units).p_value[0])
    assert row["p_value"] == pytest.approx(test.pvalue, rel=0.05)


def test_value_per_cost_is_the_delta_method_over_tasks(trial, read):
    parts = {
        "control": ([3.0, 1.5, 2.0], [1.0, 2.0, 1.0]),
        "treatment": ([4.0, 6.0, 0.5], [2.0, 1.0, 3.0]),
    }
    for arm, (values, costs) in parts.items():
        for value, cost in zip(values, costs, strict=True):
            trial.add(arm, labour_value=str(value), priced_cost=str(cost))
        trial.add(arm, labour_value=None, priced_cost="9")  # its value is not known
    row = of(read(), metric="value_per_cost")
    arms = [
        sum_units([0] * 4, 1, [*parts[arm][0], 0.0], [*parts[arm][1], 0.0])
        for arm in ("treatment", "control")
    ]
    expected = compare(*arms)
    assert row["level"] == pytest.approx(10.5 / 6)
    assert row["difference_low"] == pytest.approx(expected.low[0])
    assert row["lift"] == pytest.approx(expected.lift[0])
    assert row["lift_high"] is None  # the control cannot be told from 0


def test_a_broken_split_makes_everything_invalid(trial, read):
    trial.add("control", 40)
    trial.add("treatment", 90)
    row = of(read())
    assert row["expected_units"] == 65
    assert row["sample_ratio_p_value"] == pytest.approx(stats.chisquare([40, 90]).pvalue)
    assert (row["is_sample_ratio_mismatch"], row["decision"]) == (True, "invalid")


def test_expected_units_follow_the_logged_propensities_day_by_day(trial, read):
    trial.add("control", 10)
    trial.add("treatment", 10)
    later = BEGUN + timedelta(days=1)
    trial.add("control", 4, day=later, propensity=0.2)
    trial.add("treatment", 16, day=later, propensity=0.8)
    row = of(read())
    assert row["expected_units"] == pytest.approx(26)
    assert row["sample_ratio_p_value"] == pytest.approx(1)
    assert row["sample_ratio_basis"] == "logged"


def test_an_arm_that_nobody_drew_is_expected_what_the_others_leave(trial, read):
    trial.add("control", 30, propensity=0.5)
    frame = read()
    assert of(frame)["expected_units"] == 15
    assert of(frame)["is_sample_ratio_mismatch"]
    assert of(frame)["reason"] == "no_units"


def test_without_propensities_the_plan_is_expected(trial, read):
    trial.add("control", 30, propensity=None)
    trial.add("treatment", 10, propensity=None)
    row = of(read("experiment_readout", PLAN | {"allocation": "0.75;0.25"}))
    assert (row["expected_units"], row["sample_ratio_basis"]) == (10, "planned")
    assert not row["is_sample_ratio_mismatch"]


def test_varying_propensities_weigh_tasks(trial, read):
    # the treatment is favoured on the good day; by weight both days count alike
    trial.add("control", 2, propensity=0.2)
    trial.add("treatment", 8, propensity=0.8)
    bad = BEGUN + timedelta(days=1)
    trial.add("control", 8, day=bad, propensity=0.8, **LOST)
    trial.add("treatment", 2, day=bad, propensity=0.2, **LOST)
    frame = read()
    row = of(frame)
    assert row["weighting"] == "inverse_propensity"
    assert row["level"] == 0.8
    assert row["adjusted_level"] == pytest.approx(0.5)
    assert row["difference"] == pytest.approx(0, abs=1e-12)
    weights = np.repeat([1.25, 5.0], [8, 2])
    treated = sum_units([0] * 10, 1, weights * np.repeat([1, 0], [8, 2]), weights)
    control = sum_units([0] * 10, 1, np.repeat([5.0, 0.0], [2, 8]), np.repeat([5, 1.25], [2, 8]))
    assert row["standard_error"] == pytest.approx(compare(treated, control).standard_error[0])
    assert of(frame, metric="cost_per_task")["reason"] == "adaptive_allocation"


@pytest.mark.parametrize(
    ("escalated", "verdict", "decision"),
    [
        pytest.param(0, "held", "ship", id="no harm"),
        pytest.param(20, "open", "continue", id="not yet known"),
        pytest.param(55, "breached", "stop", id="harm over its limit"),
    ],
)
def test_guardrails_decide_too(trial, read, escalated, verdict, decision):
    trial.add("control", 58, **LOST)
    trial.add("control", 1, is_escalated=True)
    trial.add("control", 41)
    trial.add("treatment", 99 - escalated)
    trial.add("treatment", escalated, is_escalated=True)
    trial.add("treatment", 1, **LOST)
    frame = read("experiment_readout", PLAN | {"guardrails": "escalation_rate:0.2"})
    row = of(frame, metric="escalation_rate")
    assert (row["role"], row["guardrail_limit"], row["better"]) == ("guardrail", 0.2, "down")
    assert (row["guardrail"], of(frame)["decision"]) == (verdict, decision)


def test_a_benefit_that_shrinks_is_a_harm(trial, read):
    for arm, alone in (("control", 90), ("treatment", 40)):
        trial.add(arm, alone)
        trial.add(arm, 100 - alone, outcome_class="assisted_success")
    plan = PLAN | {"guardrails": "autonomous_success_rate:0.1"}
    row = of(read("experiment_readout", plan), metric="autonomous_success_rate")
    assert (row["better"], row["guardrail"], row["sequence_high"] < -0.1) == (
        "up",
        "breached",
        True,
    )


def test_less_of_what_is_bad_is_shipped(trial, read):
    for arm, escalated in (("control", 60), ("treatment", 10)):
        trial.add(arm, escalated, is_escalated=True)
        trial.add(arm, 100 - escalated)
    row = of(
        read("experiment_readout", PLAN | {"metric": "escalation_rate"}), metric="escalation_rate"
    )
    assert (row["role"], row["decision"], row["difference"] < 0) == ("primary", "ship", True)


def test_holm_counts_every_metric_of_the_experiment(trial, read):
    for arm, wins in (("control", 20), ("treatment", 35)):
        trial.add(arm, wins)
        trial.add(arm, 40 - wins, is_escalated=True, outcome_class="assisted_success")
    frame = read().filter(pl.col("p_value").is_not_null())
    # success is certain, costs are equal: two metrics are left, both with the same p
    assert set(frame["metric"]) == {"autonomous_success_rate", "escalation_rate"}
    doubled = (2 * frame["p_value"]).to_list()
    assert frame["p_value_holm"].to_list() == pytest.approx(doubled)


def test_groups_are_units_with_a_past(trial, read):
    before = BEGUN - timedelta(days=20)
    rng = np.random.default_rng(1)
    sides: dict[str, list] = {"control": [], "treatment": []}
    for number in range(12):
        arm, group = ("control", "treatment")[number % 2], f"g{number}"
        trial.expose(group, arm)
        trial.expose(group, arm, BEGUN + timedelta(days=2))
        tried, past = 5 + number % 4, 6 + number % 3
        wins, former = rng.binomial(tried, 0.6), rng.binomial(past, 0.5)
        sides[arm].append((wins, tried, former, past))
        for when, count, each in ((BEGUN, tried, wins), (before, past, former)):
            for place in range(count):
                end = when + timedelta(days=3)
                outcome = won() if place < each else won() | LOST
                trial.tasks.append(
                    {"task_id": f"{group}-{when}-{place}", "user_group": group, "day": end,
                     "created_day": when, "agent_id": "a", **outcome}
                )  # fmt: skip
        # begun before the first exposure and ended after it: neither past nor treated
        trial.tasks.append(
            {"task_id": f"{group}-between", "user_group": group, "day": DAY,
             "created_day": BEGUN - timedelta(days=1), "agent_id": "a", **won(), **LOST}
        )  # fmt: skip
    plan = PLAN | {"experiment_id": "teams", "unit": "user_group"}
    row = of(read("experiment_readout", plan))
    arms = []
    for arm in ("treatment", "control"):
        wins, tried, former, past = (
            np.array(part, float) for part in zip(*sides[arm], strict=True)
        )
        arms.append(sum_units([0] * 6, 1, wins, tried, (former, past)))
    expected = compare(*arms)
    assert (row["units"], row["covariate"], row["unit"]) == (6, "pre_period", "user_group")
    assert row["denominator"] == sum(tried for _, tried, *_ in sides["treatment"])
    assert row["difference_low"] == pytest.approx(expected.low[0])
    assert row["variance_reduction"] == pytest.approx(expected.variance_reduction[0])
    assert row["reason"] == "few_units"


def test_a_group_that_changed_its_arm_overnight_is_left_out(trial, read):
    trial.expose("g1", "control")
    trial.expose("g1", "treatment", BEGUN + timedelta(days=1))
    trial.expose("g2", "control")
    frame = read("experiment_readout", PLAN | {"experiment_id": "teams", "unit": "user_group"})
    assert [of(frame, arm)["units"] for arm in ("control", "treatment")] == [1, 0]
    assert [of(frame, arm)["crossed_over_units"] for arm in ("control", "treatment")] == [1, 1]


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        pytest.param({"starts_on": DAY - timedelta(days=3)}, "first_week", id="no plan yet"),
        pytest.param(
            {"starts_on": DAY - timedelta(days=120)}, "longer_than_reach", id="not all is read"
        ),
        pytest.param({"arms": ";"}, "no_reference_arm", id="no arm on file"),
        pytest.param({"metric": "joy"}, "metric_not_offered", id="nobody measures it"),
        pytest.param({}, "few_units", id="fewer than 50 units"),
    ],
)
def test_what_is_missing_has_a_reason(trial, read, plan, reason):
    day = max(BEGUN, plan.get("starts_on", BEGUN))
    for arm in ("control", "treatment"):
        trial.add(arm, 10, day=day)
        trial.add(arm, 10, day=day, **LOST)
    row = of(read("experiment_readout", PLAN | plan), metric=plan.get("metric", "success_rate"))
    assert row["reason"] == reason
    assert row["sequence_low"] is None
    assert (row["decision"] is None) == (reason not in {"first_week", "few_units"})


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param({"starts_on": DAY + timedelta(days=1)}, id="not begun"),
        pytest.param(
            {"starts_on": DAY - timedelta(days=130), "ends_on": DAY - timedelta(days=20)},
            id="over, and begun before what is read",
        ),
    ],
)
def test_other_experiments_have_no_rows(trial, read, plan):
    trial.add("control", 10)
    assert read("experiment_readout", PLAN | plan).height == 0
    assert read("bandit_allocation", PLAN | plan).height == 0


def test_an_arm_that_is_not_on_file_is_shown_and_is_a_mismatch_without_a_plan_for_it(trial, read):
    trial.add("control", 30, propensity=None)
    trial.add("treatment", 30, propensity=None)
    trial.add("stray", 2, propensity=None)
    row = of(read(), "stray")
    assert (row["units"], row["expected_units"]) == (2, 0)
    assert row["is_sample_ratio_mismatch"]


def test_it_is_final_once_it_is_over_and_every_task_is_mature(trial, read):
    trial.add("control", 10)
    trial.add("treatment", 10)
    over = PLAN | {"ends_on": DAY + timedelta(days=1)}
    assert set(read("experiment_readout", over)["status"]) == {"final"}
    trial.add("treatment", 1, is_mature=False)
    assert set(read("experiment_readout", over)["status"]) == {"provisional"}


def test_an_outcome_of_a_fortnight_ago_counts_half(trial, read):
    old = DAY - timedelta(days=14)
    trial.add("control", 4, day=old)
    trial.add("control", 2, day=DAY)
    trial.add("control", 6, day=old, **LOST)
    trial.add("treatment", 3, day=DAY, **LOST)
    frame = read("bandit_allocation", PLAN | {"starts_on": old})
    first, second = (
        frame.row(by_predicate=pl.col("arm") == arm, named=True) for arm in ("control", "treatment")
    )
    assert first["discounted_wins"] == pytest.approx(4 / 2 + 2)
    assert first["discounted_losses"] == pytest.approx(6 / 2)
    assert (first["successes"], first["trials"], first["rate"]) == (6, 12, 0.5)
    # P(B(5, 4) > B(1, 4)) by the sum over the beta function
    draws = np.random.default_rng(1)
    often = (draws.beta(5, 4, 400_000) > draws.beta(1, 4, 400_000)).mean()
    assert first["best_probability"] == pytest.approx(often, abs=0.004)
    assert first["allocation"] == pytest.approx(0.02 + 0.96 * first["best_probability"])
    assert first["allocation"] + second["allocation"] == pytest.approx(1)


def test_a_harmful_arm_gets_nothing_however_often_it_wins(trial, read):
    trial.add("control", 60)
    trial.add("control", 40, **LOST)
    trial.add("treatment", 99, is_escalated=True)
    trial.add("treatment", 1)
    plan = PLAN | {"guardrails": "escalation_rate:0.1"}
    row = read("bandit_allocation", plan).row(by_predicate=pl.col("arm") == "treatment", named=True)
    assert (row["is_barred"], row["best_probability"], row["allocation"]) == (True, None, 0.0)


def test_where_less_is_better_the_arm_with_less_wins(trial, read):
    trial.add("control", 20, is_escalated=True)
    trial.add("treatment", 20)
    rows = read("bandit_allocation", PLAN | {"metric": "escalation_rate"})
    row = rows.row(by_predicate=pl.col("arm") == "treatment", named=True)
    assert (row["rate"], row["best_probability"] > 0.99) == (0, True)


def test_the_weighted_rate_undoes_the_favour(trial, read):
    trial.add("treatment", 8, propensity=0.8)
    trial.add("treatment", 2, day=BEGUN + timedelta(days=1), propensity=0.2, **LOST)
    trial.add("treatment", 1, propensity=None)
    trial.add("control", 1)
    row = read("bandit_allocation").row(by_predicate=pl.col("arm") == "treatment", named=True)
    assert row["rate"] == pytest.approx(9 / 11)
    assert row["weighted_rate"] == pytest.approx(0.5)
    assert row["weighted_rate_low"] < 0.5 < row["weighted_rate_high"]
    assert (row["units"], row["logged_units"], row["is_adaptive"]) == (11, 10, True)


def test_only_shares_of_tasks_race(trial, read):
    trial.add("control", 5)
    rows = read("bandit_allocation", PLAN | {"metric": "cost_per_task"})
    assert set(rows["reason"]) == {"metric_is_no_share"}
    assert rows["allocation"].null_count() == rows.height
