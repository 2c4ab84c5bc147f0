"""ServiceNow: incidents that changed, from the Table API.

Pages are cut by key, not by offset (the way of dlt's paginators): an incident that changes
leaves its place in the order of ``sys_updated_on``, every later one moves up, and an offset
would pass over one of them at each page's edge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from roi_engine.doors import http
from roi_engine.doors.base import Door, DoorFailed, Mark, Page

_TIME = "%Y-%m-%d %H:%M:%S"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """After which record to go on; with an empty id: from the first one of that second."""

    updated_on: str
    sys_id: str = ""

    def query(self) -> str:
        """Return the encoded query of everything after this place, in order.

        ``^OR`` binds to the condition before it only. A time that is written as plain text is in
        UTC, whatever the user's zone is.
        """
        after = f"sys_updated_on>={self.updated_on}"
        if self.sys_id:
            after += f"^sys_updated_on>{self.updated_on}^ORsys_id>{self.sys_id}"
        return f"{after}^ORDERBYsys_updated_on^ORDERBYsys_id"


class ServiceNow(Door):
    """Incidents of one ServiceNow instance, the current version of each that changed.

    The mark is ``{"updated_on": …, "sys_id": …}``, the last record read. The second in which
    records are still being written has no end yet: a mark never passes ``look_back`` before
    ``until``, so that what is written late, or into a second already read, is asked for again.
    What changes after ``until`` comes too: an incident that changes all the time would otherwise
    never come. Definitions: ServiceNow, Table API; Encoded query strings.

    Each field comes with its value and its display value (``sysparm_display_value=all``): times
    and numbers are read from the one, words from the other. The user must be allowed to read
    every incident (role ``itil`` or ``snc_read_only``): ServiceNow cuts pages before it leaves out
    what the user may not see, so that a page may be short, and only an empty one is the last.

    Attributes:
        user: Without one the secret is an OAuth token.
        table: A table with the columns of ``task``.
        page_size: Records a page.
        start: Default: all that the table has.
    """

    source: ClassVar[str] = "tickets"
    system: ClassVar[str] = "servicenow"

    kind: Literal["servicenow"] = "servicenow"
    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "incident"
    page_size: int = Field(default=1000, ge=1, le=10_000)
    look_back: timedelta = timedelta(minutes=5)

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Yield a page for each answer with records in it; see ``Door.fetch``."""
        path = f"/api/now/table/{self.table}"
        url = http.address(self, path)
        headers = http.authorization(self) | {"Accept": "application/json"}
        asked = http.session(self)
        settled = _Place((http.utc(until) - self.look_back).strftime(_TIME))
        place = self._first(mark)
        number = 0
        while True:
            params: dict[str, str | int] = {
                "sysparm_query": place.query(),
                "sysparm_display_value": "all",
                "sysparm_exclude_reference_link": "true",
                "sysparm_limit": self.page_size,
            }
            content, answer = http.get_json(asked, self, url, params=params, headers=headers)
            records = self._records(answer)
            if not records:
                return
            first, last = self._place(records[0]), self._place(records[-1])
            # not by id: a database may order ids in another way than Python does
            is_in_order = place.updated_on <= first.updated_on <= last.updated_on
            if not is_in_order or last == place:
                raise DoorFailed(
                    f"{self.name} answered {self.table} out of order, or what it was not asked"
                    f" (after {place.updated_on}): may the user read sys_updated_on and sys_id?"
                )
            number += 1
            uri = f"table/{self.table}?after={place.updated_on}" + (
                f"&sys_id={place.sys_id}" if place.sys_id else ""
            )
            reached = min(last, settled)
            yield Page(
                uri,
                http.keep(out, number, content),
                {"updated_on": reached.updated_on, "sys_id": reached.sys_id},
            )
            place = last

    def _first(self, mark: Mark | None) -> _Place:
        if mark is not None:
            return _Place(str(mark["updated_on"]), str(mark.get("sys_id") or ""))
        start = _BEGINNING if self.start is None else http.utc(self.start)
        return _Place(start.strftime(_TIME))

    def _records(self, answer: dict[str, object]) -> list[object]:
        """Return the records of an answer.

        An instance that runs out of time in the middle of a page sends what it has, and an error
        beside it, as HTTP 200: such a page is not whole.
        """
        error = answer.get("error")
        if error:
            told = error.get("message") if isinstance(error, dict) else error
            raise DoorFailed(
                f"{self.name} gave up in the middle of a page ({str(told)[:120]}): ask for fewer"
                f" records a page than {self.page_size} (page_size)."
            )
        records = answer.get("result")
        if not isinstance(records, list):
            raise DoorFailed(
                f"{self.name} answered without a list of results: is it ServiceNow's address?"
            )
        return records

    def _place(self, record: object) -> _Place:
        fields = record if isinstance(record, dict) else {}
        updated_on, sys_id = (_value(fields.get(name)) for name in ("sys_updated_on", "sys_id"))
        if not updated_on or not sys_id:
            raise DoorFailed(
                f"{self.name} gives {self.table} without sys_updated_on or sys_id: may the user"
                " read them?"
            )
        return _Place(updated_on, sys_id)


def _value(field: object) -> str:
    """Return a field as it is stored.

    Examples:
        >>> _value({"display_value": "Resolved", "value": "6"}), _value("6"), _value(None)
        ('6', '6', '')
    """
    value = field.get("value") if isinstance(field, dict) else field
    return "" if value is None else str(value)
