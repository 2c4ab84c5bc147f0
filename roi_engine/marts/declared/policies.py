"""Declaration of policies: what each agent may do and spend from now on, readable by a machine."""

from roi_engine.marts.columns import COUNT, FLAG, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, key, rate_drifted, ratio
from roi_engine.metrics.policy import DOWN_DAYS, LEVELS, UP_DAYS

MODES = ("execute", "propose_only")
MAX_VIOLATIONS = 1.0
"""violations_per_1k_actions_28d over which an agent only proposes."""
MAX_HALLUCINATION_RATE = 0.2
"""Share of outputs, by the lower end of its interval, over which an agent only proposes."""
HISTORY_DAYS = 90
"""Days of which the held level is made: the newest, and those before it."""
REASONS = (
    "band",
    "no_policy",
    "violations",
    "hallucinations",
)
CAP_REASONS = ("policy", "rate_drifted", "not_verified", "cost_rises", "no_policy")

_ASR = ("daily_asr.asr_spend_low_28d",)


def _money(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    return Column(name, MONEY, "currency", about, formula, inputs, "§5", nullable=True)


POLICIES = Mart(
    name="policies",
    about="What each agent may do and spend from now on; a gateway enforces it at request time.",
    row="One row per agent, as of the newest day of the release; reserved members left out.",
    section="§5",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("daily_asr.day",), "§5"),
        KEYS["agent_id"],
        choice(
            "proven_band",
            "Band that the agent holds: by the lower end of asr_spend_28d, on mature days.",
            f"up to the lowest of {UP_DAYS} mature days, down to the highest of {DOWN_DAYS}; day"
            f" ≤ as_of − reopen_window_days, over the last {HISTORY_DAYS} days; insufficient_data"
            " on a day with fewer than min_group_size ended_tasks_28d",
            _ASR,
            "§5",
            values=LEVELS,
        ),
        Column(
            "mature_days",
            COUNT,
            "days",
            "Mature days that this rests on.",
            "count",
            ("daily_asr.day",),
            "§5",
            low=0,
            high=HISTORY_DAYS,
        ),
        choice(
            "mode",
            "Whether the agent may act, or only propose.",
            "the decision of policies.csv for the band; propose_only where safety or a missing"
            " policy asks for it",
            ("proven_band", "dim_policy.decision"),
            "§5",
            values=MODES,
        ),
        choice(
            "mode_reason",
            "What decided the mode.",
            f"violations_per_1k_actions_28d > {MAX_VIOLATIONS}; lower end of the hallucination rate"
            f" > {MAX_HALLUCINATION_RATE}; no policy for the band; else the band's policy",
            (
                "daily_asr.violations_28d",
                "daily_asr.actions_28d",
                "daily_hallucination_adjusted_cost.hallucination_rate_low",
            ),
            "§5",
            values=REASONS,
        ),
        Column(
            "approval",
            TEXT,
            "name",
            "Who has to approve, by the band's policy.",
            "policies.csv",
            ("dim_policy.approval",),
            "§5",
            nullable=True,
        ),
        _money(
            "budget_cap",
            "What the agent may spend a day.",
            "the policy's cap; no more than the mean of the last 28 days unless more is earned:"
            " verified_asr_value_low ≥ 1 by a rate that has not drifted, and cost per success does"
            " not rise",
            (
                *("dim_policy.budget_cap", "is_rate_drifted", "verified_asr_value_low"),
                "cost_per_success_change",
            ),
        ),
        choice(
            "budget_reason",
            "What decided the cap.",
            "rate_drifted, not_verified (also where there is nothing to compare with) or"
            " cost_rises, the first that holds, keep the cap at the present spend",
            ("is_rate_drifted", "verified_asr_value_low", "cost_per_success_change"),
            "§5",
            values=CAP_REASONS,
        ),
        _money(
            "present_spend",
            "Mean spend of a day over the window.",
            "spend_28d / days_28d",
            ("daily_asr.spend_28d", "daily_asr.days_28d"),
        ),
        ratio(
            "verified_asr_value_low",
            "Lower end of what a unit of spend brings without people, after unseen errors.",
            "asr_value_low_28d − (Σ gross_value − adjusted_value + hallucination_cost) / spend_28d,"
            " all to the agent's last day with a row; NULL where a day's adjusted value is not"
            " known",
            (
                "daily_asr.asr_value_low_28d",
                "daily_asr.spend_28d",
                "daily_hallucination_adjusted_cost.adjusted_value",
                "daily_hallucination_adjusted_cost.hallucination_cost",
            ),
            "§5",
        ),
        rate_drifted(
            "The hallucination rate of one of the agent's cells moved inside the window, so what it"
            " verified says nothing of today.",
            "any cell: ",
        ),
        ratio(
            "cost_per_success_change",
            "Spend per autonomous success of the last 14 days against the 14 before, less 1.",
            "ratio of ratios of sums − 1; over 0.05 it rises",
            ("daily_asr.spend", "daily_asr.autonomous_successes"),
            "§5",
        ),
        Column(
            "wallet_id",
            TEXT,
            "name",
            "The wallet that pays.",
            "",
            ("daily_wallet.wallet_id",),
            "§5",
            nullable=True,
        ),
        _money(
            "money_left",
            "What is left of the wallet's period.",
            "remaining of daily_wallet on the newest day",
            ("daily_wallet.remaining",),
        ),
        _money(
            "rate_limit_per_hour",
            "What an hour may cost.",
            "slope_limit_per_hour of the wallet",
            ("daily_wallet.slope_limit_per_hour",),
        ),
        Column(
            "calls_left",
            COUNT,
            "actions",
            "How many more actions that pays for, at the agent's mean cost.",
            "⌊min(money_left, budget_cap) / cost_per_action_28d⌋, never below 0",
            ("money_left", "budget_cap", "daily_asr.cost_per_action_28d"),
            "§5",
            nullable=True,
            low=0,
        ),
        Column(
            "is_wallet_empty",
            FLAG,
            "yes or no",
            "Nothing is left: a gateway stops the agent whatever its mode.",
            "money_left ≤ 0",
            ("money_left",),
            "§5",
        ),
        *TRUST,
    ),
    notes=(
        "`roi policies --json` prints these rows for a gateway.",
        "Only mature days count, so a policy is at least reopen_window_days behind the bill.",
    ),
)
