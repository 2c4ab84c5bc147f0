"""All declarations, and what is read off them: types, rules, lineage."""

from typing import Any

from roi_engine.marts.columns import Column, Mart
from roi_engine.marts.declared.bandit_allocation import BANDIT_ALLOCATION
from roi_engine.marts.declared.daily_asr import DAILY_ASR
from roi_engine.marts.declared.daily_cohort import DAILY_COHORT
from roi_engine.marts.declared.daily_duration import DAILY_DURATION
from roi_engine.marts.declared.daily_exchange import DAILY_EXCHANGE
from roi_engine.marts.declared.daily_fairness import DAILY_FAIRNESS
from roi_engine.marts.declared.daily_function import DAILY_FUNCTION
from roi_engine.marts.declared.daily_hallucination_adjusted_cost import (
    DAILY_HALLUCINATION_ADJUSTED_COST,
)
from roi_engine.marts.declared.daily_inference import DAILY_INFERENCE
from roi_engine.marts.declared.daily_kpi import DAILY_KPI
from roi_engine.marts.declared.daily_latency import DAILY_LATENCY
from roi_engine.marts.declared.daily_portfolio import DAILY_PORTFOLIO
from roi_engine.marts.declared.daily_reliability import DAILY_RELIABILITY
from roi_engine.marts.declared.daily_roi import DAILY_ROI
from roi_engine.marts.declared.daily_staffing import DAILY_STAFFING
from roi_engine.marts.declared.daily_wallet import DAILY_WALLET
from roi_engine.marts.declared.drift import DRIFT
from roi_engine.marts.declared.ensemble_asr import ENSEMBLE_ASR
from roi_engine.marts.declared.experiment_readout import EXPERIMENT_READOUT
from roi_engine.marts.declared.grounding_effect import GROUNDING_EFFECT
from roi_engine.marts.declared.invoices import DAILY_INVOICE, INVOICE_TIEOUT
from roi_engine.marts.declared.mandates import MANDATES
from roi_engine.marts.declared.marginal_ev import MARGINAL_EV
from roi_engine.marts.declared.policies import POLICIES
from roi_engine.marts.declared.productivity import PRODUCTIVITY
from roi_engine.marts.declared.projections import ASR_PROJECTION, COST_PROJECTION
from roi_engine.marts.declared.reconciliation import RECONCILIATION
from roi_engine.marts.declared.review_plan import REVIEW_PLAN
from roi_engine.marts.declared.roi_cohort import ROI_COHORT
from roi_engine.marts.declared.sensitivity import BOUNDS, SENSITIVITY
from roi_engine.marts.declared.training_amortisation import TRAINING_AMORTISATION
from roi_engine.marts.declared.value_plan import VALUE_FRONTIER, VALUE_PLAN

DECLARED: dict[str, Mart] = {
    mart.name: mart
    for mart in (
        DAILY_ROI,
        DAILY_HALLUCINATION_ADJUSTED_COST,
        DAILY_ASR,
        DAILY_WALLET,
        MANDATES,
        POLICIES,
        DAILY_DURATION,
        DAILY_LATENCY,
        DAILY_KPI,
        DAILY_STAFFING,
        DAILY_INFERENCE,
        DAILY_RELIABILITY,
        DAILY_FAIRNESS,
        DAILY_COHORT,
        ROI_COHORT,
        PRODUCTIVITY,
        GROUNDING_EFFECT,
        RECONCILIATION,
        DAILY_INVOICE,
        INVOICE_TIEOUT,
        ENSEMBLE_ASR,
        DAILY_EXCHANGE,
        DAILY_FUNCTION,
        MARGINAL_EV,
        COST_PROJECTION,
        ASR_PROJECTION,
        EXPERIMENT_READOUT,
        BANDIT_ALLOCATION,
        DRIFT,
        TRAINING_AMORTISATION,
        VALUE_PLAN,
        VALUE_FRONTIER,
        REVIEW_PLAN,
        SENSITIVITY,
        BOUNDS,
        DAILY_PORTFOLIO,
    )
}
"""Mart → its declaration, in the order of docs/metrics.md."""


