"""Cases worked by hand of what planning says: plans, projections, payback, reviews, portfolios."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from roi_engine.marts.contract import fact
from roi_engine.marts.params import Params

LAST = date(2026, 3, 31)
CELL = {"model_version": "m", "task_type": "t", "department": "d", "channel": "c"}
NUMBER = iter(range(10**9))


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def cost(amount: object, day: date = LAST, agent: str = "a", **columns: object) -> dict:
    return {
        "charge_id": f"c{next(NUMBER)}",
        "day": day,
        "agent_id": agent,
        **CELL,
        "outcome_class": "autonomous_success",
        "cost_class": "token_api",
        "charge_category": "Usage",
        "cost_basis": "billed",
        "allocated_cost": str(amount),
        **columns,
    }


def task(day: date = LAST, agent: str = "a", **columns: object) -> dict:
    return {
        "task_id": f"t{next(NUMBER)}",
        "day": day,
        "agent_id": agent,
        **CELL,
        "outcome_class": "autonomous_success",
        "is_ended": True,
        "is_output_delivered": True,
        "is_mature": True,
        "human_minutes": "0",
        "human_cost": "0",
        "evidence": "measured",
        **columns,
    }


def credits_of(tasks: list[dict]) -> list[dict]:
    return [
        {name: one[name] for name in ("task_id", "day", "agent_id", "model_version")}
        | {"credit": "1"}
        for one in tasks
    ]


@pytest.fixture
def made(make_estate, build_mart) -> Callable[..., pl.DataFrame]:
    """Build a mart as of the last day from a few rows by table; other tables are empty."""
    empty = {name: frame.clear() for name, frame in make_estate(0, tasks=3).items()}

    def build(mart: str, *, choices: dict | None = None, **tables: list[dict]) -> pl.DataFrame:
        tables = {"fct_task_credit": credits_of(tables.get("fct_task", []))} | tables
        facts = empty | {name: fact(name, given) for name, given in tables.items()}
        params = Params(
            days=(LAST,),
            as_of=LAST,
            transform_run_ids={LAST: "r"},
            **({"min_group_size": 2} | (choices or {})),
        )
        return build_mart(facts, mart, params)

    return build


def of(rows: pl.DataFrame, **keys: object) -> dict:
    return rows.row(
        by_predicate=pl.all_horizontal(pl.col(name) == value for name, value in keys.items()),
        named=True,
    )


def works(agent: str, kind: str, tasks: int, each: str, value: str) -> dict[str, list[dict]]:
    """Return an agent's tasks of a kind, at a cost and a value each."""
    return {
        "fct_task": [task(agent=agent, task_type=kind, direct_value=value) for _ in range(tasks)],
        "fct_cost_allocation": [cost(each, agent=agent, task_type=kind) for _ in range(tasks)],
    }


def added(*parts: dict[str, list[dict]]) -> dict[str, list[dict]]:
    return {name: [row for part in parts for row in part.get(name, [])] for name in parts[0]}


@pytest.fixture
def two_agents() -> dict[str, list[dict]]:
    """Two agents on one kind of work: the first brings 4 for 2, the second 3 for 1."""
    return added(works("a", "t", 10, "2", "6"), works("b", "t", 10, "1", "4"))


def test_a_plan_gives_the_work_to_whom_it_brings_most(made, two_agents):
    rows = made("value_plan", **two_agents)
    # 20 tasks, budget 30: one more to the first takes one from the second and costs 1 more
    first, second = of(rows, agent_id="a"), of(rows, agent_id="b")
    assert (first["planned_tasks"], second["planned_tasks"]) == (10, 10)
    assert first["budget"] == 30
    assert first["budget_price"] == pytest.approx(1)
    assert first["binding"] == "budget,demand"


def test_more_budget_moves_the_work(made, two_agents):
    rows = made("value_plan", choices={"plan_budget": Decimal(100)}, **two_agents)
    assert of(rows, agent_id="a")["planned_tasks"] == 20
    assert of(rows, agent_id="b")["planned_tasks"] == 0
    assert of(rows, agent_id="a")["budget_price"] == 0
    assert of(rows, agent_id="a")["demand_price"] == pytest.approx(4)


