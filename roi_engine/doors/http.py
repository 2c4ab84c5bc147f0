"""Requests to a live system: patient with it, and clear about what it answered.

Retries are dlt's: 429 and 5xx are asked again after ``Retry-After`` or with a growing pause, as
are time-outs and connections that break, also in the middle of an answer.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
from dlt.sources.helpers.requests import Client

from roi_engine.doors.base import Door, DoorFailed

BACKOFF_SECONDS = 1.0
"""The first pause before a request is repeated; each further one is twice as long."""

_MAX_PAUSE_SECONDS = 120
_MAX_ANSWER_BYTES = 512 * 1024 * 1024


def session(door: Door, *, backoff_seconds: float | None = None) -> requests.Session:
    """Return a session that repeats what may succeed the next time.

    Proxies and ``.netrc`` of the environment are not used: a door talks to what it names.

    Args:
        door: How long it waits for an answer, and how often it tries.
        backoff_seconds: The first pause; None means ``BACKOFF_SECONDS``.
    """
    made = Client(
        request_timeout=door.timeout_seconds,
        raise_for_status=False,
        request_max_attempts=door.attempts,
        request_backoff_factor=BACKOFF_SECONDS if backoff_seconds is None else backoff_seconds,
        request_max_retry_delay=_MAX_PAUSE_SECONDS,
    ).session
    made.trust_env = False
    return made


def address(door: Door, path: str) -> str:
    """Return the URL of ``path`` (which begins with ``/``) at the door's system.

    Raises:
        DoorFailed: The door's own URL is none.
    """
    parts = urlsplit(door.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DoorFailed(f"{door.name} has no address: give its url in doors.toml (https://…).")
    return door.url.rstrip("/") + path


def authorization(door: Door, *, user: str | None = None) -> dict[str, str]:
    """Return the header that carries the door's secret; none where it has no secret.

    With a user it is HTTP Basic, in UTF-8; without one the secret is a bearer token (OAuth, a
    personal access token). ``requests`` drops the header when it is sent on to another host.

    Args:
        door: Whose secret.
        user: The name to sign with; None means the door's own.

    Raises:
        DoorFailed: The secret is no token: it would not pass through a header.
    """
    secret = door.password()
    if secret is None:
        return {}
    signed = user or door.user
    if signed:
        pair = base64.b64encode(f"{signed}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    token = secret.strip()
    if not token.isascii() or not token.isprintable():
        raise DoorFailed(
            f"{door.name} has a secret that is no token: look where {_origin(door)} keeps it."
        )
    return {"Authorization": f"Bearer {token}"}


def keep(out: Path, number: int, content: bytes) -> Path:
    """Write one answer below ``out``, as it came, and return where it lies."""
    path = out / f"page-{number:06}.json"
    path.write_bytes(content)
    return path


def utc(at: datetime) -> datetime:
    """Return the instant in UTC; a time without a zone is in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def get_json(
    asked: requests.Session,
    door: Door,
    url: str,
    *,
    params: Mapping[str, str | int] | None = None,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[bytes, dict[str, object]]:
    """Return the bytes of a JSON answer as they came, and the object in them.

    Raises:
        DoorFailed: No answer, a refusal, or something that is no JSON object.
    """
    where = f"{door.name} ({_host(url)}{urlsplit(url).path})"
    try:
        answer = asked.get(url, params=params, auth=auth, headers=dict(headers or {}))
        content = answer.content
    except requests.RequestException as error:
        message = (
            f"{where} did not answer after {door.attempts} attempts ({type(error).__name__}):"
            " is the system up, and the address in doors.toml right?"
        )
        raise DoorFailed(message) from error
    if urlsplit(answer.url).hostname != urlsplit(url).hostname:
        message = (
            f"{where} sent the request on to {_host(answer.url)}, which doors.toml does not name:"
            " is that a login page, or has the system moved?"
        )
        raise DoorFailed(message)
    if answer.status_code in {401, 403}:
        message = (
            f"{where} refused the secret (HTTP {answer.status_code}): renew it where"
            f" {_origin(door)} keeps it."
        )
        raise DoorFailed(message)
    if not answer.ok:
        message = f"{where} answered HTTP {answer.status_code}: {_beginning(content, door)}"
        raise DoorFailed(message)
    if len(content) > _MAX_ANSWER_BYTES:
        message = f"{where} sent {len(content) >> 20} MiB at once: ask for smaller pages."
        raise DoorFailed(message)
    try:
        value = json.loads(content)
    except ValueError as error:
        message = (
            f"{where} answered HTTP {answer.status_code} with something that is no JSON:"
            f" {_beginning(content, door)}"
        )
        raise DoorFailed(message) from error
    if not isinstance(value, dict):
        message = f"{where} answered JSON that is no object: {_beginning(content, door)}"
        raise DoorFailed(message)
    return content, value


def _origin(door: Door) -> str:
    if door.secret_env:
        return f"the environment variable {door.secret_env}"
    return f"the connection {door.connection}" if door.connection else "doors.toml's reader"


def _host(url: str) -> str:
    """Return host and port, without a user and password that somebody wrote into a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _beginning(content: bytes, door: Door) -> str:
    """Return what an operator needs of an answer: its first words on one line.

    A system or a proxy that repeats what it was asked may repeat the secret: it is taken out
    before the text is cut, so that no half of it is left.
    """
    text = content[:4096].decode("utf-8", "replace")
    secret = door.password()
    if secret:
        signed = (value.split()[-1] for value in authorization(door).values())
        for word in (secret, *signed):
            text = text.replace(word, "***")
    return repr(" ".join(text.split())[:120])
