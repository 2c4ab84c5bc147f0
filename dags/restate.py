"""Build and release a range of days, with a reason: history, late data, a corrected table.

Trigger it with `first`, `last` and `reason`; everything in the inbox is landed first. Days of
the range that did not change are left alone, days outside it that did change come along. The
reason stands in the release. One range is one run: a year is one pass, not 365.

Safe to rerun and clear; two ranges at once wait for each other.

If it fails: docs/runbooks/failed_run.md. If it says "blocked by a check":
docs/runbooks/blocked_day.md (it is not retried; the other days are released).
"""

from airflow.sdk import Asset, Param, dag, task

from dags.house import WRITES, span, stage


@dag(
    schedule=None,
    max_active_runs=4,
    doc_md=__doc__,
    default_args=WRITES,
    params={
        "first": Param(type="string", format="date", description="First day, in"),
        "last": Param(type="string", format="date", description="Last day, in"),
        "reason": Param(type="string", minLength=3, description="Why; kept with the release"),
    },
    tags=["release"],
)
def restate():
    def at(to, dag_run, params):
        days = span(params["first"], params["last"])
        stage(to, token=dag_run.run_id, days=days, reason=params["reason"])

    @task
    def check(dag_run=None, params=None):
        at("check", dag_run, params)

    @task
    def shape(dag_run=None, params=None):
        at("shape", dag_run, params)

    @task
    def value(dag_run=None, params=None):
        at("value", dag_run, params)

    @task(outlets=[Asset(name="marts", uri="lake://marts")])
    def publish(dag_run=None, params=None):
        at("publish", dag_run, params)

    check() >> shape() >> value() >> publish()


restate()