def test_a_single_lucky_task_decides_nothing(made, two_agents):
    lucky = added(two_agents, works("c", "t", 1, "1", "1000"))
    row = of(made("value_plan", **lucky), agent_id="c")
    assert (row["plan_reason"], row["planned_tasks"]) == ("too_few_tasks", 0)


def test_gpu_hours_limit_what_an_agent_can_take(made, two_agents):
    hour = 3_600_000_000
    gpu = [
        {
            "day": LAST,
            "gpu_uuid": "g",
            "agent_id": "a",
            "busy_microseconds": 10 * hour,
            "capacity_microseconds": 12 * hour,
        }
    ]
    rows = made(
        "value_plan", choices={"plan_budget": Decimal(100)}, fct_gpu_usage=gpu, **two_agents
    )
    first = of(rows, agent_id="a")
    assert first["gpu_hours_per_task"] == 1
    assert first["planned_tasks"] == pytest.approx(12)
    assert first["gpu_price"] == pytest.approx(1)


def test_the_frontier_bends(made, two_agents):
    rows = made("value_frontier", **two_agents)
    # the second brings 3 a unit until it has all 20 tasks, then the first takes them over
    worth = dict(rows.select("budget_percent", "net_value").rows())
    assert worth[10] == pytest.approx(3 * 3)
    assert worth[100] == pytest.approx(70)
    assert worth[200] == pytest.approx(80)
    assert (np.diff(rows["budget_price"]) <= 1e-9).all()
    assert of(rows, budget_percent=200)["is_exhausted"]
    assert of(rows, budget_percent=100)["asr_spend"] == 1


def test_a_portfolio_follows_the_plan_and_the_peers(made, two_agents):
    agents = [{"agent_id": name, "category": "sales"} for name in "ab"]
    rows = made(
        "daily_portfolio",
        choices={"plan_budget": Decimal(100)},
        dim_agent=agents,
        **two_agents,
    )
    first, second = of(rows, agent_id="a"), of(rows, agent_id="b")
    assert (first["asr_value_28d"], second["asr_value_28d"]) == (3, 4)
    assert first["category_median"] == 3.5
    assert first["efficiency_index"] == pytest.approx(6 / 7)
    assert (first["reallocation"], second["reallocation"]) == (20, -10)
    assert (first["reallocation_move"], second["reallocation_move"]) == ("gain", "lose")
    assert first["payback_reason"] == "no_investment"
    assert first["target"] is None


def test_an_agent_that_wins_more_of_its_spend_is_improving(made):
    rng = np.random.default_rng(1)

    def days(agent: str, shares: tuple[float, float]) -> list[dict]:
        lines = []
        for back in range(56):
            share = shares[back < 28] + rng.normal(0, 0.02)
            lines += [
                cost(round(share, 6), ago(back), agent),
                cost(round(1 - share, 6), ago(back), agent, outcome_class="failure"),
            ]
        return lines

    lines = days("up", (0.3, 0.6)) + days("same", (0.5, 0.51)) + days("down", (0.6, 0.3))
    tasks = [task(ago(back), agent) for back in range(56) for agent in ("up", "same", "down")]
    rows = made("daily_portfolio", fct_cost_allocation=lines, fct_task=tasks)
    assert dict(rows.select("agent_id", "trajectory").rows()) == {
        "up": "improving",
        "same": "steady",
        "down": "declining",
    }


@pytest.fixture
def steady() -> dict[str, list[dict]]:
    """Sixty days that cost 10, and 1 for each of their 5 or 15 actions."""
    lines, actions = [], []
    for back in range(60):
        calls = 5 if back % 2 else 15
        lines.append(cost(10 + calls, ago(back)))
        actions += [
            {"action_id": f"x{next(NUMBER)}", "day": ago(back), "agent_id": "a", "is_rollup": False}
            for _ in range(calls)
        ]
    return {"fct_cost_allocation": lines, "fct_agent_action": actions}


def test_twice_the_work_does_not_cost_twice(made, steady):
    rows = made("cost_projection", **steady)
    now, twice = (of(rows, agent_id="a", scenario=m, horizon_days=30) for m in (1.0, 2.0))
    assert now["fixed_cost_per_day"] == pytest.approx(10)
    assert now["cost_per_request"] == pytest.approx(1)
    assert now["fixed_share"] == pytest.approx(0.5)
    assert twice["cost"] / now["cost"] == pytest.approx(1.5)
    assert twice["requests"] / now["requests"] == pytest.approx(2)
    assert now["cost"] == pytest.approx(600, rel=0.1)
    assert now["history_days"] == 60
    assert now["history_cost"] == 60 * 20
    everything = of(rows, agent_id="__all__", scenario=1.0, horizon_days=30)
    assert everything["cost"] == pytest.approx(now["cost"])


