"""Declaration of daily_latency: how long model calls took, counted in buckets."""

from roi_engine.marts.columns import Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, count, key
from roi_engine.marts.declared.daily_duration import BUCKET

ACTION = "fct_agent_action"
MEASURES = ("latency_seconds", "seconds_per_output_token", "time_to_first_token_seconds")

CALLER = key(
    "agent_id",
    "The agent that called; __unknown__ where the call does not say.",
    (f"{ACTION}.agent_id",),
    "§7",
)
ANSWERING = key(
    "model_version",
    "The model that answered, by the provider's own name.",
    (f"{ACTION}.model_version",),
    "§7",
)

DAILY_LATENCY = Mart(
    name="daily_latency",
    about="How long model calls took: counts by size, from which any percentile is read.",
    row="One row per day, agent, model version, measure and bucket that holds a model call;"
    " failed calls are left out.",
    section="§7",
    columns=(
        KEYS["day"],
        CALLER,
        ANSWERING,
        Column(
            "measure",
            "VARCHAR",
            "word",
            "What was measured: seconds of the whole call, seconds for each output token, or"
            " seconds to the first token.",
            "",
            (
                f"{ACTION}.latency_microseconds",
                f"{ACTION}.output_visible_tokens",
                f"{ACTION}.reasoning_tokens",
                f"{ACTION}.time_to_first_token_seconds",
            ),
            "§7",
            grain=True,
            values=MEASURES,
        ),
        BUCKET,
        count("count", "Model calls in the bucket.", "count", ("measure", "bucket"), "§7"),
        *TRUST,
    ),
    notes=("Percentiles are never averaged: add up the counts of equal buckets first.",),
)
