"""What is asked of a local Airflow, through its REST interface (v2)."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx

from roi_engine.operate.house import USER
from roi_engine.operate.supervisor import Running

DONE = ("success", "failed")
_TRIES = 6
_BUSY = 500
"""From this status on the answer is the server's trouble: SQLite busy, a worker that restarts."""


class RunFailed(Exception):
    """A DAG run failed, or did not end in time; the message names its failed tasks."""


class Rest:
    """A signed-in client; use it as a context manager."""

    def __init__(self, running: Running) -> None:
        self._http = httpx.Client(base_url=running.url, timeout=60, trust_env=False)
        who = {"username": USER, "password": running.house.password()}
        token = self._ask("POST", "/auth/token", json=who).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Rest":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return the answer of ``GET /api/v2/PATH``."""
        return self._ask("GET", f"/api/v2/{path}", params=params).json()

    def post(self, path: str, body: Mapping[str, object]) -> None:
        """Ask ``POST /api/v2/PATH``; what it creates under a name of ours may be there."""
        self._ask("POST", f"/api/v2/{path}", json=dict(body), fine=(httpx.codes.CONFLICT,))

    def _ask(
        self, method: str, path: str, *, fine: Collection[int] = (), **request: Any
    ) -> httpx.Response:
        """Return an answer; ask again while the server is busy, since no request does harm twice.

        Raises:
            httpx.HTTPError: It refused, or stayed busy; the message holds its answer.
        """
        for wait in range(_TRIES):
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError:
                if wait == _TRIES - 1:
                    raise
            else:
                if answer.is_success or answer.status_code in fine:
                    return answer
                if answer.status_code < _BUSY or wait == _TRIES - 1:
                    break
            time.sleep(2**wait / 4)
        message = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        raise httpx.HTTPStatusError(message, request=answer.request, response=answer)

    def ready(self, dag_ids: set[str], *, seconds: int = 300) -> None:
        """Wait until the DAGs have been read, and make the pool of the lake's writer.

        Raises:
            RunFailed: A DAG file cannot be read, or a DAG does not appear in time.
        """
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
        # a name of our own: asked twice, it is one run
        run_id = f"manual__{uuid.uuid4()}"
        body: dict[str, object] = {
            "dag_run_id": run_id,
            "logical_date": None,
            "conf": dict(conf or {}),
        }
        if partition_key:
            body["partition_key"] = partition_key
        self.post(f"dags/{dag_id}/dagRuns", body)
        return run_id

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
