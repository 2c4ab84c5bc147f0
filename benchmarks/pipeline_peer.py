"""The peer of `roi run`: one script with json and pandas, from an inbox to the three main marts.

    python benchmarks/pipeline_peer.py INBOX OUT

What a good analyst writes for one simulated day: a loop over the JSON spans, a list of dicts, a
DataFrame, merge, groupby, floats. It reads spans (OTLP JSON lines or flat Parquet), the
evaluator's verdicts, tickets (pages of Zendesk, CSV of ServiceNow) and reference CSV; writes
daily_roi, daily_hallucination_adjusted_cost and daily_asr as Parquet to OUT; and prints its
seconds, its peak memory and the figures that `pipeline.py` holds against the lake's.

Followed: one action for a span that came twice, none for roll-ups, impossible counts refused,
list price of the call's instant and tier, task of tickets and spans, outcome classes, minutes
of people logged and assumed, credit by cost, value, cost to the cell of its task.

Left out: exact money; intervals, pooling, evaluators' corrected rates, bands, evidence, windows
of 28 days (one day is its own window); lineage, quarantine, checks of quality, restatements,
releases; every other fact and mart. Also what cannot matter on this one day: bills and GPU time
(a charge is billed two days after its day, so spend is the list price of the traces and GPUs cost
nothing yet; a bill in the inbox is refused), currencies (all prices are USD), mature outcomes,
timed-out tickets, and the price book of the package (it has no simulated model: an action without
a price counts as unpriced on both sides, which is compared).
"""

import argparse
import csv
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

Frame = pd.DataFrame
CALLS = ("chat", "generate_content", "text_completion", "embeddings")
ROLLUPS = ("invoke_agent", "invoke_workflow")
WON = ("autonomous_success", "assisted_success")
UNKNOWN = "__unknown__"
CELL = ["day", "agent_id", "model_version", "task_type", "department", "channel"]
OWN = CELL[:4]
KEYS = CELL[:2]
VALUES = ["labour_value", "speed_value", "direct_value", "avoided_loss"]
BUCKETS = ["input_uncached", "cache_read", "cache_write_5m", "output"]
"""What the simulator's spans can use; they never say that a cache was written for an hour."""
RETURN_WINDOW = pd.Timedelta(days=7)
MERGED = {"closed_by_merge", "merged", "spam"}


def json_lines(path: Path) -> Iterator[dict]:
    """Yield the lines that are whole JSON."""
    with path.open() as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue


def attributes(record: dict) -> dict:
    """Return an OTLP record's attributes as a dict."""
    return {one["key"]: next(iter(one["value"].values())) for one in record["attributes"]}


def otlp_rows(path: Path) -> tuple[list[dict], list[dict]]:
    """Return the spans and the evaluator's verdicts of a file."""
    spans, verdicts = [], []
    for line in json_lines(path):
        for resource_spans in line.get("resourceSpans", ()):
            for scope in resource_spans["scopeSpans"]:
                native = scope["scope"]["name"].endswith(".native")
                for span in scope["spans"]:
                    said = attributes(span)
                    spans.append(
                        {
                            "trace_id": span["traceId"],
                            "span_id": span["spanId"],
                            "started_at": int(span["startTimeUnixNano"]),
                            "ended_at": int(span["endTimeUnixNano"]),
                            "operation": said.get("gen_ai.operation.name"),
                            "provider": said.get("gen_ai.provider.name"),
                            "request_model": said.get("gen_ai.request.model"),
                            "response_model": said.get("gen_ai.response.model"),
                            "agent_id": said.get("gen_ai.agent.id"),
                            "task_id": said.get("gen_ai.conversation.id"),
                            "tier": said.get("openai.response.service_tier"),
                            "input_tokens": int(said.get("gen_ai.usage.input_tokens", 0)),
                            "output_tokens": int(said.get("gen_ai.usage.output_tokens", 0)),
                            "cache_read": int(said.get("gen_ai.usage.cache_read.input_tokens", 0)),
                            "cache_write_5m": int(
                                said.get("gen_ai.usage.cache_creation.input_tokens", 0)
                            ),
                            "stated_cost": float(said.get("roi.stated_cost", "nan")),
                            "initiated_by": said.get("roi.initiated_by"),
                            "is_approved": said.get("roi.approved_by_human", False),
                            "is_flagged": said.get("roi.overhead", False),
                            "includes_cache": not native,
                        }
                    )
        for resource_logs in line.get("resourceLogs", ()):
            for scope in resource_logs["scopeLogs"]:
                for record in scope["logRecords"]:
                    said = attributes(record)
                    verdicts.append(
                        {
                            "task_id": said.get("gen_ai.conversation.id"),
                            "agent_id": said.get("gen_ai.agent.id"),
                            "is_flagged": said.get("roi.is_hallucination"),
                            "reviewed_at": int(record["timeUnixNano"]),
                        }
                    )
    return spans, verdicts


