"""Text → typed values, exactly: the rules by which a cell is read, as SQL expressions.

A cell that says nothing (empty, blank, the literal ``NULL``) is NULL. A cell that says
something its column cannot hold is NULL *and* named in ``_rejected``. Nothing is repaired:
``1_000``, ``1,000``, ``NaN``, ``=1+1`` are no numbers here, although a cast may think so.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from roi_engine.sources.base import Unreadable
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.schema import MONEY, Table

SCALE = 18

_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_INTEGER = r"[+-]?[0-9]+(\.0*)?"
_DAY = r"(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_ZONE = r"(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
_INSTANT = rf"{_DAY}([T ]{_TIME}( ?{_ZONE})?)?"
_BLANKS = "concat(' ', chr(9), chr(10), chr(13))"
_WORDS = {"true": ("true", "t", "yes", "y", "1"), "false": ("false", "f", "no", "n", "0")}

OBJECT = "OBJECT"
"""A VARCHAR column that holds a JSON object of texts (tags): see ``cast``."""

_KIND = {
    OBJECT: "a JSON object",
    MONEY: "a decimal number of at most 20 digits before the point",
    "BIGINT": "a whole number of 64 bits",
    "DOUBLE": "a finite number",
    "BOOLEAN": "true or false",
    "DATE": "a date (YYYY-MM-DD, 1970 to 2199)",
    "TIMESTAMP": "a time (YYYY-MM-DD HH:MM:SS, 1970 to 2199, with or without an offset)",
}


def said(text: str) -> str:
    """Return SQL for a cell's text, NULL where it says nothing (empty, blank, ``NULL``)."""
    return (
        f"nullif(nullif(trim({text}, {quoted(chr(32) + chr(9) + chr(13) + chr(10))}), ''), 'NULL')"
    )


def kind(column_type: str) -> str:
    """Return what a column of this type holds, in words, for the reason of a refusal."""
    return _KIND[column_type]


def cast(text: str, column_type: str, *, zone: str = "UTC") -> str:
    """Return SQL that reads ``text`` (a VARCHAR expression) as ``column_type``, else NULL.

    Args:
        text: SQL of a VARCHAR; best a plain column, it is used more than once.
        column_type: A type of ``schema`` (MONEY, BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP,
            VARCHAR), or OBJECT: a JSON object, its keys trimmed and sorted, its values as text,
            without what is null, NULL when nothing is left.
        zone: The zone of times that name none.
    """
    if column_type not in _CASTS:
        raise ValueError(f"no rule reads text as {column_type}")
    return _CASTS[column_type](text, zone)


def is_rounded(text: str) -> str:
    """Return SQL that says whether a decimal text has digits beyond the 18th decimal."""
    decimals = rf"rtrim(regexp_extract({_plain(text)}, '\.([0-9]*)', 1), '0')"
    is_candidate = f"length({text}) > {SCALE} or {_has_exponent(text)}"
    return f"case when {is_candidate} then length({decimals}) > {SCALE} else false end"


