"""What must hold of a day of GPU samples before anything reads them."""

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations import arrival
from expectations.check import Check

PERCENT = "DCGM_FI_DEV_GPU_UTIL"
SHARES = ["DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"]
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
METRICS = [
    PERCENT,
    *SHARES,
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_POWER_USAGE",
    ENERGY,
]

FIRST_BLANK = 2_147_483_632
"""The least of DCGM's "no value" numbers for 32 bits; memory in MiB and watts stay far below."""

FIRST_BLANK_ENERGY = 140_000_000_000_000
"""The least of DCGM's "no value" numbers for doubles: 1.4e14 mJ are five years at 900 W."""


def checks() -> list[Check]:
    """Return the checks of the source ``gpu``: a value that no GPU can have is critical."""
    return [*arrival.checks("gpu"), _samples(), _devices()]


def _samples() -> Check:
    present = {
        "metric": "A value of nothing.",
        "gpu_uuid": "Capacity is counted once per GPU, so a sample must name its own.",
        "sampled_at": "A sample belongs to an hour.",
        "value": "A gap is a gap: an empty sample must not be read as 0.",
    }
    return Check(
        "gpu",
        "samples",
        gx.ExpectationSuite(
            name="samples",
            expectations=[
                arrival.readable(),
                *(
                    gxe.ExpectColumnValuesToNotBeNull(
                        column=column,
                        severity="critical",
                        notes=reason,
                        meta={"rule": f"{column}_present"},
                    )
                    for column, reason in present.items()
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="utilisation_percent",
                    min_value=0,
                    max_value=100,
                    severity="critical",
                    notes="No GPU is busier than always: over 100 % is a bad sample.",
                    meta={"rule": "utilisation_possible"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="instant_value",
                    min_value=0,
                    max_value=FIRST_BLANK,
                    strict_max=True,
                    severity="critical",
                    notes="From 2147483632 on the number is DCGM's way to say: no value.",
                    meta={"rule": "value_not_blank"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="energy_value",
                    min_value=0,
                    max_value=FIRST_BLANK_ENERGY,
                    strict_max=True,
                    severity="critical",
                    notes="From 1.4e14 on the number is DCGM's way to say: no value.",
                    meta={"rule": "energy_not_blank"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="metric",
                    value_set=METRICS,
                    severity="warning",
                    notes="A series that no metric is made from: harmless, but paid for.",
                    meta={"rule": "metric_used"},
                ),
            ],
        ),
        required=tuple(present),
        derived={
            "utilisation_percent": f"""
                case
                    when this.metric = '{PERCENT}' then this.value
                    when this.metric in ('{SHARES[0]}', '{SHARES[1]}') then this.value * 100
                end""",
            "instant_value": f"case when this.metric <> '{ENERGY}' then this.value end",
            "energy_value": f"case when this.metric = '{ENERGY}' then this.value end",
        },
    )


def _devices() -> Check:
    return Check(
        "gpu",
        "devices",
        gx.ExpectationSuite(
            name="devices",
            expectations=[
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_known",
                    value_set=[True],
                    severity="warning",
                    notes="Neither the GPU nor its host is in gpu_resources.csv: no charge can be"
                    " shared by its work.",
                    meta={"rule": "gpu_resource_known"},
                ),
            ],
        ),
        query="""
            with

            devices as (
                select day, gpu_uuid, hostname, count(*) as samples
                from bronze_samples
                where gpu_uuid is not null
                group by 1, 2, 3
            )

            select
                devices.day,
                devices.gpu_uuid,
                exists (
                    select 1 from bronze_gpu_resources as resources
                    where resources.gpu_uuid = devices.gpu_uuid
                        or resources.hostname = devices.hostname
                ) as is_known,
                devices.gpu_uuid || ' on ' || coalesce(devices.hostname, '(no host)') || ': '
                    || devices.samples || ' samples' as label
            from devices""",
        about="label",
    )
