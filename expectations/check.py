"""A relation and the rules that it must keep."""

from dataclasses import dataclass, field

import great_expectations as gx


@dataclass(frozen=True, slots=True)
class Check:
    """One relation that is judged, and by what.

    Without ``query`` the relation is the bronze table ``name`` of ``source``, and a row that
    breaks a rule can be quarantined. With ``query`` it is that SELECT over the bronze views
    (``bronze_TABLE``, ``gate_settings``): groups of rows, whose rules only warn.

    ``derived`` adds columns for rules across columns or tables: name → SQL expression, in which
    the row is ``this``. Such a column is NULL where its rule does not apply.

    ``required`` names the bronze columns without which a day cannot be built at all.

    ``about`` names the column that says what a failing row is about, where the rule's own columns
    would tell a reader nothing.
    """

    source: str
    name: str
    suite: gx.ExpectationSuite
    derived: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    query: str | None = None
    about: str | None = None
