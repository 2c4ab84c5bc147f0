"""Zendesk's incremental cursor export: pages of tickets with their metric sets."""

from pathlib import Path

import polars as pl

from roi_engine.simulate.columns import by_day
from roi_engine.simulate.encode import bare, members, plain, quoted, text, utc_seconds
from roi_engine.simulate.horizon import MINUTE_US, Horizon
from roi_engine.simulate.tasks import ZENDESK

PAGE_TICKETS = 1000
FIELDS = {
    "task_type": 360000000001,
    "agent_id": 360000000002,
    "department": 360000000003,
    "outcome": 360000000004,
    "escalated": 360000000005,
    "is_person_assigned": 360000000006,
    "is_rejected": 360000000007,
    "is_auto_closed": 360000000008,
    "reviewer_kind": 360000000009,
    "is_hallucination": 360000000010,
    "is_random": 360000000011,
    "sampling_probability": 360000000012,
    "reviewed_at": 360000000013,
    "direct_value": 360000000014,
    "capital_allocated": 360000000015,
    "failure_reason": 360000000016,
    "user_group": 360000000017,
}
"""Canonical field → number of the custom field in which this estate keeps it."""


def write_pages(versions: pl.DataFrame, horizon: Horizon, folder: Path) -> int:
    """Write one folder of pages per day of delivery; return how many pages.

    The last page is followed by one that broke off while it was written.
    """
    pages = 0
    last = ""
    for day_index, seen in by_day(versions):
        day = seen.select(ticket=_ticket(), metric_set=_metric_set())
        target = folder / horizon.day(day_index).isoformat()
        target.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(day.iter_slices(PAGE_TICKETS), start=1):
            is_end = number * PAGE_TICKETS >= day.height
            last = _page(page, is_end=is_end)
            (target / f"page_{number:04}.json").write_text(last)
            pages += 1
            broken = target / f"page_{number:04}_broken.json"
    if last:
        broken.write_text(last[: len(last) // 2])
    return pages


def _page(tickets: pl.DataFrame, *, is_end: bool) -> str:
    rows, metrics = tickets.select(pl.col("ticket", "metric_set").str.join(",\n")).row(0)
    return (
        f'{{"tickets":[\n{rows}\n],"metric_sets":[\n{metrics}\n],'
        f'"after_cursor":"simulated","after_url":null,"before_cursor":null,"before_url":null,'
        f'"end_of_stream":{str(is_end).lower()}}}\n'
    )


def _ticket() -> pl.Expr:
    status = (
        pl.when("is_auto_closed")
        .then(pl.lit("closed"))
        .when("is_ended")
        .then(pl.lit("solved"))
        .otherwise(pl.lit("open"))
    )
    by_agent = pl.col("agent_id").is_not_null()
    person = pl.when("has_person").then(9_000_000 + pl.col("requester") % 37)
    priority = pl.when("is_hard").then(pl.lit("high")).otherwise(pl.lit("normal"))
    return members(
        id=bare(pl.col("number")),
        external_id=text(pl.when(by_agent).then(pl.col("task_id"))),
        via=_via(),
        created_at=text(utc_seconds("created_us")),
        updated_at=text(utc_seconds("updated_us")),
        generated_timestamp=bare(pl.col("updated_us") // 1_000_000),
        type=text(pl.lit("incident")),
        priority=text(priority),
        status=text(status),
        requester_id=bare(7_000_000 + pl.col("requester")),
        assignee_id=bare(person),
        group_id=pl.lit("null"),
        satisfaction_rating=_rating(),
        tags=pl.concat_str(pl.lit('["'), "user_group_name", pl.lit('"]')),
        custom_fields=_custom_fields(),
    )


def _rating() -> pl.Expr:
    score = pl.when("is_pleased").then(pl.lit("good")).otherwise(pl.lit("bad"))
    is_given = pl.col("is_rated") & pl.col("is_ended")
    return pl.when(is_given).then(members(score=text(score))).otherwise(pl.lit("null"))


def _via() -> pl.Expr:
    parent = pl.col("follow_up_number")
    source = members(
        **{"from": members(ticket_id=bare(parent)), "to": pl.lit("{}")},
        rel=pl.lit('"follow_up"'),
    )
    plain = pl.lit('{"from":{},"to":{},"rel":null}')
    return members(
        channel=text(pl.col("channel_name")),
        source=pl.when(parent.is_null()).then(plain).otherwise(source),
    )


def _custom_fields() -> pl.Expr:
    reviewed = pl.col("is_reviewed")
    values = {
        "task_type": quoted(pl.col("task_type_name")),
        "agent_id": quoted(pl.col("agent_id")),
        "department": quoted(pl.col("department_name")),
        "outcome": quoted(pl.col("outcome")),
        "escalated": plain(pl.col("is_escalated")),
        "is_person_assigned": plain(pl.col("has_person")),
        "is_rejected": plain(pl.col("is_rejected")),
        "is_auto_closed": plain(pl.col("is_auto_closed")),
        "reviewer_kind": quoted(pl.when(reviewed).then(pl.lit("human"))),
        "is_hallucination": plain(pl.col("verdict_is_hallucination")),
        "is_random": plain(pl.col("review_is_random")),
        "sampling_probability": plain(pl.col("review_probability")),
        "reviewed_at": quoted(pl.when(reviewed).then(utc_seconds("reviewed_us"))),
        "direct_value": quoted(pl.when("is_ended").then(pl.col("direct_value_text"))),
        "capital_allocated": quoted(pl.col("capital_text")),
        "failure_reason": quoted(
            pl.when(pl.col("outcome") == "0.0").then(pl.lit("no_answer_found"))
        ),
        "user_group": quoted(pl.col("user_group_name")),
    }
    # a field without a value is left out, as in a form that does not show it
    parts = (
        pl.concat_str(pl.lit(f'{{"id":{FIELDS[name]},"value":'), value, pl.lit("}"))
        for name, value in values.items()
    )
    return pl.concat_str(
        pl.lit("["), pl.concat_str(*parts, separator=",", ignore_nulls=True), pl.lit("]")
    )


def _metric_set() -> pl.Expr:
    minutes = bare((pl.col("solved_us") - pl.col("created_us")) // MINUTE_US)
    calendar = members(calendar=minutes, business=pl.lit("null"))
    return members(
        id=bare(pl.col("number") + 40_000_000),
        ticket_id=bare(pl.col("number")),
        created_at=text(utc_seconds("created_us")),
        updated_at=text(utc_seconds("updated_us")),
        reopens=bare(pl.col("reopens")),
        replies=bare(1 + pl.col("requester") % 4),
        initially_assigned_at=text(utc_seconds("created_us")),
        solved_at=text(utc_seconds("solved_us")),
        full_resolution_time_in_minutes=calendar,
        reply_time_in_minutes=pl.lit('{"calendar":0,"business":null}'),
    )


def with_follow_ups(versions: pl.DataFrame, tasks: pl.DataFrame) -> pl.DataFrame:
    """Add ``follow_up_number``: the ticket number that a follow-up ticket follows up."""
    parents = tasks.filter(pl.col("system") == ZENDESK).select(
        follow_up_of=pl.col("task_no"), follow_up_number=pl.col("number")
    )
    return versions.join(parents, on="follow_up_of", how="left", maintain_order="left")
