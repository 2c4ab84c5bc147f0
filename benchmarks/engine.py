"""The three main marts from facts, against pandas, against SQL alone, and against the bare scan.

    python benchmarks/engine.py --actions 1000000 10000000

Facts of 28 days are drawn first (SIMULATED, not counted): an action is a model call, five make a
task, a task is credited to one or two agents and charged to its cell. Then each peer makes
daily_roi, daily_hallucination_adjusted_cost and daily_asr of every day, in a process of its own, so
that wall seconds and peak memory are its own. The peers do less: sums and ratios, with Jeffreys'
mean for the rate, and no interval, pooling, window of residuals, band or evidence.

``engine`` is what `roi run` does in its value stage for these marts, judging left out. ``all
marts`` makes every mart there is. ``scan`` reads each column that is needed and nothing else: no
mart can cost less.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from roi_engine import valuing
from roi_engine.marts import MARTS, needs, required
from roi_engine.marts.contract import FACTS
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.params import Params

LAST = date(2026, 1, 28)
DAYS = tuple(LAST - timedelta(days=back) for back in range(27, -1, -1))
MAIN = ("daily_roi", "daily_hallucination_adjusted_cost", "daily_asr")
PER_TASK = 5
AGENTS = 100
WORKS = {"model_version": (4, 2), "task_type": (10, 2), "department": (7, 3), "channel": (2, 2)}
"""Dimension → how many values there are, and how many of them one agent's work has: 24 cells a day
and agent, as in an estate where an agent has its job, an old and a new model, a few departments."""


def write_facts(folder: Path, actions: int) -> None:
    """Write facts as Parquet, with the columns and types that marts read."""
    con = duckdb.connect()
    con.execute("set preserve_insertion_order = false")
    tasks = actions // PER_TASK

    def draw(of: str, salt: int, ways: int) -> str:
        # of one text: the hash of two numbers mixes their low bits too little to be independent
        return f"cast(hash({of} || '/{salt}') % {ways} as integer)"

    agent = draw("task", 0, AGENTS)
    cell = f"'agent-' || {agent} as agent_id, " + ", ".join(
        f"'{name}-' || ({agent} + {draw('task', salt, own)}) % {ways} as {name}"
        for salt, (name, (ways, own)) in enumerate(WORKS.items(), 1)
    )
    con.execute(f"""
        create view drawn as
        select task, 'task-' || task as task_id,
            date '{DAYS[0]}' + {draw("task", 9, len(DAYS))} as day, {cell},
            {draw("task", 10, 100)} as luck, {draw("task", 11, 100)} as looked,
            {draw("task", 12, 10**6)} as amount
        from range({tasks}) as numbers(task)
    """)
    value = "cast(amount as decimal(38, 18)) / 100000"
    exact = "cast({} as decimal(38, 18))"
    known = {
        "fct_task": {
            "outcome_class": "case when luck < 55 then 'autonomous_success' when luck < 75 then"
            " 'assisted_success' when luck < 95 then 'failure' else 'open' end",
            "is_ended": "luck < 95",
            "is_output_delivered": "luck < 80",
            "is_escalated": "luck between 55 and 74",
            "is_mature": "luck < 95",
            "is_novel": "false",
            "has_speed_value": "false",
            "human_equivalent_cost": exact.format("10"),
            "labour_value": f"case when luck < 75 then {exact.format(value)} else 0 end",
            "speed_value": exact.format("0"),
            "direct_value": exact.format("0"),
            "avoided_loss": exact.format("0"),
            "human_cost": "cast(case when luck between 55 and 94 then 3 else 0 end"
            " as decimal(38, 9))",
            "human_minutes": exact.format("case when luck between 55 and 94 then 4 else 0 end"),
            "is_human_reviewed": "looked < 5 and luck < 80",
            "is_hallucination": "looked < 5 and luck % 10 = 0",
            "is_random_review": "looked < 5",
            "evidence": "'measured'",
            "remediation_minutes": exact.format("15"),
            "hourly_cost": exact.format("50"),
            "liability_per_hallucination": exact.format("2"),
            "later_detected_probability": "1.0",
            "inference_microseconds": "cast(amount * 10 as bigint)",
            "priced_cost": "cast(amount as decimal(38, 9)) / 10000000",
            "tokens": "cast(amount as bigint)",
        },
        "fct_cost_allocation": {
            "charge_id": "'charge-' || task",
            "outcome_class": "case when luck < 55 then 'autonomous_success' when luck < 75 then"
            " 'assisted_success' when luck < 95 then 'failure' else 'open' end",
            "cost_class": "case when task % 5 = 0 then 'gpu' else 'token_api' end",
            "charge_category": "'Usage'",
            "cost_basis": "'billed'",
            "allocated_cost": "cast(amount as decimal(38, 9)) / 10000000",
        },
        "fct_task_credit": {"credit": exact.format("1"), "is_shared": "false"},
        "fct_time_entry": {
            "human_cost": "cast(3 as decimal(38, 9))",
            "basis": "'logged'",
        },
        "fct_agent_action": {
            "action_id": "task_id || '-' || step",
            "operation": "case when step = 4 then 'execute_tool' else 'chat' end",
            "tool": "case when step = 4 then 'search' end",
            "is_rollup": "false",
            "initiated_by": "'event'",
            "cost_status": "'priced'",
            "priced_cost": "cast(amount + step as decimal(38, 9)) / 100000000",
            "input_uncached_tokens": "cast(amount % 5000 as bigint)",
            "output_visible_tokens": "cast(amount % 700 as bigint)",
        },
    }
    rows = {
        "fct_time_entry": "drawn where luck between 55 and 94",
        "fct_agent_action": f"drawn, range({PER_TASK}) as steps(step)",
    }
    own = {"task_id", "day", "agent_id", *WORKS}
    for table, columns in FACTS.items():
        given = known.get(table, {})
        kinds = con.register("kinds", pl.DataFrame(schema=columns)).execute("describe kinds")
        typed = {row[0]: row[1] for row in kinds.fetchall()}
        shown = ", ".join(
            f"{name}"
            if table in known and name in own
            else f'cast({given.get(name, "null")} as {kind}) as "{name}"'
            for name, kind in typed.items()
        )
        source = rows.get(table, "drawn") if table in known else "drawn limit 0"
        con.execute(f"copy (select {shown} from {source}) to '{folder}/{table}.parquet'")


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in which each fact is a view over its file."""
    con = duckdb.connect(config={"threads": 2})
    con.execute("create schema facts")
    for table in FACTS:
        con.execute(f"create view facts.{table} as from '{folder}/{table}.parquet'")
    return con