def read_spans(inbox: Path) -> tuple[Frame, Frame]:
    """Read spans of either form, and the verdicts."""
    rows, verdicts = [], []
    for path in sorted((inbox / "tokens" / "otlp").glob("*.jsonl")):
        found, judged = otlp_rows(path)
        rows += found
        verdicts += judged
    flat = sorted((inbox / "tokens").glob("spans/**/*.parquet"))
    if not flat:
        spans = pd.DataFrame(rows)
        for column in ("started_at", "ended_at"):
            spans[column] = pd.to_datetime(spans[column], unit="ns")
        return spans, pd.DataFrame(verdicts)
    names = {
        "conversation_id": "task_id", "cache_read_tokens": "cache_read",
        "cache_write_tokens": "cache_write_5m", "is_approved_by_human": "is_approved",
        "is_overhead": "is_flagged", "input_includes_cache": "includes_cache",
    }  # fmt: skip
    same = ["trace_id", "span_id", "started_at", "ended_at", "operation", "provider",
            "request_model", "response_model", "agent_id", "tier", "input_tokens",
            "output_tokens", "stated_cost", "initiated_by"]  # fmt: skip
    parts = [pd.read_parquet(path, columns=[*same, *names]) for path in flat]
    spans = pd.concat(parts, ignore_index=True).rename(columns=names)
    for column in ("input_tokens", "output_tokens", "cache_read", "cache_write_5m"):
        spans[column] = spans[column].fillna(0).astype("int64")
    for column, default in (
        ("is_approved", False),
        ("is_flagged", False),
        ("includes_cache", True),
    ):
        spans[column] = spans[column].fillna(default).astype(bool)
    spans["stated_cost"] = pd.to_numeric(spans.stated_cost)
    return spans, pd.DataFrame(verdicts)


def count_tokens(spans: Frame) -> Frame:
    """Keep one record of each span, and none whose counts cannot be; split tokens in buckets."""
    is_call = spans.operation.isin(CALLS)
    cached = spans.cache_read + spans.cache_write_5m
    spans["input_uncached"] = spans.input_tokens - cached.where(spans.includes_cache, 0)
    spans = spans[~is_call | (spans.input_uncached >= 0)]
    spans = spans.drop_duplicates(["trace_id", "span_id"], keep="last").reset_index(drop=True)
    spans["is_call"] = spans.operation.isin(CALLS)
    spans["output"] = spans.output_tokens
    spans.loc[~spans.is_call, BUCKETS] = 0
    spans["tokens"] = spans[BUCKETS].sum(axis=1)
    spans["model_version"] = spans.response_model.fillna(spans.request_model).fillna(UNKNOWN)
    spans["agent_id"] = spans.agent_id.fillna(UNKNOWN)
    spans["tier"] = spans.tier.replace(dict.fromkeys(["default", "auto"], "standard"))
    spans["tier"] = spans.tier.fillna("standard")
    spans["day"] = spans.started_at.dt.normalize()
    spans["is_overhead"] = spans.is_flagged | spans.task_id.isna()
    return spans


def price(actions: Frame, reference: Path) -> Frame:
    """Add the list cost of each call at its instant; a tool costs what it states."""
    aliases = pd.read_csv(reference / "model_aliases.csv")
    aliases = aliases.rename(columns={"raw_model": "model_version"})
    prices = pd.read_csv(reference / "prices.csv")
    for column in ("valid_from", "valid_to"):
        prices[column] = pd.to_datetime(prices[column]).dt.tz_localize(None)
    prices["valid_to"] = prices.valid_to.fillna(pd.Timestamp("2200-01-01"))
    key = ["provider", "model", "tier", "context_from", "valid_from", "valid_to"]
    rates = prices.pivot_table("price_per_million", key, "bucket").add_prefix("rate_").reset_index()

    models = aliases[["provider", "model_version", "model"]]
    actions = actions.merge(models, on=["provider", "model_version"], how="left", validate="m:1")
    calls = actions.loc[actions.is_call, ["provider", "model", "tier", "started_at", *BUCKETS]]
    rated = calls.reset_index(names="action").merge(rates, on=["provider", "model", "tier"])
    size = rated.input_uncached + rated.cache_read + rated.cache_write_5m
    in_force = (rated.valid_from <= rated.started_at) & (rated.started_at < rated.valid_to)
    rated = rated[in_force & (size >= rated.context_from)].sort_values("context_from")
    rated = rated.drop_duplicates("action", keep="last").set_index("action")
    cost = sum(rated[bucket] * rated[f"rate_{bucket}"] for bucket in BUCKETS) / 1e6

    actions["priced_cost"] = cost.reindex(actions.index)
    actions.loc[actions.is_call & (actions.tokens == 0), "priced_cost"] = 0.0
    actions["is_unpriced"] = actions.is_call & actions.priced_cost.isna()
    actions["priced_cost"] = actions.priced_cost.where(actions.is_call, actions.stated_cost)
    return actions


