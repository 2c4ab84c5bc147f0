"""The command line: each command calls one stage of the pipeline and says what came of it.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 blocked by a check.
"""

import json
import logging
import math
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from roi_engine.settings import Settings, refusal

app = typer.Typer(
    name="roi",
    help="What autonomous agents cost, and what they are worth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# a pipe gets whole lines; only a terminal has a width; what data says is never markup
out = Console(
    highlight=False,
    markup=False,
    emoji=False,
    soft_wrap=True,
    width=None if sys.stdout.isatty() else 10_000,
)

Lake = Annotated[Path | None, typer.Option(help="The lake's folder (default ./lake, or ROI_LAKE).")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="YYYY-MM-DD.")]


class Format(StrEnum):
    """How tables are written."""

    parquet = "parquet"
    csv = "csv"


class Spans(StrEnum):
    """How the simulator writes spans."""

    auto = "auto"
    otlp = "otlp"
    parquet = "parquet"


def settings_for(lake: Path | None) -> Settings:
    """Return the settings, with the lake that the command line names."""
    try:
        return Settings() if lake is None else Settings(lake=lake)
    except ValidationError as error:
        raise fail(refusal(error), 2) from None


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print one sentence to standard error and return the exit to raise."""
    sys.stderr.write(f"roi: {message}\n")
    return typer.Exit(code)


def in_order(start: datetime | None, end: datetime | None) -> None:
    """Refuse a range that ends before it begins: it would be answered with nothing."""
    if start and end and end < start:
        raise fail(f"--to {end.date()} lies before --from {start.date()}.", 2)


def say_simulated(settings: Settings) -> None:
    """Say that a lake is simulated, on standard error: a pipe stays clean."""
    if (settings.lake / "SIMULATED").exists():
        sys.stderr.write("SIMULATED DATA\n")


def days_of(
    day: datetime | None, start: datetime | None, end: datetime | None
) -> list[date] | None:
    """Return the days that the options name; None for every day seen."""
    if day and (start or end):
        raise fail("give --day, or --from and --to, not both.", 2)
    if day:
        return [day.date()]
    if bool(start) != bool(end):
        raise fail("--from and --to go together.", 2)
    if not (start and end):
        return None
    in_order(start, end)
    span = (end.date() - start.date()).days + 1
    return [start.date() + timedelta(days=shift) for shift in range(span)]


@app.command(epilog="Example: roi run --inbox ./inbox --lake ./lake --day 2026-01-14")
def run(
    inbox: Annotated[Path | None, typer.Option(help="Folder of the sources' export files.")] = None,
    lake: Lake = None,
    day: Day = None,
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    as_json: Json = False,
) -> None:
    """Bring what the inbox holds into the lake and release the days asked for.

    Without days: every day seen. A second run with the same inbox changes nothing.
    """
    from roi_engine import pipeline  # noqa: PLC0415

    days = days_of(day, from_, to)
    try:
        report = pipeline.run(settings_for(lake), inbox=inbox, days=days)
    except pipeline.Failed as error:
        raise fail(str(error)) from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(report), default=str) + "\n")
    else:
        for line in report.lines():
            out.print(line)
    if report.blocked:
        raise typer.Exit(3)


@app.command(
    epilog="Example: roi simulate --out ./estate --days 14 --tasks-per-day 3000 --agents 6"
)
def simulate(
    out_: Annotated[Path, typer.Option("--out", help="Folder for inbox/ and truth/.")],
    days: Annotated[int, typer.Option(min=1)] = 14,
    tasks_per_day: Annotated[int, typer.Option(min=1)] = 3000,
    agents: Annotated[int, typer.Option(min=1)] = 6,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])] = datetime(2026, 1, 1),  # noqa: DTZ001
    spans: Annotated[Spans, typer.Option(help="auto: OTLP for small estates.")] = Spans.auto,
    as_json: Json = False,
) -> None:
    """Write an estate with known truth: an inbox in the sources' own formats, and its ledger."""
    from roi_engine.simulate import InUse, write_estate  # noqa: PLC0415

    try:
        summary = write_estate(
            out_,
            days=days,
            tasks_per_day=tasks_per_day,
            agents=agents,
            seed=seed,
            start=start.date(),
            spans_format=spans.value,
        )
    except InUse as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"{out_} cannot be written ({error}): name another folder with --out.") from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary), default=str) + "\n")
    else:
        out.print(f"SIMULATED estate in {out_}: {summary}")


