"""`roi run` on real public exports gives the figures that a separate program counted."""

import json
import re
from decimal import Decimal

import pytest

from roi_engine.warehouse import serving
from tests.conftest import PROJECT

MONEY = ("BilledCost", "EffectiveCost", "ListCost")
BUCKETS = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output_visible",
    "reasoning",
)
TOKENS = ", ".join(f"sum({bucket}_tokens)::bigint as {bucket}" for bucket in BUCKETS)
LEAVES = "operation in ('chat', 'generate_content', 'text_completion', 'embeddings')"


@pytest.fixture(scope="module")
def lake(roi, shared_data, tmp_path_factory):
    """Return a lake into which the real inbox was run."""
    folder = tmp_path_factory.mktemp("real") / "lake"
    roi("run", "--inbox", shared_data / "inbox", "--lake", folder)
    return folder


@pytest.fixture(scope="module")
def ask(roi, lake):
    return lambda query: roi.sql(lake, query)


def charges_by(ask, key):
    rows = ask(
        f"select cast({key} as varchar) as key, sum(billed_cost) as billed, "
        "sum(effective_cost) as effective, sum(list_cost) as list, count(*) as n "
        "from fct_charge where cost_basis = 'billed' group by 1"
    )
    return {
        row["key"]: {
            "rows": row["n"],
            "BilledCost": Decimal(row["billed"]),
            "EffectiveCost": Decimal(row["effective"]),
            "ListCost": Decimal(row["list"]),
        }
        for row in rows
    }


def exact(group):
    return {k: {"rows": v["rows"]} | {m: Decimal(v[m]) for m in MONEY} for k, v in group.items()}


def test_the_bill_equals_the_publishers_own_total_to_the_last_decimal(ask, expected):
    total = charges_by(ask, "'total'")["total"]
    assert total == exact({"t": expected["focus"]["total"]})["t"]


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("service_category", "by_service_category"),
        ("provider", "by_provider"),
        ("charge_category", "by_charge_category"),
        ("day", "by_day_of_charge_start"),
        ("case cost_class when 'out_of_scope' then 'other' else cost_class end", "by_cost_class"),
    ],
)
def test_the_bill_by(ask, expected, key, group):
    assert charges_by(ask, key) == exact(expected["focus"][group])


def test_every_charge_is_allocated_to_the_nano_unit_and_the_rest_is_the_residual(ask):
    rows = ask("""
        select account_id, day, sum(allocated) as allocated, sum(residual) as residual,
            sum(exported) as exported
        from (
            select account_id, day, sum(allocated_cost) as allocated, 0 as residual,
                0 as exported
            from fct_cost_allocation where charge_id not like 'estimate:%' group by all
            union all
            select account_id, day, 0, sum(residual), 0 from rounding
            where measure = 'effective' group by all
            union all
            select account_id, day, 0, 0, sum(effective_cost) from fct_charge
            where cost_basis = 'billed' group by all
        )
        group by all
    """)
    assert len(rows) >= 30
    for row in rows:
        parts = Decimal(row["allocated"]) + Decimal(row["residual"])
        assert parts == Decimal(row["exported"]), row


def test_the_allocation_rules_catch_what_they_name(ask, expected):
    for rule in expected["focus"]["matched_by_allocation_rules"]:
        rows = ask(f"""
            select count(distinct charge_id) as n, sum(cost) as cost from fct_charge
            where cost_class = '{rule["cost_class"]}'
                and json_extract_string(tags, '$.application') = '{rule["application"]}'
        """)
        assert rows[0]["n"] == rule["rows"]
        assert Decimal(rows[0]["cost"]) == round(Decimal(rule["EffectiveCost"]), 9)


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o"])
def test_tau2_calls_tokens_and_list_price(ask, expected, model):
    wanted = expected["tau2"]["by_model"][model]
    row = ask(f"""
        select count(*) as calls, {TOKENS}, sum(priced_cost) as cost from fct_agent_action
        where model = '{model}' and {LEAVES} and agent_id like 'tau2%'
    """)[0]
    assert row["calls"] == wanted["llm_calls"]
    assert {bucket: row[bucket] for bucket in BUCKETS} == wanted["tokens"]
    assert Decimal(row["cost"]) == Decimal(wanted["list_price"]["usd"])