def zendesk_rows(inbox: Path, fields: dict[int, str]) -> Iterator[dict]:
    """Yield each ticket of every page that is whole."""
    for path in sorted((inbox / "tickets" / "zendesk").glob("**/*.json")):
        try:
            page = json.loads(path.read_text())
        except ValueError:
            continue
        metrics = {one["ticket_id"]: one for one in page["metric_sets"]}
        for ticket in page["tickets"]:
            if ticket["status"] == "deleted" or MERGED.intersection(ticket["tags"]):
                continue
            metric = metrics.get(ticket["id"], {})
            custom = {fields.get(one["id"]): one["value"] for one in ticket["custom_fields"]}
            source = ticket["via"]["source"]
            parent = source["from"].get("ticket_id") if source["rel"] == "follow_up" else None
            yield custom | {
                "ticket_id": f"zendesk:{ticket['id']}",
                "task_id": ticket["external_id"],
                "requester": f"zendesk:{ticket['requester_id']}",
                "follow_up_of": f"zendesk:{parent}" if parent else None,
                "channel": ticket["via"]["channel"],
                "version": ticket["generated_timestamp"],
                "created_at": ticket["created_at"],
                "updated_at": ticket["updated_at"],
                "resolved_at": metric.get("solved_at"),
                "reopens": metric.get("reopens", 0),
                "is_ended": ticket["status"] in ("solved", "closed"),
            }


def read_incidents(inbox: Path) -> Frame:
    """Read ServiceNow's rows; a row without a time of opening is none."""
    files = sorted((inbox / "tickets" / "servicenow").glob("**/*.csv"))
    if not files:
        return pd.DataFrame()
    rows = pd.concat([pd.read_csv(path, na_values=["?"], dtype=str) for path in files])
    rows = rows.rename(columns=lambda name: name.removeprefix("u_"))
    for column in ("opened_at", "sys_updated_at", "resolved_at"):
        at = pd.to_datetime(rows[column], format="%d/%m/%Y %H:%M", errors="coerce")
        rows[column] = at.dt.tz_localize("UTC")
    rows = rows[rows.opened_at.notna()]
    rows["ticket_id"] = "servicenow:" + rows.number
    rows["requester"] = "servicenow:" + rows.caller_id
    rows["version"] = rows.sys_mod_count.astype(int)
    rows["reopens"] = rows.reopen_count.astype(int)
    rows["is_ended"] = rows.incident_state.isin(["Resolved", "Closed"])
    rows["task_type"] = "it_incident"
    rows["avoided_loss"] = pd.to_numeric(rows.avoided_loss)
    for name in ("escalated", "person_assigned", "qa_hallucination"):
        rows[name] = rows[name].map({"true": True, "false": False})
    return rows.rename(
        columns={
            "ai_agent": "agent_id", "correlation_id": "task_id", "contact_type": "channel",
            "opened_at": "created_at", "sys_updated_at": "updated_at",
            "person_assigned": "is_person_assigned", "qa_hallucination": "is_hallucination",
        }
    )  # fmt: skip


