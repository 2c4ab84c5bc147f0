"""Bills as they arrive: exports that lag, are estimated at first, and are replaced later."""

import csv
import io
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from roi_engine.simulate.bill import UNIT, Line
from roi_engine.simulate.horizon import DAY_US, Horizon, instant, micros

LAG_DAYS = 2
"""A charge appears on the bill this many days after it ended."""
SETTLE_DAYS = 3
"""For so long after it appears a charge is an estimate, a little too high."""
CLOSE_DAYS = 3
"""So many days after its end a period is exported for the last time."""
_EVERY_DAYS = 9


@dataclass(frozen=True, slots=True)
class Billed:
    """A line as one export has it: the billing period it is booked in, and the arrival."""

    line: Line
    period_start: date
    period_end: date
    arrival: date


def export_days(horizon: Horizon) -> list[date]:
    """Return the days on which bills arrive: regularly, and on the morning after the window."""
    end = horizon.day(horizon.days)
    regular = [horizon.day(index) for index in range(_EVERY_DAYS, horizon.days, _EVERY_DAYS)]
    return [*[day for day in regular if (end - day).days > 2], end]


def period_of(day: date, cycle_day: int) -> tuple[date, date]:
    """Return the billing month that holds ``day``, where months begin on ``cycle_day``.

    Examples:
        >>> period_of(date(2026, 1, 5), 15)
        (datetime.date(2025, 12, 15), datetime.date(2026, 1, 15))
    """
    start = day.replace(day=cycle_day)
    if start > day:
        start = (start.replace(day=1) - timedelta(days=1)).replace(day=cycle_day)
    end = (start.replace(day=28) + timedelta(days=4)).replace(day=cycle_day)
    return start, end


def bill_exports(lines: list[Line], horizon: Horizon) -> list[Billed]:
    """Return the lines of every export, in the order in which they arrive.

    An export holds a provider's billing periods whole: all that is known of them by then. The
    last export of a period is what counts.
    """
    booked = [(line, *_booking(line, horizon)) for line in lines]
    closed: set[tuple[str, date]] = set()
    exported = []
    for number, arrival in enumerate(export_days(horizon)):
        newly_closed = set()
        for line, start, end in booked:
            period = (line.provider.provider, start)
            if period in closed or not _is_known(line, start, arrival, is_first=number == 0):
                continue
            if arrival >= end + timedelta(days=CLOSE_DAYS):
                newly_closed.add(period)
            exported.append(Billed(_as_known(line, arrival), start, end, arrival))
        closed |= newly_closed
    return exported


def current(exported: list[Billed]) -> list[Billed]:
    """Return the lines that count: of each provider's period those of its newest export."""
    newest: dict[tuple[str, date], date] = {}
    for one in exported:
        newest[one.line.provider.provider, one.period_start] = one.arrival
    return [
        one
        for one in exported
        if one.arrival == newest[one.line.provider.provider, one.period_start]
    ]


def _booking(line: Line, horizon: Horizon) -> tuple[date, date]:
    # one provider's months begin in the middle of the window, so that a period closes in it
    middle = horizon.day(horizon.days // 2)
    cycle = min(middle.day, 28) if line.provider.provider == "anthropic" else 1
    start, end = period_of(instant(line.start_us).date(), cycle)
    return period_of(end, cycle) if line.is_next_period else (start, end)


def _is_known(line: Line, period_start: date, arrival: date, *, is_first: bool) -> bool:
    if line.only_first_export and not is_first:
        return False
    # a correction is written a few days after its own period has begun
    issued = micros(period_start) + DAY_US if line.is_next_period else 0
    return max(line.end_us, issued) <= micros(arrival) - LAG_DAYS * DAY_US


def _as_known(line: Line, arrival: date) -> Line:
    """A young charge is an estimate: 3 % too high."""
    age = micros(arrival) - LAG_DAYS * DAY_US - line.end_us
    if age >= SETTLE_DAYS * DAY_US or line.billed <= 0:
        return line
    return replace(line, billed=line.billed * 103 // 100, effective=line.effective * 103 // 100)


HEADER = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_Simulated",
)
"""A FOCUS 1.0 header with the columns of 1.1 and 1.2 that a model bill needs."""


def decimal_text(amount: int) -> str:
    """Return a whole number of 1/UNIT as decimal text, exactly.

    Examples:
        >>> decimal_text(-1_500_000_000_000_000), decimal_text(7)
        ('-1.500000000000000', '0.000000000000007')
    """
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // UNIT}.{abs(amount) % UNIT:015}"


def write_exports(exported: list[Billed], folder: Path) -> int:
    """Write ``ARRIVAL/PROVIDER.csv`` for each export; return how many files.

    The cloud's files hold one row without a readable cost and one on a day that does not exist.
    """
    files: dict[tuple[str, str], list[dict[str, str]]] = {}
    for one in exported:
        name = (one.arrival.isoformat(), one.line.provider.provider)
        files.setdefault(name, []).append(_row(one))
    for (arrival, provider), rows in files.items():
        target = folder / arrival
        target.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.DictWriter(text, HEADER, restval="NULL", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        if provider == "sim-cloud":
            writer.writerows(_malformed(rows[-1]))
        (target / f"{provider}.csv").write_text(text.getvalue())
    return len(files)


def _row(one: Billed) -> dict[str, str]:
    line = one.line
    account = f"acct-{line.provider.provider}"
    texts = {
        "BilledCost": decimal_text(line.billed),
        "BillingAccountId": account,
        "BillingAccountName": f"{line.provider.billed_as} (simulated)",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": f"{one.period_end}T00:00:00Z",
        "BillingPeriodStart": f"{one.period_start}T00:00:00Z",
        "ChargeCategory": line.charge_category,
        "ChargeClass": line.charge_class,
        "ChargeDescription": line.description,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": f"{instant(line.end_us):%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodStart": f"{instant(line.start_us):%Y-%m-%dT%H:%M:%SZ}",
        "CommitmentDiscountStatus": line.commitment_status,
        "ConsumedQuantity": None if line.quantity is None else decimal_text(line.quantity),
        "ConsumedUnit": line.unit,
        "ContractedCost": decimal_text(line.billed),
        "EffectiveCost": decimal_text(line.effective),
        "InvoiceId": f"{account}-{one.period_start:%Y%m}-{one.arrival:%m%d}",
        "InvoiceIssuerName": line.provider.billed_as,
        "ListCost": decimal_text(line.list_cost),
        "PricingCategory": "Standard",
        "ProviderName": line.provider.billed_as,
        "PublisherName": line.provider.billed_as,
        "ResourceId": line.resource_id,
        "ServiceCategory": line.category,
        "ServiceName": line.service,
        "SkuId": line.sku_id,
        "SkuMeter": line.sku_meter,
        "SkuPriceDetails": line.sku_details,
        "Tags": line.tags_text,
        "x_Simulated": "true",
    }
    return {name: "NULL" if value is None else value for name, value in texts.items()}


def _malformed(row: dict[str, str]) -> list[dict[str, str]]:
    """Two rows that cannot be booked, of a service that is out of scope anyway."""
    common = row | {
        "ServiceName": "Office Suite", "ServiceCategory": "Business Applications",
        "ResourceId": "NULL", "Tags": "NULL", "ConsumedQuantity": "NULL", "ConsumedUnit": "NULL",
    }  # fmt: skip
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), "#REF!")
    return [
        common | costs | {"ChargeDescription": "a formula in place of a cost"},
        common | {"ChargePeriodStart": "2026-13-45", "ChargeDescription": "no such day"},
    ]
