"""``doors.toml``: which live systems an estate has, and where their secrets are.

[[door]]
name = "support"
kind = "zendesk"
url = "https://example.zendesk.com"
user = "reader@example.com"
secret_env = "SUPPORT_TOKEN"
"""

import importlib
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr, ValidationError

from roi_engine.doors.base import Door

KINDS = {
    "objects": "roi_engine.doors.objects:Objects",
    "bill_exports": "roi_engine.doors.bills:BillExports",
    "openai_costs": "roi_engine.doors.reports:OpenaiCostsDoor",
    "anthropic_costs": "roi_engine.doors.reports:AnthropicCostsDoor",
    "prometheus": "roi_engine.doors.prometheus:Prometheus",
    "litellm": "roi_engine.doors.litellm:Litellm",
    "zendesk": "roi_engine.doors.zendesk:Zendesk",
    "servicenow": "roi_engine.doors.servicenow:ServiceNow",
    "jira": "roi_engine.doors.jira:Jira",
}
"""``kind`` → the class that asks it; imported when a door of the kind is declared."""

Connection = Callable[[str], Mapping[str, str]]
"""An Airflow connection's ``url``, ``user`` and ``secret``, by its id (the scheduler brings it)."""


class NotDeclared(Exception):
    """``doors.toml`` cannot be used; the message is one sentence that names the place."""


def read(
    path: Path,
    *,
    environment: Mapping[str, str],
    connection: Connection | None = None,
    sources: Collection[str] | None = None,
) -> list[Door]:
    """Return the doors of a file, with their secrets; those of ``sources`` alone if given.

    A secret is looked up only for a door that is going to be used.

    Raises:
        NotDeclared: The file is no TOML, a door is wrong, or a secret is not where it should be.
    """
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NotDeclared(f"{path} cannot be read: {error}.") from error
    entries = declared.pop("door", [])
    if declared or not isinstance(entries, list):
        raise NotDeclared(f"{path}: write [[door]] before each door; nothing else belongs there.")
    doors = []
    for number, entry in enumerate(entries, start=1):
        made = _door(f"{path}: door {entry.get('name', number)}", dict(entry))
        if sources is None or made.source in sources:
            secret = _secret(f"{path}: door {made.name}", made, environment, connection)
            doors.append(made.model_copy(update=secret))
    names = [entry.get("name") for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise NotDeclared(f"{path}: two doors are named {name}; a mark belongs to one.")
    return doors


def _door(where: str, entry: dict[str, Any]) -> Door:
    kind = entry.get("kind")
    if kind not in KINDS:
        raise NotDeclared(f"{where}: kind is {kind!r}; it may be {', '.join(sorted(KINDS))}.")
    if "secret" in entry:
        raise NotDeclared(
            f"{where}: a secret does not belong in a file; name the environment variable that"
            " holds it (secret_env) or an Airflow connection (connection)."
        )
    module, _, name = KINDS[kind].partition(":")
    made = cast(type[Door], getattr(importlib.import_module(module), name))
    try:
        return made(**entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"])) or "it"
        raise NotDeclared(f"{where}: {at}: {first['msg']}.") from error


def _secret(
    where: str, door: Door, environment: Mapping[str, str], connection: Connection | None
) -> dict[str, object]:
    """Return the fields that the environment or the connection gives."""
    if door.secret_env is not None:
        if not environment.get(door.secret_env):
            raise NotDeclared(f"{where}: the environment variable {door.secret_env} is not set.")
        return {"secret": SecretStr(environment[door.secret_env])}
    if door.connection is None:
        return {}
    if connection is None:
        raise NotDeclared(
            f"{where}: the connection {door.connection} is Airflow's; outside of it name an"
            " environment variable with secret_env."
        )
    given = connection(door.connection)
    found: dict[str, object] = {}
    if given.get("secret"):
        found["secret"] = SecretStr(given["secret"])
    if given.get("user") and door.user is None:
        found["user"] = given["user"]
    if given.get("url") and not door.url:
        found["url"] = given["url"]
    return found