# a query may begin with a comment, and `-- …` looks like an option
@app.command(
    epilog='Example: roi sql "select agent_id, roi from daily_roi limit 5"',
    context_settings={"ignore_unknown_options": True},
)
def sql(
    query: str,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Ask the newest release in SQL; every fact, mart and ops table has its own name.

    Several statements are answered one after the other, each under the comment before it; with
    --json each on a line of its own.
    """
    import duckdb  # noqa: PLC0415

    from roi_engine.warehouse import serving  # noqa: PLC0415

    settings = settings_for(lake)
    try:
        with serving.connect(settings.lake, threads=settings.threads) as con:
            statements = len(con.extract_statements(query))
            if not statements:
                raise fail('the query is empty: ask, such as roi sql "from daily_roi limit 5".', 2)
            for answer in serving.answers(con, query):
                if as_json:
                    sys.stdout.write(_json_rows(answer.names, answer.rows) + "\n")
                    continue
                if statements > 1 and answer.title:
                    out.print(f"\n{answer.title}")
                out.print(_table(answer.names, answer.rows))
    except (serving.NoRelease, duckdb.Error) as error:
        raise fail(" ".join(str(error).split())) from None
    say_simulated(settings)


def _table(names: list[str], rows: Iterable[Iterable[object]]) -> Table:
    from roi_engine.warehouse import serving  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(serving.plain, row))
    return table


def _json_rows(names: list[str], rows: Iterable[Iterable[object]]) -> str:
    from roi_engine.warehouse import serving  # noqa: PLC0415

    # JSON has no word for a double that is no number: it is not known
    objects = [
        {
            name: None if isinstance(cell, float) and not math.isfinite(cell) else cell
            for name, cell in zip(names, row, strict=True)
        }
        for row in rows
    ]
    return json.dumps(objects, default=serving.as_text, allow_nan=False)


@app.command(epilog="Example: roi policies --json | jq '.agents[] | select(.mode==\"execute\")'")
def policies(lake: Lake = None, as_json: Json = False) -> None:
    """Say what each agent may do and spend from now on; a gateway reads it with --json."""
    import duckdb  # noqa: PLC0415

    from roi_engine.warehouse import serving  # noqa: PLC0415

    settings = settings_for(lake)
    try:
        folder = serving.release_folder(settings.lake)
        with serving.connect(settings.lake, threads=settings.threads) as con:
            answer = con.execute("select * from marts.policies order by agent_id")
            names = [column[0] for column in answer.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    except serving.NoRelease as error:
        raise fail(str(error)) from None
    except duckdb.CatalogException:
        raise fail("The newest release has no policies: the next run adds them.") from None
    about = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    about["is_simulated"] = (settings.lake / "SIMULATED").exists()
    if as_json:
        text = json.dumps(about | {"agents": rows}, default=serving.as_text, allow_nan=False)
        sys.stdout.write(text + "\n")
        return
    label = " · SIMULATED DATA" if about["is_simulated"] else ""
    out.print(f"release {about['release']}{label}")
    shown = ["agent_id", "proven_band", "mode", "mode_reason", "budget_cap", "budget_reason"]
    shown += ["money_left", "calls_left"]
    out.print(_table(shown, ([row[name] for name in shown] for row in rows)))


@app.command(epilog="Example: roi evaluate --task-type retail_service,telecom_support")
def evaluate(
    task_type: Annotated[str, typer.Option(help="Kinds of task, by comma (default: all).")] = "",
    least: Annotated[int, typer.Option(min=1, help="Leave out models with fewer cases.")] = 1,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Put models side by side: success, cost, autonomy, ROI range, and what each rests on."""
    from roi_engine.report import evaluation  # noqa: PLC0415
    from roi_engine.warehouse import serving  # noqa: PLC0415

    settings = settings_for(lake)
    kinds = [name.strip() for name in task_type.split(",") if name.strip()]
    try:
        with serving.connect(settings.lake, threads=settings.threads) as con:
            found = evaluation.evaluate(con, task_types=kinds or None, least=least)
    except evaluation.NothingToCompare as error:
        raise fail(str(error), 2) from None
    except serving.NoRelease as error:
        raise fail(str(error)) from None
    if as_json:
        say_simulated(settings)
        rows = evaluation.as_dicts(found)
        sys.stdout.write(json.dumps(rows, default=serving.as_text, allow_nan=False) + "\n")
        return
    if (settings.lake / "SIMULATED").exists():
        out.print("SIMULATED DATA")
    for line in evaluation.lines(found):
        out.print(line, markup=False)


@app.command(epilog="Example: roi rollup daily_roi --by agent_id,month --column roi,net_value")
def rollup(
    mart: str,
    by: Annotated[str, typer.Option(help="Dimensions, by comma; week and month too.")] = "",
    column: Annotated[
        str, typer.Option(help="Figures, by comma (default: all, percentiles too).")
    ] = "",
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    as_sql: Annotated[bool, typer.Option("--sql", help="Print the query for a BI tool.")] = False,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Ask a mart at any level: sums are added, ratios taken of the sums, nothing is averaged.

    Percentiles of daily_kpi and daily_inference are read off the buckets that daily_duration and
    daily_latency count.
    """
    from roi_engine.marts import rollup as level  # noqa: PLC0415

    in_order(from_, to)
    try:
        query = level.sql(
            mart,
            [name.strip() for name in by.split(",") if name.strip()],
            [name.strip() for name in column.split(",") if name.strip()],
            first=from_.date() if from_ else None,
            last=to.date() if to else None,
        )
    except level.NotThere as error:
        raise fail(str(error), 2) from None
    if as_sql:
        out.print(query, markup=False)
        return
    sql(query, lake=lake, as_json=as_json)


@app.command(
    epilog="Example: roi trace daily_roi --day 2026-01-14 --key agent_id=triage --column total_cost"
)
def trace(
    mart: str,
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="YYYY-MM-DD.")],
    column: Annotated[str, typer.Option(help="The figure.")],
    key: Annotated[list[str] | None, typer.Option(help="Dimension=value; may be repeated.")] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Make it once more from the facts.")
    ] = False,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Say where a figure comes from: formula, facts, landed files and their rows.

    With --prove, exit 1 when the facts give another figure, or it cannot be made once more.
    """
    from roi_engine.lineage import trace as lineage  # noqa: PLC0415
    from roi_engine.warehouse import serving  # noqa: PLC0415

    pairs = [one.partition("=") for one in key or ()]
    if bad := [name for name, sign, _ in pairs if not sign]:
        raise fail(f"--key {bad[0]} has no value: write --key {bad[0]}=VALUE.", 2)
    keys = {name: value for name, _, value in pairs}
    settings = settings_for(lake)
    try:
        found = lineage.trace(settings.lake, mart, column, day=day.date(), keys=keys, prove=prove)
    except lineage.NotTraceable as error:
        raise fail(str(error), 2) from None
    except serving.NoRelease as error:
        raise fail(str(error)) from None
    say_simulated(settings)
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), default=serving.as_text) + "\n")
    else:
        for line in found.lines():
            out.print(line, markup=False)
    if prove and not found.proven:
        raise typer.Exit(1)


