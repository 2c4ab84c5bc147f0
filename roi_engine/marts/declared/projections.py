"""Declarations of cost_projection and asr_projection: what is to come if things go on."""

from roi_engine.marts.columns import COUNT, FLAG, MONEY, NUMBER, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, key, ratio

SCENARIOS = (0.5, 1.0, 1.5, 2.0)
"""Volume of requests, as a multiple of today's."""
ALL = "__all__"
REASONS = ("short_history", "no_interval", "no_curve", "no_denominator", "outside")
"""Why a figure or its interval is missing, where it is."""

_SPEND = "daily_asr.spend"
_COST = (_SPEND, "daily_asr.human_cost")
_ACTIONS = ("daily_asr.actions",)
_SHARE = ("daily_asr.autonomous_spend", "daily_asr.spend_without_credits")
_WORTH = ("daily_asr.autonomous_value", _SPEND)
_ENDS = (
    ("low_80", "Lower end of its 80 % prediction interval.", "10 % quantile"),
    ("high_80", "Upper end of its 80 % prediction interval.", "90 % quantile"),
    ("low_95", "Lower end of its 95 % prediction interval.", "2.5 % quantile"),
    ("high_95", "Upper end of its 95 % prediction interval.", "97.5 % quantile"),
)
_AGENT = Column(
    "agent_id",
    KEYS["agent_id"].type,
    "name",
    "The agent or reserved member; __all__ is all of them together, projected as one.",
    "",
    ("daily_asr.agent_id",),
    "§3",
    grain=True,
)
_AS_OF = key("as_of_day", "Newest day of the release.", ("daily_asr.day",), "§3")
_SCENARIO = Column(
    "scenario",
    NUMBER,
    "multiple",
    "Volume of requests, as a multiple of what it is today.",
    "0.5, 1, 1.5 or 2",
    _ACTIONS,
    "§3",
    grain=True,
    low=0,
)
_HORIZON = Column(
    "horizon_days",
    COUNT,
    "days",
    "How many days after the newest day are summed.",
    "30, 90 or 365",
    ("daily_asr.day",),
    "§3",
    grain=True,
    low=1,
)
_HISTORY = Column(
    "history_days",
    COUNT,
    "days",
    "Days that the projection rests on, of the last 90; fewer than 7 give no figure, fewer than"
    " 14 no interval.",
    "built days from the first on which the agent has a row",
    ("daily_asr.day",),
    "§3",
    low=0,
    high=90,
)


def _projected(
    name: str, about: str, formula: str, inputs: tuple[str, ...], unit: str
) -> tuple[Column, ...]:
    """Declare a figure and the four ends of its prediction intervals."""
    ends = tuple(
        ratio(f"{name}_{end}", said, how, (name,), "§3", unit=unit) for end, said, how in _ENDS
    )
    return (ratio(name, about, formula, inputs, "§3", unit=unit), *ends)


def _backtest(prefix: str, what: str, inputs: tuple[str, ...], came: str) -> tuple[Column, ...]:
    """Declare how a projection did from past weeks, against repeating the last one."""
    held = tuple(
        ratio(
            f"{prefix}coverage_{level}",
            f"Share of past {came} that its {level} % intervals held; few and overlapping.",
            "share of origins",
            inputs,
            "§3",
            bounds=(0, 1),
        )
        for level in (80, 95)
    )
    return (
        Column(
            f"{prefix}backtest_horizon_days",
            COUNT,
            "days",
            f"Horizon at which {what} was tried on the past: the longest of 7, 14 and 30"
            " that three past weeks reach.",
            "",
            inputs,
            "§3",
            nullable=True,
        ),
        Column(
            f"{prefix}backtest_origins",
            COUNT,
            "count",
            "Past weeks from which it was tried.",
            "every seventh day back, at most 12",
            inputs,
            "§3",
            low=0,
        ),
        ratio(
            f"{prefix}relative_mae",
            "Its mean error against that of repeating last week; under 1 it is better.",
            "MAE / MAE of the seasonal naive",
            inputs,
            "§3",
            bounds=(0, None),
        ),
        *held,
        Column(
            f"{prefix}beats_naive",
            FLAG,
            "yes or no",
            "Whether it was better than repeating last week; no means: do not rely on it.",
            "relative_mae < 1; NULL with fewer than three origins",
            (f"{prefix}relative_mae",),
            "§3",
            nullable=True,
        ),
    )


