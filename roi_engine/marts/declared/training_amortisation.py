"""Declaration of training_amortisation: what training cost, what is left of it, what it earns."""

from roi_engine.marts.columns import COUNT, DAY, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import TRUST, choice, key, ratio

_RUN = "fct_training_run"
_VALUE = ("daily_roi.gross_value", "daily_roi.total_cost", "daily_roi.training_cost")
REASONS = ("not_completed", "older_than_a_year", "before_first_day", "not_paid_back")


def _money(name: str, about: str, formula: str, *, additive: bool = True) -> Column:
    source = "amortised" if name == "cost_per_day" else name.removesuffix("_to_date")
    own = () if name == "capitalised_cost" else (f"{_RUN}.{source}",)
    inputs = own or (f"{_RUN}.opening_balance", f"{_RUN}.additions")
    return Column(name, MONEY, "currency", about, formula, inputs, "§2", additive=additive)


def _day(name: str, about: str) -> Column:
    return Column(name, DAY, "day", about, "", (f"{_RUN}.{name}",), "§2", nullable=True)


TRAINING_AMORTISATION = Mart(
    name="training_amortisation",
    about="What each training run took and cost, how much of it is written down, and whether it"
    " has paid for itself.",
    row="One row per training run that was on the books within the last year, as of the newest"
    " day of the release.",
    section="§3",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", (f"{_RUN}.day",), "§3"),
        key("run_id", "The training run.", (f"{_RUN}.run_id",), "§3"),
        Column(
            "model_version",
            TEXT,
            "name",
            "The version that was trained.",
            "",
            (f"{_RUN}.model_version",),
            "§3",
            nullable=True,
        ),
        ratio(
            "gpu_hours",
            "GPU hours that it took.",
            "as declared",
            (f"{_RUN}.gpu_hours",),
            "§3",
            unit="hours",
            bounds=(0, None),
        ),
        ratio(
            "flops",
            "Floating-point operations that it took.",
            "as declared",
            (f"{_RUN}.flops",),
            "§3",
            unit="operations",
            bounds=(0, None),
        ),
        ratio(
            "peak_vram_gib",
            "Most GPU memory that it held.",
            "as declared",
            (f"{_RUN}.peak_vram_gib",),
            "§3",
            unit="GiB",
            bounds=(0, None),
        ),
        _day("completed_on", "Amortisation starts the day after."),
        Column(
            "lifespan_days",
            COUNT,
            "days",
            "Over how many days it is written down.",
            "as declared",
            (f"{_RUN}.lifespan_days",),
            "§2",
            nullable=True,
        ),
        _day("retired_on", "First day without use; the rest is written off."),
        _money("opening_balance", "Balance before the first of the days followed.", "of 366 days"),
        _money("additions", "Billed training that was capitalised since then.", "Σ additions"),
        _money("amortised", "Written down since then, day by day.", "Σ amortised"),
        _money("written_off", "Written off at once since then.", "Σ written_off"),
        _money(
            "closing_balance",
            "What is left; exactly the sum of the four before it.",
            "opening_balance + additions − amortised − written_off",
        ),
        _money(
            "capitalised_cost",
            "What there was to earn back.",
            "opening_balance + additions",
        ),
        _money(
            "cost_per_day",
            "What a day of it costs: straight line, the last day takes the remainder.",
            "the latest day's amortised amount over 0",
            additive=False,
        ),
        ratio(
            "cost_per_gpu_hour",
            "What a GPU hour of training cost.",
            "capitalised_cost / gpu_hours",
            ("capitalised_cost", "gpu_hours"),
            "§3",
            unit="currency per hour",
        ),
        Column(
            "net_value",
            MONEY,
            "currency",
            "Value credited to the model version since completion, less its other cost.",
            "Σ gross_value − (total_cost − training_cost) of the model version's cells",
            _VALUE,
            "§3",
        ),
        ratio(
            "payback_days",
            "Days after completion until that net value had paid for it.",
            "first d with Σ net value ≥ capitalised_cost",
            (*_VALUE, "capitalised_cost"),
            "§3",
            unit="days",
            bounds=(0, None),
        ),
        choice(
            "payback_reason",
            "Why there are no payback_days.",
            "not_completed; older_than_a_year: completed before the days followed;"
            " before_first_day: before the first day of the release; not_paid_back",
            (*_VALUE, f"{_RUN}.completed_on"),
            "§3",
            values=REASONS,
            nullable=True,
        ),
        ratio(
            "payback_days_at_pace",
            "Days that it takes at the pace of the last 28 days; NULL where these lose money.",
            "capitalised_cost / mean daily net value",
            (*_VALUE, "capitalised_cost"),
            "§3",
            unit="days",
            bounds=(0, None),
        ),
        *TRUST,
    ),
    notes=(
        "Two runs of one model version are each set against all of its value: their paybacks are"
        " not to be added.",
        "It follows 366 days; a run whose balance ended before them is left out.",
    ),
)
