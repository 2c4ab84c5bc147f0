"""One writer at a time: an advisory lock that dies with the process that holds it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(root: Path, *, on_wait: Callable[[str], None] = lambda _: None) -> Iterator[int]:
    """Hold the lake's write lock; yield its file descriptor for child processes to inherit.

    A child that inherits the descriptor keeps the lock until it ends too, so that a killed run
    whose dbt lives on cannot be overtaken by the next run.
    """
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
            on_wait(f"another run (process {holder or 'unknown'}) writes this lake; waiting")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
