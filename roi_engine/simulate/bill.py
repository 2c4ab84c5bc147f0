"""What providers charge: the lines that a month of work leaves on the bills.

Amounts are whole numbers of 1e-15 units (real exports go that deep) and never floats.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.gpus import Gpu
from roi_engine.simulate.horizon import DAY_US, HOUR_US, Horizon
from roi_engine.simulate.pricing import BATCH, price_of, variant

UNIT = 10**15
"""Amounts and quantities are whole numbers of 1/UNIT."""
_DISCOUNT = (9, 10)
_METERS = {"input": 0, "cached": 1, "write": 2, "output": 4}
"""Meter of a bill → place of its price in ``roster.BUCKETS``."""


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider bills: what it is called, in which unit, and how much nobody traced.

    ``untraced`` is per cent of the traced quantity; below 0 the bill shows less than the traces.
    ``names_model`` says where a line names its model: price details, meter, sku, or nowhere.
    """

    provider: str
    billed_as: str
    service: str
    unit: str
    per: int
    untraced: int
    names_model: str


PROVIDERS = (
    Provider("anthropic", "Anthropic PBC", "Anthropic API", "Tokens", 1, 6, "meter"),
    Provider("openai", "OpenAI LLC", "OpenAI API", "1M Tokens", 10**6, 11, "details"),
    Provider("google", "Google LLC", "Vertex AI", "Requests", 1, 4, "sku"),
    Provider("mistral", "Mistral AI", "Mistral API", "1K Tokens", 10**3, -2, "nowhere"),
)
CLOUD = Provider("sim-cloud", "Sim Cloud", "Compute", "Hours", 1, 0, "nowhere")
"""Everything that is no model call: GPUs, storage, network, and things nobody asked about."""


@dataclass(frozen=True, slots=True)
class Line:
    """One billing line; amounts and the quantity are whole numbers of 1/UNIT."""

    key: str
    provider: Provider
    service: str
    category: str
    start_us: int
    end_us: int
    billed: int
    effective: int
    list_cost: int
    quantity: int | None = None
    unit: str | None = None
    charge_category: str = "Usage"
    charge_class: str | None = None
    description: str = ""
    resource_id: str | None = None
    sku_id: str | None = None
    sku_meter: str | None = None
    sku_details: str | None = None
    commitment_status: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    """Canonical model, for the truth only: the file says it in the provider's own way."""
    is_next_period: bool = False
    only_first_export: bool = False

    @property
    def tags_text(self) -> str | None:
        """The tags as the export has them; None where there are none."""
        return json.dumps(self.tags) if self.tags else None


def draw_lines(calls: pl.DataFrame, gpus: tuple[Gpu, ...], horizon: Horizon) -> list[Line]:
    """Return every line that the finished bills will hold, in a fixed order."""
    lines = [
        *_token_lines(calls, horizon),
        *_token_extras(horizon),
        *_gpu_lines(gpus, horizon),
        *_cloud_lines(horizon),
        *_training_lines(horizon),
    ]
    return [replace(line, key=f"{line.key}#{number:06}") for number, line in enumerate(lines)]


def _span_of_day(horizon: Horizon, day_index: int) -> tuple[int, int]:
    start = horizon.start_us + day_index * DAY_US
    return start, start + DAY_US


def _token_lines(calls: pl.DataFrame, horizon: Horizon) -> Iterator[Line]:
    """Bill each model and meter of each day: what was traced, and what nobody traced."""
    daily = (
        calls.with_columns(
            day_index=(pl.col("started_us") - horizon.start_us) // DAY_US,
            variant=variant(calls, horizon),
        )
        .group_by("day_index", "model", "variant")
        .agg(
            pl.len().alias("requests"),
            pl.sum("priced_nano"),
            pl.sum("input_uncached").alias("input"),
            pl.sum("cache_read").alias("cached"),
            pl.sum("cache_write").alias("write"),
            (pl.sum("output_visible") + pl.sum("reasoning")).alias("output"),
        )
        .sort("day_index", "model", "variant")
    )
    by_name = {one.provider: one for one in PROVIDERS}
    for row in daily.iter_rows(named=True):
        model = roster.MODELS[row["model"]]
        provider = by_name.get(model.provider)
        if provider is None:
            continue
        start, end = _span_of_day(horizon, row["day_index"])
        prices = price_of(model, row["variant"])
        # a batch has meters of its own, at its own price
        batch = "-batch" if row["variant"] == BATCH else ""
        raw = model.raw[int(start >= horizon.change_us)]
        common = Line(
            "", provider, provider.service, "AI and Machine Learning", start, end, 0, 0, 0
        )
        common = _named(common, model.name, raw)
        if provider.unit == "Requests":
            listed = row["priced_nano"] * 10**6 * (100 + provider.untraced) // 100
            yield _priced(
                replace(common, key=model.name, description="Generate content requests"),
                listed, row["requests"] * UNIT,
            )  # fmt: skip
            continue
        for meter, place in _METERS.items():
            tokens = row[meter] + row[meter] * provider.untraced // 100
            if tokens == 0:
                continue
            # nobody gave us the price of an unpriced model; the provider has one all the same
            price = prices[place] if model.prices else "1.7"
            yield _priced(
                replace(
                    common,
                    key=f"{model.name}/{meter}{batch}",
                    description=f"{meter} tokens{', batch' if batch else ''}",
                    sku_id=common.sku_id or f"{provider.provider}-{meter}{batch}",
                ),
                tokens * int(Decimal(price) * 10**9),
                tokens * UNIT // provider.per,
            )


