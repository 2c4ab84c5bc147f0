"""What the gate knows of a rule, and what became of it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from roi_engine.gate.predicate import broken, columns


@dataclass(frozen=True, slots=True)
class Rule:
    """One row rule of a relation, as the gate handles it.

    Attributes:
        name: ``RELATION.RULE``, as it stands in results and quarantine.
        expectation: Type of the expectation.
        severity: ``critical`` or ``warning``.
        reason: Why the rule is there, in a sentence.
        columns: What it reads.
        predicate: SQL, true for a row that breaks it.
        quarantines: Whether its broken rows are written to quarantine.
    """

    name: str
    expectation: str
    severity: str
    reason: str
    columns: tuple[str, ...]
    predicate: str
    quarantines: bool

    @classmethod
    def of(cls, relation: str, expectation: Any, *, has_rows: bool) -> "Rule":
        """Return the rule that ``expectation`` states about ``relation``.

        ``has_rows`` says that rows of the relation are rows of a source: only these can be
        quarantined.
        """
        configuration = expectation.configuration
        meta = configuration.meta or {}
        severity = str(getattr(configuration.severity, "value", configuration.severity))
        return cls(
            name=f"{relation}.{meta['rule']}",
            expectation=configuration.type,
            severity=severity,
            reason=str(configuration.notes),
            columns=tuple(columns(configuration.kwargs)),
            predicate=broken(configuration.type, configuration.kwargs),
            quarantines=has_rows and bool(meta.get("quarantine", severity == "critical")),
        )


@dataclass(frozen=True, slots=True)
class DayCount:
    """One day of one relation: its rows, the rows that break each rule, and any critical rule."""

    day: date | None
    rows: int
    broken: tuple[int, ...]
    critical: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule: whether it holds, rows looked at, rows that break it.

    ``observed`` is the value of a rule about the whole relation (a count, a sum), as text.
    """

    success: bool
    checked: int
    unexpected: int
    observed: str | None
