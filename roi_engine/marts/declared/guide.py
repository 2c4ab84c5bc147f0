"""Prose of docs/metrics.md: how to read the numbers, and the choices behind contested ones."""

CONVENTIONS = (
    (
        "Money is exact",
        "It is read from text, kept in whole billionths of the currency and never passes through"
        " a floating-point number. Rounding is half away from zero, once per row. Ratios, rates"
        " and intervals are made in the last step, from exact sums.",
    ),
    (
        "Nothing is hidden in a zero",
        "What is not known is empty, never 0, and a reason column says why. A ratio whose"
        " denominator is 0 or negative is empty.",
    ),
    (
        "Everything on the bill is in a row",
        "`__unallocated__` holds what nobody can be charged for, `__out_of_scope__` what is on the"
        " bill and no part of what agents cost, `__idle__` capacity that nobody used.",
    ),
    (
        "Sums first, ratios after",
        "Columns marked “adds up” may be summed over any rows of the mart. To get the ratio of a"
        " month or of a department, sum its parts and divide; never average ratios.",
    ),
    (
        "A cost counts on the day it arose, a value on the day the task was resolved",
        "So while work ramps up, a day looks worse than it is; compare windows, not days.",
    ),
    (
        "Window columns end in `_28d`",
        "They cover the 28 days that end with the row's day, and must not be added up.",
    ),
    (
        "An interval is a promise",
        "95 % means: over many estates like these, 93 to 97 of 100 intervals hold the true value"
        " (`python -m benchmarks.coverage` prints how often they did). `interval_quality` is `low`"
        " under 100 tasks.",
    ),
    (
        "A row says how far to trust it",
        "`status` (can it still change?), `evidence` (measured, published, assumed) and"
        " `cost_basis` (bill or estimate) are those of its weakest part.",
    ),
)

