"""What the same tokens would cost at another model's prices: a question, and no forecast.

Answered from the newest release, call by call, so that a model with dearer long inputs is priced
by the length of each. Quality may differ, so the evidence is ``assumed``. Models that write text
are compared with each other, and models that embed with each other. What a self-hosted model costs
is paid by the hour of a GPU: it has no cost by token to compare.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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

_LISTS = {"reference": "reference/prices.csv", "price_book": "the package's price list"}

_RATES = ", ".join(_BUCKETS)

_CALLS = """
with newest as (
    select max(day) as day from facts.fct_agent_action
),
calls as (
    select agent_id, provider, model, day,
        case operation when 'embeddings' then 'embeddings' else 'text' end as kind,
        priced_cost, currency, cost_status,
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
    select agent_id, provider, model, kind, any_value(currency) as currency,
        count(*) filter (where cost_status = 'priced') as calls,
        count(*) filter (where cost_status = 'unpriced') as unpriced_calls,
        cast(coalesce(sum(priced_cost), 0) as decimal(38, 9)) as cost_now
    from calls
    group by all
),
standard as (
    select * from facts.dim_price
    where tier = 'standard'
        and (select day from newest) >= valid_from
        and (select day from newest) < coalesce(valid_to, timestamp '9999-12-31')
),
kinds as (
    select distinct provider, model,
        case operation when 'embeddings' then 'embeddings' else 'text' end as kind
    from facts.fct_agent_action
    where cost_status in ('priced', 'unpriced')
)
"""

_QUERY = f"""
{_CALLS},
prices as (
    select * from standard
    where case
        when len($models) > 0 then list_contains($models, model)
        else exists (
            select 1 from calls
            where calls.provider = standard.provider and calls.model = standard.model
        )
    end
),
asked as (
    select provider as other_provider, model as other_model,
        min(price_source) as price_source,
        -- of a model that nobody called the price says whether it writes
        case when max(output_per_million) > 0 then 'text' end as priced_kind,
        coalesce(max(greatest({_RATES})), 0) > 0 as is_by_token
    from prices
    group by all
),
-- a bucket that was used and has no price leaves the whole open
priced as (
    select calls.agent_id, calls.provider, calls.model, calls.kind,
        asked.other_provider, asked.other_model,
        any_value(asked.price_source) as price_source, bool_and(is_by_token) as is_by_token,
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
        and calls.kind = coalesce(
            (
                select min(kinds.kind) from kinds
                where kinds.provider = asked.other_provider and kinds.model = asked.other_model
            ),
            asked.priced_kind,
            calls.kind
        )
    group by all
),
reasoned as (
    select *,
        case
            when not is_by_token then 'no_price_by_token'
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
    case
        when calls = 0 then 'unpriced'
        when other_model is null then 'no_other_model'
        else reason
    end,
    calls = 0 or cost_now > 0, used.currency, price_source
from used
left join reasoned using (agent_id, provider, model, kind)
order by agent_id, used.provider, used.model, kind, other_provider, other_model
"""

_WORDS = {
    "no_price_by_token": "it has no price by token, its GPUs are paid by the hour",
    "other_currency": "its price is in another currency",
    "no_price_for_length": "it has no price for the longest inputs",
    "unpriced": "none of its calls has a price",
    "no_other_model": "no other model of its kind has a price here",
} | {
    f"no_{name.removesuffix('_per_million')}_price": "it has no price for "
    + name.removesuffix("_per_million").replace("_", " ")
    for name in _BUCKETS
}


class NothingAsked(Exception):
    """No call or no price is there to compare; the message says which there are."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An agent's tokens of 28 days on one model, at the standard price of another.

    ``reason`` says why there is no ``cost_then``; calls that have no price now are left out of
    both costs and counted. ``is_by_token`` is false of a self-hosted model: ``cost_now`` is not
    what it costs. ``other_model`` is None where there is none to compare with.
    """

    as_of_day: date
    agent_id: str
    provider: str
    model: str
    other_provider: str | None
    other_model: str | None
    calls: int
    unpriced_calls: int
    cost_now: Decimal
    cost_then: Decimal | None
    reason: str | None
    is_by_token: bool
    currency: str | None
    price_list: str | None
    evidence: str = EVIDENCE

    @property
    def difference(self) -> Decimal | None:
        """Return what would be saved (negative) or paid more; None where a side is not known."""
        if self.cost_then is None or not self.is_by_token:
            return None
        return self.cost_then - self.cost_now

    def line(self) -> str:
        """Return it as one line for a terminal."""
        now, then = f"{self.cost_now:f}", f"not known: {_WORDS.get(self.reason or '', '')}"
        if not self.is_by_token:
            now = "GPUs by the hour"
        if self.cost_then is not None:
            then = f"{self.cost_then:f}"
        if self.difference is not None:
            then += f" ({self.difference:+f})"
        said = f"{self.agent_id} · {self.provider} {self.model}"
        if self.other_model is not None:
            said += f" → {self.other_provider} {self.other_model}: {now} → {then}"
        else:
            said += f": {then}"
        if self.unpriced_calls:
            said += f" · {self.unpriced_calls:,} calls without a price are in neither"
        return said


def lines(found: Sequence[WhatIf]) -> Iterator[str]:
    """Return the answers for a terminal, below one line of what they all rest on."""
    last = found[0].as_of_day
    first = last - timedelta(days=27)
    lists = sorted({one.price_list for one in found if one.price_list})
    currencies = sorted({one.currency for one in found if one.currency})
    yield (
        f"{first} … {last} · {' and '.join(currencies)} · standard"
        f" prices of {' and '.join(lists) or 'no list'} that hold on {last} · {EVIDENCE}: the same"
        " tokens, at the same quality"
    )
    for one in found:
        yield one.line()


def ask(root: Path, *, models: Sequence[str] = (), agent: str | None = None) -> list[WhatIf]:
    """Return what the tokens of the last 28 days would cost at other models' standard prices.

        cost_then = Σ over calls and buckets of tokens · price per million / 10⁶, rounded once

    Args:
        root: The lake.
        models: Canonical names of the other models; none for every model that some agent used.
        agent: One agent; None for all.

    Raises:
        NothingAsked: The agent made no call, or a model has no price.
        roi_engine.warehouse.serving.NoRelease: The lake has no release.
    """
    question = {"models": list(models), "agent": agent}
    with serving.connect(root) as con:
        named = con.execute(
            f"{_CALLS} select (select day from newest),"
            " (select list(distinct agent_id order by agent_id) from calls),"
            " (select list(distinct model order by model) from kinds),"
            " (select list(distinct model) from standard where list_contains($models, model))",
            question,
        ).fetchone() or (None, [], [], [])
        day, agents, in_use, priced = named[0], *([*names] if names else [] for names in named[1:])
        if not agents:
            who = f"{agent} called no model" if agent else "No agent called a model"
            raise NothingAsked(f"{who} in the 28 days to {day}.")
        if unknown := [name for name in models if name not in priced]:
            raise NothingAsked(
                f"{', '.join(unknown)} has no standard price on {day}; models in use are"
                f" {', '.join(in_use)}."
            )
        rows = con.execute(_QUERY, question).fetchall()
    return [WhatIf(*(*row[:-1], _LISTS.get(row[-1], row[-1]))) for row in rows]
