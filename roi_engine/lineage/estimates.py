"""Where costs come from that stand on no bill yet: the calls they were estimated from, and prices.

An estimate is a line of its own, made of the day's calls by provider and model and shared over
their cells; so it is in no landed file itself, and its calls and prices are.
"""

from collections.abc import Iterator

import duckdb

from roi_engine.lineage.reads import Read, Rows, read

_MOST = 3
"""So many of the estimated lines are named."""

# the line's name and its cells are made as dbt makes them (int_usage_estimated_by_traces)
_CALLS = """
create or replace temp table estimated_calls as
with calls as (
    select action.*,
        case when cost_status = 'stated'
            then 'estimate:stated:' || coalesce(tool, provider, '__unknown__')
            else 'estimate:' || coalesce(lower(provider), '__unknown__') || ':'
                || coalesce(model, '__unknown__')
        end || ':' || day as charge_id,
        case when not coalesce(is_overhead, false) then task_id end as served_task_id
    from facts.fct_agent_action as action
    where cost_status in ('priced', 'free', 'unpriced', 'unmetered', 'stated')
        and not coalesce(is_rollup, false)
        and day in (select day from estimates)
)
select calls.*
from calls
left join facts.fct_task as task on task.task_id = calls.served_task_id
left join facts.dim_agent as agent
    on agent.agent_id = calls.agent_id
    and calls.day >= agent.valid_from and calls.day < coalesce(agent.valid_to, date '9999-12-31')
where (
    charge_id,
    coalesce(calls.agent_id, '__unknown__'),
    coalesce(calls.model_version, '__unknown__'),
    coalesce(task.task_type, '__unknown__'),
    coalesce(case when task.task_id is null then agent.department else task.department end,
        '__unknown__'),
    coalesce(task.channel, '__unknown__'),
    case when task.task_id is null then 'overhead' else coalesce(task.outcome_class, '__unknown__')
    end
) in (
    select (charge_id, agent_id, model_version, task_type, department, channel, outcome_class)
    from estimates
)
"""


def keep(con: duckdb.DuckDBPyConnection, rows: Rows) -> str:
    """Keep the shares of the estimates among charges, for ``behind``; return a note on them."""
    if rows.table not in {"fct_charge", "fct_cost_allocation"}:
        return ""
    estimates = f"select * from ({rows.sql}) where charge_id like 'estimate:%'"
    (found,) = con.execute(f"select count(*) from ({estimates})", rows.given).fetchone() or (0,)
    if not found:
        return ""
    if rows.table == "fct_charge":
        estimates = (
            "select * from facts.fct_cost_allocation"
            f" where charge_id in (select charge_id from ({estimates}))"
        )
    con.execute(
        "create temp table if not exists estimates as from facts.fct_cost_allocation limit 0"
    )
    # the same share may stand under two parts of a figure
    con.execute(f"insert into estimates {estimates} except all select * from estimates", rows.given)
    return (
        f"{found:,} of the rows are estimates: no bill has them yet, so they stand in no landed"
        " file; the calls that they were made of follow"
    )


def behind(con: duckdb.DuckDBPyConnection) -> Iterator[Read]:
    """Return the calls that the kept estimates are made of, and the prices these were priced at."""
    kept = con.execute("select 1 from duckdb_tables() where table_name = 'estimates'").fetchone()
    if kept is None:
        return
    con.execute(_CALLS)
    listed = con.execute("select distinct charge_id from estimates order by 1").fetchall()
    some = ", ".join(name for (name,) in listed[:_MOST])
    more = f" … of {len(listed)}" if len(listed) > _MOST else ""
    yield read(
        con,
        Rows(
            "fct_agent_action",
            ("priced_cost", "price_id"),
            "estimated_calls as fact",
            "true",
            (),
            {"priced_cost": "sum(priced_cost)"},
            f"it is a call of the same cells, in {some}{more}",
        ),
        note=_note(con),
    )
    used = "price_id in (select price_id from estimated_calls)"
    prices = Rows(
        "dim_price",
        ("price_id",),
        "facts.dim_price as fact",
        used,
        (),
        {},
        "it priced one of these calls",
    )
    if (found := read(con, prices)).rows:
        yield found


def _note(con: duckdb.DuckDBPyConnection) -> str:
    """Say in words what the calls' own files and prices do not show."""
    estimated, priced, unpriced, stated, converted = con.execute(
        """
        select
            (select sum(allocated_cost) from estimates),
            coalesce(sum(priced_cost), 0),
            count(*) filter (cost_status = 'unpriced'),
            count(*) filter (cost_status = 'stated'),
            count(*) filter (price_currency <> currency)
        from estimated_calls
        """
    ).fetchone() or (0, 0, 0, 0, 0)
    said = []
    if estimated != priced:
        said.append(
            f"the estimates are {estimated:f}: each was shared over its cells, by tokens where a"
            " call of the day has no price"
        )
    if unpriced:
        said.append(f"{unpriced:,} of the calls have no price and are in no cost")
    if stated:
        said.append(f"{stated:,} of the calls state their own price, in the span")
    if converted:
        said.append(
            f"{converted:,} of the calls are priced in another currency, at the day's rate of"
            " reference/fx_rates.csv"
        )
    return "; ".join(said)