def read_tickets(inbox: Path) -> Frame:
    """Return the newest version of each ticket, how it ended, and if its requester returned."""
    with (inbox / "reference" / "field_mappings.csv").open() as text:
        fields = {
            int(row["path"].split(".")[1]): row["field"]
            for row in csv.DictReader(text)
            if row["system"] == "zendesk" and row["path"].startswith("custom_fields.")
        }
    desk = pd.DataFrame(zendesk_rows(inbox, fields))
    for column in ("created_at", "updated_at", "resolved_at"):
        desk[column] = pd.to_datetime(desk[column])
    tickets = pd.concat([desk, read_incidents(inbox)], ignore_index=True)
    tickets = tickets.sort_values(["version", "updated_at"])
    tickets = tickets.drop_duplicates("ticket_id", keep="last")
    tickets["task_id"] = tickets.task_id.fillna(tickets.ticket_id)
    for column in ("direct_value", "capital_allocated"):
        tickets[column] = pd.to_numeric(tickets[column])
    for column in ("is_rejected", "is_auto_closed", "is_person_assigned"):
        tickets[column] = tickets[column].eq(True)
    ended_at = tickets.resolved_at.fillna(tickets.updated_at).fillna(tickets.created_at)
    tickets["ended_at"] = ended_at.where(tickets.is_ended)
    said = tickets.outcome.str.lower().isin(["1", "1.0", "true", "yes", "success"])
    tickets["is_success"] = said.where(tickets.outcome.notna(), tickets.is_ended)

    ended = tickets.loc[tickets.is_ended, ["ticket_id", "requester", "task_type", "ended_at"]]
    # pandas joins a missing name to a missing name; nobody came back there
    by_name = ended[ended.requester.notna()]
    followed = ended.merge(
        tickets[["follow_up_of", "created_at"]], left_on="ticket_id", right_on="follow_up_of"
    )
    again = by_name.merge(
        tickets[["ticket_id", "requester", "task_type", "created_at"]],
        on=["requester", "task_type"], suffixes=("", "_later"),
    )  # fmt: skip
    again = again[again.ticket_id != again.ticket_id_later]
    returned = pd.concat([followed, again])
    waited = returned.created_at - returned.ended_at
    soon = (waited >= pd.Timedelta(0)) & (waited < RETURN_WINDOW)
    tickets["is_returned"] = tickets.ticket_id.isin(returned.ticket_id[soon])
    return tickets


def model_seconds(calls: Frame) -> pd.Series:
    """Return how long the model worked on each task; parallel and nested calls count once."""
    calls = calls.sort_values(["task_id", "started_at", "ended_at"])
    reached = calls.groupby("task_id").ended_at.cummax()
    reached = reached.groupby(calls.task_id).shift()
    start = calls.started_at.where(reached.isna() | (reached < calls.started_at), reached)
    added = (calls.ended_at - start).dt.total_seconds().clip(lower=0)
    return added.groupby(calls.task_id).sum()


def make_tasks(actions: Frame, tickets: Frame, verdicts: Frame, reference: Path) -> Frame:
    """Join what is known of each task: its ticket, its actions, its reviews."""
    own = actions[~actions.is_overhead].sort_values(["is_call", "started_at"])
    last = own.drop_duplicates("task_id", keep="last").set_index("task_id")
    newest = tickets.sort_values(["created_at", "ticket_id"]).drop_duplicates(
        "task_id", keep="last"
    )
    newest = newest.set_index("task_id")
    known = newest.index.union(last.index).union(verdicts.task_id.dropna().unique())
    tasks = newest.reindex(known.rename("task_id"))
    tasks["has_ticket"] = tasks.ticket_id.notna()
    for column in ("is_ended", "is_success", "is_returned", "is_rejected", "is_auto_closed",
                   "is_person_assigned"):  # fmt: skip
        tasks[column] = tasks[column].eq(True)
    tasks["is_human_reviewed"] = tasks.is_hallucination.notna()
    tasks["is_hallucination"] = tasks.is_hallucination.eq(True)
    latest = verdicts.sort_values("reviewed_at").drop_duplicates("task_id", keep="last")
    tasks["evaluator_flagged"] = latest.set_index("task_id").is_flagged.reindex(tasks.index)

    agent = last.agent_id.replace(UNKNOWN, None).reindex(tasks.index).fillna(tasks.agent_id)
    # of a task of overhead alone it may be only an evaluator that knows
    agent = agent.fillna(latest.set_index("task_id").agent_id.reindex(tasks.index))
    by_people = agent.isna() & ~tasks.index.isin(last.index)
    tasks["agent_id"] = agent.where(~by_people, "__human__").fillna(UNKNOWN)
    tasks["model_version"] = last.model_version.reindex(tasks.index).fillna(UNKNOWN)
    tasks["has_agent"] = tasks.agent_id != "__human__"
    at = tasks.ended_at.fillna(tasks.updated_at).fillna(tasks.created_at)
    acted = own.groupby("task_id").started_at.max().dt.tz_localize("UTC")
    seen = pd.to_datetime(latest.set_index("task_id").reviewed_at, unit="ns", utc=True)
    at = at.fillna(acted.reindex(tasks.index)).fillna(seen.reindex(tasks.index))
    tasks["day"] = at.dt.tz_localize(None).dt.normalize()

    agents = pd.read_csv(reference / "agents.csv").set_index("agent_id").department
    tasks["department"] = tasks.department.fillna(tasks.agent_id.map(agents)).fillna(UNKNOWN)
    tasks["channel"] = tasks.channel.fillna(UNKNOWN)
    tasks["task_type"] = tasks.task_type.fillna(UNKNOWN)
    handed_over = tasks.escalated.fillna(tasks.is_person_assigned).eq(True)
    tasks["is_escalated"] = tasks.has_agent & handed_over
    types = pd.read_csv(reference / "task_types.csv")
    types["is_novel"] = types.is_novel.eq(True)
    assumptions = ["task_type", "baseline_minutes", "hourly_cost", "baseline_cycle_hours",
                   "delay_cost_per_hour", "remediation_minutes", "liability_per_hallucination",
                   "later_detected_probability", "realisation_rate", "is_novel"]  # fmt: skip
    tasks = tasks.reset_index().merge(types[assumptions], on="task_type", how="left")
    calls = actions[actions.is_call & ~actions.is_overhead]
    tasks["model_seconds"] = tasks.task_id.map(model_seconds(calls)).fillna(0.0)
    return tasks


