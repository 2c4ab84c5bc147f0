"""Land the GPU samples (Prometheus), and say that yesterday was asked for.

Live doors (`doors.toml`) are asked for what came since their mark; every new file of the inbox,
and every answer, is kept whole, parsed to bronze and written to the manifest; a file
that came before is not read again. Samples that
came twice count once; a gap stays a gap and is shown as unknown.
The day's partition of the asset `gpu` is emitted even when nothing is new.

Safe to rerun, clear and backfill, for any day and for several days at once.

If it fails: docs/runbooks/failed_run.md. The message of the task says what and why in one
sentence; what had landed stays, nothing that is published changes.
"""

from airflow.sdk import dag, task

from dags.house import DEFAULTS, EXTRACTED, START, extract, yesterday_at


@dag(
    schedule=yesterday_at(2),
    start_date=START,
    catchup=False,
    max_active_runs=4,
    doc_md=__doc__,
    default_args=DEFAULTS,
    tags=["source:gpu"],
)
def extract_gpu():
    @task(task_id="extract", outlets=[EXTRACTED["gpu"]])
    def extract_day(dag_run=None):
        extract("gpu", dag_run.partition_key)

    extract_day()


extract_gpu()
