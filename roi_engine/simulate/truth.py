"""What nobody in the estate can know: true rates, true outcomes, and the exact ledger."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from roi_engine.simulate import roster, trials
from roi_engine.simulate.bill import UNIT
from roi_engine.simulate.cells import CELL, roster_types
from roi_engine.simulate.charges import Charge
from roi_engine.simulate.exports import decimal_text
from roi_engine.simulate.horizon import SECOND_US, Horizon
from roi_engine.simulate.ledger import Entry, as_frame
from roi_engine.simulate.reference import SERVICE_HOURS, logged_entries
from roi_engine.simulate.resources import WRAPPERS, used_by_task
from roi_engine.simulate.tasks import ESCALATED, HUMAN, NO_TICKET, SERVICENOW, true_rates


def write_rates(folder: Path, horizon: Horizon, agents: tuple[roster.Agent, ...]) -> None:
    """Write ``rates.parquet`` (agent × task type × day) and ``rates.json`` (the rest).

    ``success_probability`` is that of an accepted first resolution over easy and hard cases
    together; what happens later (a return contact, a review) is not in it.
    ``hallucination_probability`` is that of a delivered output. Both are means over groups of
    users, arms of experiments, and tasks with and without retrieval.
    """
    keys = [
        (row, roster.TYPE_INDEX[name], day)
        for row, one in enumerate(agents)
        for name in one.task_types
        for day in range(horizon.days)
    ]
    agent, kind, day = (np.array(column) for column in zip(*keys, strict=True))
    success, hallucination = true_rates(horizon, agents, agent, kind, day)
    success = success + trials.expected_effect(horizon, agent, day)
    silent = np.where(kind == roster.TYPE_INDEX["it_incident"], 0.0, roster.AUTO_CLOSED_SHARE)
    hard = success - roster.HARD_PENALTY
    share = roster.HARD_SHARE["agent"]
    easy_accepted, hard_accepted = success * (1 - silent), hard * (1 - silent)
    pl.DataFrame(
        {
            "agent_id": [agents[row].agent_id for row in agent.tolist()],
            "task_type": [roster.TASK_TYPES[one].name for one in kind.tolist()],
            "day": [horizon.day(one) for one in day.tolist()],
            "success_probability": (1 - share) * easy_accepted + share * hard_accepted,
            "success_probability_easy": easy_accepted,
            "success_probability_hard": hard_accepted,
            "hallucination_probability": hallucination,
            "autonomy_probability": [agents[row].autonomy for row in agent.tolist()],
            "review_probability": [agents[row].review_probability for row in agent.tolist()],
        }
    ).write_parquet(folder / "rates.parquet")
    rates = {
        "label": "simulated",
        "evaluator": {
            "evaluator_id": roster.EVALUATOR_ID,
            "sensitivity": roster.SENSITIVITY,
            "specificity": roster.SPECIFICITY,
            "share_seen": roster.EVALUATOR_SHARE,
            "validation": roster.VALIDATION,
        },
        "triggered_review_probability": {
            "right": roster.TRIGGERED_REVIEW[False],
            "wrong": roster.TRIGGERED_REVIEW[True],
        },
        "human_share": roster.HUMAN_SHARE,
        "hard_share": roster.HARD_SHARE,
        "drift": {
            "agent_id": agents[0].agent_id,
            "from": horizon.day(horizon.drift_day).isoformat(),
            "success_added": roster.DRIFT_SUCCESS,
            "hallucination_factor": roster.DRIFT_HALLUCINATION,
        },
    } | trials.as_truth(horizon, agents)
    (folder / "rates.json").write_text(json.dumps(rates, indent=2) + "\n")


def write_tasks(
    folder: Path,
    tasks: pl.DataFrame,
    spans: pl.DataFrame,
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
) -> None:
    """Write ``tasks.parquet``: what really became of each task.

    ``handoff_us`` is how long an escalated task lay between the end of the agent's last step
    and the whole second at which a person began; null where nobody logged it, or began before.
    ``cpu_time_us``, ``peak_memory_bytes``, ``received_bytes`` and ``sent_bytes`` are what its
    steps used, as far as these say.
    """
    began = pl.col("entry_us") - pl.col("entry_us") % SECOND_US
    last_steps = (
        # an agent's or a workflow's own span encloses its steps and is none
        spans.filter(~pl.col("kind").is_in(WRAPPERS))
        .group_by(task_id="conversation_id")
        .agg(last_end_us=pl.col("ended_us").max())
    )
    logged = (
        logged_entries(tasks, horizon)
        .join(last_steps, on="task_id", how="left")
        .select(
            "task_no",
            logged_minutes=pl.col("human_decimin") / 10,
            waited_us=began - pl.col("last_end_us"),
        )
    )
    names = {
        "agent": [one.agent_id for one in agents],
        "task_type": list(roster_types()),
        "department": list(roster.DEPARTMENTS),
        "channel": list(roster.CHANNELS),
        "user_group": list(trials.GROUPS),
    }
    named = {
        column: pl.col(column).replace_strict(
            dict(enumerate(values)), default=None, return_dtype=pl.String
        )
        for column, values in names.items()
    }
    has_ticket = pl.col("system") != NO_TICKET
    known = tasks.join(logged, on="task_no", how="left", maintain_order="left").join(
        used_by_task(spans), on="task_id", how="left", maintain_order="left"
    )
    known.select(
        task_id=pl.when(pl.col("agent") == HUMAN).then("ticket_id").otherwise("task_id"),
        ticket_id="ticket_id",
        agent_id=named["agent"].fill_null("__human__"),
        task_type=pl.when(has_ticket).then(named["task_type"]),
        true_task_type=named["task_type"],
        department=pl.when(has_ticket).then(named["department"]),
        channel=pl.when(has_ticket).then(named["channel"]),
        user_group=pl.when(has_ticket).then(named["user_group"]),
        has_retrieval="has_retrieval",
        is_pleased=pl.when("is_rated").then("is_pleased"),
        system=pl.when(has_ticket)
        .then(
            pl.when(pl.col("system") == SERVICENOW)
            .then(pl.lit("servicenow"))
            .otherwise(pl.lit("zendesk"))
        ),
        is_hard="is_hard",
        created_at=pl.from_epoch("created_us", time_unit="us"),
        outcome_class="outcome_class",
        eventual_class="eventual_class",
        is_redundant="is_redundant",
        is_hallucinated="is_hallucinated",
        is_random_review="is_random_review",
        is_reviewed=pl.col("reviewed_us") < horizon.end_us,
        logged_minutes="logged_minutes",
        cpu_time_us="cpu_time_us",
        peak_memory_bytes="peak_memory_bytes",
        received_bytes="received_bytes",
        sent_bytes="sent_bytes",
        handoff_us=pl.when(
            pl.col("agent") != HUMAN, pl.col("help") == ESCALATED, pl.col("waited_us") >= 0
        ).then("waited_us"),
        direct_value=pl.col("direct_value_cents").cast(pl.Decimal(38, 0)) / 100,
        capital_allocated=pl.col("capital_cents").cast(pl.Decimal(38, 0)) / 100,
        avoided_loss=pl.col("avoided_loss_cents").cast(pl.Decimal(38, 0)) / 100,
    ).write_parquet(folder / "tasks.parquet")  # fmt: skip


def write_staffing(
    folder: Path, tasks: pl.DataFrame, horizon: Horizon, agents: tuple[roster.Agent, ...]
) -> None:
    """Write ``staffing.parquet``: by day and roster, minutes on duty and minutes logged.

    ``duty_minutes`` is null where nobody says how many were there. A ticket without a department
    is its agent's; what a department without hours of its own logged is in ``__shared__``.
    """
    own = [name for name in SERVICE_HOURS if name]

    def duty(week: dict[int, tuple[tuple[str, str, object], ...]], weekday: int) -> float | None:
        windows = week.get(weekday, ())
        if any(people == "" for *_, people in windows):
            return None
        return sum(
            float(str(people)) * (_minutes(closes) - _minutes(opens))
            for opens, closes, people in windows
        )

    on_duty = pl.DataFrame(
        [
            (horizon.day(day), name or "__shared__", duty(week, horizon.day(day).isoweekday()))
            for day in range(horizon.days)
            for name, week in SERVICE_HOURS.items()
        ],
        schema={"day": pl.Date, "roster": pl.String, "duty_minutes": pl.Float64},
        orient="row",
    )
    homes = {row: roster.DEPARTMENTS.index(one.department) for row, one in enumerate(agents)}
    of_agent = pl.col("agent").replace_strict(homes, default=-1, return_dtype=pl.Int64)
    department = pl.when(pl.col("department") < 0).then(of_agent).otherwise("department")
    named = department.replace_strict(
        {roster.DEPARTMENTS.index(name): name for name in own},
        default="__shared__",
        return_dtype=pl.String,
    )
    logged = (
        logged_entries(tasks, horizon)
        .group_by(day=pl.from_epoch("entry_us", time_unit="us").dt.date(), roster=named)
        .agg(logged_minutes=pl.col("human_decimin").sum() / 10)
    )
    (
        on_duty.join(logged, on=["day", "roster"], how="left")
        .with_columns(pl.col("logged_minutes").fill_null(0.0))
        .sort("day", "roster")
        .write_parquet(folder / "staffing.parquet")
    )


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


def write_exposures(folder: Path, spans: pl.DataFrame) -> None:
    """Write ``exposures.parquet``: per task and arm, its first call and how likely the arm was."""
    (
        spans.filter(pl.col("experiment_id").is_not_null(), pl.col("conversation_id").is_not_null())
        .sort("started_us", maintain_order=True)
        .group_by("experiment_id", "conversation_id", "experiment_arm", maintain_order=True)
        .agg(pl.first("started_us"), pl.first("experiment_propensity"), exposures=pl.len())
        .select(
            "experiment_id",
            task_id="conversation_id",
            arm="experiment_arm",
            exposed_at=pl.from_epoch("started_us", time_unit="us"),
            propensity="experiment_propensity",
            exposures=pl.col("exposures").cast(pl.Int64),
            is_crossed_over=pl.len().over("experiment_id", "conversation_id") > 1,
        )
        .sort("experiment_id", "task_id", "arm")
        .write_parquet(folder / "exposures.parquet")
    )


def write_ledger(folder: Path, charges: list[Charge], entries: list[Entry]) -> None:
    """Write ``charges.parquet``, ``ledger.parquet`` and ``ledger_by_agent.csv``."""
    pl.DataFrame(
        {
            "charge_key": [one.key for one in charges],
            "day": [one.day for one in charges],
            "provider": [
                one.line.provider.provider if one.line else one.provider for one in charges
            ],
            "billed_as": [one.line.provider.billed_as if one.line else None for one in charges],
            "cost_class": [one.cost_class for one in charges],
            "charge_category": [one.line.charge_category if one.line else None for one in charges],
            "description": [one.line.description if one.line else None for one in charges],
            "resource_id": [one.line.resource_id if one.line else None for one in charges],
            "model": [one.line.model if one.line else one.model for one in charges],
            "effective_cost": [
                decimal_text(one.line.effective) if one.line else None for one in charges
            ],
            "nano": [one.nano for one in charges],
        },
        schema_overrides=dict.fromkeys(
            ("provider", "billed_as", "charge_category", "description", "resource_id", "model",
             "effective_cost"),
            pl.String,
        ),
    ).write_parquet(folder / "charges.parquet")  # fmt: skip
    ledger = as_frame(entries)
    ledger.write_parquet(folder / "ledger.parquet")
    total = ledger.group_by("agent_id", "cost_class").agg(pl.sum("allocated_nano"))
    rows = total.sort("agent_id", "cost_class").iter_rows()
    text = "".join(
        f"{agent},{kind},{decimal_text(nano * (UNIT // 10**9))[:-6]}\n"
        for agent, kind, nano in rows
    )
    (folder / "ledger_by_agent.csv").write_text("agent_id,cost_class,total\n" + text)


LEDGER_KEYS = ("day", *CELL, "cost_class")
"""What a ledger is compared by: charges are named differently by everyone who reads a bill."""