@app.command(epilog="Example: roi export --to ./out --format csv --facts")
def export(
    to: Annotated[Path, typer.Option(help="Folder to write TABLE.csv or TABLE.parquet to.")],
    lake: Lake = None,
    format_: Annotated[Format, typer.Option("--format")] = Format.parquet,
    facts: Annotated[bool, typer.Option("--facts", help="The facts and dims too.")] = False,
    as_json: Json = False,
) -> None:
    """Write every mart of the newest release, sorted by grain: the same bytes for the same data."""
    import duckdb  # noqa: PLC0415

    from roi_engine.warehouse import serving  # noqa: PLC0415

    settings = settings_for(lake)
    try:
        written = serving.export(settings.lake, to, kind=format_.value, facts=facts)
    except serving.NoRelease as error:
        raise fail(str(error)) from None
    except (OSError, duckdb.Error) as error:
        why = " ".join(str(error).split())
        raise fail(f"{to} cannot be written ({why}): name another folder with --to.") from None
    say_simulated(settings)
    if as_json:
        sys.stdout.write(json.dumps(written) + "\n")
    else:
        for table, rows in written.items():
            out.print(f"{table}.{format_.value}  {rows:,} rows")


@app.command(epilog="Example: roi status --lake ./lake --json")
def status(
    lake: Lake = None,
    home: Annotated[Path, typer.Option(help="AIRFLOW_HOME, for the next runs.")] = Path(".airflow"),
    as_json: Json = False,
) -> None:
    """Say what the lake holds: last release, days, alerts, blocked and late days, quarantine."""
    import duckdb  # noqa: PLC0415

    from roi_engine import status as state  # noqa: PLC0415
    from roi_engine.warehouse.lake import LakeError  # noqa: PLC0415

    try:
        found = state.read(settings_for(lake), next_runs=_next_runs(home))
    except (LakeError, duckdb.Error) as error:
        raise fail(" ".join(str(error).split())) from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), default=str) + "\n")
    else:
        for line in found.lines():
            out.print(line)


