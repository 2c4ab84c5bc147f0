"""What the same tokens would cost at another model's prices: a question, and no forecast.

Answered from the newest release, call by call, so that a model with dearer long inputs is priced
by the length of each. Quality may differ, so the evidence is ``assumed``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from roi_engine.warehouse import serving

EVIDENCE = "assumed"
_BUCKETS = {
    "input_uncached_per_million": "input_uncached_tokens",
    "cache_read_per_million": "cache_read_tokens",
    "cache_write_5m_per_million": "cache_write_5m_tokens",
    "cache_write_1h_per_million": "cache_write_1h_tokens",
    "output_per_million": "output_tokens",
}

_QUERY = f"""
with newest as (
    select max(day) as day from facts.fct_agent_action
),
calls as (
    select agent_id, provider, model, day, priced_cost, currency, cost_status,
        coalesce(input_uncached_tokens, 0) as input_uncached_tokens,
        coalesce(cache_read_tokens, 0) as cache_read_tokens,
        coalesce(cache_write_5m_tokens, 0) as cache_write_5m_tokens,
        coalesce(cache_write_1h_tokens, 0) as cache_write_1h_tokens,
        coalesce(output_visible_tokens, 0) + coalesce(reasoning_tokens, 0) as output_tokens,
        coalesce(input_uncached_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)
            as input_tokens
    from facts.fct_agent_action
    where cost_status in ('priced', 'unpriced')
        and day > (select day from newest) - 28
        and coalesce(agent_id = $agent, $agent is null)
),
used as (
    select agent_id, provider, model,
        count(*) filter (where cost_status = 'priced') as calls,
        count(*) filter (where cost_status = 'unpriced') as unpriced_calls,
        cast(coalesce(sum(priced_cost), 0) as decimal(38, 9)) as cost_now
    from calls
    group by all
),
prices as (
    select * from facts.dim_price
    where tier = 'standard'
        and (select day from newest) >= valid_from
        and (select day from newest) < coalesce(valid_to, timestamp '9999-12-31')
        and case
            when len($models) > 0 then list_contains($models, model)
            else exists (
                select 1 from calls
                where calls.provider = dim_price.provider and calls.model = dim_price.model
            )
        end
),
asked as (
    select distinct provider as other_provider, model as other_model from prices
),
-- a bucket that was used and has no price leaves the whole open
priced as (
    select calls.agent_id, calls.provider, calls.model, asked.other_provider, asked.other_model,
        count(prices.price_id) as bands,
        count(*) as all_calls,
        bool_and(coalesce(prices.currency, calls.currency) = calls.currency) as is_ours,
        {
    ", ".join(
        f"bool_or({tokens} > 0 and prices.price_id is not null and prices.{rate} is null)"
        f" as no_{rate}"
        for rate, tokens in _BUCKETS.items()
    )
},
        sum({
    " + ".join(
        f"cast({tokens} as hugeint) * cast(coalesce(prices.{rate}, 0) * 1000000000 as hugeint)"
        for rate, tokens in _BUCKETS.items()
    )
}) as femto
    from calls
    cross join asked
    left join prices
        on prices.provider = asked.other_provider
        and prices.model = asked.other_model
        and calls.input_tokens >= prices.context_from
        and calls.input_tokens < coalesce(prices.context_to, 9223372036854775807)
    where calls.cost_status = 'priced'
        and (calls.provider, calls.model) <> (asked.other_provider, asked.other_model)
    group by all
),
reasoned as (
    select *,
        case
            when not is_ours then 'other_currency'
            when bands < all_calls then 'no_price_for_length'
            {
    " ".join(
        f"when no_{rate} then 'no_{rate.removesuffix('_per_million')}_price'" for rate in _BUCKETS
    )
}
        end as reason
    from priced
)
select (select day from newest), agent_id, used.provider, used.model, other_provider, other_model,
    calls, unpriced_calls, cost_now,
    case when reason is null then
        cast((femto + sign(femto) * 500000) // 1000000 as decimal(38, 0))
            * cast(0.000000001 as decimal(9, 9))
    end as cost_then,
    reason
from reasoned
inner join used using (agent_id, provider, model)
order by agent_id, used.provider, used.model, other_provider, other_model
"""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An agent's tokens of 28 days on one model, at the standard price of another.

    ``reason`` says why there is no ``cost_then``; calls that have no price now are left out of
    both costs and counted.
    """

    as_of_day: date
    agent_id: str
    provider: str
    model: str
    other_provider: str
    other_model: str
    calls: int
    unpriced_calls: int
    cost_now: Decimal
    cost_then: Decimal | None
    reason: str | None
    evidence: str = EVIDENCE

    @property
    def difference(self) -> Decimal | None:
        """Return what would be saved (negative) or paid more."""
        return None if self.cost_then is None else self.cost_then - self.cost_now

    def line(self) -> str:
        """Return it as one line for a terminal."""
        then = (
            f"{self.cost_then:f} ({self.difference:+f})"
            if self.cost_then is not None
            else f"not known: {self.reason}"
        )
        return (
            f"{self.agent_id} · {self.provider} {self.model} → {self.other_provider}"
            f" {self.other_model}: {self.cost_now:f} → {then}"
        )


def ask(root: Path, *, models: Sequence[str] = (), agent: str | None = None) -> list[WhatIf]:
    """Return what the tokens of the last 28 days would cost at other models' standard prices.

        cost_then = Σ over calls and buckets of tokens · price per million / 10⁶, rounded once

    Args:
        root: The lake.
        models: Canonical names of the other models; none for every model that some agent used.
        agent: One agent; None for all.

    Raises:
        roi_engine.warehouse.serving.NoRelease: The lake has no release.
    """
    with serving.connect(root) as con:
        rows = con.execute(_QUERY, {"models": list(models), "agent": agent}).fetchall()
    return [WhatIf(*row) for row in rows]
