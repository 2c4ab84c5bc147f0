"""What marts ask a person to look at: each rule asked of the marts as they will stand.

Only the last 28 days are asked, so that history which is built anew raises nothing; an older day
stays open until its own numbers are right. A rule whose mart is not there is not asked.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import duckdb
import polars as pl

from roi_engine import alerts, regressions
from roi_engine.metrics.alarms import over_human, uncovered
from roi_engine.metrics.drift import MATERIAL_CHANGE, PSI_MODERATE, SIGNIFICANT
from roi_engine.settings import Settings

WINDOW_DAYS = 28


class Asked(NamedTuple):
    """What a rule is asked with."""

    con: duckdb.DuckDBPyConnection
    schema: str
    newest: date
    settings: Settings
    open_days: frozenset[date]
    """Older days whose gaps are still open."""

    @property
    def first(self) -> date:
        """Return the first day of the window."""
        return self.newest - timedelta(days=WINDOW_DAYS - 1)

    def rows(self, query: str, *given: object) -> pl.DataFrame:
        """Answer a query; ``{s}`` in it is the schema."""
        return self.con.execute(query.format(s=self.schema), list(given)).pl()


def find(
    con: duckdb.DuckDBPyConnection, schema: str, *, newest: date, settings: Settings
) -> tuple[list[alerts.Alert], list[str]]:
    """Ask every rule of the marts; return what was found, and the rules that could be asked.

    Args:
        con: The lake, for the alerts that are open.
        schema: Where facts and marts are seen as they will stand.
        newest: The newest day of the release.
        settings: Thresholds.
    """
    open_days = frozenset(
        row[0]
        for row in con.execute(
            "select distinct day from lake.ops.alert"
            " where resolved_at is null and rule = 'reconciliation_gap' and day is not null"
        ).fetchall()
    )
    asked = Asked(con, schema, newest, settings, open_days)
    there = _columns(con, schema)
    found: list[alerts.Alert] = []
    rules = []
    for rule, (needed, ask) in _RULES.items():
        if all(names <= there.get(table, frozenset()) for table, names in needed.items()):
            rules.append(rule)
            found += ask(asked)
    return found, rules


def _columns(con: duckdb.DuckDBPyConnection, schema: str) -> dict[str, frozenset[str]]:
    """Return table → its columns."""
    rows = con.execute(
        "select table_name, list(column_name) from information_schema.columns"
        " where table_catalog || '.' || table_schema = ? group by table_name",
        [schema],
    ).fetchall()
    return {name: frozenset(columns) for name, columns in rows}


def _owners(asked: Asked) -> dict[str, str]:
    if "dim_agent" not in _columns(asked.con, asked.schema):
        return {}
    return dict(
        asked.rows(
            "select agent_id, max(owner) as owner from {s}.dim_agent"
            " where owner is not null and ? >= valid_from and ? < coalesce(valid_to, 'infinity')"
            " group by agent_id",
            asked.newest,
            asked.newest,
        ).iter_rows()
    )


def _window(asked: Asked, **keys: object) -> str:
    """Return the condition that finds an alert's rows again."""
    named = (f"{name} = {_quoted(value)}" for name, value in keys.items())
    return " and ".join([*named, f"day between date '{asked.first}' and date '{asked.newest}'"])


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _cost_over_human(asked: Asked) -> list[alerts.Alert]:
    rows = asked.rows(
        """
        select agent_id, task_type,
            cast(sum(token_cost + gpu_cost) as double) as cost,
            cast(sum(human_equivalent_cost) as double) as human, sum(successes)::bigint as successes
        from {s}.daily_roi as roi
        where day between ? and ? and not starts_with(agent_id, '__')
            and not exists (
                select 1 from {s}.dim_task_type as novel
                where novel.task_type = roi.task_type and novel.is_novel
                    and roi.day >= coalesce(novel.valid_from, '-infinity')
                    and roi.day < coalesce(novel.valid_to, 'infinity')
            )
        group by all order by all
        """,
        asked.first,
        asked.newest,
    )
    limit = asked.settings.cost_ratio_threshold
    dear = rows.filter(
        pl.Series(
            over_human(
                rows["cost"],
                rows["human"],
                rows["successes"],
                threshold=limit,
                min_group_size=asked.settings.min_group_size,
            )
        )
    )
    owners = _owners(asked)
    return [
        alerts.make(
            "cost_over_human",
            subject=f"{agent} · {task_type}",
            about=[agent, task_type],
            message=(
                f"Inference costs {cost / human:.2f} times what people would cost for the same"
                f" {successes} successes of 28 days: take a cheaper model, or other hardware."
            ),
            day=asked.newest,
            owner=owners.get(agent),
            value=cost / human,
            threshold=limit,
            evidence=(
                "select day, sum(token_cost + gpu_cost) as cost, sum(human_equivalent_cost) as"
                f" human from daily_roi where {_window(asked, agent_id=agent, task_type=task_type)}"
                " group by day order by day"
            ),
        )
        for agent, task_type, cost, human, successes in dear.iter_rows()
    ]


