"""What stands in the inbox: each file with the source and the system its folder names."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOORS = {
    # folder → (source, system); the longest that fits counts
    "reference": ("reference", ""),
    "billing": ("billing", "focus"),
    "billing/openai_costs": ("billing", "openai_costs"),
    "billing/anthropic_costs": ("billing", "anthropic_costs"),
    "gpu": ("gpu", "prometheus"),
    "tokens/otlp": ("tokens", "otlp"),
    "tokens/litellm": ("tokens", "litellm"),
    "tokens/spans": ("tokens", "spans"),
    "tokens/langfuse": ("tokens", "langfuse"),
    "tickets/zendesk": ("tickets", "zendesk"),
    "tickets/servicenow": ("tickets", "servicenow"),
    "tickets/jira": ("tickets", "jira"),
}
"""Where exports go; a file's own name means nothing."""

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".swp")


_LABELS = ("SIMULATED.json", "doors.toml")
"""What may stand beside the doors without being an export."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file of the inbox; ``uri`` is its path below the inbox."""

    path: Path
    uri: str
    source: str
    system: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The files found, in the order of their paths, and sentences about what was not taken."""

    files: tuple[Found, ...]
    warnings: tuple[str, ...]


def scan(inbox: Path) -> Scan:
    """List the files of the inbox: reference tables first, then by path.

    Links are followed, each folder is entered once. Hidden files, names that begin with ``_``
    and unfinished downloads are left alone; a file outside every door is named in a warning.
    """
    files: list[Found] = []
    warnings: list[str] = []
    for path in _walk(inbox, warnings):
        relative = path.relative_to(inbox)
        if relative.name.startswith((".", "_")) or relative.suffix.lower() in _UNFINISHED:
            continue
        uri = relative.as_posix()
        if uri in _LABELS:
            continue
        if not path.is_file():
            warnings.append(f"{uri} is no file, or a link that leads nowhere: remove it.")
            continue
        door = max((folder for folder in DOORS if uri.startswith(f"{folder}/")), default=None)
        if door is None:
            warnings.append(
                f"{uri} lies in no folder of a source and was not read:"
                f" move it to one of {', '.join(sorted(DOORS))}."
            )
            continue
        source, system = DOORS[door]
        files.append(Found(path, uri, source, system))
    files.sort(key=lambda found: (found.source != "reference", found.uri))
    return Scan(tuple(files), tuple(warnings))


def _walk(inbox: Path, warnings: list[str]) -> Iterator[Path]:
    """Yield every path below ``inbox`` in order, entering no folder twice (links may loop)."""
    entered: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        warnings.append(f"{_below(inbox, error.filename)} cannot be read: {error.strerror}.")

    for folder, folders, names in os.walk(inbox, followlinks=True, onerror=refuse):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in entered:
            folders.clear()
            warnings.append(f"{_below(inbox, folder)} leads back to a folder that was read.")
            continue
        entered.add((here.st_dev, here.st_ino))
        folders.sort()
        for name in sorted(names):
            yield Path(folder) / name


def _below(inbox: Path, path: str | bytes) -> str:
    return Path(os.fsdecode(path)).relative_to(inbox).as_posix()
