"""What is asked of a local Airflow, through its REST interface (v2)."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx

from roi_engine.operate.house import USER
from roi_engine.operate.supervisor import Running

DONE = ("success", "failed")


class RunFailed(Exception):
    """A DAG run failed, or did not end in time; the message names its failed tasks."""


class Rest:
    """A signed-in client; use it as a context manager."""

    def __init__(self, running: Running) -> None:
        self._http = httpx.Client(base_url=running.url, timeout=60, trust_env=False)
        answer = self._http.post(
            "/auth/token", json={"username": USER, "password": running.house.password()}
        )
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> "Rest":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return the answer of ``GET /api/v2/PATH``."""
        answer = self._http.get(f"/api/v2/{path}", params=params)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Return the answer of ``POST /api/v2/PATH``."""
        answer = self._http.post(f"/api/v2/{path}", json=dict(body))
        if answer.is_error:
            message = f"POST {path}: {answer.status_code} {answer.text[:300]}"
            raise httpx.HTTPStatusError(message, request=answer.request, response=answer)
        return answer.json()

    def ready(self, dag_ids: set[str], *, seconds: int = 300) -> None:
        """Wait until the DAGs have been read, and make the pool of the lake's writer.

        Raises:
            RunFailed: A DAG file cannot be read, or a DAG does not appear in time.
        """
        pools = {pool["name"] for pool in self.get("pools")["pools"]}
        if "lake_writer" not in pools:
            said = "one writer a lake; the lake's own lock decides"
            self.post("pools", {"name": "lake_writer", "slots": 1, "description": said})
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if errors := self.get("importErrors")["import_errors"]:
                message = f"{errors[0]['filename']}: {errors[0]['stack_trace'][-300:]}"
                raise RunFailed(message)
            if dag_ids <= {dag["dag_id"] for dag in self.get("dags", limit=100)["dags"]}:
                return
            time.sleep(0.5)
        message = f"the DAGs {', '.join(sorted(dag_ids))} did not appear in {seconds} s"
        raise RunFailed(message)

    def trigger(
        self,
        dag_id: str,
        *,
        conf: Mapping[str, object] | None = None,
        partition_key: str | None = None,
    ) -> str:
        """Start a run and return its id."""
        body: dict[str, object] = {"logical_date": None, "conf": dict(conf or {})}
        if partition_key:
            body["partition_key"] = partition_key
        return self.post(f"dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, newest first."""
        return self.get(f"dags/{dag_id}/dagRuns", order_by="-run_after", limit=100)["dag_runs"]

    def next_runs(self) -> dict[str, str]:
        """Return DAG → when its schedule runs it next (UTC); paused DAGs are left out."""
        dags = self.get("dags", limit=100, paused=False)["dags"]
        found = {dag["dag_id"]: dag["next_dagrun_run_after"] for dag in dags}
        return {dag_id: when for dag_id, when in sorted(found.items()) if when}

    def triggered(
        self, dag_id: str, partition_key: str, *, known: Collection[str], seconds: float = 300
    ) -> str:
        """Wait for a run of a partition that was not ``known``, and return its id.

        Raises:
            RunFailed: None was triggered in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for run in self.runs(dag_id):
                if run["partition_key"] == partition_key and run["dag_run_id"] not in known:
                    return str(run["dag_run_id"])
            time.sleep(0.5)
        message = f"no run of {dag_id} was triggered for {partition_key} in {seconds:.0f} s"
        raise RunFailed(message)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return task → state of a run, in the order in which they are listed."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] or "waiting" for task in found}

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        seconds: float,
        on_state: Callable[[dict[str, str]], None] = lambda _: None,
    ) -> None:
        """Wait until a run has succeeded, telling its tasks' states whenever they change.

        Raises:
            RunFailed: The run failed or did not end in time.
        """
        deadline = time.monotonic() + seconds
        before: dict[str, str] = {}
        while time.monotonic() < deadline:
            state = self.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"]
            tasks = self.tasks(dag_id, run_id)
            if tasks != before:
                on_state(tasks)
                before = tasks
            if state == "success":
                return
            if state == "failed":
                failed = ", ".join(task for task, found in tasks.items() if found == "failed")
                message = f"{dag_id} {run_id} failed in {failed or 'no task'}"
                raise RunFailed(message)
            time.sleep(0.5)
        message = f"{dag_id} {run_id} did not end in {seconds:.0f} s: {before}"
        raise RunFailed(message)