def _price_coverage(asked: Asked) -> list[alerts.Alert]:
    rows = asked.rows(
        """
        select agent_id, count(*) filter (where cost_status = 'unpriced') as unpriced,
            count(*) as calls
        from {s}.fct_agent_action
        where day between ? and ?
            and cost_status in ('priced', 'unpriced', 'free', 'unmetered')
        group by all order by all
        """,
        asked.first,
        asked.newest,
    )
    limit = asked.settings.unpriced_share_threshold
    bare = rows.filter(pl.Series(uncovered(rows["unpriced"], rows["calls"], threshold=limit)))
    owners = _owners(asked)
    return [
        alerts.make(
            "price_coverage",
            subject=agent,
            about=[agent],
            message=(
                f"{unpriced} of {calls} model calls of 28 days have no price, so their cost is"
                " missing until the bill is there."
            ),
            day=asked.newest,
            owner=owners.get(agent),
            value=unpriced / calls,
            threshold=limit,
            evidence=(
                "select provider, model, tier, count(*) as calls from fct_agent_action where"
                f" cost_status = 'unpriced' and {_window(asked, agent_id=agent)} group by all"
            ),
        )
        for agent, unpriced, calls in bare.iter_rows()
    ]


def _reconciliation_gap(asked: Asked) -> list[alerts.Alert]:
    rows = asked.rows(
        """
        select day, provider, amount, cast(share_of_bill as double) as share
        from {s}.reconciliation
        where step = 'unexplained' and verdict = 'gap'
            and (day between ? and ? or day in (select unnest(?::date[])))
        order by all
        """,
        asked.first,
        asked.newest,
        sorted(asked.open_days),
    )
    return [
        alerts.make(
            "reconciliation_gap",
            subject=provider,
            about=[day, provider],
            message=f"{amount:f} of the bill of {provider} for {day} is explained by no rule.",
            day=day,
            value=share,
            threshold=float(asked.settings.reconciliation_tolerance),
            evidence=(
                f"select step, kind, amount, items from reconciliation where day = date '{day}'"
                f" and provider = {_quoted(provider)} order by position"
            ),
        )
        for day, provider, amount, share in rows.iter_rows()
    ]


def _invoice_gap(asked: Asked) -> list[alerts.Alert]:
    rows = asked.rows(
        "select provider, billing_period, invoice_id, difference, last_day from {s}.invoice_tieout"
        " where verdict = 'gap' order by all"
    )
    return [
        alerts.make(
            "invoice_gap",
            subject=f"{provider} · {invoice} · {period}",
            about=[provider, period, invoice],
            message=f"What is allocated of the invoice differs by {difference:f} from its lines.",
            day=last,
            value=float(difference),
            threshold=0.0,
            evidence=(
                f"select * from invoice_tieout where provider = {_quoted(provider)} and"
                f" invoice_id = {_quoted(invoice)} and billing_period = date '{period}'"
            ),
        )
        for provider, period, invoice, difference, last in rows.iter_rows()
    ]


