"""ServiceNow's incident event log: a row per update, ordered by sys_mod_count."""

from pathlib import Path

import polars as pl

from roi_engine.simulate.columns import by_day
from roi_engine.simulate.horizon import Horizon

FIELDS = {
    "correlation_id": "correlation_id",
    "agent_id": "u_ai_agent",
    "department": "u_department",
    "outcome": "u_outcome",
    "escalated": "u_escalated",
    "is_person_assigned": "u_person_assigned",
    "avoided_loss": "u_avoided_loss",
    "reviewer_kind": "u_qa_by",
    "is_hallucination": "u_qa_hallucination",
    "is_random": "u_qa_random",
    "sampling_probability": "u_qa_probability",
    "reviewed_at": "u_qa_at",
    "user_group": "u_user_group",
}
"""Canonical field → the column in which this estate keeps it."""


def write_logs(versions: pl.DataFrame, horizon: Horizon, folder: Path) -> int:
    """Write one CSV per day of delivery; return how many. The first ends in a malformed row."""
    rows = versions.select("file_day", *_columns())
    files = 0
    for day_index, day in by_day(rows):
        target = folder / horizon.day(day_index).isoformat()
        target.mkdir(parents=True, exist_ok=True)
        body = day.drop("file_day").write_csv(null_value="?")
        if files == 0:
            # an incident of nobody's, opened on a day that no calendar has
            blank = dict.fromkeys(day.columns[1:], "?")
            bad = blank | {"number": "INC9999999", "opened_at": "99/99/2026 00:00"}
            body += ",".join(bad.values()) + "\n"
        (target / "incidents.csv").write_text(body)
        files += 1
    return files


def _columns() -> list[pl.Expr]:
    reviewed = pl.col("is_reviewed")
    state = (
        pl.when("is_ended")
        .then(pl.lit("Resolved"))
        .when(pl.col("stage") == 1)
        .then(pl.lit("New"))
        .otherwise(pl.lit("Active"))
    )
    own = [
        pl.format("INC{}", pl.col("number").cast(pl.String).str.zfill(7)).alias("number"),
        state.alias("incident_state"),
        (~pl.col("is_ended")).alias("active"),
        pl.col("is_escalated").cast(pl.Int64).alias("reassignment_count"),
        pl.col("reopens").alias("reopen_count"),
        pl.col("version").alias("sys_mod_count"),
        pl.lit(value=True).alias("made_sla"),
        pl.when("has_requester").then(pl.format("Caller {}", "requester")).alias("caller_id"),
        _minutes("created_us").alias("opened_at"),
        _minutes("created_us").alias("sys_created_at"),
        _minutes("updated_us").alias("sys_updated_at"),
        pl.col("channel_name").alias("contact_type"),
        pl.lit("Software").alias("category"),
        pl.when("is_hard")
        .then(pl.lit("2 - High"))
        .otherwise(pl.lit("3 - Moderate"))
        .alias("priority"),
        pl.when("has_person")
        .then(pl.format("Resolver {}", pl.col("requester") % 23))
        .alias("assigned_to"),
        _minutes("solved_us").alias("resolved_at"),
        pl.lit(None, pl.String).alias("closed_at"),
    ]
    mapped = {
        "correlation_id": pl.when(pl.col("agent_id").is_not_null()).then(pl.col("task_id")),
        "agent_id": pl.col("agent_id"),
        "department": pl.col("department_name"),
        # a good end needs no word: Resolved says it
        "outcome": pl.when(pl.col("outcome") == "0.0").then(pl.col("outcome")),
        "escalated": pl.col("is_escalated"),
        "is_person_assigned": pl.col("has_person"),
        "avoided_loss": pl.when("is_ended").then(pl.col("avoided_loss_text")),
        "reviewer_kind": pl.when(reviewed).then(pl.lit("human")),
        "is_hallucination": pl.col("verdict_is_hallucination"),
        "is_random": pl.col("review_is_random"),
        "sampling_probability": pl.col("review_probability"),
        "reviewed_at": pl.when(reviewed).then(_minutes("reviewed_us")),
        "user_group": pl.col("user_group_name"),
    }
    return own + [value.alias(FIELDS[name]) for name, value in mapped.items()]


def _minutes(column: str) -> pl.Expr:
    at = pl.from_epoch(pl.col(column), time_unit="us")
    return at.dt.strftime("%-d/%-m/%Y %H:%M")
