"""Build and release one day: check → shape → value → publish.

Triggered when all four sources have the day. `check` takes the newest reference tables, plans
which days the new bytes touch and judges them with Great Expectations; `shape` is one dbt build
of the facts; `value` computes the marts; `publish` replaces the days in one transaction and
exports the release. Days that changed since (late tickets, restated bills) come along.

Safe to rerun, clear and run for several days at once: the lake has one writer, a stage that
finds its draft gone does the stages before it again.

If it fails: docs/runbooks/failed_run.md. If it says "blocked by a check":
docs/runbooks/blocked_day.md (it is not retried; the other days are released).
"""

from datetime import date

from airflow.sdk import Asset, IdentityMapper, PartitionedAssetTimetable, dag, task

from dags.house import EXTRACTED, START, WRITES, stage

billing, gpu, tokens, tickets = EXTRACTED.values()


@dag(
    schedule=PartitionedAssetTimetable(
        assets=billing & gpu & tokens & tickets, default_partition_mapper=IdentityMapper()
    ),
    start_date=START,
    catchup=False,
    max_active_runs=4,
    doc_md=__doc__,
    default_args=WRITES,
    tags=["release"],
)
def build_marts():
    def at(to, dag_run):
        stage(to, token=dag_run.run_id, days=[date.fromisoformat(dag_run.partition_key)])

    @task
    def check(dag_run=None):
        at("check", dag_run)

    @task
    def shape(dag_run=None):
        at("shape", dag_run)

    @task
    def value(dag_run=None):
        at("value", dag_run)

    @task(outlets=[Asset(name="marts", uri="lake://marts")])
    def publish(dag_run=None):
        at("publish", dag_run)

    check() >> shape() >> value() >> publish()


build_marts()
