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
    asr_projection,
    bandit_allocation,
    bounds,
    cost_projection,
    daily_asr,
    daily_cohort,
    daily_duration,
    daily_exchange,
    daily_fairness,
    daily_function,
    daily_hallucination_adjusted_cost,
    daily_inference,
    daily_invoice,
    daily_kpi,
    daily_latency,
    daily_portfolio,
    daily_reliability,
    daily_roi,
    daily_staffing,
    daily_wallet,
    drift,
    ensemble_asr,
    experiment_readout,
    grounding_effect,
    invoice_tieout,
    mandates,
    marginal_ev,
    policies,
    productivity,
    reconciliation,
    review_plan,
    roi_cohort,
    sensitivity,
    training_amortisation,
    value_frontier,
    value_plan,
)
from roi_engine.marts.facts import FactQuery

MARTS: Mapping[str, ModuleType] = {
    "daily_roi": daily_roi,
    "daily_hallucination_adjusted_cost": daily_hallucination_adjusted_cost,
    "daily_asr": daily_asr,
    "daily_wallet": daily_wallet,
    "mandates": mandates,
    "policies": policies,
    "daily_duration": daily_duration,
    "daily_latency": daily_latency,
    "daily_kpi": daily_kpi,
    "daily_staffing": daily_staffing,
    "daily_inference": daily_inference,
    "daily_reliability": daily_reliability,
    "daily_fairness": daily_fairness,
    "daily_cohort": daily_cohort,
    "roi_cohort": roi_cohort,
    "productivity": productivity,
    "grounding_effect": grounding_effect,
    "reconciliation": reconciliation,
    "daily_invoice": daily_invoice,
    "invoice_tieout": invoice_tieout,
    "ensemble_asr": ensemble_asr,
    "daily_exchange": daily_exchange,
    "daily_function": daily_function,
    "marginal_ev": marginal_ev,
    "cost_projection": cost_projection,
    "asr_projection": asr_projection,
    "experiment_readout": experiment_readout,
    "bandit_allocation": bandit_allocation,
    "drift": drift,
    "training_amortisation": training_amortisation,
    "value_plan": value_plan,
    "value_frontier": value_frontier,
    "review_plan": review_plan,
    "sensitivity": sensitivity,
    "bounds": bounds,
    "daily_portfolio": daily_portfolio,
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