@app.command(epilog="Example: roi quarantine --day 2026-01-14 --rule counts_possible --rows 20")
def quarantine(
    day: Day = None,
    rule: Annotated[str | None, typer.Option(help="One rule, with or without its table.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows that are named of each rule.")] = 5,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Say what was refused and why, down to file and row; also of a day that is blocked.

    Asked of the lake: where a day is blocked the release is older than what is wrong with it.
    """
    import duckdb  # noqa: PLC0415

    from roi_engine import alerts as known, quarantine as refused  # noqa: PLC0415
    from roi_engine.warehouse import lake as lakes  # noqa: PLC0415

    settings, asked = settings_for(lake), day.date() if day else None
    try:
        with lakes.connect(settings.lake, catalog_dsn=settings.dsn, read_only=True) as con:
            found = refused.read(con, day=asked, rule=rule, shown=rows)
            blocked = known.blocked_days(known.unresolved(con, settings.lake))
    except (lakes.LakeError, duckdb.Error) as error:
        raise fail(" ".join(str(error).split())) from None
    blocked = {one: why for one, why in blocked.items() if asked is None or one == str(asked)}
    if as_json:
        said = {"blocked": blocked, "rules": [asdict(one) for one in found]}
        sys.stdout.write(json.dumps(said, default=str) + "\n")
        return
    for one, why in blocked.items():
        out.print(f"blocked {one}: {why}")
    for broken in found:
        for line in broken.lines():
            out.print(line)
    if not found:
        of = (f" of {rule}" if rule else "") + (f" on {asked}" if asked else "")
        out.print(f"no row{of} is in quarantine")


@app.command(epilog="Example: roi alerts --ack 1f0c9a7b --by ann --note 'prices ordered'")
def alerts(
    lake: Lake = None,
    ack: Annotated[str | None, typer.Option(help="Id of an alert that was seen.")] = None,
    by: Annotated[str | None, typer.Option(help="Who has seen it.")] = None,
    note: Annotated[str | None, typer.Option(help="What is done about it.")] = None,
    as_json: Json = False,
) -> None:
    """List what a person must look at, worst first; or say that somebody does.

    An alert that no release can close ends when it is acknowledged.
    """
    import duckdb  # noqa: PLC0415

    from roi_engine import alerts as known  # noqa: PLC0415
    from roi_engine.warehouse import lake as lakes  # noqa: PLC0415

    if (ack is None) != (by is None) or (note and not ack):
        raise fail("--ack and --by go together.", 2)
    settings = settings_for(lake)
    try:
        with lakes.connect(settings.lake, catalog_dsn=settings.dsn, read_only=True) as con:
            if ack is not None and by is not None:
                found = [known.acknowledge(con, settings.lake, ack, by=by, note=note)]
            else:
                found = known.unresolved(con, settings.lake)
    except (lakes.LakeError, known.NoSuchAlert, duckdb.Error) as error:
        raise fail(" ".join(str(error).split())) from None
    say_simulated(settings)
    if as_json:
        sys.stdout.write(json.dumps([asdict(alert) for alert in found]) + "\n")
    else:
        for alert in found:
            for line in alert.lines():
                out.print(line)
        if not found:
            out.print("no alert is open")


@app.command(epilog="Example: roi restatements --day 2026-01-14")
def restatements(lake: Lake = None, day: Day = None, as_json: Json = False) -> None:
    """List figures that are not what was reported first: as filed, as restated, and why."""
    from roi_engine import restatements as restated  # noqa: PLC0415
    from roi_engine.warehouse import serving  # noqa: PLC0415

    settings = settings_for(lake)
    try:
        found = restated.read(settings.lake, day=day.date() if day else None)
    except serving.NoRelease as error:
        raise fail(str(error)) from None
    say_simulated(settings)
    if as_json:
        objects = [asdict(one) for one in found]
        sys.stdout.write(json.dumps(objects, default=serving.as_text) + "\n")
    else:
        for one in found:
            out.print(one.line())
        if not found:
            of = f" of {day.date()}" if day else ""
            out.print(f"no figure{of} has changed since it was first released")


@app.command(name="what-if", epilog="Example: roi what-if --model small-model --agent triage")
def what_if(
    model: Annotated[
        list[str] | None, typer.Option(help="The other model; none for all in use.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="One agent; none for all.")] = None,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Price the tokens of the last 28 days as another model would: assumed, quality may differ."""
    from roi_engine import what_if as question  # noqa: PLC0415
    from roi_engine.warehouse import serving  # noqa: PLC0415

    settings = settings_for(lake)
    try:
        found = question.ask(settings.lake, models=model or (), agent=agent)
    except question.NothingAsked as error:
        raise fail(str(error), 2) from None
    except serving.NoRelease as error:
        raise fail(str(error)) from None
    say_simulated(settings)
    if as_json:
        objects = [asdict(one) | {"difference": one.difference} for one in found]
        sys.stdout.write(json.dumps(objects, default=serving.as_text) + "\n")
    else:
        for line in question.lines(found):
            out.print(line, markup=False)


@app.command(
    epilog="Example: roi reprice --from 2026-01-01 --to 2026-01-31 --inbox ./inbox --dry-run"
)
def reprice(
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    to: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    inbox: Annotated[
        Path | None, typer.Option(help="Where reference/prices.csv lies; none: the package's list.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Show what would change; change nothing.")] = False,
    lake: Lake = None,
    as_json: Json = False,
) -> None:
    """Take other prices for what has been: before and after, in a range, with a reason."""
    from roi_engine import pipeline, repricing  # noqa: PLC0415
    from roi_engine.warehouse import serving  # noqa: PLC0415

    in_order(from_, to)
    first, last = (day.date() for day in (from_, to))
    settings = settings_for(lake)
    try:
        done = repricing.reprice(
            settings,
            inbox=inbox,
            first=first,
            last=last,
            reason=reason,
            dry_run=dry_run,
        )
    except (repricing.NotRepriced, pipeline.Failed) as error:
        raise fail(str(error)) from None
    say_simulated(settings)
    if as_json:
        sys.stdout.write(json.dumps(asdict(done), default=serving.as_text) + "\n")
    else:
        for line in done.lines():
            out.print(line)


@app.command(epilog='Example: roi retract gpu/day3.json --reason "exporter wrote the wrong host"')
def retract(
    file: Annotated[str, typer.Argument(help="Path below the inbox, or its SHA-256's start.")],
    reason: Annotated[str, typer.Option(help="Why; kept in quarantine and manifest.")],
    lake: Lake = None,
) -> None:
    """Make a landed file count no more. Nothing is deleted; the next run builds its days anew."""
    from roi_engine import pipeline  # noqa: PLC0415

    try:
        out.print(pipeline.retract(settings_for(lake), file, reason=reason))
    except pipeline.Failed as error:
        raise fail(str(error)) from None


@app.command(epilog="Example: roi maintain --lake ./lake")
def maintain(lake: Lake = None) -> None:
    """Merge small files, expire what is no release, and prove that every release reads the same."""
    from roi_engine import pipeline  # noqa: PLC0415

    try:
        for line in pipeline.maintain(settings_for(lake)).lines():
            out.print(line)
    except pipeline.Failed as error:
        raise fail(str(error)) from None


@app.command(epilog="Example: roi backup --lake ./lake --to /backup/monday")
def backup(
    to: Annotated[Path, typer.Option(help="A new or empty folder.")], lake: Lake = None
) -> None:
    """Copy the lake whole, at one moment, while no run writes it."""
    from roi_engine.warehouse import backup as copies  # noqa: PLC0415
    from roi_engine.warehouse.lake import LakeError  # noqa: PLC0415

    try:
        made = copies.backup(settings_for(lake).lake, to, on_wait=out.print)
    except (LakeError, OSError) as error:
        raise fail(str(error)) from None
    for line in made.lines():
        out.print(line)


@app.command(epilog="Example: roi restore --from /backup/monday --lake ./lake")
def restore(
    from_: Annotated[Path, typer.Option("--from", help="What `roi backup` wrote.")],
    lake: Lake = None,
) -> None:
    """Make a lake from a backup, in a new or empty folder; its newest release is exported."""
    from roi_engine.warehouse import backup as copies  # noqa: PLC0415
    from roi_engine.warehouse.lake import LakeError  # noqa: PLC0415

    try:
        made = copies.restore(from_, settings_for(lake).lake)
    except (LakeError, OSError) as error:
        raise fail(str(error)) from None
    for line in made.lines():
        out.print(line)


def _next_runs(home: Path) -> dict[str, str] | None:
    """Return when the Airflow of a home runs each DAG next; None where none runs."""
    if not (home / "processes.json").is_file():
        return None
    from roi_engine.operate import house, rest, supervisor  # noqa: PLC0415

    known = house.House(home, Path("lake"), Path("inbox"), datetime.now(UTC).date())
    running = supervisor.find(known)
    if running is None:
        return None
    with rest.Rest(running) as client:
        return client.next_runs()


@app.command(epilog="Example: roi verify --lake ./lake")
def verify(lake: Lake = None, as_json: Json = False) -> None:
    """Prove the lake: manifest chain, landed bytes, its own files, conservation of every charge."""
    import duckdb  # noqa: PLC0415

    from roi_engine import verification  # noqa: PLC0415
    from roi_engine.warehouse.lake import LakeError  # noqa: PLC0415

    try:
        checks = verification.verify(settings_for(lake))
    except (LakeError, duckdb.Error) as error:
        raise fail(" ".join(str(error).split())) from None
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks], default=str) + "\n")
    else:
        for check in checks:
            out.print(f"{'ok  ' if check.is_ok else 'FAIL'} {check.claim}: {check.found}")
    if not all(check.is_ok for check in checks):
        raise typer.Exit(1)


