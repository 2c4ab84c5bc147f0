"""Great Expectations, asked once per relation: does each rule hold, and how many rows break it?

Importing this module takes 8–10 s, so the gate imports it only when there is something to judge:
whoever imports the gate to read its results pays nothing.
"""

from typing import Any

import duckdb
from great_expectations.core.batch import Batch
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.validator.metrics_calculator import MetricsCalculator
from great_expectations.validator.validator import Validator

from roi_engine.gate import dialect
from roi_engine.gate.predicate import quote
from roi_engine.gate.rules import Verdict


class Unjudged(Exception):
    """Great Expectations could not evaluate a rule; the message says which and why."""


def judge(con: duckdb.DuckDBPyConnection, relation: str, suite: Any) -> list[Verdict]:
    """Return the verdict on every expectation of ``suite``, in its order.

    The rules run as SQL inside ``con``, whatever the size of the relation; nothing is fetched but
    counts, nothing is written, and no telemetry is sent.

    Args:
        con: A connection that sees ``relation``.
        relation: Name of a table or view, temporary ones included.
        suite: A ``great_expectations.ExpectationSuite``.

    Raises:
        Unjudged: An expectation raised instead of giving a verdict.
    """
    counted = con.execute(f"select count(*) from {quote(relation)}").fetchone() or (0,)
    rows = int(counted[0])
    configurations = []
    for place, expectation in enumerate(suite.expectations):
        configuration = expectation.configuration
        # each rule carries its place, because results come back in an order of their own
        configuration.meta = {**(configuration.meta or {}), "place": place}
        configurations.append(configuration)
    # counts cost as much again as the verdicts, and only a broken rule has one to tell
    results = _validate(con, relation, configurations, "BOOLEAN_ONLY")
    broken = [
        configuration
        for configuration in configurations
        if not results[configuration.meta["place"]].success
    ]
    if broken:
        results |= _validate(con, relation, broken, "BASIC")
    return [_verdict(relation, results[place], rows) for place in sorted(results)]


def _validate(
    con: duckdb.DuckDBPyConnection, relation: str, configurations: list[Any], detail: str
) -> dict[int, Any]:
    """Return the results of rules by their place in the suite."""
    execution = SqlAlchemyExecutionEngine(engine=dialect.engine(con))
    data = SqlAlchemyBatchData(
        execution_engine=execution, table_name=relation, create_temp_table=False
    )
    validator = Validator(execution_engine=execution, batches=[Batch(data=data)])
    # the only way to silence the progress bar without a project on disk
    validator._metrics_calculator = MetricsCalculator(
        execution_engine=execution, show_progress_bars=False
    )
    results = validator.graph_validate(
        configurations=configurations,
        runtime_configuration={
            "result_format": {"result_format": detail, "partial_unexpected_count": 0}
        },
    )
    return {result.expectation_config.meta["place"]: result for result in results}


def _verdict(relation: str, result: Any, rows: int) -> Verdict:
    raised = _exception(result.exception_info)
    if raised:
        rule = result.expectation_config
        raise Unjudged(f"{relation}: {rule.type} {rule.kwargs} could not be evaluated: {raised}")
    found = result.result
    observed = found.get("observed_value")
    # a rule on the whole relation has no rows of its own: it is broken once or not at all
    unexpected = found.get("unexpected_count", int(not result.success))
    return Verdict(
        success=bool(result.success),
        checked=rows,
        unexpected=unexpected or 0,
        observed=None if observed is None else str(observed),
    )


def _exception(info: dict[str, Any]) -> str | None:
    """Return the message of what a rule raised; Great Expectations files it in two shapes."""
    if "raised_exception" in info:
        return info["exception_message"] if info["raised_exception"] else None
    messages = [each["exception_message"] for each in info.values() if each.get("raised_exception")]
    return messages[0] if messages else None
