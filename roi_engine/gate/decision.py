"""Which days pass: the one place where counts become a verdict on a day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from roi_engine.gate.rules import DayCount, Rule


@dataclass(slots=True)
class Tally:
    """What the relations of one source add up to.

    Attributes:
        rows: Day → rows of the source.
        critical: Day → rows that break at least one critical rule.
        broken: Day → critical rule → rows that break it.
        missing: Day → required columns that the day's files lack; None → of a reference table.
    """

    rows: dict[date, int] = field(default_factory=dict)
    critical: dict[date, int] = field(default_factory=dict)
    broken: dict[date, dict[str, int]] = field(default_factory=dict)
    missing: dict[date | None, list[str]] = field(default_factory=dict)

    def add(self, rules: list[Rule], counts: list[DayCount]) -> None:
        """Add the counts of one relation; rows without a day decide about none."""
        for each in counts:
            if each.day is None:
                continue
            self.rows[each.day] = self.rows.get(each.day, 0) + each.rows
            self.critical[each.day] = self.critical.get(each.day, 0) + each.critical
            broken = self.broken.setdefault(each.day, {})
            for rule, unexpected in zip(rules, each.broken, strict=True):
                if unexpected and rule.severity == "critical":
                    broken[rule.name] = unexpected


def blocked_days(
    tallies: Mapping[str, Tally],
    days: list[date],
    *,
    threshold: Decimal,
    unpriced: Mapping[date, tuple[int, int]] | None = None,
    unpriced_threshold: Decimal | None = None,
) -> dict[date, str]:
    """Return the days that must not be built, each with its reason.

    A day is blocked when one of its sources lacks a required column, or when **more than**
    ``threshold`` of a source's rows on that day break critical rules: a day at the threshold
    passes. The comparison is exact.

    Args:
        tallies: Source → what its relations add up to.
        days: The days to decide about.
        threshold: A share, from 0 to 1.
        unpriced: Day → (model calls without a price, model calls).
        unpriced_threshold: The share of the former over which a day is blocked; None for never.

    Examples:
        >>> day = date(2026, 3, 1)
        >>> spans = Tally(rows={day: 100}, critical={day: 5}, broken={day: {"spans.x": 5}})
        >>> blocked_days({"tokens": spans}, [day], threshold=Decimal("0.05"))
        {}
        >>> spans.critical[day] = 6
        >>> blocked_days({"tokens": spans}, [day], threshold=Decimal("0.05"))[day]
        'tokens: 6 of 100 rows (6.0%) break critical rules, more than 5.0% (spans.x 5)'
    """
    limit = Fraction(threshold)
    blocked = {}
    for day in days:
        reasons = []
        for source, tally in tallies.items():
            # a reference table has no day: what it lacks, every day lacks
            missing = tally.missing.get(None, []) + tally.missing.get(day, [])
            if missing:
                reasons.append(f"{source}: the required column {', '.join(missing)} is missing")
            rows, critical = tally.rows.get(day, 0), tally.critical.get(day, 0)
            if rows and Fraction(critical, rows) > limit:
                worst = sorted(tally.broken[day].items(), key=lambda item: (-item[1], item[0]))
                named = ", ".join(f"{rule} {unexpected}" for rule, unexpected in worst)
                reasons.append(
                    f"{source}: {critical} of {rows} rows ({critical / rows:.1%}) break critical"
                    f" rules, more than {float(threshold):.1%} ({named})"
                )
        bare, calls = (unpriced or {}).get(day, (0, 0))
        limit_bare = None if unpriced_threshold is None else Fraction(unpriced_threshold)
        if limit_bare is not None and calls and Fraction(bare, calls) > limit_bare:
            reasons.append(
                f"tokens: {bare} of {calls} model calls ({bare / calls:.1%}) have no price, more"
                f" than {float(limit_bare):.1%}: add them to prices.csv"
            )
        if reasons:
            blocked[day] = "; ".join(reasons)
    return blocked
