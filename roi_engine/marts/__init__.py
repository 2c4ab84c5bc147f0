"""Marts: daily numbers, made from facts that were summed where they lie.

A mart is a module with ``QUERIES``, what it asks of the facts, and ``build``, which turns the
answers into rows. Its columns are declared once, in ``declared``; see ``declare``.

A **daily** mart has the rows of each built day. It may name other daily marts in ``NEEDS``: their
rows of the same days come with its answers, under their names. A **standing** mart is made whole in
each release, as of its newest day (``params.days`` holds that one day); its queries may read daily
marts as well as facts, as far back as each says.
"""

from collections.abc import Mapping
from types import ModuleType

from roi_engine.marts import (
    daily_asr,
    daily_hallucination_adjusted_cost,
    daily_roi,
    daily_wallet,
    policies,
)
from roi_engine.marts.facts import FactQuery

MARTS: Mapping[str, ModuleType] = {
    "daily_roi": daily_roi,
    "daily_hallucination_adjusted_cost": daily_hallucination_adjusted_cost,
    "daily_asr": daily_asr,
    "daily_wallet": daily_wallet,
    "policies": policies,
}
"""Mart → the module that builds it."""


def needs(mart: str) -> tuple[str, ...]:
    """Return the daily marts whose rows of the same days a mart is built from.

    Examples:
        >>> needs("daily_roi")
        ()
    """
    return tuple(getattr(MARTS[mart], "NEEDS", ()))


def required(mart: str) -> list[FactQuery]:
    """Return what a mart asks of the facts; queries of one name are the same query.

    Examples:
        >>> [query.name for query in required("daily_roi")][:2]
        ['cost_by_cell', 'human_by_cell']
    """
    return list(MARTS[mart].QUERIES)
