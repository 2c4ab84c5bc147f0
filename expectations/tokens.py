"""What must hold of a day of model calls, tool calls and evaluations before anything reads them."""

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations import arrival
from expectations.check import Check

OPERATIONS = [
    "chat",
    "generate_content",
    "text_completion",
    "embeddings",
    "invoke_agent",
    "invoke_workflow",
    "create_agent",
    "execute_tool",
    "retrieval",
]
MODEL_CALLS = OPERATIONS[:4]
"""Leaf model calls: the only operations whose tokens are priced."""

TIERS = ["standard", "batch", "flex", "priority"]
INITIATORS = ["human", "schedule", "event", "agent"]
REVIEWERS = ["human", "evaluator"]

COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)

MOST_TOKENS = 1_000_000_000
"""No call has a billion tokens: the largest context windows are a hundred times smaller."""

RESOURCES = ("cpu_time_us", "peak_memory_bytes", "received_bytes", "sent_bytes")
MOST_OF_A_STEP = 10**15
"""A petabyte, or 31 years of CPU in microseconds: no step uses as much, and sums stay whole."""

_MODEL_CALL = f"this.operation in ({', '.join(repr(each) for each in MODEL_CALLS)})"

_CASES = ", ".join(
    f"case when this.{column} not between 0 and {MOST_TOKENS} then '{column}' end"
    for column in COUNTS
)
_IMPOSSIBLE_COUNT = f"nullif(concat_ws(', ', {_CASES}), '')"
"""The names of a span's counts that cannot be, or NULL."""


def checks() -> list[Check]:
    """Return the checks of the source ``tokens``: impossible counts are critical, gaps warn."""
    return [
        *arrival.checks("tokens"),
        _spans(),
        _evaluations(),
        _models(),
        _agents(),
        _evaluators(),
    ]


