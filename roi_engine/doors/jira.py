"""Jira: issues that changed, with their changelog, from a search by JQL.

A page begins where the one before ended, by time of change and not by position (dlt's paginators
go by position or token): an issue that changes leaves its place, and at each page's edge a
position would pass over an issue. Only where a whole page changed at one instant does the page's
own token or position lead on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from roi_engine.doors import http
from roi_engine.doors.base import Door, DoorFailed, Mark, Page

_MOST_RESTARTS = 10
"""How often an instant is begun anew because its issues change while they are read."""


@dataclass(frozen=True, slots=True)
class _Place:
    """From when on to ask, and how far the issues of that instant have been read.

    ``token`` leads on in Jira Cloud; elsewhere ``position`` is the last issue that was read,
    ``last`` its key: it is asked for again, to see that nothing has moved.
    """

    updated_ms: int
    token: str = ""
    position: int = 0
    last: str = ""


class Jira(Door):
    """Issues of one Jira, the current version of each that changed, with its changelog.

    The mark is ``{"updated_ms": …}``, the time of the last change read, in milliseconds since
    1970 UTC. JQL reads a time that is written out to the minute and in the user's zone; a number
    of milliseconds is an instant. Issues of that instant are asked for again, and a mark never
    passes ``look_back`` before ``until``, because a search may find a change a while after it was
    made; what comes twice counts once. What changes after ``until`` comes too: an issue that
    changes all the time would otherwise never come.

    Jira Cloud cuts the changelog of an issue in a search to its newest entries (its ``total``
    says how many there are); the pages of an inbox are cut in the same way. Definitions: Jira
    Cloud platform REST API v3, "Search for issues using JQL enhanced search"; Jira Data Center
    REST API, "search".

    Attributes:
        user: E-mail address of the account whose API token the secret is; without one the secret
            is a personal access token.
        deployment: ``cloud``, or ``server`` for Server and Data Center.
        jql: What else an issue must be, for example ``project = OPS``.
        page_size: Issues a page; Jira may give fewer.
        start: Default: all that the user may see.
    """

    source: ClassVar[str] = "tickets"
    system: ClassVar[str] = "jira"

    kind: Literal["jira"] = "jira"
    deployment: Literal["cloud", "server"] = "cloud"
    jql: str = ""
    page_size: int = Field(default=100, ge=2, le=5000)
    look_back: timedelta = timedelta(minutes=5)

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Yield a page for each answer with issues in it; see ``Door.fetch``."""
        is_cloud = self.deployment == "cloud"
        url = http.address(self, "/rest/api/3/search/jql" if is_cloud else "/rest/api/2/search")
        headers = http.authorization(self) | {"Accept": "application/json"}
        asked = http.session(self)
        settled_ms = _milliseconds(http.utc(until) - self.look_back)
        place = _Place(self._first(mark))
        number = restarts = 0
        while True:
            params = self._params(place)
            content, answer = http.get_json(asked, self, url, params=params, headers=headers)
            issues = self._issues(answer)
            if place.last and (not issues or self._key(issues[0]) != place.last):
                restarts += 1
                if restarts > _MOST_RESTARTS:
                    raise DoorFailed(
                        f"{self.name} changes many issues of one instant while they are read:"
                        " ask again when the change is done, or for larger pages (page_size)."
                    )
                place = _Place(place.updated_ms)
                continue
            if not issues:
                return
            last_ms = self._updated_ms(issues[-1])
            number += 1
            yield Page(
                f"search?updated={place.updated_ms}&page={number}",
                http.keep(out, number, content),
                {"updated_ms": min(last_ms, settled_ms)},
            )
            if not self._has_more(answer, len(issues)):
                return
            if last_ms > place.updated_ms:
                place = _Place(last_ms)
            else:
                place = self._further(place, answer, issues)

    def _first(self, mark: Mark | None) -> int:
        if mark is not None:
            return int(str(mark["updated_ms"]))
        return 0 if self.start is None else _milliseconds(http.utc(self.start))

    def _params(self, place: _Place) -> dict[str, str | int]:
        own = f"({self.jql}) AND " if self.jql else ""
        asked: dict[str, str | int] = {
            "jql": f"{own}updated >= {place.updated_ms} ORDER BY updated ASC, key ASC",
            "fields": "*all",
            "expand": "changelog",
            "maxResults": self.page_size,
        }
        if place.token:
            asked["nextPageToken"] = place.token
        if self.deployment == "server":
            asked["startAt"] = place.position
        return asked

    def _issues(self, answer: dict[str, object]) -> list[object]:
        issues = answer.get("issues")
        if not isinstance(issues, list):
            raise DoorFailed(
                f"{self.name} answered without a list of issues: is it Jira's address?"
            )
        return issues

    def _has_more(self, answer: dict[str, object], issues: int) -> bool:
        if self.deployment == "cloud":
            return bool(answer.get("nextPageToken")) and answer.get("isLast") is not True
        begin, total = answer.get("startAt"), answer.get("total")
        if not isinstance(begin, int) or not isinstance(total, int):
            raise DoorFailed(f"{self.name} answered without startAt and total: is it Jira Cloud?")
        return begin + issues < total

    def _further(self, place: _Place, answer: dict[str, object], issues: list[object]) -> _Place:
        """Return the place after a page whose issues all changed at one instant."""
        if self.deployment == "cloud":
            token = str(answer["nextPageToken"])
            if token == place.token:
                raise DoorFailed(f"{self.name} answered with the token it was asked: no way on.")
            return _Place(place.updated_ms, token=token)
        position = place.position + len(issues) - 1
        if position == place.position:
            # a page of one issue is the one that was read: it leads nowhere
            raise DoorFailed(f"{self.name} gives pages of one issue only: raise its own limit.")
        return _Place(place.updated_ms, position=position, last=self._key(issues[-1]))

    def _key(self, issue: object) -> str:
        return str(issue.get("key")) if isinstance(issue, dict) else ""

    def _updated_ms(self, issue: object) -> int:
        fields = issue.get("fields") if isinstance(issue, dict) else None
        updated = fields.get("updated") if isinstance(fields, dict) else None
        try:
            return _milliseconds(http.utc(datetime.fromisoformat(str(updated))))
        except ValueError as error:
            raise DoorFailed(
                f"{self.name} gives an issue without its time of change: may the user see it?"
            ) from error


def _milliseconds(at: datetime) -> int:
    """Return an instant as milliseconds since 1970 UTC, cut and not rounded.

    Examples:
        >>> _milliseconds(datetime.fromisoformat("2026-01-05T09:00:00.123999+01:00"))
        1767600000123
    """
    return (at - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(milliseconds=1)
