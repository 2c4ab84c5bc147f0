"""Every unit test that stands beside a model, in one build over an empty lake."""

import json

from roi_engine import dbt
from tests.dbt.tiny import empty_lake


def test_every_model_passes_its_unit_tests(tmp_path):
    empty_lake(tmp_path)
    with dbt.Process(tmp_path, {"as_of": "2026-03-01"}) as process:
        process.build({}, unit_tests=True)
    results = json.loads((tmp_path / "logs" / "dbt" / "run_results.json").read_text())["results"]
    unit = [node for node in results if node["unique_id"].startswith("unit_test.")]
    assert len(unit) > 30
    assert {node["status"] for node in unit} == {"pass"}