def test_tau2_successes_and_escalations_by_domain(ask, expected):
    wanted = {
        (row["agent_id"], row["model"]): (
            row["simulations"],
            row["successes"],
            row["escalations"],
            row["successes_that_escalated"],
        )
        for row in expected["tau2"]["by_domain_and_model"]
    }
    rows = ask("""
        select agent_id, model_version, count(*) as tasks,
            count(*) filter (where outcome_class in ('autonomous_success', 'assisted_success'))
                as successes,
            count(*) filter (where is_escalated) as escalations,
            count(*) filter (where is_escalated and outcome_class = 'assisted_success') as both
        from fct_task where agent_id like 'tau2%' group by all
    """)
    found = {
        (row["agent_id"], row["model_version"]): (
            row["tasks"],
            row["successes"],
            row["escalations"],
            row["both"],
        )
        for row in rows
    }
    assert found == wanted


def test_tool_calls_and_their_errors(ask, expected):
    row = ask("""
        select count(*) as calls, count(*) filter (where is_error) as errors
        from fct_agent_action where operation = 'execute_tool'
    """)[0]
    assert (row["calls"], row["errors"]) == (
        expected["tau2"]["total"]["tool_calls"],
        expected["tau2"]["total"]["tool_errors"],
    )
    rows = ask("""
        select tool, count(*) as n from fct_agent_action where operation = 'execute_tool'
        group by all
    """)
    assert {row["tool"]: row["n"] for row in rows} == expected["tau2"]["tool_calls_by_name"]


def test_roll_up_spans_carry_no_tokens_and_no_cost(ask, expected):
    row = ask("""
        select count(*) as n, count(priced_cost) as priced, count(input_uncached_tokens) as counted
        from fct_agent_action where operation = 'invoke_agent'
    """)[0]
    assert row == {"n": expected["tau2"]["spans"]["invoke_agent"], "priced": 0, "counted": 0}


def test_claude_code_messages_are_counted_once(ask, expected):
    wanted = expected["claude_code"]
    rows = ask(f"""
        select cast(day as varchar) as day, count(*) as messages, {TOKENS},
            sum(priced_cost) as cost
        from fct_agent_action where agent_id = 'claude-code' group by 1
    """)
    assert sum(row["messages"] for row in rows) == wanted["messages"] == 90
    for bucket in BUCKETS:
        assert sum(row[bucket] for row in rows) == wanted["tokens"][bucket]
    assert sum(Decimal(row["cost"]) for row in rows) == Decimal(wanted["list_price"]["usd"])
    assert {row["day"]: row["messages"] for row in rows} == {
        day: figures["messages"] for day, figures in wanted["by_day"].items()
    }


def test_the_azure_trace_is_unpriced_and_never_zero(ask, expected):
    wanted = expected["azure"]
    row = ask(f"""
        select count(*) as requests, {TOKENS}, count(priced_cost) as priced,
            min(cost_status) as lowest, max(cost_status) as highest
        from fct_agent_action where agent_id = 'azure-code'
    """)[0]
    assert row["requests"] == wanted["requests"]
    assert {bucket: row[bucket] for bucket in BUCKETS} == wanted["tokens"]
    assert (row["priced"], row["lowest"], row["highest"]) == (0, "unpriced", "unpriced")
    mart = ask("select distinct total_cost from daily_roi where day = '2023-11-16'")
    assert all(row["total_cost"] is None or Decimal(row["total_cost"]) == 0 for row in mart)
    rows = ask("select count(*) as n from fct_charge where day = '2023-11-16'")
    assert rows[0]["n"] == 0


def test_servicenow_incidents_and_reopened(ask, expected):
    wanted = expected["servicenow"]["total"]
    row = ask("""
        select count(*) as incidents, count(*) filter (where is_reopened) as reopened
        from fct_ticket where source_system = 'servicenow'
    """)[0]
    assert row == {"incidents": wanted["incidents"], "reopened": wanted["reopened"]}
    assert row == {"incidents": 8995, "reopened": 130}