def engine(folder: Path) -> dict[str, pl.DataFrame]:
    """Make the marts as the value stage does."""
    con = connect(folder)
    params = Params(days=DAYS, as_of=LAST + timedelta(days=60))
    names = list(dict.fromkeys(name for mart in MAIN for name in (*needs(mart), mart)))
    made = valuing.made(con, names, schema="facts", params=params)
    found = dict(made)
    return {mart: found[mart] for mart in MAIN}


def everything(folder: Path) -> dict[str, pl.DataFrame]:
    """Make every mart: the daily ones, then those that are made whole from facts and marts."""
    con = connect(folder)
    params = Params(days=DAYS, as_of=LAST + timedelta(days=60))
    daily = [name for name in MARTS if not DECLARED[name].standing]
    found = dict(valuing.made(con, daily, schema="facts", params=params))
    for name, mart in found.items():
        con.register(f"built_{name}", mart)
        con.execute(f"create view facts.{name} as from built_{name}")
    standing = [name for name in MARTS if DECLARED[name].standing]
    now = replace(params, days=(LAST,))
    return found | dict(valuing.made(con, standing, schema="facts", params=now))


CELL = ["day", "agent_id", "model_version", "task_type", "department", "channel"]
OWN = CELL[:4]
VALUES = ["labour_value", "speed_value", "direct_value", "avoided_loss"]


