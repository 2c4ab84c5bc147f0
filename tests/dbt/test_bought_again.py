"""What was bought again of another agent: the model against its definition, pair by pair."""

from datetime import datetime, timedelta

import duckdb
import jinja2
import numpy as np
import polars as pl
import pytest

from roi_engine import dbt

WINDOW = 7
FIRST = datetime.fromisoformat("2026-01-01")
MODEL = dbt.PROJECT / "models/intermediate/tasks/int_tasks_bought_again.sql"


def asked(seed: int, count: int) -> pl.DataFrame:
    """Return tasks of a few requesters, kinds and agents; some of each are not known."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24 * 30, count)
    return pl.DataFrame(
        {
            "task_id": [f"task-{number}" for number in rng.permutation(count)],
            "agent_id": rng.choice(["a", "b", "c", "__human__", "__unknown__"], count),
            "requester_id": [[*"rstu", None][one] for one in rng.integers(0, 5, count)],
            "task_type": rng.choice(["refund", "address", "__unknown__"], count),
            "created_at": [FIRST + timedelta(hours=int(one)) for one in hours],
            "last_update_at": [
                FIRST + timedelta(hours=int(one + wait))
                for one, wait in zip(hours, rng.integers(0, 60, count), strict=True)
            ],
        },
        schema_overrides={"requester_id": pl.String},
    )


def by_the_model(tasks: pl.DataFrame) -> pl.DataFrame:
    text = jinja2.Template(MODEL.read_text()).render(
        ref=lambda name: name,
        var=lambda _: WINDOW,
        same_time_after=lambda instant, days: f"({instant} + {days} * interval '1' day)",
    )
    with duckdb.connect() as con:
        con.register("int_tasks_joined", tasks.to_arrow())
        return con.execute(f"select * from ({text}) order by task_id").pl()


def by_the_definition(tasks: pl.DataFrame) -> pl.DataFrame:
    """Compare every task with every later one of its requester and kind."""
    known = tasks.filter(pl.col("requester_id").is_not_null(), pl.col("task_type") != "__unknown__")
    end = pl.col("last_update_at") + pl.duration(days=WINDOW)
    pairs = known.join(known, on=["requester_id", "task_type"], suffix="_later").filter(
        (pl.col("created_at_later") > pl.col("created_at"))
        | (
            (pl.col("created_at_later") == pl.col("created_at"))
            & (pl.col("task_id_later") > pl.col("task_id"))
        ),
        pl.col("created_at_later") < end,
        pl.col("agent_id_later") != pl.col("agent_id"),
        pl.col("agent_id_later") != "__human__",
    )
    others = pairs.group_by("task_id").agg(
        is_named=(pl.col("agent_id_later") != "__unknown__").any(),
    )
    return (
        known.join(others, on="task_id", how="left")
        .select(
            "task_id",
            is_redundant=pl.when(pl.col("agent_id") == "__human__")
            .then(pl.lit(value=False))
            .when(pl.col("agent_id") == "__unknown__")
            .then(None)
            .when(pl.col("is_named").is_null())
            .then(pl.lit(value=False))
            .when("is_named")
            .then(pl.lit(value=True)),
        )
        .sort("task_id")
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_model_is_its_definition_in_whatever_order_tasks_come(seed):
    tasks = asked(seed, 120)
    found = by_the_model(tasks)
    assert found.equals(by_the_definition(tasks))
    assert found.equals(by_the_model(tasks.sample(fraction=1, shuffle=True, seed=seed)))
    assert set(found["is_redundant"]) == {True, False, None}


def test_whatever_is_asked_the_last_task_stands():
    """The request itself has to be paid for once: n tasks of it are redundant n − 1 times."""
    tasks = asked(5, 200).filter(~pl.col("agent_id").str.starts_with("__"))
    last = (
        tasks.filter(pl.col("requester_id").is_not_null(), pl.col("task_type") != "__unknown__")
        .sort("created_at", "task_id")
        .group_by("requester_id", "task_type", maintain_order=True)
        .last()
    )
    assert last.height > 4
    stands = by_the_model(tasks).join(last, on="task_id", how="semi")
    assert not stands["is_redundant"].any()
