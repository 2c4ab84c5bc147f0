"""What OpenAI and Anthropic say a day has cost: their reports, to compare bills with, not to add.

The definitions are the providers': https://platform.openai.com/docs/api-reference/usage/costs
(``GET /v1/organization/costs``; ``amount.value`` in units of ``amount.currency``) and
https://platform.claude.com/docs/en/api/admin/cost_report (``GET /v1/organizations/cost_report``;
``amount`` is a decimal text in **cents**). Both need an admin key.
``roi_engine.sources.reports`` reads the documents.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from roi_engine.doors.base import Door, DoorFailed, Mark, Page
from roi_engine.doors.http import get_json, session

_DAY = timedelta(days=1)


class _CostsDoor(Door):
    """A report in buckets of a day (UTC), a bucket a page, hence a document a day.

    A provider's figures settle for days: what lies within ``look_back`` is asked for again. A day
    that has changed comes as a new document that replaces the one before; a day that has not
    changed leaves none. Only days that are over at ``until`` are brought.
    """

    source: ClassVar[str] = "billing"

    look_back: timedelta = Field(default=timedelta(days=7), ge=timedelta(0))
    backoff_seconds: float = Field(default=1.0, ge=0)

    @abstractmethod
    def request(self, begin: datetime) -> tuple[str, dict[str, str | int], dict[str, str]]:
        """Return the URL, parameters and headers that ask for the days from ``begin`` on."""

    @abstractmethod
    def day_of(self, bucket: Mapping[str, object]) -> datetime:
        """Return when a bucket begins, UTC."""

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Ask for every whole day after ``mark`` and before ``until``, oldest first.

        Raises:
            DoorFailed: No answer or a refusal, pages that lead nowhere, days out of order; or
                neither a mark nor ``start`` is there.
        """
        begin = self._begin(mark)
        known = _known(mark)
        done = begin if mark is None else datetime.fromisoformat(str(mark["until"]))
        for day, content in self._days(begin, until):
            sha256 = hashlib.sha256(content).hexdigest()
            uri = f"{day:%Y-%m-%d}/{sha256[:16]}"
            before = known.get(f"{day:%Y-%m-%d}")
            done = max(done, day + _DAY)
            known[f"{day:%Y-%m-%d}"] = sha256
            since = f"{done - self.look_back - _DAY:%Y-%m-%d}"
            known = {name: kept for name, kept in known.items() if name >= since}
            goes_on: Mark = {"until": done.isoformat(), "days": dict(known)}
            if sha256 == before:
                yield Page(uri, None, goes_on)
                continue
            path = out / f"{day:%Y%m%d}.json"
            path.write_bytes(content)
            yield Page(uri, path, goes_on, replaces=(before,) if before else ())

    def _begin(self, mark: Mark | None) -> datetime:
        if mark is not None:
            begin = datetime.fromisoformat(str(mark["until"])) - self.look_back
        elif self.start is not None:
            begin = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        else:
            message = (
                f"{self.name} does not know from when on to ask: give it a start in doors.toml."
            )
            raise DoorFailed(message)
        return begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def _days(self, begin: datetime, until: datetime) -> Iterator[tuple[datetime, bytes]]:
        """Follow the pages, one bucket each, as long as their day is over."""
        asked = session(self, backoff_seconds=self.backoff_seconds)
        # a key in a header of its own would go along to whatever host a redirect names
        asked.max_redirects = 0
        url, params, headers = self.request(begin)
        least, pages = begin, set[str]()
        while least + _DAY <= until:
            content, answer = get_json(asked, self, url, params=params, headers=headers)
            buckets = answer.get("data")
            if not isinstance(buckets, list) or len(buckets) > 1:
                message = f"{self.name} answered no page of one day: is it the report's url?"
                raise DoorFailed(message)
            if buckets:
                day = self._checked(buckets[0], least)
                if day + _DAY > until:
                    return
                yield day, content
                least = day + _DAY
            if not answer.get("has_more"):
                return
            page = answer.get("next_page")
            if not isinstance(page, str) or page in pages:
                message = f"{self.name} says that there is more, and not where: ask again later."
                raise DoorFailed(message)
            pages.add(page)
            params = params | {"page": page}

    def _checked(self, bucket: object, least: datetime) -> datetime:
        try:
            day = self.day_of(bucket)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            message = f"{self.name} answered a bucket without its day: is it the report's url?"
            raise DoorFailed(message) from error
        if day < least or day.time() != least.time():
            message = (
                f"{self.name} answered {day:%Y-%m-%d %H:%M} where {least:%Y-%m-%d} or a later day"
                " was asked for."
            )
            raise DoorFailed(message)
        return day


class OpenaiCostsDoor(_CostsDoor):
    """Costs of an OpenAI organization by day, project and line item; amounts before tax."""

    system: ClassVar[str] = "openai_costs"

    kind: Literal["openai_costs"] = "openai_costs"
    url: str = "https://api.openai.com"

    def request(self, begin: datetime) -> tuple[str, dict[str, str | int], dict[str, str]]:
        """Ask with ``start_time`` in seconds; the secret is an admin key."""
        return (
            f"{self.url.rstrip('/')}/v1/organization/costs?group_by=project_id&group_by=line_item",
            {"start_time": int(begin.timestamp()), "bucket_width": "1d", "limit": 1},
            {"Authorization": f"Bearer {self.password() or ''}"},
        )

    def day_of(self, bucket: Mapping[str, object]) -> datetime:
        """Read ``start_time``, seconds since 1970."""
        return datetime.fromtimestamp(int(str(bucket["start_time"])), UTC)


class AnthropicCostsDoor(_CostsDoor):
    """Costs of an Anthropic organization by day, workspace and description, in cents.

    The priority tier is not in this report.
    """

    system: ClassVar[str] = "anthropic_costs"

    kind: Literal["anthropic_costs"] = "anthropic_costs"
    url: str = "https://api.anthropic.com"

    def request(self, begin: datetime) -> tuple[str, dict[str, str | int], dict[str, str]]:
        """Ask with ``starting_at`` in RFC 3339; the secret is an admin key."""
        return (
            f"{self.url.rstrip('/')}/v1/organizations/cost_report"
            "?group_by[]=workspace_id&group_by[]=description",
            {"starting_at": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "bucket_width": "1d", "limit": 1},
            {"x-api-key": self.password() or "", "anthropic-version": "2023-06-01"},
        )

    def day_of(self, bucket: Mapping[str, object]) -> datetime:
        """Read ``starting_at``, RFC 3339."""
        return datetime.fromisoformat(str(bucket["starting_at"])).astimezone(UTC)


def _known(mark: Mark | None) -> dict[str, str]:
    """Return day → SHA-256 of the document that says what it cost, within the look-back."""
    days = mark["days"] if mark else None
    return dict(days) if isinstance(days, Mapping) else {}
