"""Every knob of the engine, read once from the environment (prefix ``ROI_``)."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("it should be a zone name, such as Europe/Berlin") from None
    return name


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise ValueError("it should be a currency of three capital letters, such as USD")
    return code


class Settings(BaseSettings):
    """Where the lake is, and the choices that turn work into money.

    Everything that changes a published number is in ``published_choices`` and is stored with
    each release; the rest (paths, memory) changes only how a run works.
    """

    model_config = SettingsConfigDict(env_prefix="ROI_", frozen=True)

    lake: Path = Path("lake")
    catalog_dsn: SecretStr | None = None
    """``postgres:…`` connection string of a shared catalog; SQLite in the lake otherwise."""
    hmac_key: SecretStr | None = None
    doors: Path | None = None
    """``doors.toml``: the live systems that are asked; default: the one in the inbox."""
    max_memory: str = "4GB"
    threads: int = Field(default=2, ge=1, le=64)

    keep_exports: int = Field(default=3, ge=1)
    """How many exported releases ``maintain`` leaves for file readers; the lake keeps them all."""

    reporting_timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    reporting_currency: Annotated[str, AfterValidator(_currency)] = "USD"
    cost_measure: Literal["effective", "billed"] = "effective"
    as_of: date | None = None
    """Decides maturity; default: the newest event day that has landed."""
    reopen_window_days: int = Field(default=7, ge=0, le=90)
    billing_close_days: int = Field(default=5, ge=0, le=60)
    open_timeout_days: int = Field(default=30, ge=1, le=365)
    min_group_size: int = Field(default=30, ge=1)
    maturity_scale: Literal["three", "five"] = "three"
    """How many levels ``daily_asr.band_level`` has; bands and policies stay as they are."""
    block_threshold: Decimal = Field(default=Decimal("0.05"), ge=0, le=1)
    unpriced_block_threshold: Decimal | None = Field(default=None, ge=0, le=1)
    """Share of a day's model calls without a price over which the day is blocked; default: never,
    since a call that is shown as unpriced hides nothing."""
    idle_policy: Literal["hold", "charge"] = "hold"
    credit_rule: Literal["final_responder", "cost_share"] = "final_responder"
    cost_ratio_threshold: float = Field(default=1.0, gt=0)
    reconciliation_tolerance: Decimal = Field(default=Decimal("0.01"), ge=0, le=1)
    """Share of a provider's day that may stay unexplained, before it alerts."""
    reconciliation_tolerance_amount: Decimal = Field(default=Decimal("0.01"), ge=0)
    """The same as an amount of the reporting currency; the larger one holds."""
    unpriced_share_threshold: float = Field(default=0.01, ge=0, le=1)
    """Share of an agent's model calls of 28 days that may have no price, before it alerts."""
    plan_budget: Decimal | None = Field(default=None, ge=0)
    """What the value plan may spend in 28 days; default: what the window cost."""
    review_minutes: float = Field(default=120.0, ge=0)
    """Minutes of people's time that the next reviews may take."""
    minutes_per_review: float = Field(default=5.0, gt=0)
    """Minutes that one review takes."""
    discount_rate: float = Field(default=0.1, gt=-1)
    """What money costs a year, for net present values."""

    @property
    def dsn(self) -> str | None:
        """Return the address of the shared catalog in the clear, for those who connect."""
        return self.catalog_dsn.get_secret_value() if self.catalog_dsn else None

    def published_choices(self) -> dict[str, str | int | None]:
        """Return the settings that change published numbers, as plain values.

        ``as_of`` is left out: a run resolves its default from what has landed.
        """
        names = (
            "reporting_timezone",
            "reporting_currency",
            "cost_measure",
            "reopen_window_days",
            "billing_close_days",
            "open_timeout_days",
            "min_group_size",
            "maturity_scale",
            "block_threshold",
            "unpriced_block_threshold",
            "idle_policy",
            "credit_rule",
            "cost_ratio_threshold",
            "reconciliation_tolerance",
            "reconciliation_tolerance_amount",
            "plan_budget",
            "review_minutes",
            "minutes_per_review",
            "discount_rate",
        )
        return {
            name: value if isinstance(value := getattr(self, name), int | None) else str(value)
            for name in names
        }


def refusal(error: ValidationError) -> str:
    """Return one sentence: which variable, what it was, what is allowed.

    Examples:
        >>> try:
        ...     Settings(block_threshold="abc")
        ... except ValidationError as error:
        ...     refusal(error)
        "ROI_BLOCK_THRESHOLD is 'abc': it should be a valid decimal (at least 0, at most 1)."
    """
    said = []
    for one in error.errors():
        name = str(one["loc"][0])
        why = one["msg"].removeprefix("Value error, ")
        for begin in ("Input should", "String should"):
            why = why.replace(begin, "it should")
        limits = [
            f"{words} {bound}"
            for each in Settings.model_fields[name].metadata
            for sign, words in _BOUNDS.items()
            if not one["type"].startswith(("greater", "less"))
            and (bound := getattr(each, sign, None)) is not None
        ]
        within = f" ({', '.join(limits)})" if limits else ""
        said.append(f"ROI_{name.upper()} is {one['input']!r}: {why}{within}")
    return f"{'; '.join(said)}."


_BOUNDS = {"ge": "at least", "gt": "over", "le": "at most", "lt": "below"}
