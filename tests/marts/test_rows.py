"""Cases that decide a row: what exists, what is NULL and why, what is final."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.marts.contract import fact
from roi_engine.marts.params import Params

DAY = date(2026, 1, 31)
CELL = {
    "agent_id": "a",
    "model_version": "m",
    "task_type": "t",
    "department": "d",
    "channel": "c",
}
ENDED = {
    "day": DAY,
    **CELL,
    "outcome_class": "autonomous_success",
    "is_ended": True,
    "is_output_delivered": True,
    "is_mature": True,
    "human_minutes": "0",
    "human_cost": "0",
    "evidence": "measured",
}


def cost(amount: str, charge: str = "c1", **columns: object) -> dict:
    return {
        "charge_id": charge,
        "day": DAY,
        **CELL,
        "outcome_class": "autonomous_success",
        "cost_class": "token_api",
        "charge_category": "Usage",
        "cost_basis": "billed",
        "allocated_cost": amount,
        **columns,
    }


def credit(task: str, agent: str = "a", share: str = "1") -> dict:
    return {
        "task_id": task,
        "day": DAY,
        "agent_id": agent,
        "model_version": "m",
        "credit": share,
    }


@pytest.fixture
def rows(make_estate, build_mart):
    """Build a mart from a few rows by table; other tables are empty."""
    empty = {name: frame.clear() for name, frame in make_estate(0, tasks=3).items()}

    def build(mart: str, as_of: date = date(2026, 2, 28), **tables: list[dict]) -> pl.DataFrame:
        facts = empty | {name: fact(name, given) for name, given in tables.items()}
        params = Params(days=(DAY,), as_of=as_of, transform_run_ids={DAY: "r"})
        return build_mart(facts, mart, params)

    return build


def one(frame: pl.DataFrame, agent: str = "a") -> dict:
    return frame.row(by_predicate=pl.col("agent_id") == agent, named=True)


def reviews(agent: str, number: int) -> list[dict]:
    return [
        ENDED
        | {"task_id": f"{agent}{n}", "agent_id": agent}
        | {"is_human_reviewed": True, "is_random_review": True, "is_hallucination": n == 0}
        for n in range(number)
    ]


def looked_at(kind: str, version: str | None, **columns: object) -> dict:
    own = {name: CELL[name] for name in ("agent_id", "model_version", "task_type")}
    by = {"reviewer_kind": kind, "rubric_version": version, "is_latest": True}
    return {"day": DAY, **own, **by, **columns}


def test_idle_and_out_of_scope_fill_one_column_each(rows):
    frame = rows(
        "daily_roi",
        fct_cost_allocation=[
            cost("5", agent_id="__idle__", cost_class="training"),
            cost("7", agent_id="__out_of_scope__", cost_class="storage"),
            cost("9", agent_id="__deferred__", cost_class="training"),
        ],
    )
    assert one(frame, "__idle__")["idle_cost"] == 5
    assert one(frame, "__idle__")["training_cost"] == 0
    assert one(frame, "__out_of_scope__")["other_cost"] == 7
    assert "__deferred__" not in frame["agent_id"].to_list()


def test_an_unknown_cost_class_is_an_error(rows):
    with pytest.raises(ValueError, match="unknown cost classes"):
        rows("daily_roi", fct_cost_allocation=[cost("5", cost_class="coffee")])


@pytest.mark.parametrize(
    ("amount", "reason"), [("0", "no_cost"), ("-1", "negative_cost"), ("1", None)]
)
def test_a_return_needs_a_positive_cost(rows, amount, reason):
    row = one(rows("daily_roi", fct_cost_allocation=[cost(amount)]))
    assert row["roi_reason"] == reason
    assert (row["roi"] is None) == (reason is not None)


def test_people_without_an_agent_are_in_no_row(rows):
    task = ENDED | {"task_id": "t1", "agent_id": "__human__", "labour_value": "3"}
    entry = {"task_id": "t1", "day": DAY, **CELL, "agent_id": "__human__", "human_cost": "4"}
    for mart in ("daily_roi", "daily_asr", "daily_hallucination_adjusted_cost"):
        frame = rows(
            mart,
            fct_task=[task],
            fct_task_credit=[credit("t1", "__human__")],
            fct_time_entry=[entry],
        )
        assert frame.height == 0


def test_value_goes_where_credit_says_and_counts_stay(rows):
    task = ENDED | {"task_id": "t1", "labour_value": "0.000000001"}
    frame = rows(
        "daily_roi",
        fct_task=[task],
        fct_task_credit=[credit("t1", "a", "0.4"), credit("t1", "b", "0.6")],
    )
    assert one(frame)["successes"] == 1
    assert one(frame, "b")["successes"] == 0
    # 0.4 and 0.6 of a billionth, rounded once each
    assert one(frame)["labour_value"] == 0
    assert one(frame, "b")["labour_value"] == Decimal("0.000000001")


def test_a_task_closed_in_silence_has_no_value(rows):
    task = ENDED | {"task_id": "t1", "outcome_class": "unconfirmed", "direct_value": "9"}
    row = one(rows("daily_roi", fct_task=[task], fct_task_credit=[credit("t1")]))
    assert (row["ended_tasks"], row["unconfirmed_tasks"], row["gross_value"]) == (1, 1, 0)


def test_a_failure_keeps_the_money_it_lost_and_nothing_else(rows):
    task = ENDED | {
        "task_id": "t1",
        "outcome_class": "failure",
        "direct_value": "-9",
        "labour_value": "5",
        "human_equivalent_cost": "6",
    }
    row = one(rows("daily_roi", fct_task=[task], fct_task_credit=[credit("t1")]))
    assert row["gross_value"] == row["direct_value"] == -9
    assert row["human_equivalent_cost"] == 0


def test_realisation_counts_only_when_signed_off(rows):
    task = ENDED | {"task_id": "t1", "labour_value": "-0.000000003"}
    kind = {"task_type": "t", "realisation_rate": 0.5}
    for approved, cash in ((None, "0"), ("cfo", "-0.000000002")):
        row = one(
            rows(
                "daily_roi",
                fct_task=[task],
                fct_task_credit=[credit("t1")],
                dim_task_type=[kind | {"approved_by": approved}],
            )
        )
        assert row["cash_saving"] == Decimal(cash)
        assert row["cash_saving"] + row["capacity_freed"] == row["labour_value"]


def test_work_that_nobody_did_before_has_no_cost_ratio(rows):
    task = ENDED | {"task_id": "t1", "human_equivalent_cost": "10"}
    for novel, ratio in ((False, 0.5), (True, None)):
        row = one(
            rows(
                "daily_roi",
                fct_task=[task],
                fct_task_credit=[credit("t1")],
                fct_cost_allocation=[cost("5")],
                dim_task_type=[{"task_type": "t", "is_novel": novel}],
            )
        )
        assert row["cost_ratio"] == ratio


def test_an_unpriced_call_shows_without_any_cost(rows):
    action = {
        "action_id": "x",
        "day": DAY,
        "agent_id": "azure",
        "cost_status": "unpriced",
        "is_rollup": False,
    }
    row = one(rows("daily_roi", fct_agent_action=[action]), "azure")
    assert (row["unpriced_actions"], row["total_cost"], row["roi"]) == (1, 0, None)


def test_a_day_is_final_five_and_seven_days_after_its_month(rows):
    lines = [cost("1")]
    for as_of, status in ((date(2026, 2, 12), "provisional"), (date(2026, 2, 13), "final")):
        frame = rows("daily_roi", as_of=as_of, fct_cost_allocation=lines)
        assert one(frame)["status"] == status
    immature = ENDED | {"task_id": "t1", "is_mature": False}
    for extra in (
        {"fct_task": [immature]},
        {"fct_cost_allocation": [cost("1", outcome_class="open")]},
    ):
        frame = rows("daily_roi", **({"fct_cost_allocation": lines} | extra))
        assert set(frame["status"]) == {"provisional"}


def test_an_immature_day_weakens_the_window_but_not_a_later_day(rows):
    earlier = ENDED | {"task_id": "t1", "is_mature": False, "day": DAY - timedelta(days=5)}
    tables = {"fct_task": [earlier], "fct_cost_allocation": [cost("1")]}
    assert one(rows("daily_roi", **tables))["status"] == "final"
    assert one(rows("daily_asr", **tables))["status"] == "provisional"


def test_bills_and_estimates_mix(rows):
    lines = [cost("1", cost_basis="billed"), cost("2", charge="c2", cost_basis="estimated")]
    for kept, basis in ((lines, "mixed"), (lines[1:], "estimated"), (lines[:1], "billed")):
        frame = rows("daily_roi", fct_cost_allocation=kept)
        assert one(frame)["cost_basis"] == basis


def test_without_outputs_idle_cost_stays_in_the_sums(rows):
    frame = rows(
        "daily_hallucination_adjusted_cost",
        fct_cost_allocation=[cost("5", agent_id="__idle__", cost_class="idle")],
    )
    row = one(frame, "__idle__")
    assert row["rate_basis"] == "none"
    assert row["hallucination_rate"] is None
    assert row["hallucination_cost"] == 0
    assert row["hallucination_adjusted_cost"] == 5


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        pytest.param({}, "no_rate", id="nobody reviewed anything"),
        pytest.param(
            {"is_random_review": True, "remediation_minutes": "1"},
            "no_liability",
            id="liability blank",
        ),
        pytest.param(
            {"is_random_review": True, "liability_per_hallucination": "1"},
            "no_remediation",
            id="remediation blank",
        ),
    ],
)
def test_what_is_not_known_is_null_with_its_reason(rows, columns, reason):
    reviewed = {"is_human_reviewed": columns.get("is_random_review")}
    tasks = [
        ENDED | columns | reviewed | {"task_id": "t1"},
        ENDED | columns | {"task_id": "t2", "is_random_review": None},
    ]
    row = one(rows("daily_hallucination_adjusted_cost", fct_task=tasks))
    assert row["hallucination_cost_reason"] == reason
    for name in ("hallucination_cost", "hallucination_adjusted_cost", "adjusted_roi"):
        assert row[name] is None
    assert (row["adjusted_value"] is None) == (reason == "no_rate")


def test_a_triggered_review_without_a_known_chance_is_left_out_of_the_rate(rows):
    tasks = [
        ENDED | {"task_id": "t1", "is_human_reviewed": True, "is_hallucination": True},
        ENDED | {"task_id": "t2", "is_human_reviewed": True, "is_random_review": True},
    ]
    row = one(rows("daily_hallucination_adjusted_cost", fct_task=tasks))
    assert (row["reviewed"], row["hallucinated"], row["window_reviewed"]) == (2, 1, 2)
    assert (row["window_effective_reviews"], row["window_effective_hallucinations"]) == (1, 0)


def test_what_hallucination_takes_is_taken_where_the_value_is_credited(rows):
    seen = [
        ENDED | {"task_id": f"r{n}", "is_human_reviewed": True, "is_random_review": True}
        for n in range(9)
    ]
    paid = ENDED | {"task_id": "t1", "labour_value": "100"}
    frame = rows(
        "daily_hallucination_adjusted_cost",
        fct_task=[*seen, paid],
        fct_task_credit=[credit("t1", "a", "0.25"), credit("t1", "helper", "0.75")],
    )
    rate = one(frame)["hallucination_rate"]
    assert rate == pytest.approx(0.5 / 10)
    assert one(frame)["adjusted_value"] == pytest.approx(25 * (1 - rate))
    assert one(frame, "helper")["adjusted_value"] == pytest.approx(75 * (1 - rate))
    assert one(frame, "helper")["rate_basis"] == "none"


def test_three_reviewed_cells_of_a_type_pool_and_lend_to_a_fourth(rows):
    tasks = [*reviews("a", 20), *reviews("b", 20), ENDED | {"task_id": "x", "agent_id": "new"}]
    frame = rows("daily_hallucination_adjusted_cost", fct_task=tasks)
    assert one(frame)["rate_basis"] == "reviewed"
    assert one(frame, "new")["rate_basis"] == "none"
    frame = rows("daily_hallucination_adjusted_cost", fct_task=[*tasks, *reviews("c", 20)])
    assert set(frame["rate_basis"]) == {"pooled"}
    assert 0 < one(frame, "new")["hallucination_rate"] < 0.3


@pytest.mark.parametrize(
    ("counts", "rejected"),
    [
        pytest.param({"tp": 90, "fn": 10, "tn": 180, "fp": 20}, 0, id="informative"),
        pytest.param({"tp": 50, "fn": 50, "tn": 50, "fp": 50}, 1, id="a coin"),
        pytest.param({}, 1, id="never validated"),
    ],
)
def test_an_evaluator_counts_only_when_it_knows_more_than_a_coin(rows, counts, rejected):
    tasks = [
        ENDED | {"task_id": f"t{n}", "evaluator_id": "judge", "evaluator_verdict": n < 28}
        for n in range(200)
    ]
    row = one(
        rows(
            "daily_hallucination_adjusted_cost",
            fct_task=tasks,
            dim_evaluator=[{"evaluator_id": "judge", **counts}],
        )
    )
    assert row["evaluators_rejected"] == rejected
    assert row["evaluator_seen"] == (0 if rejected else 200)
    if rejected:
        assert row["rate_basis"] == "none"
    else:
        assert row["evaluator_corrected_rate"] == pytest.approx(0.05)
        assert row["hallucination_rate_low"] < 0.05 < row["hallucination_rate_high"]
        assert 0 < row["expected_undetected"] < 60


@pytest.mark.parametrize(
    ("used", "validated_by", "rejected"),
    [
        pytest.param(["2", "2"], "2", 0, id="the version of its validation"),
        pytest.param(["1", "2"], "2", 1, id="an older one too"),
        pytest.param([None, "2"], "2", 0, id="a verdict that names none"),
        pytest.param(["1", "2"], None, 0, id="a validation that names none"),
    ],
)
def test_an_evaluator_was_validated_by_the_rubric_by_which_it_judges(
    rows, used, validated_by, rejected
):
    tasks = [
        ENDED | {"task_id": f"t{n}", "evaluator_id": "judge", "evaluator_verdict": n < 28}
        for n in range(200)
    ]
    verdicts = [looked_at("evaluator", version, evaluator_id="judge") for version in used]
    judge = {"evaluator_id": "judge", "tp": 90, "fn": 10, "tn": 180, "fp": 20}
    row = one(
        rows(
            "daily_hallucination_adjusted_cost",
            fct_task=tasks,
            fct_quality_review=verdicts,
            dim_evaluator=[judge | {"rubric_version": validated_by}],
        )
    )
    assert row["evaluators_rejected"] == rejected
    assert row["evaluator_seen"] == (0 if rejected else 200)


def test_a_rate_says_by_how_many_versions_of_the_rubric_it_was_judged(rows):
    # by hand: two versions and one review that names none; neither replaced nor evaluators' ones
    kinds = [
        ("human", "1", True, 27),
        ("human", "2", True, 0),
        ("human", "2", True, 3),
        ("human", None, True, 1),
        ("human", "0", False, 0),
        ("evaluator", "9", True, 0),
        ("human", "8", True, 28),
    ]
    seen = [
        looked_at(kind, version, is_latest=is_latest, day=DAY - timedelta(days=back))
        for kind, version, is_latest, back in kinds
    ]
    given = {"fct_task": reviews("a", 20), "fct_quality_review": seen}
    assert one(rows("daily_hallucination_adjusted_cost", **given))["rubric_versions"] == 3
    given = {"fct_task": reviews("a", 20)}
    assert one(rows("daily_hallucination_adjusted_cost", **given))["rubric_versions"] == 0


def test_credits_are_left_out_of_the_share_and_refunds_make_it_null(rows):
    lines = [
        cost("4"),
        cost("6", outcome_class="failure"),
        cost("-5", charge="c2", charge_category="Credit"),
    ]
    row = one(rows("daily_asr", fct_cost_allocation=lines))
    assert (row["spend"], row["spend_without_credits"]) == (5, 10)
    assert row["asr_spend"] == row["asr_spend_28d"] == 0.4
    assert row["asr_spend_low_28d"] is None
    refund = [*lines, cost("-7", outcome_class="failure")]
    row = one(rows("daily_asr", fct_cost_allocation=refund))
    assert row["asr_spend"] is None
    assert row["asr_spend_reason"] == "negative_cell"
    assert row["band"] == "insufficient_data"


def test_overhead_holds_own_idle_once(rows):
    lines = [
        cost("3", outcome_class="overhead", cost_class="idle"),
        cost("1", outcome_class="overhead"),
        cost("4"),
    ]
    row = one(rows("daily_asr", fct_cost_allocation=lines))
    assert row["overhead_spend"] == 4
    assert row["overhead_share"] == 0.5


def test_an_escalated_task_was_tried_and_not_won(rows):
    tasks = [
        ENDED | {"task_id": "t1"},
        ENDED | {"task_id": "t2", "outcome_class": "assisted_success", "is_escalated": True},
    ]
    row = one(rows("daily_asr", fct_task=tasks))
    assert row["win_rate"] == 0.5
    assert 0 < row["win_rate_low_28d"] < 0.5 < row["win_rate_high_28d"] < 1


def test_what_is_not_known_is_counted(rows):
    task = ENDED | {"task_id": "t1"}
    entry = {"task_id": "t1", "day": DAY, **CELL, "basis": "assumed"}
    row = one(rows("daily_roi", fct_task=[task], fct_time_entry=[entry]))
    assert row["tasks_without_labour_value"] == row["tasks_without_delay_cost"] == 1
    assert (row["entries_without_cost"], row["human_cost"]) == (1, 0)
    assert row["evidence"] == "assumed"


def test_people_for_an_unknown_time_are_people_all_the_same(rows):
    for minutes, alone in (("0", 9), (None, 0)):
        task = ENDED | {"task_id": "t1", "direct_value": "9", "human_minutes": minutes}
        tables = {"fct_task": [task], "fct_task_credit": [credit("t1")]}
        assert one(rows("daily_asr", **tables))["autonomous_value"] == alone


def test_the_excess_of_people_enters_break_even(rows):
    tasks = [
        ENDED | {"task_id": "t1", "human_equivalent_cost": "10"},
        ENDED
        | {
            "task_id": "t2",
            "outcome_class": "failure",
            "human_equivalent_cost": "10",
            "human_cost": "14",
        },
    ]
    row = one(rows("daily_asr", fct_task=tasks, fct_cost_allocation=[cost("2")]))
    assert row["break_even_success_rate"] == pytest.approx((1 + 4) / (10 + 4))
