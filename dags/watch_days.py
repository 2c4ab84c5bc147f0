"""At 06:00, tell of each source that has not been extracted for yesterday.

Without all four sources the day is not built. One alert a source and day; the alert ends when
the day is released.

If it fails: docs/runbooks/failed_run.md. If it alerts: docs/runbooks/late_day.md.
"""

from datetime import date

from airflow.sdk import dag, task

from dags.house import DEFAULTS, START, yesterday_at


@dag(
    schedule=yesterday_at(6),
    start_date=START,
    catchup=False,
    doc_md=__doc__,
    default_args=DEFAULTS,
    tags=["operations"],
)
def watch_days():
    @task
    def watch(dag_run=None):
        from roi_engine import pipeline
        from roi_engine.settings import Settings

        missing = pipeline.watch(Settings(), day=date.fromisoformat(dag_run.partition_key))
        print(f"{dag_run.partition_key}: missing {', '.join(missing) or 'nothing'}")

    watch()


watch_days()
