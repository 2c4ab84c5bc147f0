"""Keep the lake small and prove that nothing published changed: Sundays at 04:00.

Under the lake's lock: small files are merged, snapshots that are no release are expired, files
that no snapshot names are removed, exports older than the newest few are dropped (the lake
itself keeps every release). Before and after, the tables of every release are hashed;
if a hash differs, no file is removed and the task fails.

If it fails: docs/runbooks/maintenance.md.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from dags.house import START, WRITES


@dag(
    schedule=CronTriggerTimetable("0 4 * * SUN", timezone="UTC"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args=WRITES,
    tags=["operations"],
)
def maintain():
    @task(task_id="maintain")
    def maintain_lake():
        from roi_engine import pipeline
        from roi_engine.settings import Settings

        for line in pipeline.maintain(Settings()).lines():
            print(line)

    maintain_lake()


maintain()
