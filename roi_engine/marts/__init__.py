"""Marts: daily numbers, made from facts that were summed where they lie.

A mart is a module with ``QUERIES``, what it asks of the facts, and ``build``, which turns the
answers into rows. Its columns are declared once, in ``declared``; see ``declare``.
"""

from collections.abc import Mapping
from types import ModuleType

from roi_engine.marts import daily_asr, daily_hallucination_adjusted_cost, daily_roi
from roi_engine.marts.facts import FactQuery

MARTS: Mapping[str, ModuleType] = {
    "daily_roi": daily_roi,
    "daily_hallucination_adjusted_cost": daily_hallucination_adjusted_cost,
    "daily_asr": daily_asr,
}
"""Mart → the module that builds it."""


def required(mart: str) -> list[FactQuery]:
    """Return what a mart asks of the facts; queries of one name are the same query.

    Examples:
        >>> [query.name for query in required("daily_roi")][:2]
        ['cost_by_cell', 'human_by_cell']
    """
    return list(MARTS[mart].QUERIES)
