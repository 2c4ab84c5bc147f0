"""Value: from facts to marts, each built from its sums and judged by its own declaration."""

from collections.abc import Callable

import duckdb
import polars as pl

from roi_engine import gate
from roi_engine.marts import MARTS
from roi_engine.marts.params import Params
from roi_engine.warehouse import reading


class MartRefused(Exception):
    """A mart breaks a rule of its own declaration; the message says which."""


def build(
    con: duckdb.DuckDBPyConnection,
    params: Params,
    *,
    run_id: str,
    step: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Build every mart for ``params.days`` into ``lake.build`` and judge it.

    Returns:
        Rows for ``ops.validation_result``.

    Raises:
        MartRefused: A critical rule of a mart's declaration does not hold.
    """
    window = reading.open_window(con)
    answers: dict[str, pl.DataFrame] = {}
    for name, module in MARTS.items():
        step(f"value.{name}")
        for query in module.QUERIES:
            if query.name not in answers:
                answers[query.name] = _ask(con, query.sql(window, params.days))
        _write(con, name, module.build(answers, params))
    step("value.judge")
    relations = {name: f"lake.build.{name}" for name in MARTS}
    results = gate.check_marts(con, relations, run_id=run_id)
    broken = results.filter(~pl.col("success") & (pl.col("severity") == "critical"))
    if broken.height:
        first = broken.row(0, named=True)
        message = f"{first['rule']} does not hold ({first['unexpected']} rows): {first['reason']}"
        raise MartRefused(message)
    return results


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
