"""Zendesk: tickets that changed, from the incremental cursor export, ``metric_sets`` sideloaded.

Each request is built from the cursor of the last answer. dlt's paginators would do it too, but
they follow the ``after_url`` that the answer names, with the secret; here no address comes from
an answer, so the secret never leaves the declared host.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from roi_engine.doors import http
from roi_engine.doors.base import Door, DoorFailed, Mark, Page

_PATH = "/api/v2/incremental/tickets/cursor.json"
_NEWEST_START = timedelta(minutes=1)
"""Zendesk refuses a start_time that is less than a minute old."""


class Zendesk(Door):
    """Tickets of one Zendesk account, the current version of each that changed.

    Zendesk's own order of changes is the mark: ``{"cursor": …}``, the ``after_cursor`` of the
    last answer, also at the end of the stream, where it is asked again the next time. So a
    ticket that changes while pages are read comes again, later in the stream; ``until`` and
    ``look_back`` are not needed. Definitions: Zendesk, Incremental Exports, cursor-based.

    Attributes:
        user: The agent whose API token the secret is; without one the secret is an OAuth token.
        page_size: Tickets a page; Zendesk gives at most 1,000.
        start: Default: all that the account has.
    """

    source: ClassVar[str] = "tickets"
    system: ClassVar[str] = "zendesk"

    kind: Literal["zendesk"] = "zendesk"
    page_size: int = Field(default=1000, ge=1, le=1000)

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Yield a page for each answer with tickets in it; see ``Door.fetch``."""
        url = http.address(self, _PATH)
        headers = http.authorization(self, user=self._signer())
        asked = http.session(self)
        place: dict[str, str | int] = self._place(mark, until)
        number = 0
        while True:
            params = place | {"include": "metric_sets", "per_page": self.page_size}
            content, answer = http.get_json(asked, self, url, params=params, headers=headers)
            tickets, cursor, is_end = self._told(answer)
            uri = "incremental/tickets?" + "&".join(
                f"{key}={value}" for key, value in place.items()
            )
            if tickets:
                number += 1
                yield Page(uri, http.keep(out, number, content), {"cursor": cursor})
            elif cursor and place != {"cursor": cursor}:
                yield Page(uri, None, {"cursor": cursor})
            if is_end:
                return
            if place == {"cursor": cursor}:
                raise DoorFailed(f"{self.name} answered with the cursor it was asked: no way on.")
            place = {"cursor": cursor}

    def _signer(self) -> str | None:
        """Return the user as Zendesk wants it beside an API token."""
        return f"{self.user.removesuffix('/token')}/token" if self.user else None

    def _place(self, mark: Mark | None, until: datetime) -> dict[str, str | int]:
        if mark is not None:
            return {"cursor": str(mark["cursor"])}
        if self.start is None:
            return {"start_time": 0}
        start = min(http.utc(self.start), http.utc(until) - _NEWEST_START)
        return {"start_time": int(start.timestamp())}

    def _told(self, answer: dict[str, object]) -> tuple[list[object], str, bool]:
        """Return the tickets of an answer, its cursor, and whether the stream ends with it."""
        tickets, is_end = answer.get("tickets"), answer.get("end_of_stream")
        if not isinstance(tickets, list) or not isinstance(is_end, bool):
            raise DoorFailed(
                f"{self.name} answered without tickets and end_of_stream: is it Zendesk's address?"
            )
        cursor = str(answer.get("after_cursor") or "")
        if not cursor and (tickets or not is_end):
            raise DoorFailed(f"{self.name} answered without an after_cursor: no way on.")
        return tickets, cursor, is_end
