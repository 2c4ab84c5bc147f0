"""The bytes as they came, once each, under the hash of their content."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 4 * 1024 * 1024


class Unkept(Exception):
    """A file that could not be taken; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the vault."""

    path: Path
    sha256: str
    size: int


def place(root: Path, sha256: str) -> Path:
    """Return where bytes of this hash lie: ``landing/sha256/ab/abcd…``."""
    return root / "landing" / "sha256" / sha256[:2] / sha256


def keep(source: Path, root: Path) -> Kept:
    """Copy a file into the vault, unless its bytes are there already.

    The copy appears under its name whole or not at all: it is written elsewhere in the lake,
    flushed to the disk and renamed.

    Raises:
        Unkept: The file cannot be opened, or changed while it was read.
        OSError: The lake's disk is full or broken.
    """
    try:
        before = source.stat()
        sha256 = _digest(source)
        unchanged = _is_same(before, source.stat())
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unkept(f"cannot be read ({reason}); it is tried again with the next run.") from error
    if not unchanged:
        raise Unkept("changed while it was read; it is taken with the next run.")
    target = place(root, sha256)
    if not target.exists():
        draft = scratch(root) / sha256
        if _copy(source, draft) != sha256:
            draft.unlink()
            raise Unkept("changed while it was read; it is taken with the next run.")
        move(draft, target)
    return Kept(target, sha256, before.st_size)


def put(content: bytes, root: Path) -> Kept:
    """Write bytes into the vault, unless they are there already."""
    sha256 = hashlib.sha256(content).hexdigest()
    target = place(root, sha256)
    if not target.exists():
        draft = scratch(root) / sha256
        draft.write_bytes(content)
        move(draft, target)
    return Kept(target, sha256, len(content))


def scratch(root: Path) -> Path:
    """Return this process's own folder for drafts, on the lake's file system."""
    folder = root / ".scratch" / str(os.getpid())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sweep(root: Path) -> None:
    """Remove the drafts of processes that are gone."""
    for folder in (root / ".scratch").glob("*"):
        if folder.name.isdigit() and not _is_alive(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)


def move(draft: Path, target: Path) -> None:
    """Give a finished file its name; it is on the disk before the name is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())
    draft.replace(target)


def _copy(source: Path, draft: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as stream, draft.open("wb") as sink:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ino) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    )
