"""Money is shared so that nothing is lost: the SQL against Python's own fractions.

The macros run on DuckDB as dbt compiles them; the answers come from ``Fraction`` and from
nothing that the SQL uses.
"""

from fractions import Fraction
from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given, settings, strategies as st

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "exact.sql"

nano = st.integers(min_value=-(10**18), max_value=10**18)
weights = st.lists(
    st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 10**17)), min_size=1, max_size=8
)
wide = st.integers(min_value=1, max_value=10**31)

patient = settings(deadline=None)
"""How long a query takes says nothing about the machine that it is checked on."""


@pytest.fixture(scope="module")
def exact():
    """Return the macros, as callables that give SQL."""
    return jinja2.Environment(autoescape=False).from_string(MACROS.read_text()).module  # noqa: S701


@pytest.fixture(scope="module")
def con():
    with duckdb.connect(config={"threads": "2"}) as connection:
        connection.execute(
            "create table weighed (charge varchar, cell varchar, amount decimal(38,0),"
            " weight decimal(38,0))"
        )
        connection.execute(
            "create table halved (charge bigint, amount decimal(38,0), part decimal(38,0),"
            " total decimal(38,0))"
        )
        yield connection


def shares_by_hand(amount, parts):
    """Return Hamilton's shares of ``amount``; ``parts`` is name → weight."""
    total = sum(parts.values())
    if total == 0:
        return dict.fromkeys(parts)
    quotas = {name: Fraction(abs(amount) * weight, total) for name, weight in parts.items()}
    shares = {name: int(quota) for name, quota in quotas.items()}
    left = abs(amount) - sum(shares.values())
    ranked = sorted(quotas, key=lambda name: (shares[name] - quotas[name], name.encode()))
    for name in ranked[:left]:
        shares[name] += 1
    return {name: -share if amount < 0 else share for name, share in shares.items()}


def shares_by_sql(con, exact, charges):
    """Return charge → cell → share for ``charges``, a dict of (amount, cell → weight)."""
    con.execute("delete from weighed")
    con.executemany(
        "insert into weighed values (?, ?, ?, ?)",
        [
            (charge, cell, amount, weight)
            for charge, (amount, parts) in charges.items()
            for cell, weight in parts.items()
        ],
    )
    query = exact.largest_remainder("weighed", "amount", "weight", ["charge"], ["cell"])
    found = {}
    for charge, cell, share in con.execute(f"select charge, cell, share from ({query})").fetchall():
        found.setdefault(charge, {})[cell] = share
    return found


@pytest.mark.parametrize(
    ("amount", "parts", "expected"),
    [
        pytest.param(10, {"a": 1, "b": 1, "c": 1}, {"a": 4, "b": 3, "c": 3}, id="golden thirds"),
        pytest.param(
            -1_000_000_000, {"a": 2, "b": 1}, {"a": -666666667, "b": -333333333}, id="golden refund"
        ),
        pytest.param(
            5, {"a": 0, "b": 3, "c": 0}, {"a": 0, "b": 5, "c": 0}, id="no weight no share"
        ),
        pytest.param(1, {"é": 1, "z": 1}, {"é": 0, "z": 1}, id="ties by bytes, not by alphabet"),
        pytest.param(1, {"a": 1, "B": 1}, {"a": 0, "B": 1}, id="capitals come first in bytes"),
        pytest.param(7, {"a": 0, "b": 0}, {"a": None, "b": None}, id="nobody there to charge"),
        pytest.param(0, {"a": 1, "b": 2}, {"a": 0, "b": 0}, id="nothing to share"),
        pytest.param(
            10**18, {"a": 10**18, "b": 1}, {"a": 10**18 - 1, "b": 1}, id="a milliard of money"
        ),
    ],
)
def test_shares(con, exact, amount, parts, expected):
    assert shares_by_sql(con, exact, {"x": (amount, parts)}) == {"x": expected}


@patient
@given(charges=st.lists(st.tuples(nano, weights), min_size=1, max_size=6))
def test_the_sql_gives_the_shares_of_fractions_and_loses_nothing(con, exact, charges):
    named = {
        str(number): (amount, {f"cell-{place}": one for place, one in enumerate(parts)})
        for number, (amount, parts) in enumerate(charges)
    }
    found = shares_by_sql(con, exact, named)
    assert found == {name: shares_by_hand(*charge) for name, charge in named.items()}
    for name, (amount, parts) in named.items():
        if any(parts.values()):
            assert sum(found[name].values()) == amount


@pytest.mark.parametrize("weight", [-1, None], ids=["negative", "missing"])
def test_a_weight_that_is_none_stops_the_build(con, exact, weight):
    with pytest.raises(duckdb.InvalidInputException, match="weight of an allocation"):
        shares_by_sql(con, exact, {"x": (10, {"a": 1, "b": weight})})


def test_weights_beyond_128_bits_stop_the_build(con, exact):
    with pytest.raises(duckdb.OutOfRangeException, match=r"[Oo]verflow"):
        shares_by_sql(con, exact, {"x": (10**18, {"a": 10**21, "b": 10**21 + 1})})


@patient
@given(
    splits=st.lists(
        st.tuples(st.integers(-(10**22), 10**22), wide, st.integers(0, 10**31)),
        min_size=1,
        max_size=20,
    )
)
def test_a_split_in_two_is_exact_however_wide_its_weights(con, exact, splits):
    rows = [
        (number, amount, part % (total + 1), total)
        for number, (amount, total, part) in enumerate(splits)
    ]
    con.execute("delete from halved")
    con.executemany("insert into halved values (?, ?, ?, ?)", rows)
    query = exact.split_in_two("halved", "amount", "part", "total", "share")
    found = dict(con.execute(f"select charge, share from ({query})").fetchall())
    assert found == {
        number: shares_by_hand(amount, {"traced": part, "untraced": total - part})["traced"]
        for number, amount, part, total in rows
    }


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.0000000005", 1),
        ("-0.0000000005", -1),
        ("0.000000000499999999", 0),
        ("-0.0000000015", -2),
        ("123456789.123456789987654321", 123456789123456790),
    ],
)
def test_nano_units_are_rounded_half_away_from_zero(con, exact, amount, expected):
    query = f"select {exact.nano_units('x')} from (select cast('{amount}' as decimal(38,18)) as x)"
    assert con.execute(query).fetchone() == (expected,)


@patient
@given(
    amount=nano,
    rate=st.decimals(min_value="0.000000001", max_value="99999", places=9, allow_nan=False),
)
def test_a_conversion_is_exact_and_rounded_once(con, exact, amount, rate):
    query = (
        f"select {exact.convert_nano('x', 'y')} from"
        f" (select cast({amount} as hugeint) as x, cast('{rate}' as decimal(18,9)) as y)"
    )
    size = int(Fraction(abs(amount)) * Fraction(rate) + Fraction(1, 2))
    assert con.execute(query).fetchone() == (-size if amount < 0 else size,)


@patient
@given(
    amount=st.decimals(
        min_value="-99999999999", max_value="99999999999", places=18, allow_nan=False
    )
)
def test_atto_units_are_the_amount_itself(con, exact, amount):
    query = f"select {exact.atto_units('x')} from (select cast('{amount}' as decimal(38,18)) as x)"
    assert con.execute(query).fetchone() == (int(Fraction(amount) * 10**18),)


@patient
@given(amount=nano)
def test_money_goes_to_nano_units_and_back(con, exact, amount):
    query = (
        f"select {exact.nano_units(exact.money_of_nano('x'))} from"
        f" (select cast({amount} as hugeint) as x)"
    )
    assert con.execute(query).fetchone() == (amount,)