def typed(
    relation: str,
    table: Table,
    texts: Mapping[str, str],
    *,
    objects: Collection[str] = (),
    zone: str = "UTC",
    carried: Sequence[str] = ("_source_row",),
) -> str:
    """Return a query with the columns of ``table``, ``_source_row``, ``_rejected``, ``_rounded``.

    ``_rejected`` and ``_rounded`` are JSON objects column → text, NULL when nothing is in them.
    ``bronze.write`` takes such a query.

    Args:
        relation: SQL that can stand after ``from`` and has ``_source_row``.
        table: The bronze table.
        texts: Column of ``table`` → SQL of its text over ``relation``; what is left out is NULL.
            A VARCHAR column takes the expression as it is, the others through ``cast``.
        objects: VARCHAR columns that are read as OBJECT.
        zone: The zone of times that name none.
        carried: Columns of ``relation`` that are passed on as they are.
    """
    unknown = set(texts) - set(table.columns)
    if unknown:
        raise ValueError(f"{table.name} has no column {sorted(unknown)}")
    rules = {name: OBJECT if name in objects else kind for name, kind in table.columns.items()}
    read = {name: rule for name, rule in rules.items() if rule != "VARCHAR" and name in texts}
    as_text = [f"{texts[name]} as {identifier(name)}" for name in table.columns if name in texts]
    as_value = [
        f"{cast(identifier(name), rule, zone=zone)} as {_value(name)}"
        for name, rule in read.items()
    ]
    columns = []
    for name, column_type in table.columns.items():
        value = _value(name) if name in read else identifier(name)
        columns.append(f"{value if name in texts else 'null'}::{column_type} as {identifier(name)}")
    bad = {
        name: f"{_value(name)} is null and not {_is_silent(name, rule)}"
        for name, rule in read.items()
    }
    long = {
        name: f"{_value(name)} is not null and {is_rounded(identifier(name))}"
        for name, rule in read.items()
        if rule == MONEY
    }
    return f"""
        select
            {", ".join(columns)},
            {", ".join(carried)},
            {_named(bad)} as _rejected,
            {_named(long)} as _rounded
        from (
            select {", ".join(["*", *as_value])}
            from (select {", ".join([*as_text, *carried])} from {relation})
        )
    """


def _is(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {quoted(pattern)})"


def _money(text: str, _zone: str) -> str:
    return f"case when {_is(text, _NUMBER)} then try_cast({_plain(text)} as {MONEY}) end"


def _plain(text: str) -> str:
    """Return SQL of a number's text without exponent.

    DuckDB rounds a text with an exponent digit by digit (0.05e-17 becomes 1e-18), so the point
    is moved in the text.
    """
    pattern = r"'^([+-]?)([0-9]*)\.?([0-9]*)[eE]([+-]?[0-9]+)$'"
    parts = f"regexp_extract({text}, {pattern}, ['sign', 'whole', 'decimals', 'exponent'])"
    # DuckDB may look at what is no number too, such as #REF!, before it is left out
    exponent = "coalesce(try_cast(part.exponent as int), 0)"
    moved = f"""list_transform([{parts}], lambda part:
        list_transform([(length(part.whole) + {exponent})::int], lambda point:
            concat(
                part.sign,
                case when point <= 0
                    then concat('0.', repeat('0', -point), part.whole, part.decimals)
                    else concat(
                        rpad(concat(part.whole, part.decimals)[:point], point, '0'),
                        '.',
                        concat(part.whole, part.decimals)[point + 1:]
                    )
                end
            )
        )[1]
    )[1]"""
    return f"case when {_has_exponent(text)} then {moved} else {text} end"


def _has_exponent(text: str) -> str:
    return f"contains(lower({text}), 'e')"


def _whole(text: str, _zone: str) -> str:
    return f"case when {_is(text, _INTEGER)} then try_cast({text} as bigint) end"


def _double(text: str, _zone: str) -> str:
    number = f"try_cast({text} as double)"
    return f"case when {_is(text, _NUMBER)} and isfinite({number}) then {number} end"


def _boolean(text: str, _zone: str) -> str:
    whens = " ".join(
        f"when lower({text}) in ({', '.join(map(quoted, words))}) then {value}"
        for value, words in _WORDS.items()
    )
    return f"case {whens} end"


def _date(text: str, _zone: str) -> str:
    # a date is a calendar day as written: no zone moves it, and a time of day is no date
    pattern = rf"{_DAY}([T ]00:00(:00(\.0+)?)?( ?{_ZONE})?)?"
    day = f"regexp_extract({text}, '^[0-9-]+')"
    return f"case when {_is(text, pattern)} then try_cast({day} as date) end"


