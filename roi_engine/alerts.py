"""What a person must look at: raised anywhere, at once, and never lost.

An alert is written as one small file into the lake's outbox, which needs no lock and no
database: a failure is told even while another run writes the lake. The next run takes the
outbox into ``ops.alert``. The same alert raised twice is one alert.
"""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

RULES = {
    "task_failed": ("critical", "docs/runbooks/failed_run.md"),
    "blocked_day": ("critical", "docs/runbooks/blocked_day.md"),
    "late_day": ("critical", "docs/runbooks/late_day.md"),
    "unreadable_file": ("warning", "docs/runbooks/quarantine.md"),
}
"""Rule → (severity, runbook)."""

_ENDS_WITH_A_RELEASE = ("task_failed", "blocked_day", "late_day")


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at; ``day`` and ``subject`` say what of, ``message`` says why."""

    alert_id: str
    rule: str
    severity: str
    day: str | None
    subject: str
    message: str
    runbook: str
    raised_at: str
    resolved_at: str | None = None


def raise_alert(
    root: Path, rule: str, *, subject: str, message: str, day: date | None = None
) -> Alert:
    """Write an alert into the outbox of the lake under ``root``.

    Args:
        root: The lake.
        rule: One of ``RULES``.
        subject: What the alert is of: a source, a DAG's task, a file.
        message: One sentence with the reason.
        day: The day of data that it is about, if there is one.
    """
    severity, runbook = RULES[rule]
    about = "\n".join([rule, str(day or ""), subject, message])
    alert = Alert(
        alert_id=hashlib.sha256(about.encode()).hexdigest()[:16],
        rule=rule,
        severity=severity,
        day=day.isoformat() if day else None,
        subject=subject,
        message=" ".join(message.split()),
        runbook=runbook,
        raised_at=datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
    )
    folder = _outbox(root)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{alert.alert_id}-{os.getpid()}"
    draft.write_text(json.dumps(asdict(alert)) + "\n", encoding="utf-8")
    draft.replace(folder / f"{alert.alert_id}.json")
    return alert


def waiting(root: Path) -> list[Alert]:
    """Return the alerts in the outbox that no run has taken in yet, oldest first."""
    alerts = [
        Alert(**json.loads(path.read_text(encoding="utf-8")))
        for path in _outbox(root).glob("*.json")
    ]
    return sorted(alerts, key=lambda alert: (alert.raised_at, alert.alert_id))


def take_in(con: duckdb.DuckDBPyConnection, root: Path) -> int:
    """Move the outbox into ``ops.alert``, under the lake's lock; return how many were new.

    An alert that was resolved and is raised again is open again.
    """
    found = waiting(root)
    if not found:
        return 0
    con.execute("begin")
    try:
        con.execute(
            "delete from lake.ops.alert where alert_id in (select unnest(?::varchar[]))",
            [[alert.alert_id for alert in found]],
        )
        con.executemany(
            "insert into lake.ops.alert values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [list(asdict(alert).values()) for alert in found],
        )
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    for alert in found:
        (_outbox(root) / f"{alert.alert_id}.json").unlink(missing_ok=True)
    return len(found)


def resolve(con: duckdb.DuckDBPyConnection, days: Collection[date]) -> None:
    """Close the alerts of days that have just been released; part of the caller's transaction."""
    con.execute(
        "update lake.ops.alert set resolved_at = now() at time zone 'UTC'"
        " where resolved_at is null and day in (select unnest(?::date[]))"
        " and rule in (select unnest(?::varchar[]))",
        [list(days), list(_ENDS_WITH_A_RELEASE)],
    )


def unresolved(con: duckdb.DuckDBPyConnection, root: Path) -> list[Alert]:
    """Return every open alert, taken in or still in the outbox, worst and oldest first."""
    rows = con.execute(
        "select alert_id, rule, severity, cast(day as varchar), subject, message, runbook,"
        " strftime(raised_at, '%Y-%m-%dT%H:%M:%S') from lake.ops.alert where resolved_at is null"
    ).fetchall()
    alerts = {row[0]: Alert(*row) for row in rows}
    alerts |= {alert.alert_id: alert for alert in waiting(root)}
    return sorted(alerts.values(), key=lambda one: (one.severity, one.raised_at, one.alert_id))


def _outbox(root: Path) -> Path:
    return root / "alerts"
