"""Object storage, as doors see it: S3, Google Cloud Storage, Azure Blob Storage, or a folder."""

import hashlib
import json
from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url
from pydantic import Field, field_validator

from roi_engine.doors.base import Door, DoorFailed

_CHUNK_BYTES = 8 * 1024 * 1024
_CREDENTIALS: dict[str, tuple[str | None, str]] = {
    # where the scheme's storage wants the user and the secret
    "s3": ("aws_access_key_id", "aws_secret_access_key"),
    "gs": (None, "google_service_account_key"),
    "az": ("azure_storage_account_name", "azure_storage_account_key"),
    "abfs": ("azure_storage_account_name", "azure_storage_account_key"),
}
_SECRET_WORDS = ("secret", "key", "token", "password", "sas")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the listing shows it; ``version`` changes whenever its bytes do."""

    path: str
    modified: datetime
    version: str
    size: int


class Storage(Door, ABC):
    """A door whose ``url`` is a place in object storage: ``s3://bucket/prefix`` and so on.

    Without a secret the storage's own ways hold (an instance's role, the vendor's environment
    variables). ``options`` are the store's own settings: ``aws_region``, ``aws_endpoint`` …
    """

    options: dict[str, str] = Field(default_factory=dict)

    @field_validator("options")
    @classmethod
    def _no_secret(cls, given: dict[str, str]) -> dict[str, str]:
        for name in given:
            if any(word in name.lower() for word in _SECRET_WORDS):
                message = f"{name} does not belong in a file: name it with secret_env"
                raise ValueError(message)
        return given

    def stored(self) -> dict[str, Stored]:
        """Return every object below the url, by its path there.

        Raises:
            DoorFailed: The storage cannot be listed.
        """
        found = {}
        try:
            for batch in obstore.list(self._store()):
                for meta in batch:
                    modified = meta["last_modified"]
                    version = _bare(meta["e_tag"]) or f"{modified.isoformat()}/{meta['size']}"
                    found[meta["path"]] = Stored(meta["path"], modified, version, meta["size"])
        except (BaseError, OSError) as error:
            raise self._failed("cannot be listed", error) from error
        return found

    def bring(self, wanted: Stored, to: Path) -> str:
        """Write an object's bytes to a file and return their SHA-256.

        Raises:
            DoorFailed: It cannot be read, is cut, or is another one than was listed.
        """
        digest, size = hashlib.sha256(), 0
        try:
            answer = obstore.get(self._store(), wanted.path)
            version = _bare(answer.meta["e_tag"])
            to.parent.mkdir(parents=True, exist_ok=True)
            with to.open("wb") as sink:
                for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                    part = bytes(chunk)
                    digest.update(part)
                    size += len(part)
                    sink.write(part)
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(f"{wanted.path} cannot be read", error) from error
        if size != wanted.size or (version is not None and version != wanted.version):
            message = (
                f"{self.name} ({self.url}): {wanted.path} was replaced while it was read;"
                " the next run takes what stands then."
            )
            raise DoorFailed(message)
        return digest.hexdigest()

    def read_json(self, wanted: Stored) -> Any:
        """Return what a small JSON object holds.

        Raises:
            DoorFailed: It cannot be read, or is no JSON.
        """
        try:
            return json.loads(bytes(obstore.get(self._store(), wanted.path).bytes()))
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(f"{wanted.path} cannot be read", error) from error
        except ValueError as error:
            raise self._failed(f"{wanted.path} is no JSON", error) from error

    def _store(self) -> Any:
        config: dict[str, str] = dict(self.options)
        scheme = self.url.partition("://")[0]
        if scheme in _CREDENTIALS:
            user, secret = _CREDENTIALS[scheme]
            if self.user is not None and user is not None:
                config[user] = self.user
            if (password := self.password()) is not None:
                config[secret] = password
        is_plain = any(value.startswith("http://") for value in self.options.values())
        options = {
            "client_options": {
                "timeout": timedelta(seconds=self.timeout_seconds),
                "allow_http": is_plain,
            },
            "retry_config": {"max_retries": self.attempts - 1},
        }
        try:
            if scheme == "file":
                return from_url(self.url)
            return from_url(self.url, config=config, **options)  # type: ignore[call-overload]
        except (BaseError, ValueError, OSError) as error:
            raise self._failed("cannot be opened", error) from error

    def _failed(self, what: str, error: Exception) -> DoorFailed:
        reason = " ".join(str(error).split())
        # a store's error may repeat its whole configuration behind the sentence
        reason = reason.partition("Debug source")[0].strip(" :")[:240]
        return DoorFailed(f"{self.name} ({self.url}) {what}: {reason or type(error).__name__}.")


def _bare(tag: str | None) -> str | None:
    """Return an entity tag without its quotes: Azure's listing leaves them out, its answers do not.

    Examples:
        >>> _bare('"0x8DE29"') == _bare("0x8DE29")
        True
    """
    return tag.strip('"') if tag else None


def is_data(path: str) -> bool:
    """Return whether an object may be an export: not hidden, not a marker, not unfinished."""
    name = path.rpartition("/")[2]
    return bool(name) and not name.startswith((".", "_")) and not name.endswith((".tmp", ".part"))


def texts(mark: Mapping[str, object] | None, name: str) -> dict[str, Any]:
    """Return a mark's mapping, empty where there is none."""
    found = (mark or {}).get(name, {})
    return dict(found) if isinstance(found, dict) else {}


def in_order(found: Mapping[str, Stored]) -> Iterator[Stored]:
    """Yield objects as they came to be."""
    yield from sorted(found.values(), key=lambda one: (one.modified, one.path))


def uri(one: Stored) -> str:
    """Return an object's name with its version: other bytes are another document."""
    return f"{one.path}@{one.version.strip(chr(34))}"
