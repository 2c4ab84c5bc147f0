"""Declaration of daily_portfolio: each agent among its peers, with what was invested in it."""

from roi_engine.marts.columns import COUNT, FLAG, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, key, ratio
from roi_engine.metrics.bands import BANDS

TARGETS = {"reactive": 0.2, "assisted": 0.5, "transitional": 0.6}
"""Band → where the next one begins."""
TRAJECTORIES = ("improving", "steady", "declining")
MOVES = ("gain", "keep", "lose")
KEEPS = 0.01
"""A proposed change of less than this share of the present cost is none."""
NO_CATEGORY = "__unknown__"
PAYBACK_REASONS = ("no_investment", "older_than_a_year", "before_first_day", "not_paid_back")

_ASR = "daily_asr"
_COST = "dim_investment.cost"
_SPREAD = (_COST, "dim_investment.starts_on", "dim_investment.ends_on")
_NET = (f"{_ASR}.gross_value", f"{_ASR}.spend", f"{_ASR}.human_cost")
_PLAN = ("daily_roi.ended_tasks", "daily_roi.gross_value", "daily_roi.total_cost")


def _money(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    return Column(name, MONEY, "currency", about, formula, inputs, "§3", additive=True)


DAILY_PORTFOLIO = Mart(
    name="daily_portfolio",
    about="Each agent among its peers: how efficient it is, where it is heading, whether what was"
    " invested in it comes back, and what the value plan would do with its budget.",
    row="One row per agent with a cost or value in the 28 days to the newest day.",
    section="§5",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", (f"{_ASR}.day",), "§5"),
        KEYS["agent_id"],
        Column(
            "category",
            TEXT,
            "name",
            "The agent's category; __unknown__ where agents.csv names none.",
            "as on the newest day",
            ("dim_agent.category",),
            "§5",
        ),
        choice(
            "band",
            "The agent's band.",
            "its latest row in daily_asr",
            (f"{_ASR}.band",),
            "§5",
            values=BANDS,
        ),
        ratio(
            "asr_spend_28d",
            "Share of its budget that led to goals reached without people.",
            "its latest row in daily_asr",
            (f"{_ASR}.asr_spend_28d",),
            "§5",
            bounds=(0, 1),
        ),
        ratio(
            "asr_value_28d",
            "Value created without people, for a unit of spend.",
            "its latest row in daily_asr",
            (f"{_ASR}.asr_value_28d",),
            "§5",
        ),
        Column(
            "category_agents",
            COUNT,
            "count",
            "Agents of the category that have an asr_value_28d.",
            "count",
            ("category", "asr_value_28d"),
            "§5",
            low=0,
        ),
        ratio(
            "category_median",
            "The middle asr_value_28d of the category.",
            "median over its agents",
            ("category", "asr_value_28d"),
            "§5",
        ),
        ratio(
            "efficiency_index",
            "The agent against its category: 2 brings twice as much for a unit as the middle one.",
            "asr_value_28d / category_median; NULL where the median is not positive",
            ("asr_value_28d", "category_median"),
            "§5",
        ),
        ratio(
            "target",
            "asr_spend at which the next band begins; NULL in the highest, and with too little"
            " data.",
            "0.2, 0.5 or 0.6",
            ("band",),
            "§5",
            bounds=(0, 1),
        ),
        choice(
            "trajectory",
            "Whether asr_spend_28d moved against 28 days before; steady where it cannot be told.",
            "improving or declining where the two 95 % intervals do not overlap; NULL without both",
            (
                f"{_ASR}.asr_spend_low_28d",
                f"{_ASR}.asr_spend_high_28d",
            ),
            "§5",
            values=TRAJECTORIES,
            nullable=True,
        ),
        _money(
            "net_value_28d",
            "Value of the window less its cost, people's time included.",
            "Σ gross_value − spend − human_cost",
            _NET,
        ),
        _money("total_cost_28d", "That cost.", "Σ spend + human_cost", _NET[1:]),
        _money(
            "invested",
            "What has been invested in the agent in all, up to the newest day.",
            "Σ cost of the lines of investments.csv that have begun",
            _SPREAD[:2],
        ),
        _money(
            "build_cost_28d",
            "The window's part of it.",
            "straight line over the days from starts_on to ends_on, ⌊nano-units / days⌋ a day, the"
            " last day takes the remainder",
            _SPREAD,
        ),
        _money(
            "build_cost_left",
            "What is still to be spread over days to come.",
            "invested − all parts up to the newest day",
            _SPREAD,
        ),
        ratio(
            "roi_28d",
            "Return of the window without what was invested.",
            "net_value_28d / total_cost_28d",
            ("net_value_28d", "total_cost_28d"),
            "§3",
            measure="case when sum(total_cost_28d) > 0"
            " then cast(sum(net_value_28d) as double) / sum(total_cost_28d) end",
        ),
        ratio(
            "roi_with_build_28d",
            "Return of the window with its part of what was invested.",
            "(net_value_28d − build_cost_28d) / (total_cost_28d + build_cost_28d)",
            ("net_value_28d", "total_cost_28d", "build_cost_28d"),
            "§3",
            measure="case when sum(total_cost_28d + build_cost_28d) > 0"
            " then cast(sum(net_value_28d - build_cost_28d) as double)"
            " / sum(total_cost_28d + build_cost_28d) end",
        ),
        ratio(
            "payback_days",
            "Days from the first investment's first day until its net value has paid for all.",
            "first d with Σ net value ≥ invested; days to come, up to the last ends_on, count the"
            " mean of the last 28, or of those since it began",
            (*_NET, *_SPREAD),
            "§3",
            unit="days",
            bounds=(0, None),
        ),
        Column(
            "is_payback_projected",
            FLAG,
            "yes or no",
            "Whether that day is still to come.",
            "payback_days > days so far",
            (*_NET, *_SPREAD),
            "§3",
            nullable=True,
        ),
        choice(
            "payback_reason",
            "Why there are no payback_days.",
            "no_investment; older_than_a_year: it began before the days followed;"
            " before_first_day: before the first day of the release, whose net value is not known;"
            " not_paid_back by the last ends_on",
            (*_NET, *_SPREAD),
            "§3",
            values=PAYBACK_REASONS,
            nullable=True,
        ),
        ratio(
            "net_present_value",
            "What investment and net value up to the last ends_on are worth on its first day.",
            "−invested + Σ net_d / (1 + r)^(d/365), r the setting discount_rate; days to come as in"
            " payback_days",
            (*_NET, *_SPREAD),
            "§3",
            unit="currency",
        ),
        ratio(
            "planned_cost",
            "What the agent would spend in 28 days in the best plan of value_plan.",
            "Σ planned_cost",
            _PLAN,
            "§5",
            unit="currency",
        ),
        ratio(
            "reallocation",
            "By how much its budget of 28 days would change.",
            "planned_cost − what the same work costs now",
            _PLAN,
            "§5",
            unit="currency",
        ),
        choice(
            "reallocation_move",
            "Whether it would gain or lose budget.",
            f"gain or lose where the change is over {KEEPS:.0%} of the present cost",
            ("reallocation",),
            "§5",
            values=MOVES,
            nullable=True,
        ),
        ratio(
            "budget_price",
            "What one more unit of budget would bring in that plan; alike on every row.",
            "shadow price of value_plan",
            _PLAN,
            "§5",
            bounds=(0, None),
        ),
        *TRUST,
    ),
    notes=(
        "In spite of its name it is made whole as of the newest day: what peers are worth to each"
        " other, and what was invested, is known for all days together only.",
        "An investment that nobody approved makes the row `assumed`.",
    ),
)
