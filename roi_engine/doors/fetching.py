"""Ask every live door for what is new since its mark."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from roi_engine.doors.base import Door, DoorFailed, Mark, Page
from roi_engine.landing.inbox import Found


@dataclass(frozen=True, slots=True)
class Replacement:
    """Documents (by SHA-256) that count no more when those at ``uris`` can all be read."""

    source: str
    uris: frozenset[str]
    sha256s: frozenset[str]


@dataclass(slots=True)
class Fetched:
    """What the doors brought.

    Attributes:
        documents: In the order in which they came.
        marks: Door → where it goes on; written with the manifest, and not before.
        replacements: What takes the place of earlier documents.
        failures: Door → one sentence. What a door brought before it failed stands.
    """

    documents: list[Found] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    replacements: list[Replacement] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def uri(door: Door, name: str) -> str:
    """Return the name under which a door's document stands in the manifest."""
    return f"live/{door.name}/{name}"


def fetch(
    doors: Sequence[Door],
    marks: Mapping[str, Mark],
    *,
    until: datetime,
    out: Path,
    step: Callable[..., None] = lambda name, **facts: None,  # noqa: ARG005
) -> Fetched:
    """Ask each door for what came after its mark.

    A door that fails does not stop the others. A page without a mark waits for the page that
    closes what it is a part of, and is dropped when that does not come.
    """
    fetched = Fetched()
    for door in doors:
        folder = out / door.name
        folder.mkdir(parents=True)
        step("fetch", door=door.name, kind=type(door).__name__)
        waiting: list[Page] = []
        try:
            for page in door.fetch(marks.get(door.name), until=until, out=folder):
                waiting.append(page)
                if page.mark is not None:
                    _take(fetched, door, waiting)
                    fetched.marks[door.name] = page.mark
                    waiting = []
        except DoorFailed as error:
            fetched.failures[door.name] = str(error)
    return fetched


def _take(fetched: Fetched, door: Door, pages: Sequence[Page]) -> None:
    for page in pages:
        if page.replaces:
            uris = frozenset(uri(door, each.uri) for each in pages)
            replacement = Replacement(door.source, uris, frozenset(page.replaces))
            fetched.replacements.append(replacement)
        if page.path is not None:
            found = Found(page.path, uri(door, page.uri), door.source, door.system)
            fetched.documents.append(found)