def hours_of_people(tasks: Frame, tickets: Frame, reference: Path) -> Frame:
    """Return people's minutes on tasks: logged, and assumed where a person helped unlogged."""
    logged = pd.read_csv(reference / "time_entries.csv")
    logged["minutes"] = pd.to_numeric(logged.minutes, errors="coerce")
    logged = logged[logged.minutes.notna()]
    of_ticket = tickets.set_index("ticket_id").task_id
    bare = of_ticket.set_axis(of_ticket.index.str.split(":").str[1])
    named = pd.concat([of_ticket, bare])
    found = logged.ticket_id.map(named[~named.index.duplicated(keep=False)])
    logged["task_id"] = found.fillna(logged.task_id).fillna(logged.ticket_id)
    logged["day"] = pd.to_datetime(logged.started_at).dt.tz_localize(None).dt.normalize()

    helped = (tasks.is_person_assigned | tasks.is_escalated) & tasks.is_ended
    assumed = tasks[helped & ~tasks.task_id.isin(logged.task_id)]
    assumed = assumed[["task_id", "day"]].assign(minutes=assumed.remediation_minutes)
    entries = pd.concat([logged[["task_id", "day", "minutes"]], assumed], ignore_index=True)
    cells = tasks[["task_id", "hourly_cost", *CELL[1:]]]
    entries = entries.merge(cells, on="task_id", how="left", validate="m:1")
    entries["human_cost"] = entries.minutes / 60 * entries.hourly_cost
    return entries


def classify(tasks: Frame, entries: Frame) -> Frame:
    """Say how each task ended, and what it was worth."""
    tasks["human_minutes"] = tasks.task_id.map(entries.groupby("task_id").minutes.sum()).fillna(0)
    failed = (
        (tasks.reopens.fillna(0) > 0) | tasks.is_rejected | tasks.is_hallucination
        | ~tasks.is_success | tasks.is_returned
    )  # fmt: skip
    helped = tasks.is_escalated | (tasks.human_minutes > 0) | ~tasks.has_agent
    tasks["outcome_class"] = np.select(
        [
            ~tasks.has_ticket, ~tasks.is_ended, failed,
            tasks.is_auto_closed & tasks.outcome.isna(), helped,
        ],
        ["unobserved", "open", "failure", "unconfirmed", "assisted_success"],
        "autonomous_success",
    )  # fmt: skip
    tasks["is_won"] = tasks.outcome_class.isin(WON)
    tasks["is_ended"] = tasks.is_won | tasks.outcome_class.isin(["failure", "unconfirmed"])
    is_wrong = (tasks.outcome_class == "failure") & (tasks.is_rejected | tasks.is_hallucination)
    tasks["is_output"] = tasks.is_won | is_wrong
    tasks["alone"] = ~tasks.is_escalated & (tasks.human_minutes == 0)
    tasks["human_equivalent_cost"] = tasks.baseline_minutes / 60 * tasks.hourly_cost
    saved = tasks.baseline_minutes * 60 - tasks.model_seconds
    waited = (tasks.ended_at - tasks.created_at).dt.total_seconds() / 3600
    is_theirs = tasks.is_won & tasks.has_agent
    tasks["labour_value"] = (saved / 3600 * tasks.hourly_cost).where(is_theirs, 0)
    speed = (tasks.baseline_cycle_hours - waited) * tasks.delay_cost_per_hour
    tasks["speed_value"] = speed.where(is_theirs, 0).fillna(0)
    is_final = tasks.is_ended & (tasks.outcome_class != "unconfirmed")
    tasks["direct_value"] = tasks.direct_value.where(is_final, 0).fillna(0)
    tasks["avoided_loss"] = tasks.avoided_loss.where(tasks.is_won, 0).fillna(0)
    return tasks