def expectations(mart: str) -> list[dict[str, Any]]:
    """Return what must hold of a mart's rows, as plain data.

    Each rule has ``type`` (a Great Expectations type), ``kwargs``, ``severity`` and ``notes``.

    Examples:
        >>> rules = expectations("daily_roi")
        >>> rules[0]["type"], rules[1]["kwargs"]["column_list"][:2]
        ('expect_table_columns_to_match_ordered_list', ['day', 'agent_id'])
    """
    declared = DECLARED[mart]
    rules = [
        _rule(
            "expect_table_columns_to_match_ordered_list",
            "Readers rely on the columns that docs/metrics.md lists.",
            column_list=[column.name for column in declared.columns],
        ),
        _rule(
            "expect_compound_columns_to_be_unique",
            "Two rows of one grain would be added twice.",
            column_list=list(declared.grain),
        ),
    ]
    for column in declared.columns:
        rules += _column_rules(column)
    names = {column.name for column in declared.columns}
    for column in declared.columns:
        low, high = _ends(column.name)
        # the mean of a rare count may lie above the count itself in 97.5 of 100 cases
        if {low, high} <= names and column.unit != "outputs":
            for upper, lower in ((column.name, low), (high, column.name)):
                rules.append(
                    _rule(
                        "expect_column_pair_values_a_to_be_greater_than_b",
                        "An estimate lies inside its own interval.",
                        # the mean of a very skewed rate may lie outside; money never depends on it
                        severity="warning",
                        column_A=upper,
                        column_B=lower,
                        or_equal=True,
                        ignore_row_if="either_value_is_missing",
                    )
                )
    return rules


def rule_name(rule: dict[str, Any]) -> str:
    """Return a name made of the columns and the claim.

    A rule on the whole table has no column to name.

    Examples:
        >>> rule_name(expectations("daily_roi")[2])
        'day.not_be_null'
    """
    kwargs = rule["kwargs"]
    subject, _, claim = rule["type"].removeprefix("expect_").partition("_to_")
    if subject.startswith("table"):
        return str(claim)
    named = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return ".".join([*named, *kwargs.get("column_list", []), claim])


def lineage(mart: str) -> dict[str, list[str]]:
    """Return column → the fact columns it is made from, through own columns and other marts.

    Examples:
        >>> lineage("daily_roi")["net_value"][:2]
        ['fct_cost_allocation.allocated_cost', 'fct_cost_allocation.cost_class']
        >>> lineage("daily_roi")["roi"] == lineage("daily_roi")["net_value"]
        True
    """

    def origins(name: str, seen: frozenset[str]) -> set[str]:
        table, _, column = name.partition(".")
        if table not in DECLARED:
            return {name}
        if name in seen:
            return set()
        return {
            origin
            for source in DECLARED[table].column(column).inputs
            for origin in origins(source if "." in source else f"{table}.{source}", seen | {name})
        }

    return {
        column.name: sorted(origins(f"{mart}.{column.name}", frozenset()))
        for column in DECLARED[mart].columns
    }


def _ends(name: str) -> tuple[str, str]:
    """Return the names that a figure's interval would have."""
    if name.endswith("_28d"):
        stem = name.removesuffix("_28d")
        return f"{stem}_low_28d", f"{stem}_high_28d"
    return f"{name}_low", f"{name}_high"


def _column_rules(column: Column) -> list[dict[str, Any]]:
    rules = []
    if not column.nullable:
        rules.append(
            _rule(
                "expect_column_values_to_not_be_null",
                f"It is defined for every row: {column.about}",
                column=column.name,
            )
        )
    if column.values:
        rules.append(
            _rule(
                "expect_column_values_to_be_in_set",
                "Readers handle these values and no others.",
                column=column.name,
                value_set=list(column.values),
            )
        )
    if column.low is not None or column.high is not None:
        rules.append(
            _rule(
                "expect_column_values_to_be_between",
                f"Outside its bounds it is not what it says: {column.about}",
                column=column.name,
                min_value=column.low,
                max_value=column.high,
            )
        )
    return rules


def _rule(kind: str, notes: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "notes": notes}
