-- Fails if a source counts more cached than input, or more reasoning than output
-- tokens: such rows belong in quarantine and are never clamped.
select action_id

from {{ ref('fct_agent_action') }}

where
    input_uncached_tokens < 0
    or cache_read_tokens < 0
    or cache_write_5m_tokens < 0
    or cache_write_1h_tokens < 0
    or output_visible_tokens < 0
    or reasoning_tokens < 0
