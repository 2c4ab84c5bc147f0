"""What is tried on tasks has the effect that the truth states, and changes nothing else."""

import csv
import json
import re
from datetime import date

import numpy as np
import polars as pl
import pytest

from roi_engine.simulate import roster, trials
from roi_engine.simulate.horizon import Horizon
from roi_engine.simulate.tasks import draw_tasks

SUCCESSES = ["autonomous_success", "assisted_success"]
HORIZON = Horizon(date(2026, 1, 1), 28)


@pytest.fixture(scope="module")
def exposures(estate):
    return estate.truth("exposures")


@pytest.fixture(scope="module")
def tasks(estate):
    """Return the agents' tasks whose end somebody saw."""
    is_known = ~pl.col("eventual_class").is_in(["open", "unobserved", "unconfirmed"])
    return (
        estate.truth("tasks")
        .filter(pl.col("agent_id") != "__human__", is_known)
        .with_columns(is_success=pl.col("eventual_class").is_in(SUCCESSES))
    )


@pytest.fixture(scope="module")
def rates(estate):
    return json.loads((estate.folder / "truth/rates.json").read_text())


@pytest.fixture(scope="module")
def many():
    """Return a hundred thousand tasks as drawn: enough to see a rate."""
    rngs = [np.random.default_rng(seed) for seed in (1, 2)]
    return draw_tasks(HORIZON, roster.agents(6), 4000, *rngs).filter(pl.col("agent") >= 0)


def accepted(frame: pl.DataFrame) -> float:
    return frame.select(pl.col("fate").is_in([0, 4]).mean()).item()


def test_the_lift_is_the_stated_one(many, rates):
    one = many.filter(pl.col("experiment") == trials.AB_TEST)
    rate = [accepted(one.filter(pl.col("arm") == arm)) for arm in (0, 1)]
    stated = rates["experiments"]["answer-style"]["lift"]
    # four standard errors
    assert rate[1] - rate[0] == pytest.approx(stated, abs=4 * np.sqrt(0.5 / one.height))


def test_newcomers_are_served_worse_by_agents_as_stated(many, rates):
    stated = rates["user_groups"]
    groups = [many.filter(pl.col("user_group") == place) for place in range(3)]
    for name, group in zip(trials.GROUPS, groups, strict=True):
        assert group.height / many.height == pytest.approx(stated[name]["share"], abs=0.01)
    gap = accepted(groups[2]) - accepted(groups[0])
    wanted = stated["newcomer"]["success_added"] - stated["self_service"]["success_added"]
    assert gap == pytest.approx(wanted, abs=4 * np.sqrt(0.5 / groups[2].height))


def test_retrieval_lowers_the_hallucination_rate_as_stated(many, rates):
    # of settled outputs: a failure without one cannot be hallucinated
    outputs = many.filter(pl.col("fate").is_in([0, 2, 4]))
    rate = [
        outputs.filter(pl.col("has_retrieval") == flag)["is_hallucinated"].mean()
        for flag in (True, False)
    ]
    stated = rates["retrieval"]
    wanted = stated["hallucination_factor_with"] / stated["hallucination_factor_without"]
    assert rate[0] / rate[1] == pytest.approx(wanted, abs=0.04)


def test_effects_are_centred_so_that_roles_keep_their_rates():
    assert np.dot(trials.GROUP_SHARES, trials.GROUP_SUCCESS) == pytest.approx(0)
    ab = trials.EXPERIMENTS[trials.AB_TEST]
    assert np.dot(ab.allocation, ab.effects) == pytest.approx(0)
    share = trials.RETRIEVAL_SHARE
    mean = share * trials.RETRIEVAL_FACTOR + (1 - share) * trials.NO_RETRIEVAL_FACTOR
    assert mean == pytest.approx(1)


def test_what_is_tried_changes_no_other_draw():
    same = ["created_us", "agent", "task_type", "department", "channel", "system", "is_hard"]
    first, second = (
        draw_tasks(
            HORIZON, roster.agents(3), 50, np.random.default_rng(1), np.random.default_rng(seed)
        )
        for seed in (2, 3)
    )
    assert first.select(same, "task_id").equals(second.select(same, "task_id"))
    assert not first["user_group"].equals(second["user_group"])


def test_propensities_are_shares_and_the_bandit_leans():
    found = trials.propensities(HORIZON)
    assert found.sum(axis=2) == pytest.approx(1)
    assert found[trials.BANDIT, -1, 2] == pytest.approx(0.6)
    assert not np.isin(found[trials.BANDIT, :, :], 0.5).any()


