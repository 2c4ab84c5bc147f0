"""Why a lake's folder cannot be written, in a sentence that says what to do."""

import errno
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
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
