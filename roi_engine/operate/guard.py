"""End Airflow's processes when the one that started them is gone, however it went.

A process that is killed cannot clean up, and a signal at its death (``PR_SET_PDEATHSIG``) only
asks: a scheduler that hangs while it ends would stay. So the starter keeps a pipe open to a guard
in a session of its own; when the pipe closes, the guard ends what it was told of and still lives.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

_GRACE_SECONDS = 20


class Guard:
    """A process that outlives this one and ends the sessions that it was told of."""

    def __init__(self) -> None:
        """Start the guard; it does nothing until this process ends or calls ``close``."""
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def add(self, pid: int) -> None:
        """Name a leader of a session that must not outlive this process."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{pid} {born(pid)}\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Let the guard end what is left, and wait until it has."""
        self._process.communicate()


def end(leaders: Collection[int]) -> None:
    """End the sessions of processes: politely, then by force; wait until they are gone."""
    if threading.current_thread() is threading.main_thread():
        # a second Ctrl-C must not leave half of them behind
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, signal.SIG_IGN)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in leaders:
            with suppress(ProcessLookupError):
                os.killpg(pid, sign)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline and any(map(_group_lives, leaders)):
            time.sleep(0.1)


def born(pid: int) -> str | None:
    """Return when a process began, in clock ticks since boot; None when there is none.

    Its environment would not do: a process that sets its title writes over it.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    is_dead = fields[0] == "Z"
    return None if is_dead else fields[19]


def _group_lives(pid: int) -> bool:
    """Return whether any process of a session's group is left; a zombie child is collected."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _watch(told: Iterable[str]) -> None:
    """End, once the starter's lines end, every leader that is still the one that was named.

    A leader that died may have left its group behind; the group's id is not reused before it is
    empty, so that group may be ended too. Another process under the same id may not.
    """
    named = dict(line.split() for line in told)
    end([int(pid) for pid, began in named.items() if born(int(pid)) in {None, began}])


if __name__ == "__main__":
    _watch(sys.stdin)
