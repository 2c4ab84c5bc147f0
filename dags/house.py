"""What every DAG of the house shares: owner, retries, the writer's pool, who is told.

No schedule and no order stands here, and no logic: a task calls ``roi_engine.pipeline``.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, CronPartitionTimetable
from airflow.sdk.exceptions import AirflowFailException

LAKE_WRITER = "lake_writer"
"""A pool of one slot: the lake's own lock serialises its writers, the pool shows their queue."""

START = datetime.fromisoformat(os.environ.get("ROI_SCHEDULE_START", "2026-01-01")).replace(
    tzinfo=UTC
)
"""The first day on which the schedule runs; what was before comes by ``restate``."""

EXTRACTED = {
    source: Asset(name=source, uri=f"lake://bronze/{source}")
    for source in ("billing", "gpu", "tokens", "tickets")
}


class Blocked(AirflowFailException):
    """A check blocked days: the gate has raised an alert for each, and a retry changes nothing."""


def yesterday_at(hour: int) -> CronPartitionTimetable:
    """Run each day at an hour (UTC) for the partition of the day before."""
    return CronPartitionTimetable(
        f"0 {hour} * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    )


def tell(context: dict[str, Any]) -> None:
    """Write an alert for a task that has failed for good, where nobody has been told yet."""
    from roi_engine import alerts
    from roi_engine.settings import Settings

    if isinstance(context.get("exception"), Blocked):
        return
    task, run = context["task_instance"], context["dag_run"]
    key = run.partition_key
    asked = run.conf or {}
    first, last = (key, None) if key else (asked.get("first"), asked.get("last"))
    alerts.raise_alert(
        Settings().lake,
        "task_failed",
        subject=f"{task.dag_id}.{task.task_id}",
        day=date.fromisoformat(first) if first else None,
        until=date.fromisoformat(last) if last else None,
        message=str(context.get("exception") or "the task's process was killed"),
    )


DEFAULTS: dict[str, Any] = {
    "owner": "data-engineering",
    "retries": 3,
    "retry_delay": timedelta(seconds=int(os.environ.get("ROI_RETRY_SECONDS", "60"))),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": tell,
}

WRITES = DEFAULTS | {"pool": LAKE_WRITER, "weight_rule": "upstream"}
"""For tasks that write the lake. What has begun goes first: were another build let in between two
stages, each would find its draft replaced and do the stages before it again."""


def inbox() -> Path:
    """Return the folder that the inbox doors read (``ROI_INBOX``)."""
    return Path(os.environ.get("ROI_INBOX", "inbox"))


def connection(name: str) -> dict[str, str]:
    """Return what an Airflow connection says of a live door that ``doors.toml`` declares."""
    from airflow.sdk import Connection

    found = Connection.get(name)
    url = found.host or ""
    if url and "://" not in url:
        url = f"{found.schema or 'https'}://{url}" + (f":{found.port}" if found.port else "")
    return {"url": url, "user": found.login or "", "secret": found.password or ""}


def extract(source: str, partition_key: str) -> None:
    """Extract one source for the day of a partition."""
    from roi_engine import pipeline
    from roi_engine.settings import Settings

    day = date.fromisoformat(partition_key)
    found = pipeline.extract(Settings(), source, inbox=inbox(), day=day, connection=connection)
    print(f"{source} {day}: {found.new_loads} new files, {found.unreadable} unreadable")
    for line in found.warnings:
        print(f"warning: {line}")


def stage(to: str, *, token: str, days: list[date], reason: str | None = None) -> None:
    """Bring a build to a stage; a day that a check blocked fails the run, once, at its end."""
    from roi_engine import pipeline
    from roi_engine.settings import Settings

    report = pipeline.build(
        Settings(),
        token=token,
        to=to,
        days=days,
        inbox=inbox() if to == "check" else None,
        reason=reason,
    )
    for line in report.lines():
        print(line)
    if to == "publish" and report.blocked:
        said = "; ".join(f"{day}: {why}" for day, why in sorted(report.blocked.items()))
        message = f"blocked by a check, the other days are released: {said}"
        raise Blocked(message)


def span(first: str, last: str) -> list[date]:
    """Return the days from ``first`` to ``last``, both in.

    Raises:
        AirflowFailException: The range ends before it begins.
    """
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    if end < begin:
        message = f"the range ends ({end}) before it begins ({begin})"
        raise AirflowFailException(message)
    return [begin + timedelta(days=shift) for shift in range((end - begin).days + 1)]
