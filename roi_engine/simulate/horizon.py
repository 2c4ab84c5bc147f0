"""The days that an estate covers, and the clock that all of its parts share."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def micros(day: date) -> int:
    """Return midnight UTC of ``day`` in microseconds since 1970.

    Examples:
        >>> micros(date(1970, 1, 2)) == DAY_US
        True
    """
    return (day - date(1970, 1, 1)).days * DAY_US


def instant(at_us: int) -> datetime:
    """Return microseconds since 1970 as a UTC time.

    Examples:
        >>> instant(DAY_US).isoformat()
        '1970-01-02T00:00:00+00:00'
    """
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The half-open window ``[start, start + days)`` that an estate is seen through."""

    start: date
    days: int

    @property
    def start_us(self) -> int:
        """The first instant, in microseconds since 1970."""
        return micros(self.start)

    @property
    def end_us(self) -> int:
        """The first instant after the window: nothing at or after it is emitted."""
        return self.start_us + self.days * DAY_US

    @property
    def change_us(self) -> int:
        """When one price falls and one model is replaced: noon, halfway through."""
        return self.start_us + (self.days // 2) * DAY_US + 12 * HOUR_US

    @property
    def drift_day(self) -> int:
        """The first day index on which the first agent has become worse."""
        return (self.days * 3) // 5

    @property
    def dates(self) -> list[date]:
        """Every day of the window, in order."""
        return [self.day(index) for index in range(self.days)]

    def day(self, index: int) -> date:
        """Return the day ``index`` days after the first."""
        return self.start + timedelta(days=index)
