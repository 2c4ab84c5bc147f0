"""What is generated says what is declared, and declarations name what exists."""

import re
from pathlib import Path

import pytest
import yaml

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS
from roi_engine.marts.declare import DECLARED, expectations, lineage
from roi_engine.marts.facts import FactQuery
from roi_engine.marts.generate import main, stale, texts, write

ROOT = Path(__file__).parents[2]
READABLE = FACTS | {name: mart.schema for name, mart in DECLARED.items() if not mart.standing}
FACT_YAML = ROOT / "dbt_project" / "models" / "facts"


def test_generated_files_are_fresh():
    assert stale() == [], "run python -m roi_engine.marts.generate"


def test_a_stale_file_is_found_and_written(tmp_path):
    assert sorted(stale(tmp_path)) == sorted(texts())
    assert sorted(write(tmp_path)) == sorted(texts())
    (tmp_path / "docs" / "metrics.md").write_text("old")
    assert stale(tmp_path) == ["docs/metrics.md"]


def test_check_exits_0_when_nothing_is_stale(capsys):
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_every_input_is_a_fact_column_or_an_own_column(mart):
    own = {column.name for column in DECLARED[mart].columns}
    for column in DECLARED[mart].columns:
        for source in column.inputs:
            table, _, name = source.rpartition(".")
            if not table:
                assert name in own, f"{column.name}: {source}"
            elif not table.startswith("ops."):
                assert name in READABLE[table], f"{column.name}: {source}"


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_every_figure_can_be_walked_back_to_facts(mart):
    for name, sources in lineage(mart).items():
        if name not in {"currency", "_transform_run_id"}:
            assert any(source.split(".")[0] in FACTS for source in sources), name


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_queries_name_columns_of_the_contract(mart):
    for query in required(mart):
        known = {column for table in query.tables for column in READABLE[table]}
        known |= {new for new, _ in query.join.columns} if query.join else set()
        assert _named(query) <= known, query.name


def test_queries_of_one_name_are_one_query():
    queries = [query for mart in MARTS for query in required(mart)]
    assert len(set(queries)) == len({query.name for query in queries})


@pytest.mark.parametrize("table", sorted(FACTS))
def test_dbt_delivers_what_marts_read(table):
    path = FACT_YAML / f"{table}.yml"
    if not path.is_file():
        pytest.fail(f"{path.name} is missing: marts read {table}")
    (model,) = yaml.safe_load(path.read_text())["models"]
    delivered = {column["name"] for column in model["columns"]}
    assert set(FACTS[table]) <= delivered


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_rules_are_plain_data_with_severity_and_reason(mart):
    rules = expectations(mart)
    assert {rule["severity"] for rule in rules} <= {"critical", "warning"}
    assert all(rule["type"].startswith("expect_") and rule["notes"] for rule in rules)
    in_set = {r["kwargs"]["column"] for r in rules if r["type"].endswith("_in_set")}
    assert in_set == {column.name for column in DECLARED[mart].columns if column.values}


def test_dbt_sources_list_every_mart_and_column():
    path = "dbt_project/models/marts/_marts__sources.yml"
    (source,) = yaml.safe_load(texts()[path])["sources"]
    declared = {name: [c.name for c in mart.columns] for name, mart in DECLARED.items()}
    assert declared == {t["name"]: [c["name"] for c in t["columns"]] for t in source["tables"]}


def _named(query: FactQuery) -> set[str]:
    """Return the words of a query's expressions that are no SQL and no text."""
    pieces = [expression for _, expression in query.by] + [query.where]
    pieces += [part for s in query.sums for part in (s.expression, s.where, s.times, s.product)]
    pieces += [count.where for count in query.counts]
    pieces += [peak.expression for peak in query.peaks]
    if query.join:
        pieces += [*query.join.on]
    text = re.sub(r"'[^']*'", "", " ".join(pieces))
    sql = {"coalesce", "cast", "as", "double", "and", "or", "not", "in", "is", "null", "false"}
    sql |= {"case", "when", "then", "else", "end", "bigint", "extract", "hour", "from"}
    sql |= {"ceil", "floor", "ln", "log2"}
    sql |= {"true", "greatest", "starts_with"}
    return set(re.findall(r"(?<!\w)[a-z_]\w*", text)) - sql