def test_verify_finds_no_difference(roi, lake):
    said = roi("verify", "--lake", lake)
    assert "FAIL" not in said
    assert said.count("0 differences") == 4


def test_a_second_run_changes_nothing(roi, lake, shared_data, tmp_path):
    roi("export", "--lake", lake, "--to", tmp_path / "first", "--facts")
    said = roi("run", "--inbox", shared_data / "inbox", "--lake", lake)
    assert "nothing changed" in said
    roi("export", "--lake", lake, "--to", tmp_path / "second", "--facts")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_the_readme_shows_what_its_command_prints(roi, lake):
    section = (PROJECT / "README.md").read_text().split("## One finished number")[1]
    _, command, _, shown, *_ = section.split("```")
    query = command.split('"')[1]
    printed = roi("sql", query, "--lake", lake)
    wanted = [line.split() for line in shown.splitlines()[1:] if line]
    assert [line.split() for line in printed.splitlines() if line] == wanted


TAU2 = "airline_service,retail_service,telecom_support"


def test_models_side_by_side(roi, lake, expected):
    said = roi("evaluate", "--lake", lake, "--task-type", TAU2, "--json")
    found = {one["model_version"]: one for one in json.loads(said)}
    for model in ("gpt-4.1", "gpt-4o"):
        cases = [c for c in expected["tau2"]["by_domain_and_model"] if c["model"] == model]
        total = sum(case["simulations"] for case in cases)
        one = found[model]
        assert one["cases"] == total
        assert one["resolved"] == sum(case["successes"] for case in cases)
        assert one["escalation_rate"] == sum(case["escalations"] for case in cases) / total
        listed = Decimal(expected["tau2"]["by_model"][model]["list_price"]["usd"])
        assert Decimal(one["spend"]) == listed.quantize(Decimal("1e-9"))
        assert one["cost_per_resolved_case"] == pytest.approx(float(listed) / one["resolved"])
        # minutes are assumed between 5 and 20, prices published, the rest measured
        assert one["evidence"]["baseline_minutes"] == "assumed"
        assert one["evidence"]["prices"] == "published"
        assert one["roi_low"] < one["roi"] < one["roi_high"]
        # by hand: what T minutes a case are worth, less the agent's own time, pays for the spend
        own = one["baseline_minutes"] * 37.325 / 60 * one["resolved"]
        worth = (1 + one["roi"]) * float(listed)
        assert one["break_even_minutes"] == pytest.approx(
            (float(listed) + own - worth) / own * one["baseline_minutes"]
        )


def test_the_page_of_figures_is_what_the_command_prints(roi, lake):
    page = (PROJECT / "docs" / "evaluation.md").read_text()
    assert roi("evaluate", "--lake", lake, "--task-type", TAU2).strip() in page


ROLES = sorted((PROJECT / "docs" / "queries").glob("*.sql"))


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.stem)
def test_every_question_of_a_role_can_be_asked(lake, path):
    questions = [text for text in path.read_text().split(";") if text.strip()]
    assert all("--" in text and "?" in text for text in questions)
    with serving.connect(lake) as con:
        for question in questions:
            assert con.execute(question).description


PRINTED = re.compile(r"^```sql\n(.*?)^```|`(select [^`]*)`", re.DOTALL | re.MULTILINE)
RUNBOOKS = [
    pytest.param(query, id=f"{path.stem}-{place}")
    for path in sorted((PROJECT / "docs" / "runbooks").glob("*.md"))
    for place, (block, inline) in enumerate(
        re.findall(
            r"^```sql\n(.*?)^```|`(select [^`]*)`", path.read_text(), re.DOTALL | re.MULTILINE
        )
    )
    if not (query := block or inline).startswith("-- not in roi sql")
]


@pytest.mark.parametrize("query", RUNBOOKS)
def test_a_query_of_a_runbook_runs_as_printed(lake, query):
    with serving.connect(lake) as con:
        assert list(serving.answers(con, query))


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.stem)
def test_the_file_of_a_role_runs_as_its_page_says(roi, lake, path):
    """A query that begins with a comment is a query, not an option."""
    assert roi("sql", path.read_text(), "--lake", lake)
