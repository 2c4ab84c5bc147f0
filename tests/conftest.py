"""Fixtures that every test may use."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import Postgres, server

# a busy machine is no finding: no test is judged by its time
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

PROJECT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT.parent / "shared" / "data"
ROI = Path(sys.executable).parent / "roi"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real public data beside the project; skip where it is not."""
    if not (SHARED_DATA / "expected.json").is_file():
        pytest.skip("the real public data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def expected(shared_data: Path) -> dict:
    """Return the figures that the real data must give."""
    return json.loads((shared_data / "expected.json").read_text())


class Roi:
    """The command line, as a person runs it."""

    def __call__(self, *arguments: object, code: int = 0, **options) -> str:
        """Run ``roi`` and return what it printed; the exit code must be ``code``.

        An answer in JSON is returned alone: that data is simulated is said beside it.
        """
        done = self.run(*arguments, code=code, **options)
        if "--json" in arguments and done.stdout:
            return done.stdout
        return done.stdout + done.stderr

    def run(self, *arguments: object, code: int = 0, **options) -> subprocess.CompletedProcess[str]:
        """Run ``roi`` and return what it printed and where; the exit code must be ``code``."""
        command = [str(ROI), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def sql(self, lake: Path, query: str) -> list[dict]:
        """Ask the release and return its rows."""
        return json.loads(self("sql", query, "--lake", lake, "--json"))


@pytest.fixture(scope="session")
def roi() -> Roi:
    """Return the command line."""
    return Roi()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a real Postgres on loopback; skip where its programs are not."""
    with server() as running:
        yield running