def credit(tasks: Frame, actions: Frame) -> Frame:
    """Share each ended task's value among the agents and models that worked on it, by cost."""
    calls = actions[~actions.is_overhead]
    worked = calls.groupby(["task_id", *CELL[1:3]], as_index=False).agg(
        calls=("is_call", "sum"), unpriced=("is_unpriced", "sum"),
        cost=("priced_cost", "sum"), tokens=("tokens", "sum"),
    )  # fmt: skip
    worked = worked[worked.calls > 0]
    has_gap = worked.groupby("task_id").unpriced.transform("sum") > 0
    worked["credit"] = worked.tokens.where(has_gap, worked.cost)
    worked["credit"] /= worked.groupby("task_id").credit.transform("sum")
    shares = worked.loc[worked.credit > 0, ["task_id", *CELL[1:3], "credit"]]
    shares = shares.rename(columns={"agent_id": "credited", "model_version": "credited_model"})
    ended = tasks[tasks.is_ended].merge(shares, on="task_id", how="left")
    ended["credit"] = ended.credit.fillna(1.0)
    ended["own_agent"], ended["own_model"] = ended.agent_id, ended.model_version
    ended["agent_id"] = ended.credited.fillna(ended.agent_id)
    ended["model_version"] = ended.credited_model.fillna(ended.model_version)
    ended["human_equivalent_cost"] *= ended.is_won
    for part in [*VALUES, "human_equivalent_cost"]:
        ended[part] = ended[part].fillna(0) * ended.credit
    return ended[ended.agent_id != "__human__"]


def make_roi(spend: Frame, entries: Frame, tasks: Frame, ended: Frame) -> Frame:
    """daily_roi: cost and value by cell."""
    spent = spend.pivot_table("cost", CELL, "cost_class", aggfunc="sum", fill_value=0)
    roi = spent.join(entries.groupby(CELL).human_cost.sum(), how="outer")
    ended["cash"] = ended.labour_value * ended.realisation_rate.fillna(0)
    comparable = ended.human_equivalent_cost.where(~ended.is_novel.eq(True), 0)
    ended["comparable_human_cost"] = comparable
    worth = [*VALUES, "human_equivalent_cost", "comparable_human_cost", "cash"]
    roi = roi.join(ended.groupby(CELL)[worth].sum(), how="outer")
    roi = roi.join(
        tasks.groupby([*CELL, "outcome_class"]).size().unstack(fill_value=0), how="outer"
    )
    more = tasks.groupby(CELL).agg(
        tasks=("task_id", "size"), ended_tasks=("is_ended", "sum"), successes=("is_won", "sum")
    )
    roi = roi.join(more, how="outer").fillna(0)
    roi["total_cost"] = roi[[*spent.columns, "human_cost"]].sum(axis=1)
    roi["gross_value"] = roi[VALUES].sum(axis=1)
    roi["net_value"] = roi.gross_value - roi.total_cost
    has_cost = roi.total_cost.replace(0, np.nan)
    roi["roi"] = roi.net_value / has_cost
    roi["roi_cash"] = (roi.cash + roi.direct_value + roi.avoided_loss - roi.total_cost) / has_cost
    roi["cost_ratio"] = roi.token_api / roi.comparable_human_cost.replace(0, np.nan)
    return roi