def test_the_return_of_another_workload_keeps_what_is_fixed(made, steady):
    """10 fixed a day on failures, 1 a request on successes that bring 3: worked by hand."""
    for line in steady["fct_cost_allocation"]:
        line["outcome_class"] = "failure"
        line["allocated_cost"] = "10"
    for back in range(60):
        calls = 5 if back % 2 else 15
        steady["fct_cost_allocation"].append(cost(calls, ago(back)))
        value = str(3 * calls)
        steady.setdefault("fct_task", []).append(task(ago(back), direct_value=value))
    rows = made("asr_projection", **steady)
    expected = {0.5: (5 / 15, 15 / 15), 1.0: (10 / 20, 30 / 20), 2.0: (20 / 30, 60 / 30)}
    for scenario, (share, value) in expected.items():
        row = of(rows, agent_id="a", scenario=scenario, horizon_days=365)
        assert row["asr_spend"] == pytest.approx(share, rel=0.02)
        assert row["asr_value"] == pytest.approx(value, rel=0.02)
        assert row["roi"] == pytest.approx(row["asr_value"] - 1)
        assert row["roi_low_95"] < row["roi_low_80"] < row["roi"] < row["roi_high_95"]
    by_share = rows.filter(agent_id="a", horizon_days=30).sort("scenario")
    assert by_share["roi"].is_sorted()
    assert by_share["asr_spend"].is_sorted()
    assert by_share["projection_reason"].null_count() == 4


def test_a_workload_without_requests_has_no_curve(made):
    lines = [
        cost(5 + back % 3, ago(back), outcome_class=kind)
        for back in range(30)
        for kind in ("autonomous_success", "failure")
    ]
    rows = made("asr_projection", fct_cost_allocation=lines)
    reasons = {
        scenario: of(rows, agent_id="a", scenario=scenario, horizon_days=30)["projection_reason"]
        for scenario in (0.5, 2.0)
    }
    assert reasons == dict.fromkeys((0.5, 2.0), "no_curve")
    as_it_is = of(rows, agent_id="a", scenario=1.0, horizon_days=30)
    assert as_it_is["asr_spend"] == pytest.approx(0.5)


def test_it_says_when_last_week_would_have_done_better(made):
    weekly = [cost((back % 7) * 10 + 1, ago(back)) for back in range(60)]
    row = of(
        made("cost_projection", fct_cost_allocation=weekly),
        agent_id="a",
        scenario=1.0,
        horizon_days=30,
    )
    # exactly last week again: nothing beats repeating it
    assert row["beats_naive"] is not True
    assert row["backtest_origins"] >= 3


@pytest.mark.parametrize(
    ("days", "reason"), [(3, "short_history"), (10, "no_interval"), (60, "no_interval")]
)
def test_a_projection_says_why_it_has_no_interval(made, days, reason):
    lines = [cost(5, ago(back)) for back in range(days)]
    rows = made("cost_projection", fct_cost_allocation=lines)
    row = of(rows, agent_id="a", scenario=1.0, horizon_days=30)
    assert row["projection_reason"] == reason
    assert row["cost_low_95"] is None


def test_a_share_is_projected_as_a_share(made):
    rng = np.random.default_rng(2)
    lines = []
    for back in range(60):
        won = round(float(rng.uniform(5, 7)), 6)
        lines += [cost(won, ago(back)), cost(4, ago(back), outcome_class="failure")]
    rows = made("asr_projection", fct_cost_allocation=lines)
    row = of(rows, agent_id="a", scenario=1.0, horizon_days=30)
    assert row["asr_spend"] == pytest.approx(0.6, abs=0.02)
    assert row["asr_spend_low_95"] < row["asr_spend_low_80"] < row["asr_spend"]
    assert row["asr_value"] == pytest.approx(0, abs=1e-9)
    assert row["roi"] == pytest.approx(-1)
    # three past weeks have 30 days after them and seven before
    assert (row["asr_spend_backtest_horizon_days"], row["asr_spend_backtest_origins"]) == (30, 3)
    assert row["asr_spend_beats_naive"] == (row["asr_spend_relative_mae"] < 1)
    # what never errs has no error to compare
    assert row["roi_relative_mae"] is None


