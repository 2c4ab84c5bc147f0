"""What a person must look at: raised anywhere, at once, and never lost.

A failure is written as one small file into the lake's outbox, which needs no lock and no
database: it is told even while another run writes the lake. The next run takes the outbox into
``ops.alert``. What marts say (``roi_engine.conditions``) is settled inside the release that says
it. The same alert raised twice is one alert: it keeps the time when it was first seen and who
acknowledged it, until it ends.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

DEFAULT_OWNER = "data-engineering"

RULES = {
    "task_failed": ("critical", "docs/runbooks/failed_run.md"),
    "blocked_day": ("critical", "docs/runbooks/blocked_day.md"),
    "late_day": ("critical", "docs/runbooks/late_day.md"),
    "door_failed": ("critical", "docs/runbooks/door_failed.md"),
    "unreadable_file": ("warning", "docs/runbooks/quarantine.md"),
    "cost_over_human": ("warning", "docs/runbooks/cost_over_human.md"),
    "price_coverage": ("warning", "docs/runbooks/price_coverage.md"),
    "reconciliation_gap": ("warning", "docs/runbooks/reconciliation_gap.md"),
    "invoice_gap": ("critical", "docs/runbooks/invoice_gap.md"),
    "regression": ("critical", "docs/runbooks/regression.md"),
    "early_exhaustion": ("warning", "docs/runbooks/early_exhaustion.md"),
    "over_limit": ("critical", "docs/runbooks/over_limit.md"),
    "mandate_over_limit": ("critical", "docs/runbooks/over_limit.md"),
    "drift": ("warning", "docs/runbooks/drift.md"),
}
"""Rule → (severity, runbook)."""

_ENDS_WITH_A_RELEASE = ("task_failed", "blocked_day", "late_day")


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at; ``day`` and ``subject`` say what of, ``message`` says why.

    ``until`` is the last day where it is about more than one; ``evidence`` is a query for
    ``roi sql``. The fields stand in the order of ``ops.alert``.
    """

    alert_id: str
    rule: str
    severity: str
    day: str | None
    subject: str
    message: str
    runbook: str
    raised_at: str
    resolved_at: str | None = None
    until: str | None = None
    owner: str | None = DEFAULT_OWNER
    value: float | None = None
    threshold: float | None = None
    evidence: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: str | None = None
    note: str | None = None

    @property
    def ends_by_itself(self) -> bool:
        """Return whether a release can close it; what cannot ends when it is acknowledged."""
        return self.rule != "unreadable_file" and not (
            self.rule == "task_failed" and self.day is None
        )

    def line(self) -> str:
        """Return the alert as one line for a terminal."""
        days = " to ".join(day for day in (self.day, self.until) if day)
        of = f"{self.rule} {days}" if days else self.rule
        seen = f"; {self.acknowledged_by} has seen it" if self.acknowledged_by else ""
        return (
            f"alert {self.severity} · {of} · {self.subject}: {self.message}"
            f" ({self.runbook}; {self.owner}; since {self.raised_at}{seen}; {self.alert_id})"
        )

    def lines(self) -> list[str]:
        """Return the alert as lines for a terminal, with the figures that it rests on.

        Examples:
            >>> alert = make("drift", subject="triage", message="moved", about=[], value=0.25)
            >>> replace(alert, threshold=0.2, evidence="from drift").lines()[1:]
            ['  value 0.25, threshold 0.2', '  evidence: from drift']
        """
        figures = {"value": self.value, "threshold": self.threshold}
        known = [f"{name} {value:.6g}" for name, value in figures.items() if value is not None]
        said = [self.line()]
        if known:
            said.append(f"  {', '.join(known)}")
        if self.evidence:
            said.append(f"  evidence: {' '.join(self.evidence.split())}")
        return said


class NoSuchAlert(Exception):
    """No open alert has this id; the message says so."""


def make(
    rule: str,
    *,
    subject: str,
    message: str,
    about: Iterable[object],
    day: date | None = None,
    until: date | None = None,
    owner: str | None = None,
    value: float | None = None,
    threshold: float | None = None,
    evidence: str | None = None,
) -> Alert:
    """Return an alert of now; the same rule and ``about`` is the same alert."""
    severity, runbook = RULES[rule]
    named = "\n".join([rule, *(str(part if part is not None else "") for part in about)])
    return Alert(
        alert_id=hashlib.sha256(named.encode()).hexdigest()[:16],
        rule=rule,
        severity=severity,
        day=day.isoformat() if day else None,
        subject=subject,
        message=" ".join(message.split()),
        runbook=runbook,
        raised_at=_now(),
        until=until.isoformat() if until else None,
        owner=owner or DEFAULT_OWNER,
        value=value,
        threshold=threshold,
        evidence=evidence,
    )


