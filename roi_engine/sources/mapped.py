"""Paths of ``field_mappings.csv`` → SQL: where an estate keeps a canonical field."""

from collections.abc import Callable

from roi_engine.sources.files import quoted

Attribute = Callable[[str], str]
"""Name of a source's field → SQL of its text, NULL where a record has none."""


def place(path: str, attribute: Attribute) -> str:
    """Return SQL of the text at a mapped path.

    ``=text`` is a constant; ``a+b`` joins two fields by ``+`` and is NULL when either is
    missing; anything else is the name of a field, as its source writes it.

    Examples:
        >>> place("=batch", str)
        "'batch'"
        >>> place("id+request", str)
        "(id || '+' || request)"
    """
    if path.startswith("="):
        return quoted(path[1:])
    parts = [attribute(part) for part in path.split("+")]
    return parts[0] if len(parts) == 1 else "(" + " || '+' || ".join(parts) + ")"


def first(found: list[str]) -> str:
    """Return SQL of the first text that is there.

    Examples:
        >>> first(["a", "b"])
        'coalesce(a, b)'
        >>> first([])
        'null::varchar'
    """
    if not found:
        return "null::varchar"
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def json_path(path: str) -> str:
    """Return a dotted path as JSON path, each part taken literally.

    Examples:
        >>> json_path("via.source.rel")
        '$."via"."source"."rel"'
    """
    return "$" + "".join('."' + part.replace('"', "") + '"' for part in path.split("."))