def make_adjusted(roi: Frame, tasks: Frame, ended: Frame) -> Frame:
    """daily_hallucination_adjusted_cost: Jeffreys' mean of a cell's own reviews."""
    out = tasks[tasks.is_output].copy()
    out["loss"] = out.liability_per_hallucination + (
        out.later_detected_probability * out.remediation_minutes / 60 * out.hourly_cost
    )
    out["open_loss"] = out.loss.where(~out.is_human_reviewed, 0)
    out["found"] = out.is_human_reviewed & out.is_hallucination
    adjusted = out.groupby(OWN).agg(
        outputs=("task_id", "size"), reviewed=("is_human_reviewed", "sum"),
        hallucinated=("found", "sum"), evaluator_seen=("evaluator_flagged", "count"),
        open_loss=("open_loss", "sum"),
    )  # fmt: skip
    adjusted["rate"] = (adjusted.hallucinated + 0.5) / (adjusted.reviewed + 1)
    unseen = ended[ended.is_won & ~ended.is_human_reviewed].copy()
    rate = adjusted.rate.rename_axis(["day", "own_agent", "own_model", "task_type"])
    unseen = unseen.join(rate, on=["day", "own_agent", "own_model", "task_type"])
    unseen["lost"] = unseen[VALUES].sum(axis=1) * unseen.rate
    money = roi.groupby(OWN)[["total_cost", "gross_value"]].sum()
    adjusted = (
        adjusted.join(money, how="outer")
        .join(unseen.groupby(OWN).lost.sum())
        .fillna(dict.fromkeys(["outputs", "reviewed", "hallucinated", "open_loss", "lost"], 0))
    )
    missed = (adjusted.outputs - adjusted.reviewed) * adjusted.rate.fillna(0)
    adjusted["expected_undetected"] = missed
    adjusted["hallucination_cost"] = adjusted.open_loss * adjusted.rate.fillna(0)
    adjusted["adjusted_cost"] = adjusted.total_cost.fillna(0) + adjusted.hallucination_cost
    verified = adjusted.outputs - adjusted.hallucinated - missed
    adjusted["cost_per_verified_output"] = adjusted.adjusted_cost / verified.replace(0, np.nan)
    value = adjusted.gross_value.fillna(0) - adjusted.lost
    adjusted["adjusted_roi"] = value / adjusted.adjusted_cost.replace(0, np.nan) - 1
    return adjusted


def make_asr(spend: Frame, entries: Frame, tasks: Frame, ended: Frame, actions: Frame) -> Frame:
    """daily_asr: spend, value and autonomy of each agent."""
    spend["on_alone"] = spend.cost.where(spend.outcome_class == "autonomous_success", 0)
    spend["on_nothing"] = spend.cost.where(spend.outcome_class == "overhead", 0)
    asr = spend.groupby(KEYS).agg(
        spend=("cost", "sum"), autonomous_spend=("on_alone", "sum"),
        overhead_spend=("on_nothing", "sum"),
    )  # fmt: skip
    ended["value"] = ended[VALUES].sum(axis=1)
    ended["alone_value"] = ended.value.where(ended.alone, 0)
    is_started = actions.initiated_by.notna()
    actions["is_started"] = is_started
    actions["is_own"] = is_started & (actions.initiated_by != "human") & ~actions.is_approved
    done = tasks[tasks.is_ended].copy()
    done["won_alone"] = done.outcome_class == "autonomous_success"
    done["is_override"] = (done.outcome_class == "failure") & done.is_rejected
    done["model_minutes"] = done.model_seconds / 60
    asr = asr.join(
        [
            entries.groupby(KEYS).human_cost.sum(),
            ended.groupby(KEYS).agg(gross_value=("value", "sum"),
                                    autonomous_value=("alone_value", "sum")),
            done.groupby(KEYS).agg(
                ended_tasks=("task_id", "size"), autonomous_successes=("won_alone", "sum"),
                rejected_tasks=("is_override", "sum"), human_minutes=("human_minutes", "sum"),
                model_minutes=("model_minutes", "sum"),
            ),
            actions.groupby(KEYS).agg(
                actions=("span_id", "size"), tokens=("tokens", "sum"),
                unpriced_actions=("is_unpriced", "sum"), started=("is_started", "sum"),
                autonomous_actions=("is_own", "sum"),
            ),
        ],
        how="outer",
    ).fillna(0)  # fmt: skip
    has_spend = asr.spend.replace(0, np.nan)
    total = asr.spend + asr.human_cost
    asr["asr_value"] = asr.autonomous_value / has_spend
    asr["asr_spend"] = asr.autonomous_spend / has_spend
    asr["roi"] = (asr.gross_value - total) / total.replace(0, np.nan)
    asr["win_rate"] = asr.autonomous_successes / asr.ended_tasks
    asr["cost_per_action"] = asr.spend / asr.actions
    asr["overhead_share"] = asr.overhead_spend / has_spend
    asr["ev_per_1k_tokens"] = 1000 * (asr.gross_value - asr.spend) / asr.tokens
    asr["autonomous_action_share"] = asr.autonomous_actions / asr.started
    asr["autonomy_minutes_ratio"] = asr.model_minutes / (asr.model_minutes + asr.human_minutes)
    asr["human_override_rate"] = asr.rejected_tasks / asr.ended_tasks
    return asr


