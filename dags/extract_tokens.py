"""Land spans and evaluations (OTLP, Langfuse, LiteLLM, Parquet), and say that yesterday was asked.

Live doors (`doors.toml`) are asked for what came since their mark; every new file of the inbox,
and every answer, is kept whole, parsed to bronze and written to the manifest; a file
that came before is not read again. A span that
came twice counts once; a late span has the days of its task built anew.
The day's partition of the asset `tokens` is emitted even when nothing is new.

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
    tags=["source:tokens"],
)
def extract_tokens():
    @task(task_id="extract", outlets=[EXTRACTED["tokens"]])
    def extract_day(dag_run=None):
        extract("tokens", dag_run.partition_key)

    extract_day()


extract_tokens()
