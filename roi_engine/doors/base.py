"""What every live door is declared with, is asked for, and gives."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Mark = Mapping[str, object]
"""Where a door goes on: a JSON object that only the door itself understands."""


class DoorFailed(Exception):
    """A system could not be asked; the message is one sentence, and names no secret."""


@dataclass(frozen=True, slots=True)
class Page:
    """One document as it came, and how far the door has come with it.

    Attributes:
        uri: What was asked for, below the door's name; never with a secret in it.
        path: The draft that holds the bytes; None when there was nothing to keep.
        mark: Where to go on when everything up to this page has landed. None: this page is a
            part of something that is whole only with a later page; if the door fails before
            that page, the parts are dropped and asked for again.
        replaces: SHA-256 of documents of this door that count no more once this page, and those
            that it closes, have landed.
    """

    uri: str
    path: Path | None
    mark: Mark | None = None
    replaces: tuple[str, ...] = ()


class Door(BaseModel, ABC):
    """One live system, as ``doors.toml`` declares it.

    Secrets are never written there: ``secret_env`` names an environment variable, ``connection``
    an Airflow connection (its host, login and password stand for what is not given).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    url: str = ""
    user: str | None = None
    secret: SecretStr | None = None
    secret_env: str | None = None
    connection: str | None = None
    start: datetime | None = None
    """From when on history is asked for, the first time; default: as the door's kind says."""
    look_back: timedelta = timedelta(0)
    """How far before its mark the door asks again, for what arrives late."""
    timeout_seconds: float = Field(default=60.0, gt=0)
    attempts: int = Field(default=5, ge=1)
    """How often a request is tried while the server is busy, silent or failing."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Return billing, gpu, tokens, tickets or reference."""

    @property
    @abstractmethod
    def system(self) -> str:
        """Return whose documents these are, as ``landing.inbox.DOORS`` names them."""

    @abstractmethod
    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Ask for everything after ``mark`` and before ``until``; write each answer below ``out``.

        Args:
            mark: What an earlier fetch ended with; None the first time.
            until: The end of the window, UTC with its zone; a system that numbers its changes
                does not need it.
            out: An empty folder of this fetch's own.

        Yields:
            Pages, in the order in which their marks hold.

        Raises:
            DoorFailed: The system cannot be asked, or answers what cannot be true.
        """

    def password(self) -> str | None:
        """Return the secret in the clear, for a request and for nothing else."""
        return self.secret.get_secret_value() if self.secret else None
