"""A real Postgres on loopback for tests; skipped with the reason where its programs are not."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Postgres:
    """A running server; ``bin`` is the folder of its programs."""

    port: int
    bin: Path

    def database(self, name: str) -> str:
        """Make a database and return its connection string."""
        ask = [str(self.bin / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "roi"]
        subprocess.run([*ask, name], check=True, capture_output=True)
        return f"dbname={name} host=127.0.0.1 port={self.port} user=roi"


def programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest there is."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    on_path = shutil.which("initdb")
    return Path(found[-1] if found else on_path).parent if found or on_path else None


@contextmanager
def server() -> Iterator[Postgres]:
    """Run a server on a free port of loopback, with its data in a folder of its own."""
    folder = programs()
    if folder is None:
        pytest.skip("Postgres' programs (initdb, postgres) are not on this machine")
    home = Path(tempfile.mkdtemp(prefix="roi-postgres-"))
    # Postgres refuses to run as root
    who = {"user": "nobody"} if os.geteuid() == 0 else {}
    if who:
        os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        subprocess.run(
            [folder / "initdb", "-D", home / "data", "-U", "roi", "-A", "trust", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=home,
            **who,
        )
        command = [folder / "postgres", "-D", home / "data", "-p", str(port), "-k", home]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (
            (home / "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=home, **who) as process,
        ):
            try:
                ready = [folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "30"]
                for _ in range(100):
                    if subprocess.run(ready, check=False, capture_output=True).returncode == 0:
                        break
                else:
                    pytest.fail((home / "log").read_text()[-500:])
                yield Postgres(port, folder)
            finally:
                process.terminate()
    finally:
        shutil.rmtree(home, ignore_errors=True)