def _spans() -> Check:
    return Check(
        "tokens",
        "spans",
        gx.ExpectationSuite(
            name="spans",
            expectations=[
                arrival.readable(),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="attempt",
                    severity="critical",
                    notes="Without trace and span id, or a request id, a re-delivered record"
                    " would be paid twice.",
                    meta={"rule": "attempt_identified"},
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="started_at",
                    severity="critical",
                    notes="The price depends on the instant of the call, its cost on the day.",
                    meta={"rule": "started_at_present"},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="ended_at",
                    column_B="started_at",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    severity="critical",
                    notes="A negative duration would be a negative weight.",
                    meta={"rule": "ends_after_it_starts"},
                ),
                gxe.ExpectColumnValuesToBeNull(
                    column="impossible_count",
                    severity="critical",
                    notes="A count below 0 or over a billion is a broken record,"
                    " and would move money.",
                    meta={"rule": "counts_possible"},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="input_tokens",
                    column_B="cached_input_tokens",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    severity="critical",
                    notes="Where input includes the cache, more cached than read is impossible:"
                    " quarantined, never clamped.",
                    meta={"rule": "cache_within_input"},
                ),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="output_tokens",
                    column_B="reasoning_tokens",
                    or_equal=True,
                    ignore_row_if="either_value_is_missing",
                    severity="critical",
                    notes="Reasoning is part of the output: more of it than output is impossible.",
                    meta={"rule": "reasoning_within_output"},
                ),
                *(
                    gxe.ExpectColumnValuesToBeBetween(
                        column=column,
                        min_value=0,
                        severity="critical",
                        notes="A negative duration would be a negative weight.",
                        meta={"rule": f"{column}_not_negative"},
                    )
                    for column in ("latency_us", "time_to_first_token_us")
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="stated_cost",
                    min_value=0,
                    severity="critical",
                    notes="A call that states its fee is charged with it; a credit comes by bill.",
                    meta={"rule": "stated_cost_not_negative"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_convertible",
                    value_set=[True],
                    severity="critical",
                    notes="No rate to the reporting currency on that day, and none is ever 1.0:"
                    " add the day to fx_rates.csv.",
                    meta={"rule": "currency_is_convertible"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="operation",
                    value_set=OPERATIONS,
                    severity="warning",
                    notes="An operation that nobody knows is kept, and priced by nobody.",
                    meta={"rule": "operation_known"},
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="operation",
                    severity="warning",
                    notes="Without an operation a span cannot be a model call: it costs nothing.",
                    meta={"rule": "operation_present"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_counted",
                    value_set=[True],
                    severity="warning",
                    notes="A model call that failed nowhere and counts no token hides its cost.",
                    meta={"rule": "model_call_has_tokens"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="tier",
                    value_set=TIERS,
                    severity="warning",
                    notes="No price list knows the tier, so the call stays unpriced.",
                    meta={"rule": "tier_known"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="initiated_by",
                    value_set=INITIATORS,
                    severity="warning",
                    notes="Another word is read as not known who began the work.",
                    meta={"rule": "initiated_by_known"},
                ),
                # a warning: the call was billed all the same
                gxe.ExpectColumnValuesToBeBetween(
                    column="experiment_propensity",
                    min_value=0,
                    strict_min=True,
                    max_value=1,
                    severity="warning",
                    notes="What is no probability is read as not logged: the exposure has no"
                    " weight.",
                    meta={"rule": "experiment_propensity_possible"},
                ),
                *(
                    gxe.ExpectColumnValuesToBeBetween(
                        column=column,
                        min_value=0,
                        max_value=MOST_OF_A_STEP,
                        severity="warning",
                        notes="What no step can have used is read as not known: the call was"
                        " billed all the same.",
                        meta={"rule": f"{column}_possible"},
                    )
                    for column in RESOURCES
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="agent_id",
                    severity="warning",
                    notes="Spend of no agent is shown as __unknown__ and can be held against none.",
                    meta={"rule": "agent_id_present"},
                ),
            ],
        ),
        required=("trace_id", "span_id", "started_at", "operation", *COUNTS[:2]),
        derived={
            "impossible_count": _IMPOSSIBLE_COUNT,
            "attempt": "coalesce(this.attempt_id, this.trace_id || ':' || this.span_id)",
            "cached_input_tokens": """
                case
                    when this.input_includes_cache
                    then coalesce(this.cache_read_tokens, 0)
                        + coalesce(this.cache_write_tokens, 0)
                        + coalesce(this.cache_write_5m_tokens, 0)
                        + coalesce(this.cache_write_1h_tokens, 0)
                end""",
            "is_counted": f"""
                case
                    when {_MODEL_CALL} and not coalesce(this.is_error, false)
                    then this.input_tokens is not null or this.output_tokens is not null
                end""",
            "is_convertible": """
                case
                    when this.stated_cost is not null and this.currency is not null
                    then this.currency = (select reporting_currency from gate_settings)
                        or exists (
                            select 1 from bronze_fx_rates as fx
                            where fx.day = this.day
                                and fx.from_currency = this.currency
                                and fx.to_currency
                                    = (select reporting_currency from gate_settings)
                                and fx.rate > 0
                        )
                end""",
        },
    )


def _evaluations() -> Check:
    present = {
        "subject": "A verdict on no trace and no conversation is a verdict on nothing.",
        "is_hallucination": "An evaluation without a verdict would thin out the rate.",
        "reviewed_at": "The verdict counts from the instant at which it was given.",
    }
    return Check(
        "tokens",
        "evaluations",
        gx.ExpectationSuite(
            name="evaluations",
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
                gxe.ExpectColumnValuesToNotBeNull(
                    column="evaluator_if_evaluated",
                    severity="critical",
                    notes="An evaluator's error rates correct its verdicts: it must have a name.",
                    meta={"rule": "evaluator_id_present"},
                ),
                gxe.ExpectColumnValuesToBeInSet(
                    column="reviewer_kind",
                    value_set=REVIEWERS,
                    severity="critical",
                    notes="Only a person's verdict changes an outcome, so the kind must be known.",
                    meta={"rule": "reviewer_kind_known"},
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="sampling_probability",
                    min_value=0,
                    strict_min=True,
                    max_value=1,
                    severity="critical",
                    notes="Reviews are weighted by one over their probability.",
                    meta={"rule": "sampling_probability_possible"},
                ),
            ],
        ),
        required=("is_hallucination", "reviewed_at"),
        derived={
            "subject": "coalesce(this.trace_id, this.conversation_id)",
            "evaluator_if_evaluated": """
                case
                    when this.reviewer_kind = 'human' then '(a person)'
                    else this.evaluator_id
                end""",
        },
    )


def _models() -> Check:
    return Check(
        "tokens",
        "models",
        gx.ExpectationSuite(
            name="models",
            expectations=[
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_priced",
                    value_set=[True],
                    severity="warning",
                    notes="No price for the model on that day, by its name or its alias: its calls"
                    " have cost_status 'unpriced', never 0.",
                    meta={"rule": "model_has_a_price"},
                ),
            ],
        ),
        query=f"""
            with

            calls as (
                select
                    this.day,
                    coalesce(this.response_model, this.request_model) as raw_model,
                    count(*) as calls
                from bronze_spans as this
                where {_MODEL_CALL}
                group by 1, 2
            ),

            names as (
                select day, raw_model, raw_model as model from calls
                union
                select calls.day, calls.raw_model, aliases.model
                from calls
                inner join bronze_model_aliases as aliases
                    on aliases.raw_model = calls.raw_model
                    and coalesce(aliases.valid_from, calls.day) <= calls.day
                    and coalesce(aliases.valid_to, calls.day + 1) > calls.day
            ),

            prices as (
                select model, valid_from, valid_to from bronze_prices
                union all
                select model, valid_from, valid_to from bronze_price_book
            ),

            priced as (
                select distinct names.day, names.raw_model
                from names
                inner join prices
                    on prices.model = names.model
                    and coalesce(cast(prices.valid_from as date), names.day) <= names.day
                    and coalesce(prices.valid_to, names.day + 1) > names.day
            ),

            totals as (
                select day, sum(calls) as day_calls from calls group by 1
            )

            select
                calls.day,
                calls.raw_model,
                calls.calls,
                priced.raw_model is not null as is_priced,
                coalesce(calls.raw_model, '(no model named)') || ': ' || calls.calls || ' of '
                    || totals.day_calls || ' model calls' as label
            from calls
            inner join totals using (day)
            left join priced using (day, raw_model)""",
        about="label",
    )


def _agents() -> Check:
    return Check(
        "tokens",
        "calling_agents",
        gx.ExpectationSuite(
            name="calling_agents",
            expectations=[
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_known",
                    value_set=[True],
                    severity="warning",
                    notes="The agent is not in agents.csv: it has no owner, wallet or department.",
                    meta={"rule": "calling_agent_known"},
                ),
            ],
        ),
        query="""
            select
                spans.day,
                spans.agent_id,
                exists (
                    select 1 from bronze_agents as agents
                    where agents.agent_id = spans.agent_id
                ) as is_known,
                spans.agent_id || ': ' || count(*) || ' spans' as label
            from bronze_spans as spans
            where spans.agent_id is not null
            group by 1, 2""",
        about="label",
    )


def _evaluators() -> Check:
    return Check(
        "tokens",
        "evaluators_at_work",
        gx.ExpectationSuite(
            name="evaluators_at_work",
            expectations=[
                gxe.ExpectColumnValuesToBeInSet(
                    column="is_known",
                    value_set=[True],
                    severity="warning",
                    notes="The evaluator is not in evaluators.csv: without its error rates"
                    " its verdicts cannot be corrected.",
                    meta={"rule": "evaluator_validated"},
                ),
            ],
        ),
        query="""
            select
                evaluations.day,
                evaluations.evaluator_id,
                exists (
                    select 1 from bronze_evaluators as evaluators
                    where evaluators.evaluator_id = evaluations.evaluator_id
                ) as is_known,
                evaluations.evaluator_id || ': ' || count(*) || ' verdicts' as label
            from bronze_evaluations as evaluations
            where evaluations.reviewer_kind = 'evaluator'
                and evaluations.evaluator_id is not null
            group by 1, 2""",
        about="label",
    )