@app.command(epilog="Example: roi demo --keep")
def demo(
    folder: Annotated[Path, typer.Option(help="Where estate, lake and Airflow live.")] = Path(
        "demo"
    ),
    keep: Annotated[bool, typer.Option("--keep", help="Leave Airflow's page up.")] = False,
) -> None:
    """Show it all: a simulated estate through the real Airflow, to the table of its last day."""
    import httpx  # noqa: PLC0415

    from roi_engine.operate import (  # noqa: PLC0415
        demo as show,
        rest,
        supervisor,
    )

    supervisor.end_on_signals()
    try:
        show.show(folder, keep=keep)
    except (supervisor.NotStarted, rest.RunFailed, httpx.HTTPError) as error:
        raise fail(f"{error} Logs: {folder}/airflow/logs.") from None
    except KeyboardInterrupt:
        raise fail("interrupted; every process that was started is stopped.", 130) from None


@app.command(epilog="Example: ROI_INBOX=./inbox roi airflow --lake ./lake")
def airflow(
    lake: Lake = None,
    inbox: Annotated[Path, typer.Option(help="Folder of export files.", envvar="ROI_INBOX")] = Path(
        "inbox"
    ),
    home: Annotated[Path, typer.Option(help="AIRFLOW_HOME.")] = Path(".airflow"),
    stop: Annotated[bool, typer.Option("--stop", help="End the one that runs.")] = False,
) -> None:
    """Run Airflow on loopback until Ctrl-C: the schedule of every day, and its page."""
    import httpx  # noqa: PLC0415

    from roi_engine.operate import house, rest, supervisor  # noqa: PLC0415

    chosen = house.House(home, settings_for(lake).lake, inbox, datetime.now(UTC).date())
    if stop:
        supervisor.sweep(chosen)
        out.print(f"nothing runs in {home}")
        return
    if not inbox.is_dir():
        raise fail(f"The inbox {inbox} is not a folder: name one with --inbox.", 2)
    supervisor.end_on_signals()
    try:
        is_new = not chosen.password_file.is_file()
        secret = chosen.password() if is_new else f"in {chosen.password_file}"
        with supervisor.airflow(chosen) as running:
            with rest.Rest(running) as client:
                client.ready({"build_marts"})
            out.print(f"airflow {running.url} (user {house.USER}, password {secret}); Ctrl-C ends")
            while supervisor.find(chosen) is not None:
                time.sleep(5)
            raise fail(f"a process of Airflow has ended: see {home}/logs.")
    except (supervisor.NotStarted, rest.RunFailed) as error:
        raise fail(str(error)) from None
    except httpx.HTTPError as error:
        raise fail(f"{error} Logs: {home}/logs.") from None
    except KeyboardInterrupt:
        raise fail("interrupted; every process that was started is stopped.", 130) from None


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.WARNING, format="roi: %(message)s")
    app()


if __name__ == "__main__":
    main()
