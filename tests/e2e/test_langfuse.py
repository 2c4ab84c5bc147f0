"""The same calls out of Langfuse and by OpenTelemetry cost the same, to the last digit."""

import os

import polars as pl
import pytest

from tests.sources.test_langfuse import (
    ATTRIBUTES,
    BEGIN,
    BUCKETS,
    USAGE,
    at,
    enriched,
    lines,
    observation,
)
from tests.sources.test_tokens import line, span

ASIDE = ("source_system", "_load_id", "_source_file", "_source_row", "_transform_run_id")
TOOL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "look_up",
    "gen_ai.tool.cost": "0.012",
}


def by_otlp() -> str:
    """Return a call, the agent's span that repeats its usage, a tool, and a call that cannot be."""
    start = int(BEGIN.timestamp() * 1000) * 10**6

    def made(number, values, **more):
        spelt = {name.replace(".", "__"): value for name, value in values.items()}
        return span(number, start=start, **more, **spelt)

    agent = ATTRIBUTES | USAGE | {"gen_ai.operation.name": "invoke_agent"}
    impossible = ATTRIBUTES | {"gen_ai.usage.input_tokens": -5, "gen_ai.usage.output_tokens": 1}
    calls = made(1, ATTRIBUTES | USAGE, end=start + 1_500_000_000), made(2, agent), made(3, TOOL)
    return line(*calls, made(4, impossible))


def by_langfuse() -> str:
    """Return the same as Langfuse has it, the call twice: once as it was before its end."""
    agent = ATTRIBUTES | {"gen_ai.operation.name": "invoke_agent"}
    told = {"metadata": enriched(ATTRIBUTES)}
    return lines(
        observation(1, **told, event_ts=at(1), usage_details={"input": 10**6, "output": 10**6}),
        observation(1, **told, event_ts=at(2), end_time=at(1.5), usage_details=BUCKETS),
        observation(2, type="AGENT", metadata=enriched(agent), usage_details=BUCKETS),
        observation(
            3, type="TOOL", metadata=enriched(TOOL), usage_details={}, provided_model_name=None
        ),
        observation(4, **told, usage_details={"input": -5, "output": 1}),
    )


@pytest.mark.slow
def test_the_same_calls_cost_the_same(roi, tmp_path):
    found = {}
    for system, content in (("otlp", by_otlp()), ("langfuse", by_langfuse())):
        place = tmp_path / system / "inbox" / "tokens" / system
        place.mkdir(parents=True)
        (place / "calls.jsonl").write_text(content)
        lake = tmp_path / system / "lake"
        # one row of four is impossible: by default that would be too many for a day
        env = os.environ | {"ROI_BLOCK_THRESHOLD": "0.5"}
        roi("run", "--inbox", place.parents[1], "--lake", lake, env=env)
        assert "counts_possible" in roi("status", "--lake", lake)
        actions = lake / "release/current/facts/fct_agent_action"
        found[system] = pl.read_parquet(actions, hive_partitioning=False).sort("action_id")
    assert found["langfuse"].filter(operation="chat")["cost_status"].to_list() == ["priced"]
    assert found["langfuse"].drop(ASIDE).equals(found["otlp"].drop(ASIDE))