def raise_alert(
    root: Path,
    rule: str,
    *,
    subject: str,
    message: str,
    day: date | None = None,
    until: date | None = None,
) -> Alert:
    """Write an alert into the outbox of the lake under ``root``.

    One rule, day and subject are one alert, whatever its message says by now.

    Args:
        root: The lake.
        rule: One of ``RULES``.
        subject: What the alert is of: a source, a DAG's task, a file.
        message: One sentence with the reason.
        day: The day of data that it is about, if there is one.
        until: The last day, where it is about a range.
    """
    alert = make(
        rule,
        subject=subject,
        message=message,
        about=[day, *([until] if until else []), subject],
        day=day,
        until=until,
    )
    _write(root, f"{alert.alert_id}.json", asdict(alert))
    return alert


def acknowledge(
    con: duckdb.DuckDBPyConnection, root: Path, alert_id: str, *, by: str, note: str | None = None
) -> Alert:
    """Say that a person has seen an open alert; through the outbox, so no lock is needed.

    An alert that no release can close ends with it.

    Args:
        con: The lake, to read.
        root: The lake's folder.
        alert_id: The id, or its first characters where these name one alert.
        by: Who has seen it.
        note: What is done about it.

    Raises:
        NoSuchAlert: No open alert, or several, have this id.
    """
    found = [alert for alert in unresolved(con, root) if alert.alert_id.startswith(alert_id)]
    if len(found) != 1:
        message = f"{len(found)} open alerts have an id that begins with {alert_id}."
        raise NoSuchAlert(message)
    seen = {"alert_id": found[0].alert_id, "by": by, "note": note, "at": _now()}
    _write(root, f"{found[0].alert_id}.ack", seen)
    return _acknowledged(found[0], seen)


def waiting(root: Path) -> list[Alert]:
    """Return the alerts in the outbox that no run has taken in yet, oldest first."""
    alerts = [Alert(**written) for written in _read(root, "json")]
    return sorted(alerts, key=lambda alert: (alert.raised_at, alert.alert_id))


def take_in(con: duckdb.DuckDBPyConnection, root: Path) -> int:
    """Move the outbox into ``ops.alert``, under the lake's lock; return how many alerts it held.

    An alert that was resolved and is raised again is open again, unseen by anybody.
    """
    found, seen = waiting(root), _read(root, "ack")
    if not found and not seen:
        return 0
    con.execute("begin")
    try:
        _upsert(con, found)
        for each in seen:
            rows = _open(con, "and alert_id = ?", [each["alert_id"]])
            _replace(con, [_acknowledged(alert, each) for alert in rows])
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    for name in (
        *(f"{alert.alert_id}.json" for alert in found),
        *(f"{each['alert_id']}.ack" for each in seen),
    ):
        (_outbox(root) / name).unlink(missing_ok=True)
    return len(found)


def settle(
    con: duckdb.DuckDBPyConnection,
    found: Collection[Alert],
    *,
    rules: Collection[str],
    subjects: Collection[str] | None = None,
) -> None:
    """Make the open alerts of some rules those that were found; part of the caller's transaction.

    With ``subjects`` those of others stay as they are. What is found again keeps when it was
    first seen and who has seen it; what is found no more is resolved.
    """
    ended = [
        alert
        for alert in _open(con, "and rule in (select unnest(?::varchar[]))", [list(rules)])
        if alert.alert_id not in {each.alert_id for each in found}
        and (subjects is None or alert.subject in subjects)
    ]
    _replace(con, [replace(alert, resolved_at=_now()) for alert in ended])
    _upsert(con, found)