def run_day(back: int, **columns: object) -> dict:
    base = dict.fromkeys(
        ("opening_balance", "additions", "amortised", "written_off", "closing_balance"), "0"
    )
    return {
        "run_id": "tune",
        "day": ago(back),
        "model_version": "m",
        "gpu_hours": "20",
        "completed_on": ago(20),
        "lifespan_days": 3,
        **base,
        **columns,
    }


def test_a_run_is_paid_back_by_what_its_model_version_nets(made):
    book = [
        run_day(21, additions="10", closing_balance="10"),
        run_day(19, opening_balance="10", amortised="3.333333333", closing_balance="6.666666667"),
        run_day(18, opening_balance="6.666666667", written_off="6.666666667"),
    ]
    # before completion, then 4 a day less a cost of 1, of which half is this very training
    lines = [
        cost("0.5", ago(back), cost_class=name)
        for back in range(20)
        for name in ("token_api", "training")
    ]
    tasks = [task(ago(back), direct_value="4") for back in (25, *range(20))]
    (row,) = made(
        "training_amortisation", fct_training_run=book, fct_task=tasks, fct_cost_allocation=lines
    ).to_dicts()
    assert row["closing_balance"] == 0
    opening, added_up = row["opening_balance"], row["additions"]
    assert opening + added_up - row["amortised"] - row["written_off"] == row["closing_balance"]
    assert row["cost_per_gpu_hour"] == 0.5
    assert row["cost_per_day"] == Decimal("3.333333333")
    # 3.5 a day: 10 are reached on the third day
    assert row["payback_days"] == 3
    assert row["net_value"] == 20 * Decimal("3.5")
    assert row["payback_days_at_pace"] == pytest.approx(10 / 3.5)


@pytest.mark.parametrize(
    ("completed", "reason"),
    [
        *((None, "not_completed"), (ago(400), "older_than_a_year")),
        *((ago(6), "before_first_day"), (ago(5), "not_paid_back")),
    ],
)
def test_a_run_says_why_it_has_no_payback(made, completed, reason):
    """The first day that was built is four days ago, the first after the last completion."""
    book = [run_day(1, additions="10", closing_balance="10", completed_on=completed)]
    lines = [cost(1, ago(4))]
    (row,) = made(
        "training_amortisation", fct_training_run=book, fct_cost_allocation=lines
    ).to_dicts()
    assert (row["payback_days"], row["payback_reason"]) == (None, reason)


def reviewed(number: int, seen: int, wrong: int, **columns: object) -> list[dict]:
    return [
        task(
            is_human_reviewed=at < seen,
            is_hallucination=at < wrong,
            is_random_review=at < seen,
            labour_value="1",
            remediation_minutes="15",
            hourly_cost="50",
            **columns,
        )
        for at in range(number)
    ]


def test_reviews_go_where_an_error_is_dear(made):
    dear = reviewed(50, 10, 1, agent="a", liability_per_hallucination="100")
    cheap = reviewed(50, 10, 1, agent="b", liability_per_hallucination="1")
    unset = reviewed(50, 10, 1, agent="c")
    lines = [cost(10, agent=agent) for agent in "abc"]
    rows = made(
        "review_plan",
        choices={"review_minutes": 50.0, "minutes_per_review": 5.0},
        fct_task=dear + cheap + unset,
        fct_cost_allocation=lines,
    )
    first = of(rows, agent_id="a")
    assert (first["reviews"], first["minutes"], first["review_rank"]) == (10, 50, 1)
    assert first["loss_per_hallucination"] == pytest.approx(112.5)
    assert first["value_per_output"] == pytest.approx(1)
    assert first["roi_width_expected"] < first["roi_width_before"]
    assert of(rows, agent_id="b")["reviews"] == 0
    assert of(rows, agent_id="c")["review_reason"] == "no_loss"


