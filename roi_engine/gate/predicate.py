"""An expectation, read as SQL: which rows break it.

Great Expectations says how many rows break a rule, but hands them out only as a Python list. The
gate needs the rows themselves, by day and without a bound, so each row rule is translated into a
predicate from its own type and kwargs. `gate.check` compares the two counts on every run and
refuses to go on if they differ.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Kwargs = Mapping[str, Any]


class Untranslatable(Exception):
    """An expectation whose rows cannot be named by this module; the message says which."""


def quote(name: str) -> str:
    """Return ``name`` as an SQL identifier.

    Examples:
        >>> quote("order")
        '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return ``value`` as an SQL literal.

    Examples:
        >>> literal("it's"), literal(True), literal(Decimal("0.5"))
        ("'it''s'", 'true', '0.5')
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float():
            return f"cast({value!r} as double)"
        case datetime():
            return f"timestamp '{value.isoformat(sep=' ')}'"
        case date():
            return f"date '{value.isoformat()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            raise Untranslatable(f"a {type(value).__name__} cannot stand in a rule: {value!r}")


def columns(kwargs: Kwargs) -> list[str]:
    """Return the columns that a rule reads, in the order of its arguments."""
    named = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return named + list(kwargs.get("column_list", ()))


def broken(expectation: str, kwargs: Kwargs) -> str:
    """Return the SQL predicate that is true for the rows that break a rule.

    NULL is judged only by the rules about NULL, as Great Expectations has it; a rule on a pair
    of columns skips rows where either is NULL.

    Args:
        expectation: Type of the expectation, for example ``expect_column_values_to_be_between``.
        kwargs: Its own arguments.

    Raises:
        Untranslatable: The type, or an argument that changes its meaning, is not known here.

    Examples:
        >>> broken("expect_column_values_to_be_between", {"column": "tokens", "min_value": 0})
        '("tokens" < 0)'
        >>> print(broken("expect_column_values_to_be_in_set", {"column": "a", "value_set": ["x"]}))
        ("a" not in ('x'))
    """
    if expectation not in _TRANSLATORS:
        raise Untranslatable(f"{expectation} has no query form: see roi_engine/gate/predicate.py")
    for argument in ("mostly", "row_condition"):
        if kwargs.get(argument) not in (None, 1):
            raise Untranslatable(f"{expectation}: a row rule takes no {argument}")
    return _TRANSLATORS[expectation](kwargs)


def _null(kwargs: Kwargs) -> str:
    return f"({quote(kwargs['column'])} is null)"


def _not_null(kwargs: Kwargs) -> str:
    return f"({quote(kwargs['column'])} is not null)"


def _outside(kwargs: Kwargs) -> str:
    column = quote(kwargs["column"])
    sides = []
    if kwargs.get("min_value") is not None:
        operator = "<=" if kwargs.get("strict_min") else "<"
        sides.append(f"{column} {operator} {literal(kwargs['min_value'])}")
    if kwargs.get("max_value") is not None:
        operator = ">=" if kwargs.get("strict_max") else ">"
        sides.append(f"{column} {operator} {literal(kwargs['max_value'])}")
    return f"({' or '.join(sides)})"


def _in_set(operator: str) -> Callable[[Kwargs], str]:
    def translate(kwargs: Kwargs) -> str:
        values = ", ".join(literal(value) for value in kwargs["value_set"])
        return f"({quote(kwargs['column'])} {operator} ({values}))"

    return translate


def _wrong_length(kwargs: Kwargs) -> str:
    return f"(length({quote(kwargs['column'])}) <> {literal(kwargs['value'])})"


def _pair(operator: Callable[[Kwargs], str]) -> Callable[[Kwargs], str]:
    def translate(kwargs: Kwargs) -> str:
        if kwargs.get("ignore_row_if") != "either_value_is_missing":
            raise Untranslatable("a rule on a pair needs ignore_row_if='either_value_is_missing'")
        return f"({quote(kwargs['column_A'])} {operator(kwargs)} {quote(kwargs['column_B'])})"

    return translate


_TRANSLATORS: dict[str, Callable[[Kwargs], str]] = {
    "expect_column_values_to_not_be_null": _null,
    "expect_column_values_to_be_null": _not_null,
    "expect_column_values_to_be_between": _outside,
    "expect_column_values_to_be_in_set": _in_set("not in"),
    "expect_column_values_to_not_be_in_set": _in_set("in"),
    "expect_column_value_lengths_to_equal": _wrong_length,
    "expect_column_pair_values_to_be_equal": _pair(lambda _: "<>"),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(
        lambda kwargs: "<" if kwargs.get("or_equal") else "<="
    ),
}
