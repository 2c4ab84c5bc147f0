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
    execution = SqlAlchemyExecutionEngine(engine=dialect.engine(con))
    data = SqlAlchemyBatchData(
        execution_engine=execution, table_name=relation, create_temp_table=False
    )
    validator = Validator(execution_engine=execution, batches=[Batch(data=data)])
    # the only way to silence the progress bar without a project on disk
    validator._metrics_calculator = MetricsCalculator(
        execution_engine=execution, show_progress_bars=False
    )
    # each rule carries its place, because results come back in an order of their own
    configurations = []
    for place, expectation in enumerate(suite.expectations):
        configuration = expectation.configuration
        configuration.meta = {**(configuration.meta or {}), "place": place}
        configurations.append(configuration)
    results = validator.graph_validate(
        configurations=configurations,
        runtime_configuration={
            "result_format": {"result_format": "BASIC", "partial_unexpected_count": 0}
        },
    )
    results.sort(key=lambda result: result.expectation_config.meta["place"])
    return [_verdict(relation, result) for result in results]


def _verdict(relation: str, result: Any) -> Verdict:
    raised = _exception(result.exception_info)
    if raised:
        rule = result.expectation_config
        raise Unjudged(f"{relation}: {rule.type} {rule.kwargs} could not be evaluated: {raised}")
    found = result.result
    observed = found.get("observed_value")
    unexpected = found.get("unexpected_count")
    return Verdict(
        success=bool(result.success),
        checked=found.get("element_count") or 0,
        # a rule on the whole relation has no rows: it is broken once or not at all
        unexpected=(unexpected or 0) if "unexpected_count" in found else int(not result.success),
        observed=None if observed is None else str(observed),
    )


def _exception(info: dict[str, Any]) -> str | None:
    """Return the message of what a rule raised; Great Expectations files it in two shapes."""
    if "raised_exception" in info:
        return info["exception_message"] if info["raised_exception"] else None
    messages = [each["exception_message"] for each in info.values() if each.get("raised_exception")]
    return messages[0] if messages else None