def test_a_rate_that_moved_is_planned_by_its_later_half(made):
    liability = {"liability_per_hallucination": "2"}
    before = reviewed(50, 50, 3, day=ago(14), **liability)
    late = reviewed(50, 50, 15, day=ago(13), **liability)
    open_ones = reviewed(100, 0, 0, **liability)
    lines = [cost(10)]
    (row,) = made(
        "review_plan", fct_task=before + late + open_ones, fct_cost_allocation=lines
    ).to_dicts()
    # Beta(15.5, 35.5) of the later half alone, and not Beta(18.5, 82.5) of the window
    assert (row["is_rate_drifted"], row["reviews"]) == (True, 24)
    assert row["hallucination_rate"] == pytest.approx(15.5 / 51)
    # 100 outputs: variance ab/(S²(S+1)) · U(S + U), an error costs its value 1 and 14.5 more
    spread = 15.5 * 35.5 / (51**2 * 52) * 100 * 151
    width = 3.919928 * 15.5 * np.sqrt(spread) / float(row["adjusted_cost"])
    assert row["roi_width_before"] == pytest.approx(width)

    steady = reviewed(50, 50, 3, day=ago(13), **liability)
    (row,) = made(
        "review_plan", fct_task=before + steady + open_ones, fct_cost_allocation=lines
    ).to_dicts()
    assert row["is_rate_drifted"] is False
    assert row["hallucination_rate"] == pytest.approx(6.5 / 101)


def test_a_cell_that_nobody_reviewed_says_so(made):
    rows = made("review_plan", fct_task=reviewed(5, 0, 0), fct_cost_allocation=[cost(1)])
    assert rows["review_reason"].to_list() == ["no_rate"]


def test_a_range_of_task_types_is_used_and_named(made):
    tasks = [
        task(
            baseline_minutes="12",
            human_equivalent_cost="10",
            labour_value="10",
            hourly_cost="50",
            is_output_delivered=False,
        )
        for _ in range(4)
    ]
    kinds = [{"task_type": "t", "baseline_minutes": "12", "low": "6", "high": "18"}]
    rows = made("sensitivity", fct_task=tasks, fct_cost_allocation=[cost(20)], dim_task_type=kinds)
    minutes = of(rows, input="baseline_minutes")
    assert (minutes["low"], minutes["high"]) == pytest.approx((6, 18))
    assert minutes["range_basis"] == "given"
    ends = (minutes["roi_at_low"], minutes["roi"], minutes["roi_at_high"])
    assert ends == pytest.approx((0, 1, 2))
    assert minutes["break_even"] == pytest.approx(6)
    assert minutes["roi_basis"] == "adjusted_roi"
    # nobody signed a rate off: at the least nothing of the labour counts
    assert of(rows, input="realisation_rate")["roi_at_low"] == -1
    assert minutes["roi_low_together"] == -1
    assert of(rows, input="liability_per_hallucination")["assumed"] is None
    assert of(rows, input="liability_per_hallucination")["swing_rank"] is None


def two_kinds(**times: int) -> dict[str, list[dict]]:
    """Return a dear and a cheap kind of work, inputs as they are or ``times`` hundredths of it."""

    def money(amount: str, *names: str) -> str:
        for name in names:
            amount = str(Decimal(amount) * times.get(name, 100) / 100)
        return amount

    found = []
    for name, wrong, minutes, hour, repair, loss in (
        *(("x", 1, "30", "80", "15", "3"), ("t", 4, "6", "50", "40", "1")),
    ):
        tasks = reviewed(40, 10, wrong, task_type=name)
        human = str(Decimal(minutes) * Decimal(hour) / 60)
        human = money(human, "baseline_minutes", "hourly_cost")
        for each in tasks:
            each |= {
                "baseline_minutes": money(minutes, "baseline_minutes"),
                "hourly_cost": money(hour, "hourly_cost"),
                "human_equivalent_cost": human,
                # the model takes time too, which is worth as much an hour
                "labour_value": str(Decimal(human) - Decimal(money("1", "hourly_cost"))),
                "direct_value": "0.25",
                "remediation_minutes": money(repair, "remediation_minutes"),
                "liability_per_hallucination": money(loss, "liability_per_hallucination"),
            }
        found += tasks
    return {"fct_task": found, "fct_cost_allocation": [cost(100, task_type="x"), cost(50)]}


def adjusted_return(made, given):
    rows = made("daily_hallucination_adjusted_cost", **given)
    return rows["adjusted_value"].sum() / rows["hallucination_adjusted_cost"].sum() - 1


