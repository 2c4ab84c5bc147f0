"""What a run decides before marts are built: the days, the instant of knowledge, the thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from roi_engine.metrics.bands import Scale


@dataclass(frozen=True, slots=True)
class Params:
    """Settings that builders obey; nothing else from outside reaches them but the facts.

    ``days`` are the days whose rows are built, ``as_of`` decides maturity, and
    ``transform_run_ids`` names the run that each day's rows came from.
    """

    days: tuple[date, ...]
    as_of: date
    currency: str = "USD"
    min_group_size: int = 30
    maturity_scale: Scale = "three"
    billing_close_days: int = 5
    reopen_window_days: int = 7
    open_timeout_days: int = 30
    reconciliation_tolerance: Decimal = Decimal("0.01")
    reconciliation_tolerance_amount: Decimal = Decimal("0.01")
    plan_budget: Decimal | None = None
    review_minutes: float = 120.0
    minutes_per_review: float = 5.0
    discount_rate: float = 0.1
    transform_run_ids: Mapping[date, str] = field(default_factory=dict)