def place_spend(actions: Frame, tasks: Frame, reference: Path) -> Frame:
    """Give each action's cost to the cell of its task; without a bill it is the list price."""
    spend = actions[actions.priced_cost > 0][[*KEYS, "model_version", "is_call", "is_overhead",
                                              "task_id", "priced_cost"]]  # fmt: skip
    spend = spend.rename(columns={"priced_cost": "cost"})
    spend["task_id"] = spend.task_id.where(~spend.is_overhead)
    spend["cost_class"] = np.where(spend.is_call, "token_api", "platform")
    cells = tasks[["task_id", *CELL[3:], "outcome_class"]]
    spend = spend.merge(cells, on="task_id", how="left", validate="m:1")
    spend["outcome_class"] = spend.outcome_class.fillna("overhead")
    agents = pd.read_csv(reference / "agents.csv").set_index("agent_id").department
    spend["department"] = spend.department.fillna(spend.agent_id.map(agents))
    for column in CELL[3:]:
        spend[column] = spend[column].fillna(UNKNOWN)
    return spend


def figures(spans: Frame, actions: Frame, marts: dict[str, Frame]) -> dict[str, float]:
    """Return what the lake must have too."""
    roi, adjusted, asr = marts.values()
    sums = {
        "spans": len(spans),
        "actions": asr.actions.sum(),
        "unpriced_actions": asr.unpriced_actions.sum(),
        "tokens": asr.tokens.sum(),
        "priced_cost": actions.priced_cost.sum(),
        "tasks": roi.tasks.sum(),
        "ended_tasks": roi.ended_tasks.sum(),
        "successes": roi.successes.sum(),
        "autonomous_successes": asr.autonomous_successes.sum(),
        "outputs": adjusted.outputs.sum(),
        "reviewed": adjusted.reviewed.sum(),
        "hallucinated": adjusted.hallucinated.sum(),
        "spend": asr.spend.sum(),
        "human_cost": asr.human_cost.sum(),
        "total_cost": roi.total_cost.sum(),
        "gross_value": asr.gross_value.sum(),
        "asr_spend": asr.autonomous_spend.sum() / asr.spend.sum(),
        "hallucination_cost": adjusted.hallucination_cost.sum(),
    }
    by_agent = asr.asr_spend.dropna().droplevel("day").add_prefix("asr_spend of ")
    return {name: float(value) for name, value in (sums | by_agent.to_dict()).items()}


def main() -> None:
    """Make the marts of one inbox."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inbox", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    reference = given.inbox / "reference"
    if any((given.inbox / "billing").glob("**/*.*")):
        parser.error("the inbox has a bill, which this script does not read: simulate one day")
    laps = {"start": time.perf_counter()}

    read, verdicts = read_spans(given.inbox)
    laps["read spans"] = time.perf_counter()
    spans = count_tokens(read)
    actions = price(spans[~spans.operation.isin(ROLLUPS)], reference)
    laps["price"] = time.perf_counter()
    tickets = read_tickets(given.inbox)
    laps["read tickets"] = time.perf_counter()
    tasks = make_tasks(actions, tickets, verdicts, reference)
    entries = hours_of_people(tasks, tickets, reference)
    tasks = classify(tasks, entries)
    ended = credit(tasks, actions)
    spend = place_spend(actions, tasks, reference)
    tasks, entries = (part[part.agent_id != "__human__"] for part in (tasks, entries))
    laps["join tasks"] = time.perf_counter()
    roi = make_roi(spend, entries, tasks, ended)
    marts = {
        "daily_roi": roi,
        "daily_hallucination_adjusted_cost": make_adjusted(roi, tasks, ended),
        "daily_asr": make_asr(spend, entries, tasks, ended, actions),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    for name, mart in marts.items():
        mart.reset_index().to_parquet(given.out / f"{name}.parquet")
    laps["marts"] = time.perf_counter()

    ends = list(laps.values())
    seconds = dict(zip(list(laps)[1:], np.diff(ends).tolist(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = {name: len(mart) for name, mart in marts.items()}
    made = {"seconds": seconds, "peak_mib": peak, "rows": rows}
    print(json.dumps(made | {"figures": figures(spans, actions, marts)}))


if __name__ == "__main__":
    main()
