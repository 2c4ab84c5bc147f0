"""One writer at a time: a lock that dies with the process that holds it.

A lake on one machine is locked by ``flock`` on ``.lock``. With a shared Postgres catalog an
advisory lock is held too, so that writers on different machines wait for each other.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from roi_engine.warehouse import catalog

_ADVISORY = 0x524F49
"""Key of the advisory lock ("ROI"); one database holds one lake's catalog."""


@contextmanager
def writing(
    root: Path,
    *,
    catalog_dsn: str | None = None,
    on_wait: Callable[[str], None] = lambda _: None,
) -> Iterator[int]:
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
        with _advisory(catalog_dsn, on_wait) if catalog_dsn else nullcontext():
            yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _advisory(dsn: str, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the catalog's advisory lock for as long as one session lasts."""
    with catalog.connect(dsn) as session:
        taken = session.execute("select pg_try_advisory_lock(%s)", [_ADVISORY]).fetchone()
        if not (taken and taken[0]):
            on_wait("another machine writes this lake; waiting")
            session.execute("select pg_advisory_lock(%s)", [_ADVISORY])
        yield