def test_arms_come_as_often_as_their_propensity_says(exposures):
    first = exposures.filter(~pl.col("is_crossed_over"))
    for (_, arm), rows in first.filter(pl.col("experiment_id") == "prompt-bandit").group_by(
        "experiment_id", "arm"
    ):
        weights = 1 / rows["propensity"]
        everyone = first.filter(pl.col("experiment_id") == "prompt-bandit").height
        # weighted by 1/propensity every arm stands for all tasks
        assert weights.sum() == pytest.approx(everyone, rel=0.3), arm


def test_few_units_cross_over_and_keep_both_arms(exposures):
    crossed = exposures.filter("is_crossed_over")
    assert 0 < crossed.height < 0.06 * exposures.height
    assert crossed.group_by("experiment_id", "task_id").len()["len"].to_list() == [2] * (
        crossed.height // 2
    )


def test_the_test_has_a_time_before_it(exposures):
    begun = exposures.group_by("experiment_id").agg(pl.min("exposed_at").dt.date())
    assert dict(begun.iter_rows()) == {
        "answer-style": date(2026, 1, 5),
        "prompt-bandit": date(2026, 1, 1),
    }


def test_experiments_and_investments_are_on_file(estate):
    with (estate.inbox / "reference/experiments.csv").open(newline="") as file:
        rows = {row["experiment_id"]: row for row in csv.DictReader(file)}
    assert rows["answer-style"]["arms"] == "control;treatment"
    assert rows["answer-style"]["starts_on"] == "2026-01-05"
    assert rows["prompt-bandit"]["allocation"] == "0.3333;0.3333;0.3333"
    with (estate.inbox / "reference/investments.csv").open(newline="") as file:
        kinds = {row["kind"] for row in csv.DictReader(file)}
    assert kinds == {"build", "integration", "prompts", "seats", "supervision"}
    with (estate.inbox / "reference/wallets.csv").open(newline="") as file:
        assert {row["period"] for row in csv.DictReader(file)} == {"day", "week", "month"}


def test_both_forms_of_spans_say_the_same_of_exposures(estate, exposures):
    flat = pl.concat(
        pl.read_parquet(path, hive_partitioning=False)
        for path in estate.inbox.glob("tokens/spans/*/*.parquet")
    ).filter(pl.col("experiment_id").is_not_null())
    assert flat.filter(pl.col("operation").is_in(["execute_tool", "retrieval"])).is_empty()
    texts = [path.read_text() for path in estate.inbox.glob("tokens/otlp/spans_*.jsonl")]
    said = sum(text.count('"key":"feature_flag.key"') for text in texts)
    assert said > 500
    assert flat.height + said >= exposures["exposures"].sum()


def test_the_first_token_comes_after_the_start_and_before_the_end(estate):
    spans = pl.concat(
        pl.read_parquet(path, hive_partitioning=False)
        for path in estate.inbox.glob("tokens/spans/*/*.parquet")
    )
    known = spans.filter(
        pl.col("time_to_first_token_us").is_not_null(), pl.col("conversation_id").is_not_null()
    )
    length = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds()
    assert known.height > 1000
    assert known.filter(~pl.col("time_to_first_token_us").is_between(0, length)).is_empty()
    assert set(known["operation"]) == {"chat", "generate_content"}
    assert not known["is_error"].any()


def test_both_forms_of_spans_say_the_same_of_what_steps_used(estate):
    """In seconds and in microseconds; wrappers say their steps' figures once more."""
    flat = pl.concat(
        pl.read_parquet(path, hive_partitioning=False)
        for path in estate.inbox.glob("tokens/spans/*/*.parquet")
    )
    texts = "".join(path.read_text() for path in estate.inbox.glob("tokens/otlp/spans_*.jsonl"))
    seconds = [
        float(each)
        for each in re.findall(r'"process.cpu.time","value":\{"doubleValue":([^}]+)\}', texts)
    ]
    known = flat.filter(pl.col("cpu_time_us").is_not_null())
    assert known.height > 1000
    assert len(seconds) > 1000
    # the longest wrappers enclose hours of waiting, so not by the mean
    assert np.median(seconds) == pytest.approx(known["cpu_time_us"].median() / 1e6, rel=0.1)
    assert "invoke_agent" in set(known["operation"])
    versions = flat.filter(pl.col("model_registry_version").is_not_null())
    assert set(versions["operation"]) == {"chat", "embeddings", "generate_content"}


def test_successes_please_more_than_failures(tasks):
    rated = tasks.filter(pl.col("is_pleased").is_not_null())
    good = {
        flag: rated.filter(pl.col("is_success") == flag)["is_pleased"].mean()
        for flag in (True, False)
    }
    assert good[True] > good[False] + 0.3
