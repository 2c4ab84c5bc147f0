"""Print what Airflow itself reads from ``dags/``, as JSON; run in a process of its own."""

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction


def partition_at(timetable, run_at: datetime) -> str | None:
    """Return the partition key of the run that the schedule starts at a moment."""
    if not timetable.partitioned or not hasattr(timetable, "_get_next"):
        return None
    restriction = TimeRestriction(earliest=run_at, latest=run_at, catchup=True)
    info = timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    return info.partition_key if info else None


def weight(task) -> int:
    """Return with what priority the scheduler queues a task, as it reckons it."""
    return task.weight_rule.get_weight(SimpleNamespace(task=task))


def described(dag) -> dict:
    """Return what the policy asks of a DAG, its timetable as the scheduler stores it."""
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    return {
        "doc": dag.doc_md,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "timetable": type(dag.timetable).__name__,
        "partition_of_02": partition_at(stored.timetable, datetime(2026, 3, 1, 2, tzinfo=UTC)),
        "partition_of_06": partition_at(stored.timetable, datetime(2026, 3, 1, 6, tzinfo=UTC)),
        "tasks": {
            task.task_id: {
                "pool": task.pool,
                "weight": weight(stored.get_task(task.task_id)),
                "retries": task.retries,
                "owner": task.owner,
                "backoff": bool(task.retry_exponential_backoff),
                "tells": bool(task.on_failure_callback),
                "downstream": sorted(task.downstream_task_ids),
                "outlets": sorted(outlet.name for outlet in task.outlets),
            }
            for task in dag.tasks
        },
    }


def main() -> None:
    """Print the DAGs of the folder that is named."""
    bag = DagBag(sys.argv[1], load_op_links=False)
    dags = {dag_id: described(dag) for dag_id, dag in bag.dags.items()}
    sys.stdout.write(json.dumps({"errors": bag.import_errors, "dags": dags}))


if __name__ == "__main__":
    main()
