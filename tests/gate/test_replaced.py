"""Rows of a bill that a newer export has replaced decide about no day."""

from datetime import timedelta

import duckdb
import pytest

from roi_engine import gate
from tests.gate.conftest import DAY

BAD = {"billed_cost": None}
REJECTED = {"_rejected": '{"billed_cost": "12.00 USD"}', "billed_cost": None}


def lines(keys, *, broken="", how=BAD, **given):
    """Return a line for each letter; those of ``broken`` cannot be used."""
    return [{"line_key": key, **given} | (how if key in broken else {}) for key in keys]


def blocked(bronze, *exports, day=DAY, threshold=None):
    """Write exports of one period in the order of their arrival; return why the day is blocked."""
    for number, rows in enumerate(exports):
        bronze.write("charges", rows, day=day, load=f"export{number}")
    loads = [f"export{number}" for number in range(len(exports))]
    con = duckdb.connect(config={"threads": "2"})
    result = gate.check(con, bronze.root, [day], loads, run_id="r")
    left = con.sql("select view_name from duckdb_views() where not internal").fetchall()
    assert left == [], left
    tables = con.sql("select table_name from duckdb_tables()").fetchall()
    assert tables == [("gate_quarantine",)]
    return result.blocked.get(day), result.quarantine.pl()


SAID = "billing: {} rows ({}%) break critical rules, more than 5.0% ({})"
EMPTY = "charges.billed_cost_present {}"


@pytest.mark.parametrize(
    ("exports", "said"),
    [
        pytest.param([lines("abcd", broken="bc")], ("2 of 4", "50.0", EMPTY.format(2)), id="one"),
        pytest.param([lines("abcd", broken="bc"), lines("abcd")], None, id="corrected"),
        pytest.param([lines("abcd", broken="abcd"), lines("abcde")], None, id="wholly broken"),
        pytest.param(
            [lines("abcd", broken="bc"), lines("abcd", broken="abcd"), lines("abcd")],
            None,
            id="corrected at the second try",
        ),
        pytest.param(
            [lines("abcd"), lines("abcd", broken="a")],
            ("1 of 4", "25.0", EMPTY.format(1)),
            id="the newer one is the broken one",
        ),
        pytest.param(
            [lines("abcd", broken="bc"), lines("efgh")],
            ("2 of 8", "25.0", EMPTY.format(2)),
            id="a part replaces nothing",
        ),
        pytest.param(
            [lines("abcd", broken="bc"), lines("abcd", billing_account_id="another")],
            ("2 of 8", "25.0", EMPTY.format(2)),
            id="another account replaces nothing",
        ),
        pytest.param(
            # of the lines that can be used none is common: dbt adds these up
            [lines("abcdef", broken="abcd"), lines("abcd")],
            ("4 of 10", "40.0", EMPTY.format(4)),
            id="what is built must agree",
        ),
    ],
)
def test_a_day_is_decided_by_the_exports_that_count(bronze, exports, said):
    why, quarantine = blocked(bronze, *exports)
    assert why == (said and SAID.format(*said))
    # whether it counts or not, a broken row is no part of a fact
    broken = [row for rows in exports for row in rows if row.get("billed_cost", 0) is None]
    assert quarantine.filter(rule="charges.billed_cost_present").height == len(broken)


def test_rows_that_the_parser_rejected_are_replaced_too(bronze):
    why, _ = blocked(bronze, lines("abcd", broken="abc", how=REJECTED), lines("abcd"))
    assert why is None


def test_an_export_is_compared_whole_and_replaces_only_its_own_days(bronze):
    """Most of the common lines are on a day that is not judged; the last day came once."""
    before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
    at = {"charge_period_start": before, "charge_period_end": DAY}
    for load in ("export0", "export1"):
        bronze.write("charges", lines("uvwxyz", **at), day=before, load=load)
    late = {"charge_period_start": after, "charge_period_end": after + timedelta(days=1)}
    bronze.write("charges", lines("mn", broken="m", **late), day=after, load="export0")
    why, _ = blocked(bronze, lines("abc", broken="ab"), lines("cd"))
    assert why is None
    result = gate.check(duckdb.connect(), bronze.root, [after], ["export0", "export1"], run_id="r")
    assert result.blocked[after] == SAID.format("1 of 2", "50.0", EMPTY.format(1))