def in_pandas(folder: Path) -> dict[str, object]:  # noqa: PLR0915 - one script, as peers write it
    """Make them as an analyst does: read_parquet, merge, groupby, floats."""
    import pandas as pd  # noqa: PLC0415

    def read(table: str, *columns: str) -> pd.DataFrame:
        frame = pd.read_parquet(folder / f"{table}.parquet", columns=list(columns))
        money = [name for name in columns if "cost" in name or "value" in name or name in extra]
        return frame.astype(dict.fromkeys(set(money) & set(frame.columns) - words, "float64"))

    extra, words = {"avoided_loss", "credit", "human_minutes"}, {"cost_class"}
    charges = read("fct_cost_allocation", *CELL, "outcome_class", "cost_class", "allocated_cost")
    hours = read("fct_time_entry", *CELL, "human_cost")
    tasks = read(
        "fct_task",
        *("task_id", *CELL, "outcome_class", "is_ended", "is_escalated", "human_minutes"),
        *("human_equivalent_cost", *VALUES, "is_human_reviewed", "is_hallucination"),
        *("is_output_delivered",),
    )
    shares = read("fct_task_credit", "task_id", "agent_id", "credit")
    actions = read("fct_agent_action", "day", "agent_id", "priced_cost", "input_uncached_tokens",
                   "output_visible_tokens")  # fmt: skip
    tasks["won"] = tasks.outcome_class.isin(["autonomous_success", "assisted_success"])
    credited = tasks[tasks.is_ended].merge(
        shares.rename(columns={"agent_id": "credited"}), on="task_id"
    )
    for part in VALUES:
        credited[part] *= credited.credit * credited.won
    credited["alone"] = ~credited.is_escalated & (credited.human_minutes == 0)
    by_credit = {"credited": "agent_id"}

    spent = charges.pivot_table("allocated_cost", CELL, "cost_class", aggfunc="sum", fill_value=0)
    roi = spent.join(hours.groupby(CELL).human_cost.sum(), how="outer")
    value_keys = ["day", "credited", *CELL[2:]]
    value = credited.groupby(value_keys)[[*VALUES, "human_equivalent_cost"]].sum().reset_index()
    roi = roi.join(value.rename(columns=by_credit).set_index(CELL), how="outer")
    counts = tasks.groupby([*CELL, "outcome_class"]).size().unstack(fill_value=0)
    roi = roi.join(counts, how="outer").fillna(0)
    roi["total_cost"] = roi[[*spent.columns, "human_cost"]].sum(axis=1)
    roi["gross_value"] = roi[VALUES].sum(axis=1)
    roi["roi"] = (roi.gross_value - roi.total_cost) / roi.total_cost

    out = tasks[tasks.is_output_delivered]
    looked = out[out.is_human_reviewed].groupby(OWN).is_hallucination.agg(["sum", "count"])
    shape = looked.unstack("day", fill_value=0)
    window = shape.T.groupby(level=0).rolling(28, min_periods=1).sum().droplevel(0).T.stack("day")
    outputs = out.groupby(OWN).agg(outputs=("won", "size"), seen=("is_human_reviewed", "sum"))
    cost = (
        charges.groupby(OWN)
        .allocated_cost.sum()
        .add(hours.groupby(OWN).human_cost.sum(), fill_value=0)
    )
    window = window.reorder_levels(OWN)
    adjusted = outputs.join(window, how="left").join(cost.rename("total_cost"), how="outer")
    adjusted["rate"] = (adjusted["sum"] + 0.5) / (adjusted["count"] + 1)
    adjusted["hallucination_cost"] = (adjusted.outputs - adjusted.seen) * adjusted.rate * 14.5
    adjusted["adjusted_cost"] = adjusted.total_cost + adjusted.hallucination_cost.fillna(0)

    keys = ["day", "agent_id"]
    autonomous = charges[charges.outcome_class == "autonomous_success"]
    asr = charges.groupby(keys).allocated_cost.sum().rename("spend").to_frame()
    asr["autonomous_spend"] = autonomous.groupby(keys).allocated_cost.sum()
    alone = credited[credited.alone].groupby(["day", "credited"])[VALUES].sum().sum(axis=1)
    asr["autonomous_value"] = alone.rename_axis(keys)
    asr["ended"] = tasks[tasks.is_ended].groupby(keys).size()
    asr["actions"] = actions.groupby(keys).size()
    actions["tokens"] = actions.input_uncached_tokens + actions.output_visible_tokens
    asr["tokens"] = actions.groupby(keys).tokens.sum()
    wide = asr.fillna(0).unstack("agent_id", fill_value=0).rolling(28, min_periods=1).sum()
    asr = asr.join(wide.stack("agent_id").add_suffix("_28d"))
    asr["asr_spend_28d"] = asr.autonomous_spend_28d / asr.spend_28d
    asr["asr_value_28d"] = asr.autonomous_value_28d / asr.spend_28d
    return {"daily_roi": roi, MAIN[1]: adjusted, "daily_asr": asr}


