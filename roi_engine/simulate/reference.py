"""The small tables that people maintain, as CSV, with everything an estate's rules rest on."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from roi_engine.simulate import roster, servicenow, trials, zendesk
from roi_engine.simulate.bill import CLOUD, PROVIDERS
from roi_engine.simulate.gpus import Gpu, namespace
from roi_engine.simulate.horizon import HOUR_US, Horizon, instant
from roi_engine.simulate.tasks import ESCALATED, HUMAN
from roi_engine.simulate.tickets import SERVICENOW

_ALLOWANCE = ("day", 150, "USD", 25)
_ALLOWANCES = {
    "treasury": ("week", 700, "USD", 25),
    "operations": ("month", 2_500, "EUR", 20),
    # the least of all: it is used up long before the day ends
    "research": ("day", 2, "USD", 1),
}
"""Department → period, allowance, currency and slope limit of its wallet, where it differs."""

_WORKDAYS = range(1, 6)
SERVICE_HOURS: dict[str, dict[int, tuple[tuple[str, str, object], ...]]] = {
    # the second window has more people than the first: a break at noon, a busy afternoon
    "support": {
        **dict.fromkeys(_WORKDAYS, (("08:00", "12:00", 4), ("13:00", "20:00", "5.5"))),
        6: (("09:00", "15:00", 2),),
    },
    # all week, day and night, by as many as nobody says
    "operations": dict.fromkeys(range(1, 8), (("00:00", "24:00", ""),)),
    "": dict.fromkeys(_WORKDAYS, (("09:00", "17:00", 6),)),
}
"""Department → weekday → its windows: opens, closes, people; the nameless one is all others'."""

COST_CLASSES = (
    ("ServiceName", "GPU Training", "training"),
    *(("ServiceName", one.service, "token_api") for one in PROVIDERS),
    ("ServiceName", "GPU Instances", "gpu"),
    ("ServiceName", "Corporate Backup", "out_of_scope"),
    # the backup is storage too, but an earlier rule has spoken
    ("ServiceCategory", "Storage", "storage"),
    ("ServiceName", "Agent Network", "network"),
    ("ServiceName", "Agent Platform", "platform"),
    ("ServiceName", "Agent Misc", "other"),
)
"""(column, exact value, cost class) in order; what none of them names is out of scope."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A share of a class of lines, by a tag or a resource, for one agent."""

    cost_class: str
    key: str
    value: str
    agent_id: str
    share: Decimal


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A capitalised training run; day numbers count from the first day of the window."""

    run_id: str
    model_version: str
    completed: int
    lifespan_days: int
    retired: int | None = None


TRAINING_RUNS = (
    TrainingRun("run-2026-a", "sim-llama-ft-1", completed=2, lifespan_days=9),
    TrainingRun("run-2026-b", "sim-large-2411", completed=3, lifespan_days=30, retired=8),
)


def allocation_rules(agents: tuple[roster.Agent, ...]) -> tuple[Rule, ...]:
    """Return who pays for shared lines; some shares leave a remainder that nobody pays."""
    ids = [one.agent_id for one in agents]
    each = (Decimal(1) / len(ids)).quantize(Decimal("0.000000001"), rounding="ROUND_DOWN")
    return (
        Rule("storage", "tag:agent", "support-triage", ids[0], Decimal(1)),
        Rule("storage", "tag:agent", "common", ids[0], Decimal("0.5")),
        *(Rule("storage", "tag:agent", "common", one, Decimal("0.25")) for one in ids[1:][-1:]),
        *(Rule("network", "tag:agent", "common", one, Decimal("0.333333333")) for one in ids[:3]),
        Rule("platform", "resource", "vector-db", ids[0], Decimal("0.6")),
        *(Rule("platform", "resource", "vector-db", one, Decimal("0.4")) for one in ids[1:2]),
        *(Rule("platform", "tag:agent", "common", one, each) for one in ids),
    )  # fmt: skip


def write_reference(
    folder: Path,
    horizon: Horizon,
    agents: tuple[roster.Agent, ...],
    gpus: tuple[Gpu, ...],
    tasks: pl.DataFrame,
) -> int:
    """Write every reference table that applies; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        **_people(horizon, agents),
        **_models(horizon),
        **_cost_rules(horizon, agents, gpus),
        **_governance(horizon, agents),
        "field_mappings": _mappings(),
    }
    for name, (header, rows) in tables.items():
        write_table(folder / f"{name}.csv", header, rows)
    _write_time_entries(folder / "time_entries.csv", tasks, horizon)
    return len(tables) + 1