DECISIONS = (
    (
        "2026-11-22",
        "daily_roi.cost_ratio",
        "Inference cost is token_cost + gpu_cost. Idle capacity, platforms and training are left"
        " out: the ratio asks whether to optimise the model or the hardware that answers.",
    ),
    (
        "2026-11-22",
        "direct_value of unconfirmed tasks",
        "A task closed in silence has no value of any kind, direct value included, gain or loss.",
    ),
    (
        "2026-11-22",
        "daily_roi.idle_cost, other_cost",
        "Every cost on `__idle__` stands in idle_cost (written-off training included), and every"
        " cost on `__out_of_scope__` in other_cost, whatever its class.",
    ),
    (
        "2026-11-22",
        "daily_roi.cash_saving",
        "A realisation rate counts only when approved_by is filled; to nine decimals.",
    ),
    (
        "2026-11-22",
        "weights of reviews",
        "Where a random review states its sampling probability it is weighted by it, like any"
        " other; so a random 5 % and a triggered 100 % can stand in one sample. Equal"
        " probabilities leave the counts as they are.",
    ),
    (
        "2026-11-22",
        "evaluators",
        "An output that people drew at random counts through people only; one that they looked at"
        " for a reason (a flag) stays in the evaluator's counts, or its flag rate would bend.",
    ),
    (
        "2026-11-22",
        "expected_undetected_low, _high",
        "The count is beta-binomial with the mean and the variance of the posterior, mixtures"
        " included; the interval holds its likeliest 95 %.",
    ),
    (
        "2026-11-22",
        "daily_asr.asr_spend",
        "negative_cell also where refunds make the rest (spend that led elsewhere) negative: the"
        " share would exceed 1.",
    ),
    (
        "2026-11-22",
        "intervals from blocks",
        "A window with fewer than four filled weeks loses one degree of freedom a week; a single"
        " week keeps its days.",
    ),
    (
        "2026-11-22",
        "intervals where success shifts for days on end",
        "Blocks are used from a lag-1 autocorrelation of 0.1, where the first definition said"
        " 0.3: 28 days estimate it too badly to tell, and at 0.3 too many persistent windows were"
        " treated as independent (docs/decisions/0007-persistent-days.md).",
    ),
    (
        "2026-11-22",
        "daily_asr.autonomous_roi interval",
        "It is the interval of asr_value less 1: the same quantity, moved.",
    ),
    (
        "2026-11-22",
        "intervals of asr_value, roi, ev_per_1k_tokens, cost_per_action",
        "On the log scale of what they are before a cost comes off, with the degrees of freedom"
        " that the days' kurtosis leaves (docs/decisions/0010-ratios-with-heavy-tails.md).",
    ),
    (
        "2026-11-28",
        "intervals that were drawn for",
        "Every published interval is drawn for by a module of benchmarks/coverage. Some broke their"
        " promise and got another recipe: fairness ratios, drift's rate effect, fixed_share,"
        " incident_rate, expected_undetected and overhead_share"
        " (docs/decisions/0029-intervals-held-to-account.md).",
    ),
    (
        "2026-11-22",
        "intervals of win_rate and other shares of counts",
        "Wilson's below 100 trials; from there on by the window's days, since tasks of a day"
        " resemble each other (docs/decisions/0011-win-rate-and-days.md).",
    ),
    (
        "2026-11-22",
        "status",
        "A day that paid for a task which is still open is provisional too: the cell's class can"
        " still change. The billing period of a day is its calendar month.",
    ),
    (
        "2026-11-22",
        "daily_asr.autonomous_value",
        "A task in which a person had a hand for an unknown time is not without a person. Tasks"
        " whose human cost is not known are left out of c_x.",
    ),
    (
        "2026-11-22",
        "cost_basis, evidence of a row without parts",
        "The strongest word: nothing in the row weakens it.",
    ),
    (
        "2026-11-22",
        "value_plan",
        "Only agents' tasks are dealt out, among agents that ended min_group_size tasks of the kind"
        " in the window; the budget is what these cost, unless plan_budget names another. GPU"
        " limits are what was sampled less what workloads of no agent took.",
    ),
    (
        "2026-11-22",
        "cost_projection, asr_projection",
        "A day on which nobody has a row was not built and is missing; any other day without a row"
        " of the agent is 0. A built day before its first row is no part of its history.",
    ),
    (
        "2026-11-29",
        "asr_projection.scenario",
        "Value follows the requests, each worth what it is today; of the cost only the variable"
        " part does (docs/decisions/0034-another-workload.md).",
    ),
    (
        "2026-11-29",
        "versions of the rubric",
        "Reviews by several versions stay one sample, since a new version would else begin with no"
        " rate at all; rubric_versions says so, and docs/queries/governor.sql gives the rate by"
        " version. An evaluator does not count while the window holds a verdict of its by another"
        " version than that of its validation, where both are named.",
    ),
    (
        "2026-11-22",
        "sensitivity",
        "A range that nobody gave is 25 % to both sides and named so. Freed time counts in full in"
        " roi and at the least at the signed-off rate.",
    ),
    (
        "2026-11-22",
        "ensemble_asr.spend",
        "The list price of the tasks' actions: a bill is shared by agent and day and knows no"
        " single task. An action that names no agent makes no ensemble.",
    ),
    (
        "2026-11-28",
        "daily_asr.redundant_spend_share",
        "Of the tasks that one requester brought to several agents within the reopen window all but"
        " the last count, at list price, over tasks of known requesters"
        " (docs/decisions/0030-what-was-bought-again.md).",
    ),
    (
        "2026-11-22",
        "mandates.score",
        "Empty while the goal is open and the limit holds; 0 as soon as the limit is passed, be the"
        " goal reached later or not. A goal reached after its time is missed. A 1 needs every day"
        " of the cost; a 0 that is certain does not wait for one.",
    ),
    (
        "2026-11-22",
        "daily_exchange",
        "By day and agent, with both sides as columns: an agent's cost knows no exchange"
        " (docs/decisions/0025-exchanges-by-agent.md).",
    ),
    (
        "2026-11-22",
        "daily_portfolio.payback_days, net_present_value",
        "Counted from the first investment's first day, all that has begun at once; days to come"
        " are the mean of the last 28, up to the last ends_on.",
    ),
    (
        "2026-11-22",
        "marginal_ev.trend_per_decile",
        "Tenths of few tokens are the noisiest: the interval allows for that (HC3). It held 95 % on"
        " the mean and 91 % at worst, where the textbook's held 77 %.",
    ),
    (
        "2026-11-29",
        "daily_inference, CPU, memory and bytes of a task",
        "What its steps' own spans say, summed (of memory the largest), under the agent and model"
        " that finished it; no counter of a process is spread over tasks"
        " (docs/decisions/0033-what-a-step-used.md).",
    ),
)
"""Date, where it shows, and the choice where the definitions leave one open."""