def _named(line: Line, model: str, raw: str) -> Line:
    """Name a line's model where its provider does."""
    place = line.provider.names_model
    if place == "meter":
        return replace(line, model=model, sku_meter=raw)
    if place == "details":
        return replace(line, model=model, sku_details=json.dumps({"Model": raw}))
    if place == "sku":
        return replace(line, model=model, sku_id=raw)
    return line


def _priced(line: Line, listed: int, quantity: int) -> Line:
    cost = listed * _DISCOUNT[0] // _DISCOUNT[1]
    # one provider's commitment is spread over its use, so its two costs differ
    effective = cost * 97 // 100 if line.provider.provider == "google" else cost
    return replace(
        line,
        billed=cost,
        effective=effective,
        list_cost=listed,
        quantity=quantity,
        unit=line.provider.unit,
    )


def _token_extras(horizon: Horizon) -> Iterator[Line]:
    """Add what else is on a model bill: credits, corrections, free use, a model nobody called."""
    by_name = {one.provider: one for one in PROVIDERS}
    for day_index in range(horizon.days):
        start, end = _span_of_day(horizon, day_index)
        for name, extras in (("anthropic", _anthropic_extras), ("openai", _openai_extras)):
            one = by_name[name]
            base = Line("", one, one.service, "AI and Machine Learning", start, end, 0, 0, 0)
            yield from extras(base, day_index, horizon)


def _openai_extras(base: Line, _day_index: int, _horizon: Horizon) -> Iterator[Line]:
    image = replace(base, key="image", description="image tokens", sku_id="openai-image")
    tokens = 431_007
    yield _priced(
        _named(image, "sim-image", roster.NEVER_CALLED),
        tokens * 5 * 10**9,
        tokens * UNIT // base.provider.per,
    )
    free = replace(base, key="free", description="free tier", sku_id="openai-free")
    yield replace(free, quantity=0, unit=base.provider.unit)


def _anthropic_extras(base: Line, day_index: int, horizon: Horizon) -> Iterator[Line]:
    credit = replace(base, key="credit", charge_category="Credit")
    if day_index % 5 == 2:
        yield _amount(replace(credit, description="promotional credit"), -123_456_789_012_345)
        if day_index + 3 <= horizon.days:
            # two days from six in the morning: three calendar days
            until = base.start_us + 54 * HOUR_US
            long = replace(credit, start_us=base.start_us + 6 * HOUR_US, end_us=until)
            yield _amount(replace(long, description="service credit"), -77_000_000_000_007)
    if day_index in _corrected_days(horizon):
        correction = replace(
            base,
            key="correction",
            description="correction of a closed period",
            charge_class="Correction",
            is_next_period=True,
            quantity=-2_000 * UNIT,
            unit=base.provider.unit,
        )
        yield _amount(_named(correction, "sim-haiku", "sim-haiku-20251001"), -9_100_000_000_011)
        yield _amount(correction, 4_200_000_000_005)


