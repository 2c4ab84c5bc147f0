"""Where a local Airflow lives, and the environment in which its processes run."""

import json
import os
import secrets
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
USER = "admin"


@dataclass(frozen=True, slots=True)
class House:
    """A local Airflow: its home, the lake that it writes and the inbox that it reads.

    Attributes:
        home: ``AIRFLOW_HOME``: metadata database, logs, generated secrets (mode 0600).
        lake: The lake's folder.
        inbox: The folder of export files.
        schedule_start: First day on which the schedule runs.
    """

    home: Path
    lake: Path
    inbox: Path
    schedule_start: date

    def secret(self, name: str) -> str:
        """Return a secret of this home, made on first use, for its owner only."""
        path = self.home / "secrets" / name
        if not path.is_file():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text(encoding="utf-8").strip()

    @property
    def password_file(self) -> Path:
        """Return the file that holds the password of ``admin``."""
        return self.home / "password"

    def password(self) -> str:
        """Return the generated password, made on first use."""
        if not self.password_file.is_file():
            self.home.mkdir(parents=True, exist_ok=True)
            given = secrets.token_urlsafe(18)
            _write_private(self.password_file, json.dumps({USER: given}) + "\n")
        found: dict[str, str] = json.loads(self.password_file.read_text(encoding="utf-8"))
        return found[USER]

    def environment(self, port: int) -> dict[str, str]:
        """Return the environment of every Airflow process; the API listens on ``port``."""
        self.password()
        transport = {
            "type": "file",
            "log_file_path": str(self.lake.resolve() / "logs" / "openlineage.jsonl"),
            "append": True,
        }
        home = self.home.resolve()
        database = os.environ.get(
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home / 'airflow.db'}?timeout=30"
        )
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(PROJECT),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__SECRET_KEY": self.secret("api.key"),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secret("jwt.key"),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file.resolve()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "roi",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "GX_ANALYTICS_ENABLED": "false",
            "ROI_INBOX": str(self.inbox.resolve()),
            "ROI_LAKE": str(self.lake.resolve()),
            "ROI_SCHEDULE_START": self.schedule_start.isoformat(),
        }


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
