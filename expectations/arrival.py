"""What must hold of every source alike: its columns, that it arrived, and how much of it."""

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations.check import Check

FEWEST = 0.5
"""Under half of the usual rows a day is more often half an export than a quiet day."""

MOST = 2.0
"""Over twice the usual rows a day is more often landed twice than busy."""

EARLIEST_HOURS = 6
"""A day whose last row is six hours earlier than usual was probably exported before its end."""


def readable() -> gxe.ExpectColumnValuesToBeNull:
    """Return the rule, for every bronze table, that the parser could read each value of a row."""
    return gxe.ExpectColumnValuesToBeNull(
        column="_rejected",
        severity="critical",
        notes="A value did not fit its type: the parser kept it as text and quarantined the row.",
        # the parser has named the row already, with the value's own reason
        meta={"rule": "values_fit_their_types", "quarantine": False},
    )


def checks(source: str) -> list[Check]:
    """Return the checks of ``source`` on its files' columns and, where it has days, on volume."""
    schema = Check(
        source,
        "schema",
        gx.ExpectationSuite(
            name=f"{source}_schema",
            expectations=[
                gxe.ExpectColumnValuesToNotBeNull(
                    column="required_type",
                    severity="critical",
                    notes="A day without a required column would be built from nothing.",
                    meta={"rule": "required_columns_present"},
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="found_type",
                    severity="warning",
                    notes="A column that bronze has no trace of is read as NULL on every row.",
                    meta={"rule": "columns_present"},
                ),
                gxe.ExpectColumnPairValuesToBeEqual(
                    column_A="found_type",
                    column_B="expected_type",
                    ignore_row_if="either_value_is_missing",
                    severity="warning",
                    notes="Another type is cast on reading, and what does not fit becomes NULL.",
                    meta={"rule": "types_as_declared"},
                ),
            ],
        ),
        query=f"select * from gate_schema where source = '{source}'",
        about="column_label",
    )
    if source == "reference":
        return [schema]
    volume = Check(
        source,
        "volume",
        gx.ExpectationSuite(
            name=f"{source}_volume",
            expectations=[
                gxe.ExpectColumnValuesToBeBetween(
                    column="expected_rows",
                    min_value=1,
                    severity="warning",
                    notes="A source with no row on a day is missing, unless the firm was closed.",
                    meta={"rule": "source_landed"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="rows_over_usual",
                    min_value=FEWEST,
                    max_value=MOST,
                    severity="warning",
                    notes="Far from the median of the same weekday, or of the last seven days.",
                    meta={"rule": "volume_as_usual"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="hours_earlier_than_usual",
                    max_value=EARLIEST_HOURS,
                    severity="warning",
                    notes="The day's last row is far earlier than usual: the export may be cut.",
                    meta={"rule": "reaches_the_end_of_the_day"},
                ),
            ],
        ),
        query=f"select * from gate_volume where source = '{source}'",
        about="volume_label",
    )
    return [schema, volume]
