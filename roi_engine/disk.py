"""Why a lake's folder cannot be written, in a sentence that says what to do."""

import errno
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_SAID = ("No space left on device", "database or disk is full", "disk I/O error")
"""How the system, SQLite and DuckDB say it, somewhere in what they say."""
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def not_written(root: Path, error: OSError) -> str:
    """Return the sentence for what the system says of a lake under ``root``.

    Examples:
        >>> not_written(Path("/lake"), OSError(errno.ENOSPC, "No space left on device"))
        'The lake cannot be written ([Errno 28] No space left on device): free its disk.'
        >>> not_written(Path("/lake"), OSError(errno.EROFS, "Read-only file system"))
        'The lake cannot be written ([Errno 30] Read-only file system): let this user write there.'
    """
    if file := next((path for path in (root, *root.parents) if path.is_file()), None):
        return f"There can be no lake in {root}, since {file} is a file: name a folder with --lake."
    if error.errno in _FULL:
        cure = "free its disk"
    elif error.errno in _FORBIDDEN:
        cure = "let this user write there"
    else:
        cure = f"see what stands in the way in {error.filename or root}"
    return f"The lake cannot be written ({error}): {cure}."


def full(said: str, during: str = "") -> str | None:
    """Return the sentence for what says somewhere that a disk is full, None for anything else.

    Examples:
        >>> full("IO Error: ... Original error: No space left on device")
        'The lake cannot be written (No space left on device): free its disk.'
        >>> full("no such table")
    """
    reason = next((words for words in _SAID if words in said), None)
    return reason and f"The lake cannot be written ({reason}{during}): free its disk."
