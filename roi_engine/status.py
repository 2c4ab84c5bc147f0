"""What a lake holds right now, and what waits for a person."""

from dataclasses import dataclass, field
from datetime import date

from roi_engine import quarantine
from roi_engine.alerts import Alert, blocked_days, unresolved
from roi_engine.settings import Settings
from roi_engine.sources.schema import EXTRACTED
from roi_engine.warehouse import lake
from roi_engine.warehouse.ops import UNREADABLE, silent_sources


@dataclass(frozen=True, slots=True)
class Status:
    """The newest release, its days, and whatever was blocked, refused or unreadable."""

    release: int | None
    snapshot: int | None
    as_of: date | None
    days: int
    first_day: date | None
    last_day: date | None
    provisional_days: int
    blocked: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    """Files in whose place none has come that can be read, and that nobody has acknowledged."""
    quarantine: list[dict[str, object]] = field(default_factory=list)
    loads: dict[str, int] = field(default_factory=dict)
    late: dict[str, list[str]] = field(default_factory=dict)
    """Day → sources that have not been extracted for it, while others have."""
    silent: dict[str, str] = field(default_factory=dict)
    """Source and system that have stopped to deliver → the last day that they have."""
    doors: dict[str, str] = field(default_factory=dict)
    """Live door → when it last brought something new, UTC."""
    alerts: list[Alert] = field(default_factory=list)
    next_runs: dict[str, str] | None = None
    """DAG → when the schedule runs it next; None when no Airflow was asked."""
    is_simulated: bool = False

    def lines(self) -> list[str]:
        """Return the status as lines for a terminal."""
        if self.release is None:
            said = ["no release yet"]
        else:
            label = " · SIMULATED DATA" if self.is_simulated else ""
            said = [
                f"release {self.release} (snapshot {self.snapshot}) · as of {self.as_of} ·"
                f" {self.days} days {self.first_day}…{self.last_day},"
                f" {self.provisional_days} provisional{label}"
            ]
        said.append("loads: " + (", ".join(f"{k} {v}" for k, v in self.loads.items()) or "none"))
        if self.doors:
            brought = (f"{door} {when}" for door, when in self.doors.items())
            said.append("live doors, last brought something: " + ", ".join(brought))
        said += [f"blocked {day}: {reason}" for day, reason in self.blocked.items()]
        said += [f"unreadable: {line}" for line in self.unreadable]
        said += [f"late {day}: {', '.join(missing)}" for day, missing in self.late.items()]
        said += [f"silent: {name} has nothing after {day}" for name, day in self.silent.items()]
        said += [alert.line() for alert in self.alerts]
        if self.next_runs:
            soon = (f"{dag} {when}" for dag, when in self.next_runs.items())
            said.append("next runs: " + ", ".join(soon))
        for row in self.quarantine:
            example = " ".join(str(row["example"]).split())
            said.append(
                f"quarantine {row['rows']:>6} rows · {row['source']} · {row['rule']}"
                f" ({row['severity']}): {example} · first {row['first']}"
            )
        return said


def read(settings: Settings, *, next_runs: dict[str, str] | None = None) -> Status:
    """Return the status of the lake that the settings name.

    Raises:
        LakeError: There is no lake.
    """
    with lake.connect(settings.lake, catalog_dsn=settings.dsn, read_only=True) as con:
        newest = con.execute(
            "select release, snapshot_id, as_of from lake.ops.published"
            " order by release desc limit 1"
        ).fetchone() or (None, None, None)
        counted = con.execute("""
            with newest as (
                select * from lake.ops.published
                qualify row_number() over (partition by day order by release desc) = 1
            )
            select count(*), min(day), max(day), count(*) filter (where status <> 'final')
            from newest
        """).fetchone() or (0, None, None, 0)
        waiting = unresolved(con, settings.lake)
        unreadable = con.execute(
            "select uri || ': ' || reason"
            f" from lake.ops.quarantine inner join ({UNREADABLE}) as file using (source)"
            " where _load_id = file.load_id and uri in (select unnest(?::varchar[])) order by 1",
            [[alert.subject for alert in waiting if alert.rule == "unreadable_file"]],
        ).fetchall()
        refused = quarantine.read(con, shown=1, with_files=False)
        loads = con.execute(
            "select source, count(*) from lake.ops.active_load group by 1 order by 1"
        ).fetchall()
        asked = con.execute(
            "select cast(day as varchar), list(distinct source) from lake.ops.extraction"
            " group by day order by day"
        ).fetchall()
        quiet = silent_sources(con, billing_close_days=settings.billing_close_days)
        doors = con.execute(
            "select door, strftime(max(moved_at), '%Y-%m-%dT%H:%M:%S') from lake.ops.mark"
            " group by door order by door"
        ).fetchall()
    release, snapshot, as_of = newest
    days, first_day, last_day, provisional_days = counted
    return Status(
        release=release,
        snapshot=snapshot,
        as_of=as_of,
        days=days,
        first_day=first_day,
        last_day=last_day,
        provisional_days=provisional_days,
        # the last build knows its own days only
        blocked=blocked_days(waiting),
        unreadable=[row[0] for row in unreadable],
        quarantine=[
            {
                "source": broken.source,
                "rule": broken.rule,
                "severity": broken.severity,
                "rows": broken.rows,
                "example": broken.first[0].reason,
                "first": broken.first[0].place,
            }
            for broken in refused
        ],
        loads=dict(loads),
        late={day: sorted(missing) for day, found in asked if (missing := {*EXTRACTED} - {*found})},
        silent={name: day.isoformat() for name, day in quiet.items()},
        doors=dict(doors),
        alerts=waiting,
        next_runs=next_runs,
        is_simulated=(settings.lake / "SIMULATED").exists(),
    )
