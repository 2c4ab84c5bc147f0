"""Value: from facts to marts, each built from its sums and judged by its own declaration."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import duckdb
import polars as pl

from roi_engine import gate
from roi_engine.marts import MARTS
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.params import Params
from roi_engine.warehouse import reading


class MartRefused(Exception):
    """A mart breaks a rule of its own declaration; the message says which."""


def build(
    con: duckdb.DuckDBPyConnection,
    params: Params,
    *,
    newest: date,
    run_id: str,
    step: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Build every mart into ``lake.build`` and judge it.

    Args:
        con: The lake, its built facts waiting in ``build``.
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
    window = reading.open_window(con)
    answers: dict[str, pl.DataFrame] = {}
    for name, module in MARTS.items():
        if DECLARED[name].standing:
            continue
        step(f"value.{name}")
        for query in module.QUERIES:
            if query.name not in answers:
                answers[query.name] = _ask(con, query.sql(window, params.days))
        answers[name] = module.build(answers, params)
        _write(con, name, answers[name])
    _build_standing(con, params, newest, step)
    step("value.judge")
    relations = {name: f"lake.build.{name}" for name in MARTS}
    results = gate.check_marts(con, relations, run_id=run_id)
    broken = results.filter(~pl.col("success") & (pl.col("severity") == "critical"))
    if broken.height:
        first = broken.row(0, named=True)
        message = f"{first['rule']} does not hold ({first['unexpected']} rows): {first['reason']}"
        raise MartRefused(message)
    return results


def _build_standing(
    con: duckdb.DuckDBPyConnection, params: Params, newest: date, step: Callable[[str], None]
) -> None:
    """Build the marts that are made whole, from facts and daily marts as they will stand."""
    window = reading.open_window(con, mart_days=params.days)
    now = replace(params, days=(newest,))
    answers: dict[str, pl.DataFrame] = {}
    for name, module in MARTS.items():
        if not DECLARED[name].standing:
            continue
        step(f"value.{name}")
        for query in module.QUERIES:
            if query.name not in answers:
                answers[query.name] = _ask(con, query.sql(window, now.days))
        _write(con, name, module.build(answers, now))


def _ask(con: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    answer = pl.from_arrow(con.execute(query).to_arrow_table())
    if not isinstance(answer, pl.DataFrame):
        message = "a query must answer with a table"
        raise TypeError(message)
    return answer


def _write(con: duckdb.DuckDBPyConnection, name: str, mart: pl.DataFrame) -> None:
    con.register("mart", mart)
    con.execute(f"create or replace table lake.build.{name} as from mart")
    con.unregister("mart")