def in_sql(folder: Path) -> dict[str, pl.DataFrame]:
    """Make them in DuckDB alone: exact sums, ratios, windows."""
    con = connect(folder)
    cell, own = ", ".join(CELL), ", ".join(OWN)
    won = "outcome_class in ('autonomous_success', 'assisted_success')"
    con.execute(f"""
        create temp table credited as
        select fct_task.day, credit.agent_id, fct_task.model_version, task_type, department,
            channel,
            sum(human_equivalent_cost * credit) filter ({won}) as human_equivalent_cost,
            sum(labour_value * credit) filter ({won}) as labour_value,
            sum(speed_value * credit) filter ({won}) as speed_value,
            sum(direct_value * credit) as direct_value,
            sum(avoided_loss * credit) filter ({won}) as avoided_loss,
            sum((labour_value + speed_value + avoided_loss) * credit)
                filter ({won} and not is_escalated and human_minutes = 0) as autonomous_value
        from facts.fct_task
        inner join (
            select task_id, agent_id, cast(credit as decimal(10, 9)) as credit
            from facts.fct_task_credit
        ) as credit using (task_id)
        where is_ended group by all
    """)
    frames = {
        "daily_roi": f"""
            with spent as (
                select {cell}, sum(allocated_cost) as cost,
                    sum(allocated_cost) filter (cost_class = 'gpu') as gpu_cost
                from facts.fct_cost_allocation group by all
            ), hours as (
                select {cell}, sum(human_cost) as human_cost from facts.fct_time_entry group by all
            ), counted as (
                select {cell}, count(*) as tasks, count(*) filter (is_ended) as ended_tasks,
                    count(*) filter ({won}) as successes
                from facts.fct_task group by all
            )
            select *, coalesce(cost, 0) + coalesce(human_cost, 0) as total_cost,
                cast(labour_value + speed_value + direct_value + avoided_loss as double)
                    / nullif(cast(coalesce(cost, 0) + coalesce(human_cost, 0) as double), 0) - 1
                    as roi
            from spent full join hours using ({cell}) full join counted using ({cell})
            full join credited using ({cell})
        """,
        MAIN[1]: f"""
            with outputs as (
                select {own}, count(*) as outputs,
                    count(*) filter (is_human_reviewed) as reviewed,
                    count(*) filter (is_human_reviewed and is_hallucination) as hallucinated
                from facts.fct_task where is_output_delivered group by all
            ), rolled as (
                select *, sum(reviewed) over recent as n, sum(hallucinated) over recent as h
                from outputs window recent as (
                    partition by agent_id, model_version, task_type order by day
                    range between interval 27 days preceding and current row)
            ), spent as (
                select {own}, sum(allocated_cost) as cost
                from facts.fct_cost_allocation group by all
            ), hours as (
                select {own}, sum(human_cost) as human_cost from facts.fct_time_entry group by all
            )
            select *, (h + 0.5) / (n + 1) as rate,
                (outputs - reviewed) * (h + 0.5) / (n + 1) * 14.5 as hallucination_cost
            from rolled full join spent using ({own}) full join hours using ({own})
        """,
        "daily_asr": """
            with spent as (
                select day, agent_id, sum(allocated_cost) as spend,
                    sum(allocated_cost) filter (outcome_class = 'autonomous_success')
                        as autonomous_spend
                from facts.fct_cost_allocation group by all
            ), valued as (
                select day, agent_id, sum(autonomous_value) as autonomous_value
                from credited group by all
            ), ended as (
                select day, agent_id, count(*) as ended_tasks
                from facts.fct_task where is_ended group by all
            ), acted as (
                select day, agent_id, count(*) as actions, sum(priced_cost) as priced_cost,
                    sum(input_uncached_tokens + output_visible_tokens) as tokens
                from facts.fct_agent_action group by all
            )
            select *, cast(sum(autonomous_spend) over recent as double)
                    / cast(sum(spend) over recent as double) as asr_spend_28d,
                cast(sum(autonomous_value) over recent as double)
                    / cast(sum(spend) over recent as double) as asr_value_28d
            from spent left join valued using (day, agent_id) left join ended using (day, agent_id)
            left join acted using (day, agent_id)
            window recent as (partition by agent_id order by day
                range between interval 27 days preceding and current row)
        """,
    }
    return {mart: con.execute(text).pl() for mart, text in frames.items()}