def _corrected_days(horizon: Horizon) -> tuple[int, ...]:
    """Days of the first half: their period is closed when the correction is written."""
    return tuple(day for day in (1, 3) if day < horizon.days // 2 - 1)


def _amount(line: Line, amount: int) -> Line:
    return replace(line, billed=amount, effective=amount, list_cost=amount)


def _gpu_lines(gpus: tuple[Gpu, ...], horizon: Horizon) -> Iterator[Line]:
    resources = {gpu.resource_id: gpu for gpu in gpus}
    for day_index in range(horizon.days):
        midnight, _ = _span_of_day(horizon, day_index)
        for gpu in resources.values():
            # the pair was rented from its first morning on
            first = 6 if gpu.resource_id == "i-sim-pair" and day_index == 0 else 0
            for hour in range(first, 24, gpu.line_hours):
                hours = min(gpu.line_hours, 24 - hour)
                start = midnight + hour * HOUR_US
                yield replace(
                    _amount(
                        Line(gpu.resource_id, CLOUD, "GPU Instances", "Compute", start,
                             start + hours * HOUR_US, 0, 0, 0),
                        # a third of a nano-unit an hour keeps the rounding honest
                        hours * (gpu.price_cents * UNIT // 100 + 333_333),
                    ),
                    quantity=hours * UNIT,
                    unit="Hours",
                    description=f"{gpu.hostname} GPU hours",
                    resource_id=gpu.resource_id,
                    sku_id="sim-gpu",
                )  # fmt: skip
        unused = Line(
            "unused", CLOUD, "GPU Instances", "Compute", midnight, midnight + DAY_US, 0, 0, 0
        )
        if day_index % 3 == 0:
            yield replace(_amount(unused, 1_250_000_000_000_001), commitment_status="Unused",
                          description="unused commitment", sku_id="sim-gpu-commitment")  # fmt: skip
        if day_index == 0:
            # cash on the first day, spread over the usage: its effective cost is nothing
            yield replace(unused, key="purchase", charge_category="Purchase", billed=500 * UNIT,
                          list_cost=500 * UNIT, description="commitment fee")  # fmt: skip


def _cloud_lines(horizon: Horizon) -> Iterator[Line]:
    """Storage, network and platform by tag or rule, and the firm's unrelated spending."""
    fixed: tuple[tuple[str, str, dict[str, str], str | None, int], ...] = (
        ("Agent Object Storage", "Storage", {"agent": "support-triage"}, None, 812_345_678_901_234),
        ("Agent Object Storage", "Storage", {" agent ": "common"}, None, 403_000_000_000_017),
        ("Agent Network", "Networking", {"agent": "common"}, None, 95_500_000_000_001),
        ("Agent Network", "Networking", {}, None, 12_300_000_000_003),
        ("Agent Platform", "Compute", {}, "vector-db", 2_450_000_000_000_009),
        ("Agent Misc", "Other", {"agent": "nobody"}, None, 31_000_000_000_001),
        ("Corporate Backup", "Storage", {"team": "it"}, "backup-1", 17_003_100_000_000_002),
        ("Office Suite", "Business Applications", {}, None, 44_120_000_000_000_123),
    )
    for day_index in range(horizon.days):
        start, end = _span_of_day(horizon, day_index)
        for number, (service, category, tags, resource, amount) in enumerate(fixed):
            line = Line(f"fixed-{number}", CLOUD, service, category, start, end, 0, 0, 0,
                        tags=tags, resource_id=resource,
                        description=f"{service} usage")  # fmt: skip
            yield _amount(line, amount + day_index * 1_000_000_007)
            if number == 3 and day_index % 7 == 1:
                # two lines that are equal in every word: both were charged
                yield _amount(line, amount + day_index * 1_000_000_007)
        if day_index % 7 == 0 and day_index + 8 <= horizon.days:
            support = Line("support", CLOUD, "Agent Platform", "Compute", start + 6 * HOUR_US,
                           start + 6 * HOUR_US + 7 * DAY_US, 0, 0, 0,
                           tags={"agent": "common"}, description="weekly support plan")  # fmt: skip
            yield _amount(support, 70_000_000_000_000_001)
        if day_index == 1:
            early = Line("early", CLOUD, "Agent Platform", "Compute", start, end, 0, 0, 0,
                         description="estimated adjustment", only_first_export=True)  # fmt: skip
            yield _amount(early, 5 * UNIT)


def _training_lines(horizon: Horizon) -> Iterator[Line]:
    """Training runs: two that are capitalised, and one that no run claims."""
    plan = (("run-2026-a", (0, 1), 61), ("run-2026-b", (1, 2), 13), ("adhoc", (3,), 7))
    for run, days, amount in plan:
        for day_index in days:
            if day_index >= horizon.days:
                continue
            start, end = _span_of_day(horizon, day_index)
            yield replace(
                _amount(
                    Line(run, CLOUD, "GPU Training", "Compute", start, end, 0, 0, 0),
                    amount * UNIT + 123_456_789,
                ),
                tags={"training_run": run},
                description=f"training {run}",
                quantity=24 * UNIT,
                unit="Hours",
            )