def write_table(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    """Write one table as CSV; None is an empty cell."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def euro_rate(day: date) -> str:
    """Return what a euro is in dollars on a day.

    Examples:
        >>> euro_rate(date(2026, 1, 13))
        '1.083'
    """
    return f"1.08{day.day % 10}"


_Table = tuple[str, Iterable[Sequence[object]]]


def _people(horizon: Horizon, agents: tuple[roster.Agent, ...]) -> dict[str, _Table]:
    start = horizon.start
    return {
        "agents": (
            "agent_id,name,kind,category,department,owner,wallet_id,autonomy_level,valid_from,valid_to",
            [
                (a.agent_id, a.agent_id, "llm_agent", a.category, a.department,
                 f"{a.department}-lead", f"wallet-{a.department}", "", start, "")
                for a in agents
            ],
        ),
        "task_types": (
            "task_type,baseline_minutes,hourly_cost,currency,baseline_cycle_hours,"
            "delay_cost_per_hour,remediation_minutes,liability_per_hallucination,"
            "later_detected_probability,realisation_rate,is_novel,basis,source,low,high,"
            "approved_by,approved_on,evidence_uri,valid_from,valid_to",
            [
                (t.name, t.baseline_minutes, t.hourly_cost, "USD", t.cycle_hours, t.delay_cost,
                 t.remediation_minutes, t.liability, t.later_detected, t.realisation_rate,
                 str(t.is_novel).lower(), t.basis, "simulated", t.low, t.high,
                 "finance-lead" if t.basis == "measured" else "",
                 start if t.basis == "measured" else "", "", start, "")
                for t in roster.TASK_TYPES
            ],
        ),
        "evaluators": (
            "evaluator_id,tp,fn,tn,fp,rubric_version,validated_on",
            [(roster.EVALUATOR_ID, *roster.VALIDATION.values(), "2026-01",
              start - timedelta(days=30))],
        ),
    }  # fmt: skip


def _models(horizon: Horizon) -> dict[str, _Table]:
    change = f"{instant(horizon.change_us):%Y-%m-%dT%H:%M:%SZ}"
    long_ago = "2025-01-01T00:00:00Z"
    aliases = [
        (raw, model.provider, model.name)
        for model in roster.MODELS
        for raw in sorted(set(model.raw))
    ]
    aliases.append((roster.NEVER_CALLED, "openai", "sim-image"))
    prices = []
    for model in roster.MODELS:
        if model.prices is None:
            continue
        dated = [("standard", model.prices, long_ago, change if model.later_prices else "")]
        if model.later_prices:
            dated.append(("standard", model.later_prices, change, ""))
        if model.batch_prices:
            dated.append(("batch", model.batch_prices, long_ago, ""))
        prices += [
            (model.provider, model.name, bucket, tier, 0, price, "USD", since, until, "simulated")
            for tier, values, since, until in dated
            for bucket, price in zip(roster.BUCKETS, values, strict=True)
        ]
    return {
        "model_aliases": (
            "raw_model,provider,model,valid_from,valid_to",
            [(*alias, "2025-01-01", "") for alias in aliases],
        ),
        "prices": (
            "provider,model,bucket,tier,context_from,price_per_million,currency,valid_from,"
            "valid_to,source",
            prices,
        ),
        "provider_aliases": (
            "raw_provider,provider",
            [(one.billed_as, one.provider) for one in (*PROVIDERS, CLOUD)],
        ),
    }


def _cost_rules(
    horizon: Horizon, agents: tuple[roster.Agent, ...], gpus: tuple[Gpu, ...]
) -> dict[str, _Table]:
    start = horizon.start
    spaces = [("gpu", "namespace", namespace(agents, index), one.agent_id, 1, start, "")
              for index, one in enumerate(agents)]  # fmt: skip
    return {
        "cost_classes": (
            "order,column,pattern,cost_class",
            [(order, *rule) for order, rule in enumerate(COST_CLASSES, start=1)],
        ),
        "gpu_resources": (
            "resource_id,hostname,gpu_uuid,dedicated_agent_id,capacity_source,valid_from,valid_to",
            [
                (gpu.resource_id, gpu.hostname, gpu.uuid,
                 "" if gpu.dedicated_to is None else agents[gpu.dedicated_to].agent_id,
                 "rental", start, "")
                for gpu in gpus
            ],
        ),
        "allocation_rules": (
            "cost_class,key,value,agent_id,share,valid_from,valid_to",
            [
                *((r.cost_class, r.key, r.value, r.agent_id, r.share, start, "")
                  for r in allocation_rules(agents)),
                *spaces,
            ],
        ),
        "training_runs": (
            "run_id,model_version,gpu_hours,flops,peak_vram_gib,cost,currency,completed_on,"
            "lifespan_days,retired_on,match_key,match_value",
            [
                (r.run_id, r.model_version, 48, "1.9e19", 71, "", "USD", horizon.day(r.completed),
                 r.lifespan_days, "" if r.retired is None else horizon.day(r.retired),
                 "tag:training_run", r.run_id)
                for r in TRAINING_RUNS
            ],
        ),
    }  # fmt: skip


def _governance(horizon: Horizon, agents: tuple[roster.Agent, ...]) -> dict[str, _Table]:
    start = horizon.start
    departments = sorted({one.department for one in agents})
    incidents = []
    for number, one in enumerate(agents):
        begun = horizon.start_us + (2 + number) * 7 * HOUR_US
        if begun + 3 * HOUR_US < horizon.end_us:
            stamps = (f"{instant(begun + n * HOUR_US):%Y-%m-%dT%H:%M:%SZ}" for n in (0, 1, 3))
            incidents.append((f"inc-{number + 1}", one.agent_id, *stamps, "minor"))
    return {
        "wallets": (
            "wallet_id,period,allowance,currency,slope_limit_per_hour,valid_from,valid_to",
            [(f"wallet-{name}", *_ALLOWANCES.get(name, _ALLOWANCE), start, "")
             for name in departments],
        ),
        "policies": (
            "band,decision,budget_cap,approval,valid_from,valid_to",
            [
                ("insufficient_data", "propose_only", 5, "human", start, ""),
                ("reactive", "propose_only", 5, "human", start, ""),
                ("assisted", "propose_only", 10, "human", start, ""),
                ("transitional", "execute", 20, "human", start, ""),
                ("self_directed", "execute", 40, "none", start, ""),
            ],
        ),
        "fx_rates": (
            "day,from_currency,to_currency,rate,source",
            [(day, "EUR", "USD", euro_rate(day), "simulated") for day in horizon.dates],
        ),
        "investments": (
            "agent_id,kind,cost,currency,starts_on,months,approved_by,approved_on,evidence_uri",
            _investments(horizon, agents),
        ),
        "experiments": (
            "experiment_id,hypothesis,metric,unit,arms,allocation,starts_on,ends_on,"
            "minimum_effect,guardrails",
            [
                (one.experiment_id, one.hypothesis, one.metric, "task", ";".join(one.arms),
                 ";".join(f"{share:.4g}" for share in one.allocation),
                 horizon.day(trials.ab_start(horizon)) if index == trials.AB_TEST else start,
                 "", one.minimum_effect, one.guardrails)
                for index, one in enumerate(trials.EXPERIMENTS)
            ],
        ),
        "incidents": (
            "incident_id,agent_id,started_at,detected_at,recovered_at,severity",
            incidents,
        ),
        "service_hours": (
            "department,weekday,opens_at,closes_at,people,approved_by,approved_on,evidence_uri,"
            "valid_from,valid_to",
            [
                (department, weekday, *window, "service-lead", start, "", "", "")
                for department, week in SERVICE_HOURS.items()
                for weekday, windows in week.items()
                for window in windows
            ],
        ),
    }  # fmt: skip


def _investments(
    horizon: Horizon, agents: tuple[roster.Agent, ...]
) -> Iterable[tuple[object, ...]]:
    start = horizon.start
    for number, one in enumerate(agents):
        yield (
            one.agent_id, "build", 12_000 + 500 * number, "USD", start, 24, "finance-lead", start,
            f"https://evidence.invalid/{one.agent_id}/build",
        )  # fmt: skip
        yield one.agent_id, "integration", 2_400, "USD", start, 12, "", "", ""
        yield one.agent_id, "prompts", "333.3333333333", "EUR", start, 6, "", "", ""
        yield one.agent_id, "supervision", 150, "USD", start, 1, "finance-lead", start, ""
    yield agents[0].agent_id, "seats", 40, "EUR", start, 1, "finance-lead", start, ""


def _mappings() -> _Table:
    rows = [("tickets", "zendesk", "correlation_id", "external_id", "conversation id of the spans")]
    rows += [
        (
            "tickets",
            "zendesk",
            name,
            f"custom_fields.{number}",
            "1.0 = success; any other value = failure" if name == "outcome" else "",
        )
        for name, number in zendesk.FIELDS.items()
    ]
    rows.append(("tickets", "servicenow", "task_type", "=it_incident", "a constant"))
    rows += [("tickets", "servicenow", *pair, "") for pair in servicenow.FIELDS.items()]
    return "source,system,field,path,note", rows  # fmt: skip


def _write_time_entries(path: Path, tasks: pl.DataFrame, horizon: Horizon) -> None:
    """Write the logged minutes of people, by ticket or by task, and one row without a number."""
    by_task = (pl.col("agent") != HUMAN) & (pl.col("task_no") % 2 == 1)
    kind = (
        pl.when(pl.col("agent") == HUMAN)
        .then(pl.lit("remediation"))
        .when(pl.col("help") == ESCALATED)
        .then(pl.lit("escalation"))
        .otherwise(pl.lit("review"))
    )
    logged = logged_entries(tasks, horizon).select(
        ticket_id=pl.when(~by_task).then("ticket_id"),
        task_id=pl.when(by_task).then("task_id"),
        person_kind=pl.when(pl.col("system") == SERVICENOW)
        .then(pl.lit("engineer"))
        .otherwise(pl.lit("support_agent")),
        started_at=pl.from_epoch(pl.col("entry_us"), time_unit="us").dt.strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        ),
        minutes=pl.format("{}.{}", pl.col("human_decimin") // 10, pl.col("human_decimin") % 10),
        kind=kind,
    )
    bad = "zendesk:999999999,,support_agent,2026-01-01T09:00:00Z,abc,review\n"
    path.write_text(logged.write_csv() + bad)


def logged_entries(tasks: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
    """Return the tasks with logged minutes, and ``entry_us``: half an hour before the end."""
    return tasks.filter(
        "has_time_entry",
        pl.col("ticket_id").is_not_null(),
        pl.col("resolved_us") < horizon.end_us,
    ).with_columns(
        entry_us=pl.max_horizontal(pl.col("created_us"), pl.col("resolved_us") - HOUR_US // 2)
    )
