"""GPU samples from a running Prometheus: its own answers, one document a window of time.

Asked is ``/api/v1/query`` with a range selector, which gives the samples as they were scraped;
``query_range`` would repeat each for five minutes and so fill the gaps. The definition of the
answer is Prometheus's: https://prometheus.io/docs/prometheus/latest/querying/api/.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import requests
from pydantic import Field, field_validator

from roi_engine.doors.base import Door, DoorFailed, Mark, Page
from roi_engine.doors.http import get_json, session

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_SAMPLE_CLOCK = timedelta(milliseconds=1)
"""Prometheus counts whole milliseconds."""


class Prometheus(Door):
    """The DCGM exporter's series, as a Prometheus (or what speaks its API) keeps them.

    Windows are half-open and begin at whole multiples of ``step`` since 1970, so that the same
    window always is the same question: asked twice it gives the same bytes, hence one document,
    unless a late sample has come. Only windows that are over at ``until`` are asked for.

    A window without a sample moves the mark and leaves no document. Samples that are back-filled
    later than ``look_back`` are therefore not brought: move ``start`` and ask under another name.
    """

    source: ClassVar[str] = "gpu"
    system: ClassVar[str] = "prometheus"

    kind: Literal["prometheus"] = "prometheus"
    look_back: timedelta = Field(default=timedelta(hours=1), ge=timedelta(0))
    """A scrape counts from its beginning and is stored at its end; remote writers are later."""
    step: timedelta = timedelta(hours=1)
    """Length of a window, seconds that divide a day: 3,600 samples a series at one a second."""
    metrics: tuple[Annotated[str, Field(pattern=r"^DCGM_[A-Z0-9_]+$")], ...] = Field(
        default=(
            "DCGM_FI_DEV_GPU_UTIL",
            "DCGM_FI_PROF_SM_ACTIVE",
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
            "DCGM_FI_DEV_FB_USED",
            "DCGM_FI_DEV_FB_FREE",
            "DCGM_FI_DEV_FB_RESERVED",
            "DCGM_FI_DEV_POWER_USAGE",
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        ),
        min_length=1,
    )
    """What the models read; the parser keeps any other series of the exporter too."""
    selector: str = ""
    """Label matchers that pick the series, as in ``cluster="a",namespace!="test"``."""
    backoff_seconds: float = Field(default=1.0, ge=0)

    @field_validator("step")
    @classmethod
    def _divides_a_day(cls, step: timedelta) -> timedelta:
        if step < timedelta(seconds=1) or step.microseconds or _DAY % step:
            raise ValueError("must be whole seconds that divide a day, such as 1 h")
        return step

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Ask for every whole window after ``mark`` and before ``until``, oldest first.

        Raises:
            DoorFailed: No answer, a failure in Prometheus's own words, or an answer that it
                warns about (it may be partial); or neither a mark nor ``start`` is there.
        """
        begin = self._begin(mark)
        asked = session(self, backoff_seconds=self.backoff_seconds)
        while (end := begin + self.step) <= until:
            content, has_samples = self._ask(asked, begin, end)
            path = out / f"{begin:%Y%m%dT%H%M%SZ}.json" if has_samples else None
            if path:
                path.write_bytes(content)
            yield Page(f"{begin:%Y-%m-%dT%H:%M:%SZ}/{self.step}", path, {"until": end.isoformat()})
            begin = end

    def _begin(self, mark: Mark | None) -> datetime:
        if mark is not None:
            after = datetime.fromisoformat(str(mark["until"])) - self.look_back
        elif self.start is not None:
            after = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        else:
            message = (
                f"{self.name} does not know from when on to ask: give it a start in doors.toml"
                " (Prometheus keeps 15 days where nothing else is set)."
            )
            raise DoorFailed(message)
        after = after.astimezone(UTC)
        return after - (after - _EPOCH) % self.step

    def _ask(self, asked: requests.Session, begin: datetime, end: datetime) -> tuple[bytes, bool]:
        """Return the answer for one window as it came, and whether it holds a sample.

        The selector ends a millisecond before the window does and is as long as the window: it
        holds the window's first sample whether its left edge counts (Prometheus 2) or not (3).
        Version 2 gives a sample of the millisecond before the window too; it has come with the
        window before, and counts once.
        """
        matchers = f'__name__=~"{"|".join(self.metrics)}"'
        if self.selector:
            matchers += f",{self.selector}"
        content, answer = get_json(
            asked,
            self,
            f"{self.url.rstrip('/')}/api/v1/query",
            params={
                "query": f"{{{matchers}}}[{int(self.step.total_seconds())}s]",
                "time": (end - _SAMPLE_CLOCK).isoformat(timespec="milliseconds"),
                "timeout": f"{max(1, int(self.timeout_seconds))}s",
            },
            auth=(self.user, self.password() or "") if self.user else None,
            headers=self._bearer(),
        )
        window = f"{self.name}, window {begin:%Y-%m-%d %H:%M:%S} UTC"
        if answer.get("status") != "success":
            message = f"{window}: Prometheus answered {answer.get('error') or 'no success'!r}."
            raise DoorFailed(message)
        if warnings := answer.get("warnings"):
            message = f"{window}: Prometheus warns that its answer may be partial ({warnings})."
            raise DoorFailed(message)
        data = answer.get("data")
        if not isinstance(data, dict) or data.get("resultType") != "matrix":
            message = f"{window}: the answer holds no samples in time: is the url Prometheus's?"
            raise DoorFailed(message)
        return content, bool(data.get("result"))

    def _bearer(self) -> dict[str, str]:
        """Return the header of a secret without a user: a token."""
        token = self.password()
        return {"Authorization": f"Bearer {token}"} if token and not self.user else {}
