"""What `roi evaluate` prints of figures that are easily read wrongly."""

from dataclasses import replace
from decimal import Decimal

import pytest

from roi_engine.report import evaluation

ONE = evaluation.Evaluation(
    model_version="m",
    first_day="2026-01-01",
    last_day="2026-01-02",
    task_types=1,
    cases=4,
    resolved=2,
    success_rate=0.5,
    success_rate_low=0.2,
    success_rate_high=0.8,
    autonomous_rate=0.5,
    escalation_rate=0.0,
    spend=Decimal("1.0"),
    cost_basis="billed",
    human_cost=Decimal(0),
    cases_with_unknown_help=0,
    cost_per_resolved_case=0.5,
    asr_spend=0.5,
    asr_value=2.0,
    roi=1.0,
    roi_low=0.5,
    roi_high=2.0,
    break_even_minutes=3.0,
    baseline_minutes=6.0,
    evidence={"baseline_minutes": "measured"},
)


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [(3.0, "3.00"), (-1.5, "none needed"), (None, "–")],
    ids=["so many", "other value pays for it", "not known"],
)
def test_break_even_minutes(minutes, shown):
    said = evaluation.lines([replace(ONE, break_even_minutes=minutes)])
    assert f"| break-even human minutes a resolved case | {shown} |" in said


def test_only_the_row_of_the_evidence_says_what_is_assumed():
    assert not [line for line in evaluation.lines([ONE]) if "assumed" in line]
