"""Text is read exactly, or refused; never repaired, never by way of a float."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

import duckdb
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.sources import cells
from roi_engine.sources.schema import MONEY

EXACT = Context(prec=200, rounding=ROUND_HALF_UP)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        yield con


def read(con, text, kind, zone="UTC"):
    query = f"select {cells.cast('cell', kind, zone=zone)} from (select ?::varchar as cell)"
    return con.execute(query, [text]).fetchone()[0]


def is_rounded(con, text):
    query = f"select {cells.is_rounded('cell')} from (select ?::varchar as cell)"
    return con.execute(query, [text]).fetchone()[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("0.00000000001", "0.00000000001", id="plain"),
        pytest.param("-3", "-3", id="negative"),
        pytest.param("+3.", "3", id="sign and a bare point"),
        pytest.param("8e-07", "0.0000008", id="exponent"),
        pytest.param("1.5E+3", "1500", id="positive exponent"),
        pytest.param("0.0000000000000000005", "0.000000000000000001", id="half away from zero"),
        pytest.param("-0.0000000000000000005", "-0.000000000000000001", id="below zero too"),
        pytest.param("0.00000000000000000049", "0", id="below half"),
        pytest.param("99999999999999999999", "99999999999999999999", id="20 digits before it"),
    ],
)
def test_money_is_exact(con, text, value):
    assert read(con, text, MONEY) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "inf", "-Infinity", "1e400", "=1+1", "1,000", "1_000", "$5", "0x10", "1e", "1 2"),
        *("100000000000000000000", "--1", "٣", "1.2.3", ""),
    ],
)
def test_what_is_no_amount_is_refused(con, text):
    assert read(con, text, MONEY) is None


@given(
    digits=st.integers(min_value=-(10**24), max_value=10**24),
    places=st.integers(min_value=0, max_value=30),
    exponent=st.none() | st.integers(min_value=-6, max_value=3),
)
@settings(max_examples=300, deadline=None)
def test_any_decimal_text_is_read_as_the_nearest_amount(digits, places, exponent):
    text = f"{'-' if digits < 0 else ''}{abs(digits):0{places + 1}d}"
    text = f"{text[: len(text) - places]}.{text[len(text) - places :]}" if places else text
    text = text if exponent is None else f"{text}e{exponent}"
    exact = Decimal(text)
    nearest = exact.quantize(Decimal(1).scaleb(-18), context=EXACT)
    with duckdb.connect() as con:
        if abs(nearest) < Decimal(10) ** 20:
            assert read(con, text, MONEY) == nearest
            assert is_rounded(con, text) == (nearest != exact)
        else:
            assert read(con, text, MONEY) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("2024-09-01 00:00:00", "2024-09-01 00:00:00", id="naive"),
        pytest.param("2024-09-01T00:00:00Z", "2024-09-01 00:00:00", id="zulu"),
        pytest.param("2024-09-01T00:00:00+02:00", "2024-08-31 22:00:00", id="offset counts"),
        pytest.param("2024-09-01 00:00:00 -0530", "2024-09-01 05:30:00", id="no colon"),
        pytest.param("2024-09-01T12:30Z", "2024-09-01 12:30:00", id="no seconds"),
        pytest.param("2024-09-01T12:30+02:00", "2024-09-01 10:30:00", id="both"),
        pytest.param("2024-09-01", "2024-09-01 00:00:00", id="a date is its midnight"),
        pytest.param("2024-09-01T00:00:00.1234567Z", "2024-09-01 00:00:00.123456", id="100 ns cut"),
        pytest.param("01/09/2024", None, id="which is the month?"),
        pytest.param("2024-02-30", None, id="no such day"),
        pytest.param("0001-01-01 00:00:00", None, id="year 1"),
        pytest.param("infinity", None, id="infinity"),
        pytest.param("now", None, id="a word"),
    ],
)
def test_times_are_utc(con, text, value):
    assert read(con, text, "TIMESTAMP") == (datetime.fromisoformat(value) if value else None)


def test_a_naive_time_gets_the_zone_of_its_system(con):
    berlin = read(con, "2024-07-01 12:00:00", "TIMESTAMP", zone="Europe/Berlin")
    assert berlin.isoformat() == "2024-07-01T10:00:00"
    offset = read(con, "2024-07-01T12:00:00Z", "TIMESTAMP", zone="Europe/Berlin")
    assert offset.isoformat() == "2024-07-01T12:00:00"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("BIGINT", "42", 42),
        ("BIGINT", "42.0", 42),
        ("BIGINT", "42.5", None),
        ("BIGINT", "9223372036854775808", None),
        ("BOOLEAN", "Yes", True),
        ("BOOLEAN", "0", False),
        ("BOOLEAN", "maybe", None),
        ("DOUBLE", "0.05", 0.05),
        ("DOUBLE", "1e400", None),
        ("DATE", "2025-08-01", date(2025, 8, 1)),
        ("DATE", "2025-08-01T00:00:00Z", date(2025, 8, 1)),
        ("DATE", "2025-08-01 13:00:00", None),
    ],
)
def test_other_types(con, kind, text, value):
    assert read(con, text, kind) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"b": "2", "a": "1"}', '{"a":"1","b":"2"}', id="sorted"),
        pytest.param('{" org": "x", "b": "1"}', '{"b":"1","org":"x"}', id="trimmed"),
        pytest.param('{"org": "y", " org": "x"}', '{"org":"y"}', id="the untrimmed name stays"),
        pytest.param('{"a": "1", "a": "2"}', '{"a":"1"}', id="twice in one object"),
        pytest.param('{"a": true, "b": null}', '{"a":"true"}', id="text, without nulls"),
        pytest.param("{}", None, id="nothing in it"),
        pytest.param("a=b", None, id="no JSON"),
        pytest.param("[1]", None, id="no object"),
    ],
)
def test_objects(con, text, value):
    assert read(con, text, cells.OBJECT) == value


@pytest.mark.parametrize("text", ["", "  ", "NULL", " NULL\t"])
def test_a_cell_that_says_nothing(con, text):
    query = f"select {cells.said('cell')} from (select ?::varchar as cell)"
    assert con.execute(query, [text]).fetchone() == (None,)
