"""A whole estate: an inbox in the sources' own formats, and the truth beside it."""

import json
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from roi_engine.simulate import markets, otlp, roster, servicenow, spanfiles, truth, zendesk
from roi_engine.simulate.bill import draw_lines
from roi_engine.simulate.cells import Use, uses_by_day
from roi_engine.simulate.charges import Charge, amortisation, billed_charges, estimates
from roi_engine.simulate.exports import Billed, bill_exports, current, write_exports
from roi_engine.simulate.gpus import Reading, fleet, write_samples
from roi_engine.simulate.horizon import Horizon
from roi_engine.simulate.ledger import Ledger
from roi_engine.simulate.outcomes import draw_outcomes
from roi_engine.simulate.pricing import price_calls
from roi_engine.simulate.reference import allocation_rules, write_reference
from roi_engine.simulate.spans import draw_spans
from roi_engine.simulate.tasks import SERVICENOW, ZENDESK, draw_tasks
from roi_engine.simulate.tickets import number_tickets, ticket_versions

SpansFormat = Literal["auto", "otlp", "parquet", "both"]
DEFAULT_START = date(2026, 1, 1)
OTLP_TASKS = 50_000
"""Up to so many tasks spans are written as OTLP lines by default, above as flat Parquet."""


class InUse(ValueError):
    """The folder holds something that is no simulated estate; nothing of it was touched."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written, in numbers."""

    seed: int
    start: date
    days: int
    tasks: int
    agents: int
    spans: int
    span_records: int
    tickets: int
    ticket_versions: int
    evaluations: int
    bill_lines: int
    bill_files: int
    charges: int
    ledger_entries: int
    spans_format: str


def write_estate(
    out: Path,
    *,
    days: int,
    tasks_per_day: int,
    agents: int,
    seed: int,
    start: date = DEFAULT_START,
    spans_format: SpansFormat = "auto",
) -> Summary:
    """Write an estate with a known truth to ``out/inbox`` and ``out/truth``.

    The same arguments give the same bytes. ``out/inbox/SIMULATED.json`` labels it.

    Args:
        out: A folder; an estate that is already in it is replaced.
        days: Length of the window, at least 1. Bills of the last days have not arrived.
        tasks_per_day: Tasks a day, at least 1; an eighth goes straight to people.
        agents: Number of agents, at least 1. Six have roles of their own; with fewer, what
            only the others do is missing.
        seed: Seed of every draw.
        start: The first day.
        spans_format: ``otlp``, ``parquet`` or ``both`` (first half of the days OTLP, the rest
            Parquet); ``auto`` is OTLP up to ``OTLP_TASKS`` tasks, Parquet above.

    Returns:
        What was written, in numbers.

    Raises:
        ValueError: A size below 1.
        InUse: A folder that holds something else.
    """
    if min(days, tasks_per_day, agents) < 1:
        raise ValueError("days, tasks_per_day and agents must be at least 1")
    form = spans_format
    if form == "auto":
        form = "otlp" if days * tasks_per_day <= OTLP_TASKS else "parquet"
    horizon = Horizon(start, days)
    crew = roster.agents(agents)
    inbox, known = _prepare(out)
    # one stream per part: more spans must not change the tickets
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(9)]
    tasks = draw_tasks(horizon, crew, tasks_per_day, streams[0], streams[5])
    drawn = draw_spans(tasks, horizon, crew, streams[1], streams[6])
    tasks = draw_outcomes(
        tasks, drawn.last_end_us, horizon, crew, streams[2], request_rng=streams[8]
    )
    tasks = number_tickets(tasks)
    spans = price_calls(drawn.spans, horizon)
    records = spanfiles.deliver(spans, horizon, streams[3])
    _write_spans(records, horizon, inbox / "tokens", form)
    verdicts = otlp.write_evaluations(tasks, horizon, crew, inbox / "tokens" / "otlp")
    versions = _write_tickets(tasks, horizon, crew, inbox / "tickets")
    gpus = fleet(crew)
    readings = write_samples(gpus, horizon, inbox / "gpu", streams[4])
    write_reference(inbox / "reference", horizon, crew, gpus, tasks)
    exported = bill_exports(draw_lines(spans.filter("is_call"), gpus, horizon), horizon)
    files = write_exports(exported, inbox / "billing")
    uses = uses_by_day(spans, tasks, horizon, crew)
    charges = _charges(uses, current(exported), horizon)
    ledger = Ledger(crew, allocation_rules(crew), uses, charges, _by_resource(readings, horizon))
    entries = ledger.allocate()
    trades = markets.draw_trades(horizon, crew, streams[7])
    markets.write_transactions(inbox / "reference", known, trades, crew[0].agent_id)
    given = markets.set_mandates(horizon, crew, entries)
    markets.write_mandates(inbox / "reference", known, given, horizon)
    truth.write_rates(known, horizon, crew)
    truth.write_tasks(known, tasks, spans, horizon, crew)
    truth.write_staffing(known, tasks, horizon, crew)
    truth.write_exposures(known, spans)
    truth.write_ledger(known, charges, entries)
    summary = Summary(
        seed, start, days, tasks.height, agents, spans.height, records.height,
        tasks["ticket_id"].count(), versions, verdicts, len(exported), files, len(charges),
        len(entries), form,
    )  # fmt: skip
    label = {"label": "SIMULATED DATA: no figure in this folder was measured anywhere"}
    text = json.dumps(label | asdict(summary), indent=2, default=str)
    for folder in (inbox, known):
        (folder / "SIMULATED.json").write_text(text + "\n")
    return summary


def _prepare(out: Path) -> tuple[Path, Path]:
    inbox, known = out / "inbox", out / "truth"
    for folder in (inbox, known):
        if folder.exists():
            if not (folder / "SIMULATED.json").exists():
                raise InUse(
                    f"{folder} holds something that is no simulated estate: name another folder."
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        # from the first byte on, so that an interrupted run can be replaced too
        (folder / "SIMULATED.json").write_text('{"label": "SIMULATED DATA, unfinished"}\n')
    return inbox, known


def _write_spans(records: pl.DataFrame, horizon: Horizon, folder: Path, form: SpansFormat) -> None:
    middle = {"otlp": horizon.days, "parquet": 0, "both": horizon.days // 2}[form]
    is_early = pl.col("file_day") < middle
    if middle:
        otlp.write_traces(records.filter(is_early), horizon, folder / "otlp")
    if middle < horizon.days:
        spanfiles.write_parquet(records.filter(~is_early), horizon, folder / "spans")


def _write_tickets(
    tasks: pl.DataFrame, horizon: Horizon, agents: tuple[roster.Agent, ...], folder: Path
) -> int:
    desk = ticket_versions(tasks, horizon, agents, ZENDESK)
    zendesk.write_pages(zendesk.with_follow_ups(desk, tasks), horizon, folder / "zendesk")
    incidents = ticket_versions(tasks, horizon, agents, SERVICENOW)
    servicenow.write_logs(incidents, horizon, folder / "servicenow")
    return desk.height + incidents.height


def _charges(
    uses: Mapping[date, list[Use]], billed: list[Billed], horizon: Horizon
) -> list[Charge]:
    charges = billed_charges(billed)
    return charges + amortisation(charges, horizon) + estimates(uses, billed)


def _by_resource(
    readings: list[Reading], horizon: Horizon
) -> Mapping[tuple[str, date], list[Reading]]:
    found: dict[tuple[str, date], list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.gpu.resource_id, horizon.day(reading.day_index)].append(reading)
    return found