def _regression(asked: Asked) -> list[alerts.Alert]:
    owners = _owners(asked)
    return [
        alerts.make(
            "regression",
            subject=f"{one.agent_id} · {one.kpi}",
            about=[one.agent_id, one.version, one.kpi],
            message=one.message,
            day=asked.newest,
            owner=owners.get(one.agent_id),
            value=one.change,
            threshold=one.least,
            evidence=(
                f"select model_version, {', '.join(regressions.VERSIONS)}, task_type, {one.parts}"
                f" from fct_task where is_ended and agent_id = {_quoted(one.agent_id)}"
                f" and model_version in ({_quoted(one.before)}, {_quoted(one.version)})"
                f" and day >= date '{one.first}'"
                " group by all order by all"
            ),
        )
        for one in regressions.find(
            asked.rows,
            newest=asked.newest,
            window_days=WINDOW_DAYS,
            min_group_size=asked.settings.min_group_size,
        )
    ]


def _over_limit(asked: Asked) -> list[alerts.Alert]:
    return _wallets(
        asked,
        "over_limit",
        "over_limit",
        "spent_to_date",
        "{value:.2f} {currency} is spent, {limit:.2f} was allowed.",
    )


def _early_exhaustion(asked: Asked) -> list[alerts.Alert]:
    return _wallets(
        asked,
        "early_exhaustion",
        "early_exhaustion_low_yield",
        "projected_spend",
        "At its present rate {value:.2f} {currency} will be spent when the period ends, {limit:.2f}"
        " is allowed, and what it buys does not earn its money.",
    )


def _wallets(asked: Asked, rule: str, flag: str, column: str, says: str) -> list[alerts.Alert]:
    """Tell of the wallets that a flag marks on the newest day, a column against the allowance."""
    rows = asked.rows(
        f"select wallet_id, {column}, allowance, currency from {{s}}.daily_wallet"
        f" where day = ? and {flag} order by wallet_id",
        asked.newest,
    )
    return [
        alerts.make(
            rule,
            subject=wallet,
            about=[wallet],
            message=says.format(value=value, limit=limit, currency=currency),
            day=asked.newest,
            value=float(value),
            threshold=float(limit),
            evidence=(
                f"select * from daily_wallet where {_window(asked, wallet_id=wallet)} order by day"
            ),
        )
        for wallet, value, limit, currency in rows.iter_rows()
    ]


def _mandate_over_limit(asked: Asked) -> list[alerts.Alert]:
    rows = asked.rows(
        "select mandate_id, agent_id, spent, limit_amount from {s}.mandates"
        " where is_open and spent > limit_amount order by mandate_id"
    )
    owners = _owners(asked)
    return [
        alerts.make(
            "mandate_over_limit",
            subject=mandate,
            about=[mandate],
            message=f"{agent} has spent more than the mandate allows, and its goal is not reached.",
            day=asked.newest,
            owner=owners.get(agent),
            value=float(spent),
            threshold=float(limit),
            evidence=f"select * from mandates where mandate_id = {_quoted(mandate)}",
        )
        for mandate, agent, spent, limit in rows.iter_rows()
    ]


