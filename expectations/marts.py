"""What must hold of a mart before it is released: read from the mart's own declaration.

The rules are plain data beside the columns (``roi_engine/marts/declare.py``), so a column, its
meaning and its rule are stated once; here they only become expectations.
"""

import great_expectations as gx
from great_expectations.expectations.registry import get_expectation_impl

from roi_engine.marts import declare


def suite(mart: str) -> gx.ExpectationSuite:
    """Return the suite of ``mart``.

    Raises:
        ValueError: A declared rule lacks its severity or its reason.
    """
    return of(mart, declare.expectations(mart))


def of(mart: str, rules: list[dict]) -> gx.ExpectationSuite:
    """Return a suite made of declared ``rules`` (type, kwargs, severity, notes)."""
    expectations = []
    for rule in rules:
        if not rule.get("severity") or not rule.get("notes"):
            raise ValueError(f"{mart}: {rule['type']} needs a severity and a reason")
        expectation = get_expectation_impl(rule["type"])
        expectations.append(
            expectation(
                **rule["kwargs"],
                severity=rule["severity"],
                notes=rule["notes"],
                meta={"rule": rule.get("rule", declare.rule_name(rule))},
            )
        )
    return gx.ExpectationSuite(name=mart, expectations=expectations)