COST_PROJECTION = Mart(
    name="cost_projection",
    about="What agents will cost over the next 30, 90 and 365 days, with more or less work.",
    row="One row per agent (reserved members and the total __all__ too), scenario and horizon, as"
    " of the newest day of the release.",
    section="§3",
    standing=True,
    columns=(
        _AS_OF,
        _AGENT,
        _SCENARIO,
        _HORIZON,
        _HISTORY,
        Column(
            "history_cost",
            MONEY,
            "currency",
            "What these days cost.",
            "Σ spend + human_cost",
            _COST,
            "§3",
        ),
        Column(
            "history_requests",
            COUNT,
            "actions",
            "Actions of these days.",
            "Σ actions",
            _ACTIONS,
            "§3",
        ),
        *_projected(
            "requests",
            "Actions expected under the scenario.",
            "scenario · the projected sum of daily actions",
            _ACTIONS,
            "actions",
        ),
        *_projected(
            "cost",
            "Cost expected under the scenario, people's time included.",
            "projected sum of daily cost · (f + (1 − f) · scenario^e), f fixed_share, e elasticity",
            (*_COST, *_ACTIONS),
            "currency",
        ),
        ratio(
            "fixed_cost_per_day",
            "The part of a day's cost that does not follow the requests.",
            "F of cost = F + v · requests^e, Huber's regression over the history",
            (*_COST, *_ACTIONS),
            "§3",
            unit="currency per day",
            bounds=(0, None),
        ),
        ratio(
            "cost_per_request",
            "What a further request costs (per request^e where e is not 1).",
            "v of the same curve",
            (*_COST, *_ACTIONS),
            "§3",
            unit="currency per request",
            bounds=(0, None),
        ),
        ratio(
            "elasticity",
            "1: the variable part grows as the requests do; under 1 slower.",
            "e of the same curve; 1 unless the history says otherwise at 1 %",
            (*_COST, *_ACTIONS),
            "§3",
        ),
        ratio(
            "fixed_share",
            "Fixed share of an average day's cost.",
            "F / mean cost by the curve",
            (*_COST, *_ACTIONS),
            "§3",
            bounds=(0, 1),
        ),
        ratio(
            "fixed_share_low",
            "Lower end of its 95 % interval.",
            "Newey and West",
            ("fixed_share",),
            "§3",
            bounds=(0, 1),
        ),
        ratio(
            "fixed_share_high",
            "Upper end of its 95 % interval.",
            "Newey and West",
            ("fixed_share",),
            "§3",
            bounds=(0, 1),
        ),
        *_backtest("", "the projection", _COST, "sums"),
        ratio(
            "mase",
            "Its mean error of a day against the mean change from week to week.",
            "daily MAE / mean |y_t − y_{t−7}|",
            _COST,
            "§3",
            bounds=(0, None),
        ),
        choice(
            "projection_reason",
            "Why cost, or its interval, is missing.",
            "short_history: fewer than 7 days; no_curve: another workload, and no curve;"
            " no_interval: fewer than 14 days, or days all alike",
            ("history_days", "cost", "cost_low_95"),
            "§0",
            values=REASONS[:3],
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        "It carries on what the last 90 days show: it knows of no new price, model or customer.",
        "A sum over agents is not __all__: each is projected on its own. __out_of_scope__ is left"
        " out.",
    ),
)

ASR_PROJECTION = Mart(
    name="asr_projection",
    about="Where the autonomy-to-spend ratios and the return are heading, with more or less work.",
    row="One row per agent (and the total __all__), scenario and horizon, as of the newest day of"
    " the release.",
    section="§5",
    standing=True,
    columns=(
        _AS_OF,
        _AGENT,
        _SCENARIO,
        _HORIZON,
        _HISTORY,
        *_projected(
            "asr_spend",
            "Share of the coming spend that leads to goals reached without people.",
            "projected autonomous_spend / projected spend_without_credits"
            " + (scenario^e − 1) · b / (f + (1 − f) · scenario^e), f and e those of"
            " spend_without_credits, b by how much the share of a day's spend moves with its"
            " requests; NULL outside 0 … 1",
            (*_SHARE, *_ACTIONS),
            "ratio",
        ),
        *_projected(
            "asr_value",
            "Value created without people, for a unit of the coming spend.",
            "projected autonomous_value / projected spend"
            " · scenario / (f + (1 − f) · scenario^e), f and e those of spend",
            (*_WORTH, *_ACTIONS),
            "ratio",
        ),
        *_projected(
            "roi",
            "Return on the coming cost, people's time included.",
            "projected gross_value / projected (spend + human_cost)"
            " · scenario / (f + (1 − f) · scenario^e) − 1, f and e those of cost_projection",
            ("daily_asr.gross_value", *_COST, *_ACTIONS),
            "ratio",
        ),
        *_backtest("asr_spend_", "asr_spend", _SHARE, "ratios"),
        *_backtest("asr_value_", "asr_value", _WORTH, "ratios"),
        *_backtest("roi_", "roi", ("daily_asr.gross_value", *_COST), "ratios"),
        choice(
            "projection_reason",
            "Why asr_spend, or its interval, is missing.",
            "short_history, no_denominator (no spend is to come), outside (a share of all or none),"
            " no_curve (what part of the spend is fixed is not known), no_interval",
            ("history_days", "asr_spend", "asr_spend_low_95"),
            "§0",
            values=("short_history", "no_denominator", "outside", "no_curve", "no_interval"),
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        "Both parts of a ratio are projected, and the error is that of the ratio itself.",
        "Value follows the requests, each worth what it is today; of the cost only the variable"
        " part does, so that more work brings a higher return where a part is fixed.",
    ),
)
