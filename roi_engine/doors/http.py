"""Requests to a live system: patient with it, and clear about what it answered.

Retries are dlt's: 429 and 5xx are asked again after ``Retry-After`` or with a growing pause, as
are time-outs and connections that break, also in the middle of an answer.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from dlt.sources.helpers.requests import Client

from roi_engine.doors.base import Door, DoorFailed

_MAX_PAUSE_SECONDS = 120
_MAX_ANSWER_BYTES = 512 * 1024 * 1024


def session(door: Door, *, backoff_seconds: float = 1.0) -> requests.Session:
    """Return a session that repeats what may succeed the next time.

    Proxies and ``.netrc`` of the environment are not used: a door talks to what it names.
    """
    made = Client(
        request_timeout=door.timeout_seconds,
        raise_for_status=False,
        request_max_attempts=door.attempts,
        request_backoff_factor=backoff_seconds,
        request_max_retry_delay=_MAX_PAUSE_SECONDS,
    ).session
    made.trust_env = False
    return made


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
    where = f"{door.name} ({urlsplit(url).netloc}{urlsplit(url).path})"
    try:
        answer = asked.get(url, params=params, auth=auth, headers=dict(headers or {}))
        content = answer.content
    except requests.RequestException as error:
        message = (
            f"{where} did not answer after {door.attempts} attempts ({type(error).__name__}):"
            " is the system up, and the address in doors.toml right?"
        )
        raise DoorFailed(message) from error
    if answer.status_code in {401, 403}:
        message = (
            f"{where} refused the secret (HTTP {answer.status_code}): renew it where"
            f" {_origin(door)} keeps it."
        )
        raise DoorFailed(message)
    if not answer.ok:
        message = f"{where} answered HTTP {answer.status_code}: {_beginning(content)}"
        raise DoorFailed(message)
    if len(content) > _MAX_ANSWER_BYTES:
        message = f"{where} sent {len(content) >> 20} MiB at once: ask for smaller pages."
        raise DoorFailed(message)
    try:
        value = json.loads(content)
    except ValueError as error:
        message = (
            f"{where} answered HTTP {answer.status_code} with something that is no JSON:"
            f" {_beginning(content)}"
        )
        raise DoorFailed(message) from error
    if not isinstance(value, dict):
        message = f"{where} answered JSON that is no object: {_beginning(content)}"
        raise DoorFailed(message)
    return content, value


def _origin(door: Door) -> str:
    if door.secret_env:
        return f"the environment variable {door.secret_env}"
    return f"the connection {door.connection}" if door.connection else "doors.toml's reader"


def _beginning(content: bytes) -> str:
    """Return what an operator needs of an answer: its first words on one line."""
    return repr(" ".join(content[:200].decode("utf-8", "replace").split())[:120])
