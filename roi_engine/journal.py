"""What a run says while it runs: one JSON line a step in the lake's log, one line on a terminal."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self


class Journal:
    """Write each step with its time and the process's peak memory to ``logs/run-*.jsonl``.

    Steps are flushed before they begin, so that after a crash the last line names the step in
    which it happened.
    """

    def __init__(self, root: Path, **about: object) -> None:
        """Open the log of a run; ``about`` (its days, who asked) stands in every line."""
        (root / "logs").mkdir(parents=True, exist_ok=True)
        self.run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self._file = (root / "logs" / f"run-{self.run_id}.jsonl").open("a", encoding="utf-8")
        self._about = about
        self._terminal = sys.stderr.isatty()
        self.seconds: dict[str, float] = {}
        self.peak_mib: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.step("failed", error=f"{type(error).__name__}: {error}")
        with suppress(OSError):
            self._file.close()

    def step(self, name: str, **facts: object) -> None:
        """Write one line: the step that begins now, with whatever is known about it."""
        line = {"at": datetime.now(UTC).isoformat(), "run": self.run_id, "step": name}
        # on a full disk the stage says what is wrong, and its sentence must not be lost here
        with suppress(OSError):
            self._file.write(json.dumps(line | self._about | facts, default=str) + "\n")
            self._file.flush()
        if self._terminal:
            said = " ".join(f"{key}={value}" for key, value in facts.items())
            sys.stderr.write(f"\r\033[K{name} {said}"[:120])
            sys.stderr.flush()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; its seconds and peak memory stand in the closing line."""
        self.step(f"{name}.begin")
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        self.peak_mib[name] = max(own, children)
        self.step(
            f"{name}.end",
            seconds=round(self.seconds[name], 3),
            peak_mib=round(own),
            children_peak_mib=round(children),
        )
