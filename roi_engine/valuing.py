"""Value: from facts to marts, each built from its sums and judged by its own declaration."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import duckdb
import polars as pl

from roi_engine import scope
from roi_engine.marts import MARTS
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import WINDOW_DAYS, FactQuery
from roi_engine.marts.params import Params
from roi_engine.settings import Settings
from roi_engine.warehouse import lake, reading
from roi_engine.warehouse.release import FACT_PREFIXES

_NEAR_DAYS = 2 * WINDOW_DAYS - 1
"""What looks back no further is answered from a copy: a window, and the one before it."""

_OFTEN = 3
"""A fact is copied when at least this many queries ask for it; one alone reads what it needs."""


class MartRefused(Exception):
    """A mart breaks a rule of its own declaration; the message says which."""


def params(
    settings: Settings, *, days: Sequence[date], as_of: date, newest: date, runs: Mapping[date, str]
) -> Params:
    """Return what builders obey.

    Args:
        settings: The choices that are stored with a release.
        days: Days whose marts are made.
        as_of: Decides maturity.
        newest: The newest day of the release.
        runs: Day of the release → the transformation that made it.
    """
    return Params(
        days=tuple(days),
        as_of=as_of,
        currency=settings.reporting_currency,
        min_group_size=settings.min_group_size,
        maturity_scale=settings.maturity_scale,
        billing_close_days=settings.billing_close_days,
        reopen_window_days=settings.reopen_window_days,
        open_timeout_days=settings.open_timeout_days,
        reconciliation_tolerance=settings.reconciliation_tolerance,
        reconciliation_tolerance_amount=settings.reconciliation_tolerance_amount,
        plan_budget=settings.plan_budget,
        review_minutes=settings.review_minutes,
        minutes_per_review=settings.minutes_per_review,
        discount_rate=settings.discount_rate,
        transform_run_ids=scope.window_run_ids({*days, newest}, runs),
    )


def build(
    con: duckdb.DuckDBPyConnection,
    params: Params,
    *,
    newest: date,
    run_id: str,
    step: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Build every mart into the draft and judge it.

    Args:
        con: The lake, with the draft open and its facts built.
        params: The run's choices; ``days`` are the days whose daily marts are made.
        newest: The newest day of the release to be, as of which standing marts are made;
            ``params.transform_run_ids`` names its run too.
        run_id: Stands in every result row.
        step: Told the name of each step, for the log.

    Returns:
        Rows for ``ops.validation_result``.

    Raises:
        MartRefused: A critical rule of a mart's declaration does not hold.
    """
    reading.open_window(con)
    questions = _near_questions(params, newest)
    asked, since = _wanted(questions)
    with reading.near(con, asked, first=since) as copied:
        near = frozenset(query.name for query, _ in questions if copied.issuperset(query.tables))
        # one transaction: a commit for each mart costs more than most marts
        with lake.transaction(con):
            _build_daily(con, params, near, step)
            _build_standing(con, params, newest, near, step)
    step("value.judge")
    # Great Expectations takes seconds to import; who only makes marts needs none of it
    from roi_engine import gate  # noqa: PLC0415

    relations = {name: f"draft.{name}" for name in MARTS}
    # one transaction: each query outside of one reads the lake's catalog, though it names the draft
    with lake.transaction(con):
        results = gate.check_marts(con, relations, run_id=run_id)
    broken = results.filter(~pl.col("success") & (pl.col("severity") == "critical"))
    if broken.height:
        first = broken.row(0, named=True)
        message = f"{first['rule']} does not hold ({first['unexpected']} rows): {first['reason']}"
        raise MartRefused(message)
    return results


def made(
    con: duckdb.DuckDBPyConnection,
    names: Iterable[str],
    *,
    schema: str,
    params: Params,
    near: Collection[str] = (),
    step: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Build marts one after the other, from queries and from the marts before them.

    Args:
        con: Where ``schema`` is seen.
        names: Marts, each after those that it needs.
        schema: Holds facts, and marts that queries name.
        params: The run's choices.
        near: Names of the queries that the copies of ``reading.near`` answer.
        step: Told the name of each mart.

    Yields:
        Name and rows of each mart.
    """
    answers: dict[str, pl.DataFrame] = {}
    for name in names:
        step(f"value.{name}")
        for query in MARTS[name].QUERIES:
            if query.name not in answers:
                where = reading.NEAR if query.name in near else schema
                answers[query.name] = _ask(con, query.sql(where, params.days))
        answers[name] = MARTS[name].build(answers, params)
        yield name, answers[name]


def _near_questions(params: Params, newest: date) -> list[tuple[FactQuery, Sequence[date]]]:
    """Return the queries about facts of the last days that are asked often, and their days."""
    found: dict[tuple[str, tuple[date, ...]], FactQuery] = {}
    for name, mart in MARTS.items():
        days = (newest,) if DECLARED[name].standing else params.days
        found |= {(query.name, days): query for query in mart.QUERIES if _is_near(query)}
    times = Counter(table for query in found.values() for table in query.tables)
    return [
        (query, days)
        for (_, days), query in found.items()
        if all(times[table] >= _OFTEN for table in query.tables)
    ]


def _is_near(query: FactQuery) -> bool:
    """Say whether a query reads facts, and none of them further back than a copy goes."""
    join = query.join
    return (
        query.reaches_back is not None
        and query.reaches_back <= _NEAR_DAYS
        and all(table.startswith(FACT_PREFIXES) for table in query.tables)
        and (join is None or "day" in join.on or join.same_days)
    )


def _wanted(
    questions: Sequence[tuple[FactQuery, Sequence[date]]],
) -> tuple[dict[str, str], date]:
    """Return fact → what is asked of it, as one text, and the first day that any question needs."""
    texts: dict[str, str] = {}
    for query, days in questions:
        for table in query.tables:
            texts[table] = f"{texts.get(table, '')}\n{query.sql(reading.NEAR, days)}"
    return texts, min(query.days(days)[0] for query, days in questions)


def _build_daily(
    con: duckdb.DuckDBPyConnection,
    params: Params,
    near: Collection[str],
    step: Callable[[str], None],
) -> None:
    """Build the marts of each day from facts, and from marts of the same days."""
    names = [name for name in MARTS if not DECLARED[name].standing]
    window = reading.WINDOW
    for name, mart in made(con, names, schema=window, params=params, near=near, step=step):
        _write(con, name, mart)


def _build_standing(
    con: duckdb.DuckDBPyConnection,
    params: Params,
    newest: date,
    near: Collection[str],
    step: Callable[[str], None],
) -> None:
    """Build the marts that are made whole, from facts and daily marts as they will stand."""
    names = [name for name in MARTS if DECLARED[name].standing]
    window = reading.open_window(con, mart_days=params.days)
    now = replace(params, days=(newest,))
    for name, mart in made(con, names, schema=window, params=now, near=near, step=step):
        _write(con, name, mart)


def _ask(con: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    answer = pl.from_arrow(con.execute(query).to_arrow_table())
    if not isinstance(answer, pl.DataFrame):
        message = "a query must answer with a table"
        raise TypeError(message)
    return answer


def _write(con: duckdb.DuckDBPyConnection, name: str, mart: pl.DataFrame) -> None:
    con.register("mart", mart)
    con.execute(f"create or replace table draft.{name} as from mart")
    con.unregister("mart")