def test_the_mean_inputs_give_the_marts_own_return(made):
    """Two kinds of work, unseen errors and all: as assumed, sensitivity is adjusted_roi."""
    given = two_kinds()
    expected = adjusted_return(made, given)
    for row in made("sensitivity", **given).to_dicts():
        assert row["roi"] == pytest.approx(expected, rel=1e-9)
        assert row["roi_low_together"] <= row["roi_at_low"] <= row["roi_high_together"]
        assert row["reason"] is None


@pytest.mark.parametrize(
    "name",
    ["baseline_minutes", "hourly_cost", "remediation_minutes", "liability_per_hallucination"],
)
def test_an_end_is_what_the_mart_would_give_there(made, name):
    """Inputs of all kinds of work move alike: kinds that err oftener weigh more in a loss."""
    row = of(made("sensitivity", **two_kinds()), input=name)
    assert row["roi_at_low"] == pytest.approx(adjusted_return(made, two_kinds(**{name: 75})))
    assert row["roi_at_high"] == pytest.approx(adjusted_return(made, two_kinds(**{name: 125})))
    assert row["assumed"] == pytest.approx(row["low"] / 0.75)


def test_work_that_no_person_did_before_still_hangs_on_what_errors_cost(made):
    def novel(times: int) -> dict[str, list[dict]]:
        tasks = reviewed(40, 10, 2, liability_per_hallucination="3")
        for each in tasks:
            hour = str(Decimal(50) * times / 100)
            each |= {"labour_value": "0", "direct_value": "9", "hourly_cost": hour}
        return {"fct_task": tasks, "fct_cost_allocation": [cost(100)]}

    rows = made("sensitivity", **novel(100))
    hourly = of(rows, input="hourly_cost")
    assert hourly["roi"] == pytest.approx(adjusted_return(made, novel(100)))
    assert hourly["roi_at_low"] == pytest.approx(adjusted_return(made, novel(75)))
    assert hourly["assumed"] == 50
    for name in ("baseline_minutes", "realisation_rate"):
        row = of(rows, input=name)
        assert (row["reason"], row["assumed"], row["swing_rank"]) == ("no_minutes", None, None)
    # ranks have no gaps where inputs are missing
    assert sorted(rows["swing_rank"].drop_nulls()) == [1, 2, 3]


def test_a_return_that_is_not_adjusted_says_why_it_does_not_move(made):
    """One day's unknown rate: what is assumed of losses is shown, and moves nothing."""
    known = reviewed(40, 10, 2, liability_per_hallucination="3", task_type="x")
    unknown = reviewed(5, 0, 0, liability_per_hallucination="2")
    lines = [cost(100, task_type="x"), cost(50)]
    rows = made("sensitivity", fct_task=known + unknown, fct_cost_allocation=lines)
    for name, assumed in (("remediation_minutes", 15), ("liability_per_hallucination", 130 / 45)):
        row = of(rows, input=name)
        assert (row["roi_basis"], row["reason"]) == ("roi", "not_adjusted")
        assert row["assumed"] == pytest.approx(assumed)
        assert (row["roi_at_low"], row["swing"], row["break_even"]) == (None, None, None)
    nothing = made("sensitivity", fct_task=reviewed(5, 5, 1), fct_cost_allocation=lines)
    assert of(nothing, input="liability_per_hallucination")["reason"] == "not_set"


def test_an_effect_is_bounded_by_what_nobody_saw(made):
    tasks = [task() for _ in range(40)] + [task(outcome_class="failure") for _ in range(10)]
    tasks += [task(agent="__human__") for _ in range(20)]
    tasks += [task(agent="__human__", outcome_class="failure") for _ in range(30)]
    tasks += [task(agent="__human__", task_type="other") for _ in range(7)]
    (row,) = made("bounds", fct_task=tasks, fct_cost_allocation=[cost(1)]).to_dicts()
    assert (row["succeeded"], row["failed"], row["people_tasks"]) == (40, 10, 50)
    assert (row["effect_at_least"], row["effect_at_most"]) == (-0.3, 0.7)


def test_tenths_by_tokens_show_what_more_of_them_go_with(made):
    tasks = [
        task(tokens=1000 * number, direct_value="2", priced_cost=str(number / 50))
        for number in range(1, 101)
    ]
    rows = made("marginal_ev", fct_task=tasks)
    assert rows["decile"].to_list() == list(range(1, 11))
    assert rows["tasks"].sum() == 100
    # value does not move, 1000 more tokens cost 0.02
    assert rows["marginal_ev"].drop_nulls().to_list() == pytest.approx([-0.02] * 9)


