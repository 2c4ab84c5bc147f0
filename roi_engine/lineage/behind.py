"""What stands behind costs that are no lines of a bill: estimates, and training written down.

An estimate is a line of its own, made of the day's calls by provider and model and shared over
their cells; so it is in no landed file itself, and its calls and prices are. What is written down
a day is a part of what was billed while the run was trained.
"""

from collections.abc import Iterator

import duckdb

from roi_engine.lineage.reads import Read, Rows, read

_MOST = 3
"""So many of the estimated lines are named."""

_MADE_UP = "'estimate', 'training'"

# the line's name and its cells are made as dbt makes them (int_usage_estimated_by_traces)
_CALLS = """
create or replace temp table estimated_calls as
with calls as (
    select action.*,
        case when cost_status = 'stated'
            then 'estimate:stated:'
                || coalesce(nullif(lower(provider), '__unknown__'), tool, '__unknown__')
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
    """Keep the shares of such lines among charges, for ``follow``; return a note on them."""
    if rows.table not in {"fct_charge", "fct_cost_allocation"}:
        return ""
    made_up = f"select * from ({rows.sql}) where split_part(charge_id, ':', 1) in ({_MADE_UP})"
    estimates, written_down = con.execute(
        "select count(*) filter (starts_with(charge_id, 'estimate:')),"
        f" count(*) filter (starts_with(charge_id, 'training:')) from ({made_up})",
        rows.given,
    ).fetchone() or (0, 0)
    if rows.table == "fct_charge":
        made_up = (
            "select * from facts.fct_cost_allocation"
            f" where (charge_id, day) in (select (charge_id, day) from ({made_up}))"
        )
    con.execute("create temp table if not exists kept as from facts.fct_cost_allocation limit 0")
    # the same share may stand under two parts of a figure
    con.execute(f"insert into kept {made_up} except all select * from kept", rows.given)
    said = []
    if estimates:
        said.append(
            f"{estimates:,} of the rows are estimates: no bill has them yet, so they stand in no"
            " landed file; the calls that they were made of follow"
        )
    if written_down:
        said.append(
            f"{written_down:,} of the rows are training written down: their file is what declares"
            " the run; the bill that was capitalised follows"
        )
    return "; ".join(said)


def follow(con: duckdb.DuckDBPyConnection) -> Iterator[Read]:
    """Return what stands behind the kept shares: calls and their prices, capitalised charges."""
    if not con.execute("select 1 from duckdb_tables() where table_name = 'kept'").fetchone():
        return
    yield from _called(con)
    con.execute(
        "create or replace temp table runs as select distinct run_id from facts.fct_charge"
        " where starts_with(charge_id, 'training:') and charge_id in (select charge_id from kept)"
    )
    runs = con.execute("select run_id from runs order by 1").fetchall()
    if runs:
        condition = (
            "origin = 'bill' and run_id in (select run_id from runs)"
            " and day <= (select max(day) from kept)"
        )
        words = f"it was capitalised for {', '.join(run for (run,) in runs)}"
        charges = ("fct_charge", ("cost", "run_id"), "facts.fct_charge as fact", condition, ())
        yield read(con, Rows(*charges, {"cost": "sum(cost)"}, words))


def _called(con: duckdb.DuckDBPyConnection) -> Iterator[Read]:
    """Return the calls that the kept estimates are made of, and the prices these were priced at."""
    con.execute(
        "create or replace temp table estimates as"
        " from kept where starts_with(charge_id, 'estimate:')"
    )
    if not con.execute("select 1 from estimates limit 1").fetchone():
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