def resolve(con: duckdb.DuckDBPyConnection, days: Collection[date]) -> None:
    """Close the alerts that a release ends; part of the caller's transaction.

    An alert of one day ends when the day is released. One of a range ends when each of its days
    stands released and not blocked, or nothing of it has landed: a release builds anew whatever
    has changed, so a day that stands is as new as what has landed.
    """
    con.execute(
        "update lake.ops.alert set resolved_at = now() at time zone 'UTC'"
        " where resolved_at is null and until is null and day in (select unnest(?::date[]))"
        " and rule in (select unnest(?::varchar[]))",
        [list(days), list(_ENDS_WITH_A_RELEASE)],
    )
    con.execute(
        """
        update lake.ops.alert set resolved_at = now() at time zone 'UTC'
        where resolved_at is null and until is not null
            and rule in (select unnest(?::varchar[]))
            and alert_id not in (
                select alert_id
                from (
                    select alert_id,
                        unnest(generate_series(day, until, interval 1 day))::date as each_day
                    from lake.ops.alert
                    where resolved_at is null and until is not null
                ) as spread
                where each_day in (select day from lake.ops.run_day where status = 'blocked')
                    or (
                        each_day not in (select day from lake.ops.published)
                        and exists (
                            select 1 from lake.ops.manifest
                            where status = 'landed' and source <> 'reference'
                                and each_day between interval_start and interval_end
                        )
                    )
            )
        """,
        [list(_ENDS_WITH_A_RELEASE)],
    )


def unresolved(con: duckdb.DuckDBPyConnection, root: Path) -> list[Alert]:
    """Return every open alert, taken in or still in the outbox, worst and oldest first."""
    alerts = {alert.alert_id: alert for alert in _open(con)}
    alerts = {alert.alert_id: alert for alert in waiting(root)} | alerts
    for seen in _read(root, "ack"):
        if alert := alerts.get(seen["alert_id"]):
            alerts[alert.alert_id] = _acknowledged(alert, seen)
    left = (alert for alert in alerts.values() if alert.resolved_at is None)
    return sorted(left, key=lambda one: (one.severity, one.raised_at, one.alert_id))


def blocked_days(alerts: Iterable[Alert]) -> dict[str, str]:
    """Return the days that are blocked → why; the alert stands until the day is released."""
    ordered = sorted(alerts, key=lambda one: one.day or "")
    return {one.day: one.message for one in ordered if one.rule == "blocked_day" and one.day}


def _acknowledged(alert: Alert, seen: Mapping[str, Any]) -> Alert:
    return replace(
        alert,
        acknowledged_by=seen["by"],
        acknowledged_at=seen["at"],
        note=seen["note"],
        resolved_at=None if alert.ends_by_itself else seen["at"],
    )


def _open(
    con: duckdb.DuckDBPyConnection, narrowed: str = "", given: list[object] | None = None
) -> list[Alert]:
    columns = ", ".join(
        f"strftime({name}, '%Y-%m-%dT%H:%M:%S')"
        if name.endswith("_at")
        else f"cast({name} as varchar)"
        if name in {"day", "until"}
        else name
        for name in _COLUMNS
    )
    rows = con.execute(
        f"select {columns} from lake.ops.alert where resolved_at is null {narrowed}", given or []
    ).fetchall()
    return [Alert(*row) for row in rows]


def _upsert(con: duckdb.DuckDBPyConnection, alerts: Collection[Alert]) -> None:
    """Write alerts; one that is open already keeps its history."""
    there = {alert.alert_id: alert for alert in _open(con)}
    kept = ("raised_at", "acknowledged_by", "acknowledged_at", "note")
    _replace(
        con,
        [
            replace(alert, **{name: getattr(there[alert.alert_id], name) for name in kept})
            if alert.alert_id in there
            else alert
            for alert in alerts
        ],
    )


def _replace(con: duckdb.DuckDBPyConnection, alerts: Collection[Alert]) -> None:
    if not alerts:
        return
    con.execute(
        "delete from lake.ops.alert where alert_id in (select unnest(?::varchar[]))",
        [[alert.alert_id for alert in alerts]],
    )
    con.executemany(
        f"insert into lake.ops.alert ({', '.join(_COLUMNS)})"
        f" values ({', '.join('?' * len(_COLUMNS))})",
        [list(asdict(alert).values()) for alert in alerts],
    )


def _write(root: Path, name: str, content: Mapping[str, object]) -> None:
    folder = _outbox(root)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}-{os.getpid()}"
    draft.write_text(json.dumps(content) + "\n", encoding="utf-8")
    draft.replace(folder / name)


def _read(root: Path, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(_outbox(root).glob(f"*.{kind}"))
    ]


def _outbox(root: Path) -> Path:
    return root / "alerts"


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


_COLUMNS = tuple(each.name for each in fields(Alert))