def test_a_return_that_falls_with_every_tenth_is_called_falling(made):
    tasks = [
        task(tokens=1000 * number, direct_value=str(number * (3 - number / 50)), priced_cost="0")
        for number in range(1, 101)
    ]
    rows = made("marginal_ev", fct_task=tasks)
    assert set(rows["trend"]) == {"falling"}
    # ten tasks a tenth: the mean of 3 − n/50 falls by 10/50
    assert rows["trend_per_decile"][0] == pytest.approx(-0.2, abs=0.01)


def test_an_investment_of_long_ago_has_no_payback(made):
    line = {
        "agent_id": "a",
        "cost": "9",
        "starts_on": ago(500),
        "ends_on": ago(100),
        "approved_by": "cfo",
    }
    (row,) = made(
        "daily_portfolio",
        fct_cost_allocation=[cost(1)],
        fct_task=[task()],
        dim_investment=[line, line | {"starts_on": LAST + timedelta(days=1), "ends_on": ago(-9)}],
    ).to_dicts()
    assert (row["payback_days"], row["payback_reason"]) == (None, "older_than_a_year")
    assert row["invested"] == 9
    assert row["build_cost_28d"] == row["build_cost_left"] == 0


def test_days_before_the_first_built_one_are_not_known_to_have_brought_nothing(made):
    lines = [cost(1, ago(back)) for back in range(10)]
    built = {"agent_id": "a", "cost": "30", "ends_on": ago(-50), "approved_by": "cfo"}
    for begun, reason in ((ago(10), "before_first_day"), (ago(9), "not_paid_back")):
        (row,) = made(
            "daily_portfolio",
            fct_cost_allocation=lines,
            dim_investment=[built | {"starts_on": begun}],
        ).to_dicts()
        assert (row["payback_days"], row["payback_reason"]) == (None, reason)
        assert (row["net_present_value"] is None) == (reason == "before_first_day")


def test_the_pace_of_a_young_investment_is_that_of_its_own_days(made):
    """Nine days net 2, then three 5: 3 days of 5 so far, and 5 a day to come."""
    lines = [cost(1, ago(back)) for back in range(12)]
    tasks = [task(ago(back), direct_value="6" if back < 3 else "3") for back in range(12)]
    built = {"agent_id": "a", "cost": "50", "starts_on": ago(2), "ends_on": ago(2 - 20)}
    (row,) = made(
        "daily_portfolio",
        choices={"discount_rate": 0.0},
        fct_cost_allocation=lines,
        fct_task=tasks,
        dim_investment=[built],
    ).to_dicts()
    assert (row["payback_days"], row["is_payback_projected"]) == (10, True)
    assert row["net_present_value"] == pytest.approx(20 * 5 - 50)


def test_each_line_of_investments_is_spread_on_its_own(made):
    """Twice 1 nano-unit over 2 days is nothing on the first, not one of them."""
    line = {"agent_id": "a", "cost": "0.000000001", "starts_on": LAST, "ends_on": ago(-2)}
    (row,) = made(
        "daily_portfolio",
        fct_cost_allocation=[cost(1)],
        dim_investment=[line | {"_source_row": number} for number in (1, 2)],
    ).to_dicts()
    assert (row["build_cost_28d"], row["build_cost_left"]) == (0, Decimal("0.000000002"))


def test_days_to_come_count_as_the_last_ones_did(made):
    lines = [cost(1, ago(back)) for back in range(10)]
    tasks = [task(ago(back), direct_value="3") for back in range(10)]
    built = {"agent_id": "a", "starts_on": ago(9), "ends_on": ago(9) + timedelta(days=60)}
    (row,) = made(
        "daily_portfolio",
        choices={"discount_rate": 0.0},
        fct_cost_allocation=lines,
        fct_task=tasks,
        dim_investment=[built | {"cost": "30"}],
    ).to_dicts()
    # 2 a day: 30 are back on day 15, five days from now
    assert (row["payback_days"], row["is_payback_projected"]) == (15, True)
    assert row["net_present_value"] == pytest.approx(60 * 2 - 30)
    # nobody approved the cost
    assert row["evidence"] == "assumed"