def scan(folder: Path) -> dict[str, object]:
    """Read each column that the marts need once, and add it up."""
    con = connect(folder)
    wanted: dict[str, set[str]] = {}
    for mart in MAIN:
        for query in required(mart):
            text = query.sql("facts", DAYS)
            for table in query.tables:
                wanted.setdefault(table, set()).update(c for c in FACTS[table] if c in text)
    for table, columns in wanted.items():
        read = ", ".join(f"max({name})" for name in sorted(columns))
        con.execute(f"select {read} from facts.{table}").fetchall()
    return {}


PEERS: dict[str, Callable[[Path], dict]] = {
    "engine": engine,
    "all marts": everything,
    "pandas": in_pandas,
    "DuckDB SQL": in_sql,
    "scan": scan,
}


def one(name: str, folder: Path) -> None:
    """Run one peer and print its seconds, peak memory and the figures that must agree."""
    begun = time.perf_counter()
    made = PEERS[name](folder)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    checks = {}
    if made:
        asr = made["daily_asr"]
        asr = asr.reset_index() if hasattr(asr, "reset_index") else asr.to_pandas()
        last = asr[asr.day.astype(str).str[:10] == str(LAST)]
        checks = {
            "cost": float(sum(map(float, made["daily_roi"]["total_cost"]))),
            "asr_spend_28d": float(last.asr_spend_28d.astype(float).mean()),
            "asr_value_28d": float(last.asr_value_28d.astype(float).mean()),
        }
    print(json.dumps({"seconds": seconds, "peak": peak, "checks": checks}))


def compare(actions: int, peers: list[str]) -> None:
    """Run every peer on the same facts and print the table."""
    with tempfile.TemporaryDirectory() as temp:
        write_facts(Path(temp), actions)
        found = {}
        for name in peers:
            command = [sys.executable, __file__, "--one", name, "--facts", temp]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                found[name] = None
                print(f"{name}: failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            found[name] = json.loads(done.stdout.splitlines()[-1])
    ours = found["engine"]
    print(
        f"\nSIMULATED DATA · {actions:,} actions, {actions // PER_TASK:,} tasks, 28 days, 3 marts"
    )
    print(f"{'':12}{'seconds':>9}{'peak MiB':>10}{'engine is':>14}")
    for name, run in found.items():
        if run:
            ratio = run["seconds"] / ours["seconds"]
            said = "" if name == "engine" else f"{ratio:.2f} × as fast"
            print(f"{name:12}{run['seconds']:9.1f}{run['peak']:10,.0f}{said:>18}")
    for name, run in found.items():
        for check, figure in (run["checks"] if run else {}).items():
            wanted = ours["checks"][check]
            if abs(figure - wanted) > 1e-6 * abs(wanted):
                print(f"{name} gives another {check}: {figure} against {wanted}")


def main() -> None:
    """Compare at each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--facts", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.facts)
        return
    for actions in given.actions:
        compare(actions, given.peers)


if __name__ == "__main__":
    main()