def _drift(asked: Asked) -> list[alerts.Alert]:
    """Tell each agent's advice, with the figure that gave it and what it was held against."""
    rows = asked.rows(
        f"""
        with moved as (
            select agent_id, advice_reason, subject as kpi, value_then, value_now, mix_effect,
                rate_p_value
            from {{s}}.drift where kind = 'kpi'
            qualify row_number() over (
                partition by agent_id, advice_reason
                order by if(advice_reason = 'mix_changed', -abs(mix_effect / value_then),
                    rate_p_value) nulls last, subject
            ) = 1
        ),
        inputs as (
            select agent_id, subject as input, psi
            from {{s}}.drift where kind = 'input' and stability in ('moderate', 'major')
            qualify row_number() over (partition by agent_id order by psi desc, subject) = 1
        )
        select agent_id, advice, advice_reason, verified_asr_value, days_under_one,
            kpi, moved.value_then, moved.value_now, moved.mix_effect, moved.rate_p_value,
            input, inputs.psi, {", ".join(f"{name}s_now" for name in regressions.VERSIONS)}
        from {{s}}.drift
        left join moved using (agent_id, advice_reason)
        left join inputs using (agent_id)
        where kind = 'advice' and advice <> 'keep'
        order by agent_id
        """
    )
    owners = _owners(asked)
    found = []
    for row in rows.iter_rows(named=True):
        because = _because(row)
        versions = [row[f"{name}s_now"] for name in regressions.VERSIONS]
        found.append(
            alerts.make(
                "drift",
                subject=row["agent_id"],
                about=[row["agent_id"]],
                message=f"Advice: {row['advice']}. {because.says}."
                + regressions.ran_with("It", versions),
                day=asked.newest,
                owner=owners.get(row["agent_id"]),
                value=because.value,
                threshold=because.threshold,
                evidence=f"select * from drift where agent_id = {_quoted(row['agent_id'])}",
            )
        )
    return found


class _Because(NamedTuple):
    """Why something is advised: in words, and a figure with what it was held against."""

    says: str
    value: float | None
    threshold: float


def _because(row: Mapping[str, Any]) -> _Because:
    """Return what gave an agent's advice, by the line of the rule that it came from."""
    moved = f"{row['kpi']} went from {_figure(row['value_then'])} to {_figure(row['value_now'])}"
    tested = (row["rate_p_value"], SIGNIFICANT)
    match row["advice_reason"]:
        case "loses_money":
            return _Because(
                f"Of each unit spent {_figure(row['verified_asr_value'])} came back, under 1 for"
                f" {row['days_under_one']} days",
                row["verified_asr_value"],
                1.0,
            )
        case "worse_on_new_inputs":
            return _Because(f"Its inputs have drifted ({row['input']}), and {moved}", *tested)
        case "inputs_drifted":
            return _Because(
                f"The inputs have drifted: {row['input']}, PSI {_figure(row['psi'])}",
                row["psi"],
                PSI_MODERATE,
            )
        case "mix_changed":
            return _Because(
                f"The work is of other kinds, which alone moved {row['kpi']} by"
                f" {_figure(row['mix_effect'])}",
                abs(row["mix_effect"]),
                MATERIAL_CHANGE * abs(row["value_then"]),
            )
        case _:
            return _Because(f"On the same kinds of work {moved}", *tested)


def _figure(value: float | None) -> str:
    return "an unknown figure" if value is None else f"{value:.4g}"


_Needed = dict[str, frozenset[str]]


def _needs(**tables: Collection[str]) -> _Needed:
    return {table: frozenset(columns) for table, columns in tables.items()}


_RULES: dict[str, tuple[_Needed, Callable[[Asked], list[alerts.Alert]]]] = {
    "cost_over_human": (
        _needs(daily_roi=("task_type",), dim_task_type=("is_novel",)),
        _cost_over_human,
    ),
    "price_coverage": (_needs(fct_agent_action=("cost_status",)), _price_coverage),
    "reconciliation_gap": (_needs(reconciliation=("verdict",)), _reconciliation_gap),
    "invoice_gap": (_needs(invoice_tieout=("verdict",)), _invoice_gap),
    "regression": (
        _needs(fct_task=regressions.COLUMNS, dim_model=("model", "model_version", "valid_from")),
        _regression,
    ),
    "early_exhaustion": (
        _needs(
            daily_wallet=("early_exhaustion_low_yield", "projected_spend", "allowance", "currency")
        ),
        _early_exhaustion,
    ),
    "over_limit": (
        _needs(daily_wallet=("over_limit", "spent_to_date", "allowance", "currency")),
        _over_limit,
    ),
    "mandate_over_limit": (
        _needs(mandates=("mandate_id", "limit_amount")),
        _mandate_over_limit,
    ),
    "drift": (
        _needs(
            drift=("advice_reason", *(f"{name}s_now" for name in regressions.VERSIONS)),
        ),
        _drift,
    ),
}
"""Rule → the columns that it needs, and what asks it."""