def _timestamp(text: str, zone: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", zone):
        raise Unreadable(f"The time zone {zone!r} is not a zone name such as Europe/Berlin.")
    # DuckDB's cast of a text with an offset to TIMESTAMP drops the offset, hence TIMESTAMPTZ;
    # it wants seconds before an offset and a colon in it: "12:30 -0500" → "12:30:00-05:00"
    full = f"regexp_replace({text}, ' ?(Z|z|UTC)$', '+00:00')"
    full = f"regexp_replace({full}, ' ?([+-][0-9]{{2}})$', '\\1:00')"
    full = f"regexp_replace({full}, ' ?([+-][0-9]{{2}}):?([0-9]{{2}})$', '\\1:\\2')"
    full = f"regexp_replace({full}, '([T ][0-9]{{2}}:[0-9]{{2}})([+-])', '\\1:00\\2')"
    instant = f"try_cast({full} as timestamptz) at time zone 'UTC'"
    local = f"try_cast({text} as timestamp)"
    if zone != "UTC":
        local = f"{local} at time zone {quoted(zone)} at time zone 'UTC'"
    has_offset = f"regexp_matches({text}, {quoted(rf':[0-9.]+ ?{_ZONE}$')})"
    return (
        f"case when {_is(text, _INSTANT)} then"
        f" case when {has_offset} then {instant} else {local} end end"
    )


def _object(text: str, _zone: str) -> str:
    keys = f"json_keys({text})"
    is_plain = (
        f"len({keys}) = len(list_distinct({keys}))"
        f""" and not regexp_matches({text}, '"\\s[^"]*"\\s*:|\\s"\\s*:')"""
    )
    # merging an empty object leaves out what is null
    merged = f"json_merge_patch('{{}}', {text})::json::map(varchar, varchar)"
    # the long way, for keys with blanks around them and keys that stand twice: of those that
    # are equal when trimmed the one that needed no trimming counts, else the last
    spelt = f"list_filter({keys}, lambda raw: trim(raw) = tag)[-1]"
    value = f"coalesce({_member(text, 'tag')}, {_member(text, spelt)})"
    names = f"list_sort(list_distinct(list_transform({keys}, lambda raw: trim(raw))))"
    pairs = f"list_transform({names}, lambda tag: {{'key': tag, 'value': {value}}})"
    kept = f"list_filter({pairs}, lambda pair: pair.value is not null)"
    entries = f"case when {is_plain} then list_sort(map_entries({merged})) else {kept} end"
    return (
        f"case when json_type(try_cast({text} as json)) = 'OBJECT'"
        f" then nullif(to_json(map_from_entries({entries}))::varchar, '{{}}') end"
    )


def _member(text: str, key: str) -> str:
    """Return SQL of the text of an object's member, whatever its name holds."""
    return f"""json_extract_string({text}, concat('$."', replace({key}, '"', '\\"'), '"'))"""


_CASTS: dict[str, Callable[[str, str], str]] = {
    OBJECT: _object,
    "VARCHAR": lambda text, _zone: text,
    MONEY: _money,
    "BIGINT": _whole,
    "DOUBLE": _double,
    "BOOLEAN": _boolean,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
}


def _value(name: str) -> str:
    return identifier(f"={name}")


def _is_silent(name: str, rule: str) -> str:
    """Return SQL that holds when a NULL is no refusal: nothing was said, or an empty object."""
    said_nothing = f"{identifier(name)} is null"
    if rule != OBJECT:
        return said_nothing
    is_object = f"json_type(try_cast({identifier(name)} as json)) = 'OBJECT'"
    return f"({said_nothing} or coalesce({is_object}, false))"


def _named(conditions: Mapping[str, str]) -> str:
    """Return SQL of a JSON object of the columns whose condition holds, NULL when none does."""
    if not conditions:
        return "null::varchar"
    pairs = ", ".join(
        f"{quoted(name)}, case when {condition} then {identifier(name)} end"
        for name, condition in conditions.items()
    )
    # merging an empty object drops the keys whose value is null
    return (
        f"case when {' or '.join(f'({condition})' for condition in conditions.values())}"
        f" then json_merge_patch('{{}}', json_object({pairs}))::varchar end"
    )
