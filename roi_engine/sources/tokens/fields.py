"""Where a span keeps what bronze wants: the conventions' own names, and the estate's mappings.

Names are those of the OpenTelemetry GenAI conventions, newest first, then the ones they
replaced. ``roi.*`` are this project's own defaults for what the conventions do not name.
"""

from collections.abc import Iterable, Mapping

from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import Attribute, first, place
from roi_engine.sources.schema import EVALUATIONS, SPANS

PLACES: Mapping[str, tuple[str, ...]] = {
    "service_name": ("service.name",),
    "operation": ("gen_ai.operation.name",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "agent_id": ("gen_ai.agent.id",),
    "conversation_id": ("gen_ai.conversation.id",),
    "tool_name": ("gen_ai.tool.name",),
    "tier": (
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "openai.request.service_tier",
        "gen_ai.openai.request.service_tier",
    ),
    "initiated_by": ("roi.initiated_by",),
    "error_type": ("error.type",),
    "currency": ("roi.currency",),
    "experiment_id": ("feature_flag.key",),
    "experiment_arm": ("feature_flag.result.variant", "feature_flag.variant"),
    "experiment_propensity": ("feature_flag.propensity",),
    "model_registry_version": ("roi.model_registry_version",),
    "feature_version": ("roi.feature_version",),
    "peak_memory_bytes": ("process.memory.usage", "container.memory.usage"),
    # whole messages go before bodies; of a server's span, too, the request is what its caller sent
    "received_bytes": ("http.response.size", "http.response.body.size"),
    "sent_bytes": ("http.request.size", "http.request.body.size"),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
    "stated_cost": ("roi.stated_cost", "gen_ai.tool.cost"),
    "is_overhead": ("roi.overhead",),
    "is_approved_by_human": ("roi.approved_by_human",),
}
"""Column of ``SPANS`` → attribute names, the first that a span has wins."""

REVIEW_PLACES: Mapping[str, tuple[str, ...]] = {
    "conversation_id": ("gen_ai.conversation.id",),
    "agent_id": ("gen_ai.agent.id",),
    "evaluator_id": ("roi.evaluator_id", "gen_ai.evaluation.name"),
    "reviewer_kind": ("roi.reviewer_kind",),
    "rubric_version": ("roi.rubric_version",),
    "is_hallucination": ("roi.is_hallucination",),
    "is_random": ("roi.is_random",),
    "sampling_probability": ("roi.sampling_probability",),
}
"""Column of ``EVALUATIONS`` → attribute names of a ``gen_ai.evaluation.result`` event."""

SECONDS: Mapping[str, tuple[str, ...]] = {
    # the second is the name of the metric
    "time_to_first_token_us": (
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.server.time_to_first_token",
    ),
    "cpu_time_us": ("process.cpu.time", "container.cpu.time"),
}
"""Column of ``SPANS`` → attributes that give it in seconds; bronze keeps whole microseconds.

Names of CPU, memory and bytes are those of the conventions' instruments, which count for the
life of a process. On a span they say what the step itself used. ``*.network.io`` is not read: it
needs ``network.io.direction``, of which a span has room for one.
"""

RESOURCES = ("cpu_time_us", "peak_memory_bytes", "received_bytes", "sent_bytes")
"""Columns of what a step used: never told by its process's resource, which all steps share."""

_ALIASES = {"correlation_id": "conversation_id"}
"""Names that ``field_mappings.csv`` uses for a column, where they differ."""

_EXCLUDED = (
    (
        "%.native",
        "a provider's own usage block as logged: Anthropic and Bedrock count input without cache",
    ),
    (
        "com.anthropic.%",
        "Claude Code's own telemetry passes on Anthropic's usage block",
    ),
    (
        "opentelemetry.instrumentation.bedrock%",
        "passes on Converse inputTokens, which leave the cache out (openllmetry issue 4449)",
    ),
    (
        "opentelemetry.instrumentation.botocore%",
        "passes on Bedrock's own inputTokens, which leave the cache out",
    ),
)
"""Scope names (SQL LIKE) whose input count leaves cached tokens out, each with its reason.

Every other scope follows the convention: cached tokens are inside the input count. So do
OpenLLMetry's Anthropic instrumentation, OpenInference and LiteLLM, which add them up.
"""

_TIERS = {"default": "standard", "auto": "standard", "on_demand": "standard"}
"""Vendors' words for the tier that price lists call ``standard``."""

_VERDICTS = {
    True: ("hallucinated", "hallucination", "ungrounded", "unfaithful"),
    False: ("not_hallucinated", "no_hallucination", "grounded", "faithful"),
}
_HALLUCINATION = "hallucination"
_PASSED = {True: ("fail", "failed"), False: ("pass", "passed")}


def paths(mapped: Mapping[str, str]) -> dict[str, str]:
    """Return column → path of a mapping, whose fields may go by another name.

    Examples:
        >>> paths({"correlation_id": "session.id"})
        {'conversation_id': 'session.id'}
    """
    return {_ALIASES.get(field, field): path for field, path in mapped.items()}


def span_texts(
    mapped: Mapping[str, str], attribute: Attribute, own: Attribute | None = None
) -> dict[str, str]:
    """Return SQL of the text of each span column that an attribute can fill.

    A mapped place wins; where the record has nothing there, the convention's own place is
    asked. A mapped field that is no column of ``SPANS`` is none of ours (see ``review_texts``).
    ``own`` reads the span's own attributes, where ``attribute`` asks its resource too.
    """
    of_step = own or attribute
    others = [column for column in SPANS.columns if column not in RESOURCES]
    texts = _texts(others, PLACES, mapped, attribute) | _texts(RESOURCES, PLACES, mapped, of_step)
    for column, names in SECONDS.items():
        ask = of_step if column in RESOURCES else attribute
        seconds = first([ask(name) for name in names])
        # what is no number of seconds stays as it is, to be refused
        places = [f"({microseconds(seconds)})::varchar", seconds]
        texts[column] = first([*([texts[column]] if column in texts else []), *places])
    texts["tier"] = tier(texts["tier"])
    return texts


def review_texts(mapped: Mapping[str, str], attribute: Attribute) -> dict[str, str]:
    """Return SQL of the text of each evaluation column that an attribute can fill.

    Where nothing says ``is_hallucination``, the evaluation's label does if its word has one
    meaning only. For an evaluation called ``hallucination`` a pass or fail does too, and a
    score of 0 or 1 (1 = hallucinated). What any other evaluation's fail or score means, only
    its evaluator knows: NULL.
    """
    texts = _texts(EVALUATIONS.columns, REVIEW_PLACES, mapped, attribute)
    name = f"lower({attribute('gen_ai.evaluation.name')})"
    label = f"lower({attribute('gen_ai.evaluation.score.label')})"
    score = f"try_cast({attribute('gen_ai.evaluation.score.value')} as double)"
    whens = []
    for verdict in (True, False):
        words, passed = (", ".join(map(quoted, table[verdict])) for table in (_VERDICTS, _PASSED))
        is_said = f"{label} in ({words})"
        is_passed = (
            f"{name} = '{_HALLUCINATION}' and ({label} in ({passed}) or {score} = {int(verdict)})"
        )
        whens.append(f"when {is_said} or {is_passed} then '{str(verdict).lower()}'")
    texts["is_hallucination"] = f"coalesce({texts['is_hallucination']}, case {' '.join(whens)} end)"
    texts["reviewer_kind"] = f"coalesce({texts['reviewer_kind']}, 'evaluator')"
    return texts


def includes_cache(scope: str) -> str:
    """Return SQL that says whether input counts of this scope include cached tokens.

    Examples:
        >>> import duckdb
        >>> duckdb.sql("select " + includes_cache("'anthropic.native'")).fetchone()
        (False,)
        >>> duckdb.sql("select " + includes_cache("'tau2.litellm'")).fetchone()
        (True,)
    """
    excluded = " or ".join(f"lower({scope}) like {quoted(pattern)}" for pattern, _ in _EXCLUDED)
    return f"(not coalesce({excluded}, false))"


def microseconds(seconds: str) -> str:
    """Return SQL of seconds as whole microseconds, half away from zero; NULL for no number.

    Examples:
        >>> import duckdb
        >>> duckdb.sql("select " + microseconds("'0.0000125'")).fetchone()
        (13,)
        >>> duckdb.sql("select " + microseconds("'1e300'")).fetchone()
        (None,)
    """
    return f"try_cast(round(try_cast({seconds} as double) * 1e6) as bigint)"


def tier(text: str) -> str:
    """Return SQL of the price list's word for a service tier."""
    whens = " ".join(f"when {quoted(word)} then {quoted(ours)}" for word, ours in _TIERS.items())
    return f"case lower({text}) {whens} else lower({text}) end"


def _texts(
    columns: Iterable[str],
    places: Mapping[str, tuple[str, ...]],
    mapped: Mapping[str, str],
    attribute: Attribute,
) -> dict[str, str]:
    mapped_paths = paths(mapped)
    texts = {}
    for column in columns:
        found = [place(mapped_paths[column], attribute)] if column in mapped_paths else []
        found += [attribute(name) for name in places.get(column, ())]
        if found:
            texts[column] = first(found)
    return texts
