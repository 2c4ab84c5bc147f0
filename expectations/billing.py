"""What must hold of a day of billing lines before anything reads them."""

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations import arrival
from expectations.check import Check

REQUIRED = {
    "line_key": "Without its identity a line cannot be told from its own re-export.",
    "provider_name": "A line of no provider cannot be set against that provider's calls.",
    "billing_account_id": "Conservation is proven per account: a line of none escapes the proof.",
    "charge_category": "Usage, credit and tax are allocated differently.",
    "billing_period_start": "A re-export replaces the lines of its billing period.",
    "charge_period_start": "The charge belongs to the day on which it begins.",
    "charge_period_end": "Without an end a charge cannot be spread over its days.",
    "billing_currency": "An amount without a currency is not money.",
    "billed_cost": "A charge without an amount is not a charge.",
    "effective_cost": "The reported cost is the amortised one, unless the setting says billed.",
}
"""Columns that every line must fill, with the reason."""

CATEGORIES = ["Usage", "Purchase", "Tax", "Credit", "Adjustment"]

LARGEST_AMOUNT = 9_000_000_000
"""One amount must fit 64 bits in nano-units (9,223,372,036): the engine sums integers."""


def checks() -> list[Check]:
    """Return the checks of the source ``billing``.

    A line stays in unless its money cannot be used: what is odd about a usable amount warns,
    because a quarantined line is missing from the bill's total. A provider's own report only
    warns: no cost is made of it.
    """
    return [*arrival.checks("billing"), _charges(), _reports(), _providers()]


