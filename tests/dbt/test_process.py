"""dbt begins before it is told to build; one that never is must end, and build nothing."""

from pathlib import Path

import pytest

from roi_engine import dbt, landing
from roi_engine.warehouse import draft, lake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    landing.prepare(tmp_path)
    with lake.connect(tmp_path):
        pass
    return tmp_path


def test_a_process_that_is_not_asked_ends_with_its_context(root: Path) -> None:
    with dbt.Process(root, {}) as process:
        process.begin()
        running = process._running
        process.begin()
        assert process._running is running is not None
        assert running.poll() is None
    assert running.poll() is not None
    assert not draft.is_there(root)


def test_a_process_whose_parent_is_gone_builds_nothing(root: Path) -> None:
    with dbt.Process(root, {}) as process:
        process.begin()
        running = process._running
        assert running is not None
        assert running.stdin is not None
        running.stdin.close()  # as the system does when the parent is killed
        assert running.wait(timeout=120) == 0
    assert not (root / "logs" / "dbt" / "run_results.json").exists()
    assert not draft.is_there(root)


def test_what_dbt_cannot_parse_is_told(root: Path) -> None:
    with (
        dbt.Process(root, {}, catalog_dsn=None) as process,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(dbt, "PROJECT", root)
        with pytest.raises(dbt.DbtFailed, match="dbt could not start"):
            process.build({})
