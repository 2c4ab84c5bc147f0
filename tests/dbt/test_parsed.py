"""What dbt parsed for one lake holds for the next, and the day of a run is never part of it."""

import json
from pathlib import Path

import pytest

from roi_engine import dbt
from tests.dbt.tiny import empty_lake


def _build(root: Path, as_of: str, **variables: object) -> tuple[int, str]:
    """Build an empty lake; return the files that dbt parsed and what it ran for a model."""
    empty_lake(root)
    with dbt.Process(root, variables) as process:
        process.build({"as_of": as_of})
    (ran,) = (root / "logs" / "dbt" / "run").rglob("int_tasks.sql")
    about = json.loads((root / "logs" / "dbt" / "perf_info.json").read_text())
    return about["parsed_path_count"], ran.read_text()


def test_a_project_is_parsed_once_for_its_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbt, "PARSED", tmp_path / "parsed")
    parsed, ran = _build(tmp_path / "one", as_of="2026-03-01", reopen_window_days=7)
    assert parsed > 300
    assert "2026-03-01" in ran

    parsed, ran = _build(tmp_path / "two", as_of="2026-03-02", reopen_window_days=7)
    assert parsed == 0
    assert "2026-03-02" in ran
    assert "2026-03-01" not in ran

    parsed, ran = _build(tmp_path / "two", as_of="2026-03-02", reopen_window_days=9)
    assert parsed > 300
    assert "9 * interval" in ran or "+ 9" in ran
    assert len(list((tmp_path / "parsed").iterdir())) == 2
