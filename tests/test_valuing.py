"""What a run was told reaches the builders."""

from dataclasses import fields
from datetime import date
from decimal import Decimal

from roi_engine import valuing
from roi_engine.marts.params import Params
from roi_engine.settings import Settings

DAY = date(2026, 3, 31)
OTHERS = {
    "maturity_scale": "five",
    "min_group_size": 7,
    "billing_close_days": 6,
    "reopen_window_days": 8,
    "open_timeout_days": 31,
    "reconciliation_tolerance": Decimal("0.02"),
    "reconciliation_tolerance_amount": Decimal("0.03"),
    "plan_budget": Decimal(9),
    "review_minutes": 61.0,
    "minutes_per_review": 6.0,
    "discount_rate": 0.2,
}


def test_every_choice_of_the_builders_comes_from_its_setting():
    settings = Settings(**OTHERS)
    made = valuing.params(settings, days=[DAY], as_of=DAY, newest=DAY, runs={DAY: "run"})
    shared = {field.name for field in fields(Params)} & {*Settings.model_fields} - {"as_of"}
    assert shared == {*OTHERS}
    assert {name: getattr(made, name) for name in shared} == OTHERS
    assert shared <= {*settings.published_choices()}
