"""An estate is whole, labelled, and the same again for the same seed."""

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from roi_engine.simulate import write_estate

SMALL = {"days": 6, "tasks_per_day": 25, "agents": 6}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.mark.parametrize("spans_format", ["otlp", "parquet"])
def test_one_seed_gives_one_estate_to_the_byte(tmp_path, spans_format):
    for name in ("first", "second"):
        write_estate(tmp_path / name, **SMALL, seed=3, spans_format=spans_format)
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_another_seed_gives_another_estate(tmp_path):
    for seed in (1, 2):
        write_estate(tmp_path / str(seed), **SMALL, seed=seed)
    ledgers = {(tmp_path / seed / "truth/ledger_by_agent.csv").read_text() for seed in "12"}
    assert len(ledgers) == 2


def test_the_form_of_the_spans_changes_no_other_file(tmp_path):
    for form in ("otlp", "parquet"):
        write_estate(tmp_path / form, **SMALL, seed=3, spans_format=form)
    kept = [
        {
            name: digest
            for name, digest in digests(tmp_path / form).items()
            if "SIMULATED" not in name and "spans" not in name
        }
        for form in ("otlp", "parquet")
    ]
    assert kept[0] == kept[1]


def test_both_folders_are_labelled_as_simulated(estate):
    for folder in ("inbox", "truth"):
        label = json.loads((estate.folder / folder / "SIMULATED.json").read_text())
        assert label["label"].startswith("SIMULATED DATA")
        assert label["seed"] == 11
        assert label["tasks"] == estate.summary.tasks == 28 * 100


@pytest.mark.parametrize("agents", [1, 2, 7])
@pytest.mark.parametrize("days", [1, 2, 9])
def test_the_smallest_estates_are_whole_too(tmp_path, agents, days):
    summary = write_estate(tmp_path, days=days, tasks_per_day=3, agents=agents, seed=5)
    assert summary.tasks == 3 * days
    assert (tmp_path / "truth/ledger.parquet").is_file()


def test_a_year_boundary_and_a_short_month_are_no_trouble(tmp_path):
    summary = write_estate(
        tmp_path, days=40, tasks_per_day=4, agents=3, seed=5, start=date(2027, 1, 28)
    )
    assert summary.bill_files > 4


def test_an_estate_is_replaced_and_anything_else_is_not(tmp_path):
    write_estate(tmp_path, **SMALL, seed=1)
    before = digests(tmp_path)
    write_estate(tmp_path, **SMALL, seed=1)
    assert digests(tmp_path) == before
    other = tmp_path / "other"
    (other / "inbox").mkdir(parents=True)
    with pytest.raises(ValueError, match="no simulated estate"):
        write_estate(other, **SMALL, seed=1)


@pytest.mark.parametrize("field", ["days", "tasks_per_day", "agents"])
def test_a_size_below_one_is_refused(tmp_path, field):
    with pytest.raises(ValueError, match="at least 1"):
        write_estate(tmp_path, **(SMALL | {field: 0}), seed=1)
