-- Fails if a span that repeats its children could be counted.
select action_id

from {{ ref('fct_agent_action') }}

where
    is_rollup
    and (
        priced_cost is not null
        or latency_microseconds is not null
        or coalesce(
            input_uncached_tokens,
            cache_read_tokens,
            cache_write_5m_tokens,
            cache_write_1h_tokens,
            output_visible_tokens,
            reasoning_tokens
        ) is not null
    )
