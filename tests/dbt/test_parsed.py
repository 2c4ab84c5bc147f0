"""What dbt parsed for one lake holds for the next, and the day of a run is never part of it."""

from pathlib import Path

import pytest

from roi_engine import dbt, landing
from roi_engine.warehouse import lake

FROM_ANEW = "Starting full parse"
AS_IT_WAS = "no changes found, skipping parsing"


def _build(root: Path, **variables: object) -> tuple[str, str]:
    """Build an empty lake; return dbt's log and the statement that it ran for a model."""
    landing.prepare(root)
    with lake.connect(root):
        pass
    dbt.build(lake=root, variables=variables)
    (ran,) = (root / "logs" / "dbt" / "run").rglob("int_tasks.sql")
    return (root / "logs" / "dbt" / "dbt.log").read_text(), ran.read_text()


def test_a_project_is_parsed_once_for_its_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbt, "PARSED", tmp_path / "parsed")
    log, ran = _build(tmp_path / "one", as_of="2026-03-01", reopen_window_days=7)
    assert FROM_ANEW in log
    assert "2026-03-01" in ran

    log, ran = _build(tmp_path / "two", as_of="2026-03-02", reopen_window_days=7)
    assert AS_IT_WAS in log
    assert "2026-03-02" in ran
    assert "2026-03-01" not in ran

    log, ran = _build(tmp_path / "two", as_of="2026-03-02", reopen_window_days=9)
    assert FROM_ANEW in log
    assert "9 * interval" in ran or "+ 9" in ran
    assert len(list((tmp_path / "parsed").iterdir())) == 2
