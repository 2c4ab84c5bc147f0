"""Langfuse's buckets of usage → the counts of a span.

``usage_details`` is a map of which no bucket is part of another: ``input`` is without
``input_cached_tokens``, ``output`` without ``output_reasoning_tokens``, ``total`` is their sum.
What a bucket is called depends on the SDK that sent it, and a client that sends buckets of its
own can break the rule: Langfuse stores them as they came.
"""

from collections.abc import Mapping

from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import first

_INPUT = ("input", "input_tokens", "prompt_tokens")
_OUTPUT = ("output", "output_tokens", "completion_tokens")
_TOTAL = ("total", "total_tokens")
_BUCKETS = {
    "cache_read_tokens": (
        "input_cached_tokens",  # OpenAI, Vercel AI, OpenTelemetry
        "input_cache_read",  # LangChain, Bedrock, Pydantic AI
        "cache_read_input_tokens",  # Anthropic's own name, as do the rest pass it on
        "cache_read.input_tokens",
        "cache_read_tokens",
        "prompt_details.cache_read",
        "cached_tokens",
    ),
    "cache_write_tokens": (
        "input_cache_creation",
        "input_cache_write",
        "cache_creation_input_tokens",
        "cache_creation.input_tokens",
        "cache_write_tokens",
        "prompt_details.cache_write",
    ),
    "cache_write_5m_tokens": ("input_cache_creation_5m",),
    "cache_write_1h_tokens": ("input_cache_creation_1h",),
    "reasoning_tokens": (
        "output_reasoning_tokens",
        "output_reasoning",
        "reasoning_tokens",
        "reasoning.output_tokens",
        "completion_details.reasoning",
    ),
}
"""Column of ``SPANS`` → its names in ``usage_details``, the first that a row has counts."""

_CACHES = tuple(
    name for column, names in _BUCKETS.items() if column.startswith("cache_") for name in names
)


def parts() -> Mapping[str, str]:
    """Return SQL of the text of each count that has buckets of its own, by column of ``SPANS``."""
    return {column: _bucket(*names) for column, names in _BUCKETS.items()}


def input_count() -> str:
    """Return SQL of the text of the input, audio and images included, caches not."""
    return _count(_INPUT, "input")


def output_count() -> str:
    """Return SQL of the text of the output, reasoning included."""
    return _count(_OUTPUT, "output")


def includes_cache(input_count: str, output_count: str) -> str:
    """Return SQL that says whether the input counts the cached tokens too.

    By Langfuse's rule it does not. Some integrations send it whole, and say so by a total that
    is input and output alone.
    """
    cached = " + ".join(
        f"coalesce({_number(_bucket(*names))}, 0)"
        for column, names in _BUCKETS.items()
        if column.startswith("cache_")
    )
    return (
        f"({_is_total(input_count, output_count)}"
        f" and coalesce({cached} between 1 and {_number(input_count)}, false))::varchar"
    )


def _bucket(*names: str) -> str:
    """Return SQL of the text of the first of these buckets that an observation has."""
    return first([f"usage_details[{quoted(name)}]" for name in names])


def _count(names: tuple[str, ...], prefix: str) -> str:
    """Return SQL of the text of a count and of the buckets beside it that belong to it.

    ``output_reasoning_tokens`` and ``input_audio_tokens`` stand beside output and input, so they
    are added; caches have columns of their own. A bucket without the prefix (``reasoning_tokens``)
    is in the count already, and so is every bucket where the total is input and output alone.
    What is no count makes a sum that is refused.
    """
    aside = ", ".join(map(quoted, (*names, *_CACHES)))
    is_part = f"starts_with(bucket.key, '{prefix}_') and bucket.key not in ({aside})"
    beside = f"list_filter(map_entries(usage_details), lambda bucket: {is_part})"
    parts = f"""list_filter(
        list_prepend({_bucket(*names)}, list_transform({beside}, lambda bucket: bucket.value)),
        lambda part: part is not null
    )"""
    is_whole = "regexp_full_match(part, '[0-9]{1,18}')"
    return f"""list_transform([{parts}], lambda parts: case
        when len(parts) < 2 then parts[1]
        when {_is_total(_bucket(*_INPUT), _bucket(*_OUTPUT))} then {_bucket(*names)}
        when len(list_filter(parts, lambda part: {is_whole})) = len(parts)
            then list_sum(list_transform(parts, lambda part: part::bigint))::varchar
        else array_to_string(parts, ' + ')
    end)[1]"""


def _is_total(input_count: str, output_count: str) -> str:
    whole = f"{_number(input_count)} + coalesce({_number(output_count)}, 0)"
    return f"coalesce({_number(_bucket(*_TOTAL))} = {whole}, false)"


def _number(text: str) -> str:
    return f"try_cast({text} as hugeint)"
