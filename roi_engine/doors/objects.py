"""Files that other systems put into object storage: OTLP lines, spans, reference tables, bills.

An object is taken once for each version of its bytes. What stands under the same name with other
bytes is a new document, or with ``newest_counts`` the one that counts in the place of those before
it; what is removed from the storage stays in the lake.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from roi_engine.doors.base import Mark, Page
from roi_engine.doors.storage import Storage, in_order, is_data, texts, uri
from roi_engine.landing.inbox import DOORS

_CLOSE_EVERY = 100


class Objects(Storage):
    """New objects below a url, in any format that the named inbox folder takes."""

    kind: Literal["objects"] = "objects"
    folder: str
    """Which folder of the inbox the objects would lie in: ``tokens/otlp``, ``billing`` …"""
    look_back: timedelta = timedelta(days=2)
    """A large object bears the time when its upload began, not when it was there."""
    newest_counts: bool = False
    """Objects are written again when what they hold changes (a partition of a table, say): of
    all that stood under one name only the newest that can be read counts."""

    @field_validator("folder")
    @classmethod
    def _is_a_door(cls, given: str) -> str:
        if given not in DOORS:
            message = f"{given} is no folder of the inbox; it may be {', '.join(sorted(DOORS))}"
            raise ValueError(message)
        return given

    @property
    def source(self) -> str:
        """Return the folder's source."""
        return DOORS[self.folder][0]

    @property
    def system(self) -> str:
        """Return the folder's system."""
        return DOORS[self.folder][1]

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:  # noqa: ARG002
        """Bring every object that was not seen yet, the oldest first.

        The mark has the newest time of change, and the versions seen since ``look_back`` before;
        with ``newest_counts`` every name, with the hashes of what stood there.
        """
        seen = texts(mark, "seen")
        newest = datetime.fromisoformat(str(mark["newest"])) if mark else None
        since = newest - self.look_back if newest else self.start
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=UTC)
        new = [
            one
            for one in in_order(self.stored())
            if is_data(one.path)
            and (since is None or one.modified >= since)
            and seen.get(one.path, {}).get("version") != one.version
        ]
        stood = {path: known.get("sha256s", []) for path, known in seen.items()}
        # what takes a place is closed on its own: a neighbour that cannot be read must not hold
        # it up
        again = {one.path for one in new if self.newest_counts and stood.get(one.path)}
        for number, one in enumerate(new, start=1):
            path = out / f"{number:06}"
            sha256 = self.bring(one, path)
            newest = max(newest or one.modified, one.modified)
            seen[one.path] = {"version": one.version, "modified": one.modified.isoformat()}
            if self.newest_counts:
                before = (known for known in stood.get(one.path, []) if known != sha256)
                seen[one.path]["sha256s"] = [*before, sha256]
            follows = {each.path for each in new[number : number + 1]}
            closes = number % _CLOSE_EVERY == 0 or not follows or again & {one.path, *follows}
            yield Page(
                uri(one),
                path,
                self._mark(newest, seen) if closes else None,
                replaces=_gone(one.path, seen) if one.path in again else (),
            )

    def _mark(self, newest: datetime, seen: dict[str, dict[str, Any]]) -> Mark:
        since = newest - self.look_back
        recent = {
            path: known
            for path, known in seen.items()
            if self.newest_counts or datetime.fromisoformat(known["modified"]) >= since
        }
        return {"newest": newest.isoformat(), "seen": recent}


def _gone(path: str, seen: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what stood under a name and stands nowhere now, by the hashes of its bytes.

    Examples:
        >>> _gone("a", {"a": {"sha256s": ["1", "2", "3"]}, "b": {"sha256s": ["4", "2"]}})
        ('1',)
    """
    stand = {known["sha256s"][-1] for known in seen.values() if known.get("sha256s")}
    return tuple(sha256 for sha256 in seen[path]["sha256s"] if sha256 not in stand)