def _charges() -> Check:
    return Check(
        "billing",
        "charges",
        gx.ExpectationSuite(
            name="charges",
            expectations=[
                arrival.readable(),
                *(
                    gxe.ExpectColumnValuesToNotBeNull(
                        column=column,
                        severity="critical",
                        notes=reason,
                        meta={"rule": f"{column}_present"},
                    )
                    for column, reason in REQUIRED.items()
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="charge_period_end",
                    column_B="charge_period_start",
                    ignore_row_if="either_value_is_missing",
                    severity="critical",
                    notes="The end is exclusive: a period that ends where it begins has no day.",
                    meta={"rule": "charge_ends_after_it_starts"},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="billing_period_end",
                    column_B="billing_period_start",
                    ignore_row_if="either_value_is_missing",
                    severity="critical",
                    notes="A billing period without length would replace nothing when restated.",
                    meta={"rule": "billing_period_ends_after_it_starts"},
                ),
                *(
                    gxe.ExpectColumnValuesToBeBetween(
                        column=column,
                        min_value=-LARGEST_AMOUNT,
                        max_value=LARGEST_AMOUNT,
                        severity="critical",
                        notes="An amount beyond 64 bits of nano-units would wrap when summed.",
                        meta={"rule": f"{column}_fits_nano_units"},
                    )
                    for column in ("billed_cost", "effective_cost", "list_cost")
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_convertible",
                    value_set=[True],
                    severity="critical",
                    notes="No rate to the reporting currency on that day, and none is ever 1.0:"
                    " add the day to fx_rates.csv.",
                    meta={"rule": "currency_is_convertible"},
                ),
                gxe.ExpectColumnValuesToNotBeInSet(
                    column="effective_cost_of_billed_line",
                    value_set=[0],
                    severity="warning",
                    notes="EffectiveCost is 0 on a line that was billed and bought nothing in"
                    " advance: the provider left it out or rounded it, so the effective total is"
                    " too low; cost_measure=billed avoids it.",
                    meta={"rule": "effective_cost_filled", "quarantine": True},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="charge_category",
                    value_set=CATEGORIES,
                    severity="warning",
                    notes="A category that FOCUS does not know is charged as it stands.",
                    meta={"rule": "charge_category_known"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="charge_class",
                    value_set=["Correction"],
                    severity="warning",
                    notes="FOCUS knows one class: another word may hide a correction.",
                    meta={"rule": "charge_class_known"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="commitment_discount_status",
                    value_set=["Used", "Unused"],
                    severity="warning",
                    notes="Only Unused makes a commitment idle cost; another word makes it usage.",
                    meta={"rule": "commitment_discount_status_known"},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="charge_period_start",
                    column_B="billing_period_start",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    severity="warning",
                    notes="A charge from before its billing period is a late line or a correction.",
                    meta={"rule": "charge_starts_in_its_billing_period"},
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="list_cost",
                    severity="warning",
                    notes="Without a list cost the traced share of a bill may be unknown.",
                    meta={"rule": "list_cost_present"},
                ),
            ],
        ),
        required=tuple(REQUIRED),
        derived={
            "is_convertible": """
                this.billing_currency = (select reporting_currency from gate_settings)
                or exists (
                    select 1 from bronze_fx_rates as fx
                    where fx.day = this.day
                        and fx.from_currency = this.billing_currency
                        and fx.to_currency = (select reporting_currency from gate_settings)
                        and fx.rate > 0
                )""",
            # 0 is right for what is paid once and used later (a purchase), and for what was paid
            # by a commitment
            "effective_cost_of_billed_line": """
                case
                    when this.charge_category <> 'Purchase'
                        and this.commitment_discount_id is null
                        and this.commitment_discount_status is null
                        and this.billed_cost <> 0
                    then this.effective_cost
                end""",
        },
    )


def _reports() -> Check:
    return Check(
        "billing",
        "provider_costs",
        gx.ExpectationSuite(
            name="provider_costs",
            expectations=[
                arrival.readable(),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="amount",
                    severity="warning",
                    notes="Without one of its amounts the provider's total of the day is unknown.",
                    meta={"rule": "amount_present"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="amount",
                    min_value=-LARGEST_AMOUNT,
                    max_value=LARGEST_AMOUNT,
                    severity="warning",
                    notes="No provider charges so much for a day: it may be in other units.",
                    meta={"rule": "amount_plausible"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_convertible",
                    value_set=[True],
                    severity="warning",
                    notes="No rate to the reporting currency on that day, so the provider's total"
                    " is unknown: add the day to fx_rates.csv.",
                    meta={"rule": "currency_is_convertible"},
                ),
            ],
        ),
        derived={
            "is_convertible": """
                coalesce(this.amount, 0) = 0
                or coalesce(
                    this.currency = (select reporting_currency from gate_settings), false
                )
                or exists (
                    select 1 from bronze_fx_rates as fx
                    where fx.day = this.day
                        and fx.from_currency = this.currency
                        and fx.to_currency = (select reporting_currency from gate_settings)
                        and fx.rate > 0
                )""",
        },
    )


def _providers() -> Check:
    return Check(
        "billing",
        "billed_providers",
        gx.ExpectationSuite(
            name="billed_providers",
            expectations=[
                gxe.ExpectColumnValuesToBeBetween(
                    column="spans",
                    min_value=1,
                    severity="warning",
                    notes="A model provider billed a day on which no call was seen:"
                    " its spans are missing, or somebody calls it untraced.",
                    meta={"rule": "billed_provider_has_spans"},
                ),
            ],
        ),
        # a provider counts as one of models when an alias or a span names it: a cloud's bill for
        # disks is no reason to look for calls
        query="""
            with

            providers as (
                select provider from bronze_model_aliases
                union
                select provider from bronze_spans
            ),

            billed as (
                select
                    charges.day,
                    coalesce(aliases.provider, lower(charges.provider_name)) as provider,
                    count(*) as lines
                from bronze_charges as charges
                left join bronze_provider_aliases as aliases
                    on lower(aliases.raw_provider) = lower(charges.provider_name)
                where charges.charge_category = 'Usage'
                group by 1, 2
            ),

            called as (
                select
                    spans.day,
                    coalesce(aliases.provider, spans.provider) as provider,
                    count(*) as spans
                from bronze_spans as spans
                left join bronze_provider_aliases as aliases
                    on aliases.raw_provider = spans.provider
                group by 1, 2
            )

            select
                billed.day,
                billed.provider,
                billed.lines,
                coalesce(called.spans, 0) as spans,
                billed.provider || ': ' || billed.lines || ' billing lines' as label
            from billed
            left join called using (day, provider)
            where exists (
                select 1 from providers where providers.provider = billed.provider
            )""",
        about="label",
    )
