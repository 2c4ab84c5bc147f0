"""What marts ask a person to look at: rows by hand, the alert that they make, and its end."""

from datetime import date, timedelta

import pytest

from roi_engine import alerts, conditions
from roi_engine.settings import Settings
from roi_engine.warehouse import lake
from tests.conftest import PROJECT

DAY = date(2026, 3, 31)
TABLES = {
    "daily_roi": "day date, agent_id varchar, model_version varchar, task_type varchar,"
    " token_cost decimal(38,9), gpu_cost decimal(38,9), human_equivalent_cost decimal(38,9),"
    " successes bigint, ended_tasks bigint, autonomous_successes bigint",
    "fct_task": "day date, agent_id varchar, model_version varchar, task_type varchar,"
    " is_ended boolean, outcome_class varchar, is_escalated boolean, is_human_reviewed boolean,"
    " is_random_review boolean, is_hallucination boolean, priced_cost decimal(38,18),"
    " inference_microseconds bigint, model_registry_version varchar, feature_version varchar",
    "dim_task_type": "task_type varchar, is_novel boolean, valid_from date, valid_to date",
    "dim_model": "model varchar, model_version varchar, valid_from date",
    "dim_agent": "agent_id varchar, owner varchar, valid_from date, valid_to date",
    "fct_agent_action": "day date, agent_id varchar, cost_status varchar",
    "reconciliation": "day date, provider varchar, step varchar, kind varchar, position bigint,"
    " amount decimal(38,9), items bigint, share_of_bill double, verdict varchar",
    "invoice_tieout": "provider varchar, billing_period date, invoice_id varchar,"
    " difference decimal(38,9), last_day date, verdict varchar",
    "daily_wallet": "day date, wallet_id varchar, over_limit boolean,"
    " early_exhaustion_low_yield boolean, spent_to_date decimal(38,9), projected_spend double,"
    " allowance decimal(38,9), currency varchar",
    "mandates": "mandate_id varchar, agent_id varchar, spent decimal(38,9),"
    " limit_amount decimal(38,9), is_open boolean",
    "drift": "agent_id varchar, subject varchar, kind varchar, advice varchar,"
    " advice_reason varchar, verified_asr_value double, days_under_one bigint, value_then double,"
    " value_now double, mix_effect double, rate_p_value double, psi double, stability varchar,"
    " model_registry_versions_now varchar, feature_versions_now varchar",
}


class Marts:
    """Marts by hand, and the alerts that they make in a lake of their own."""

    def __init__(self, con, root):
        self.con, self.root = con, root
        con.execute("create schema memory.fact_window")
        for name, columns in TABLES.items():
            con.execute(f"create table memory.fact_window.{name} ({columns})")

    def add(self, table, *rows):
        """Add rows, values in the order of the columns."""
        for row in rows:
            marks = ", ".join("?" * len(row))
            self.con.execute(f"insert into memory.fact_window.{table} values ({marks})", list(row))

    def work(self, day, agent, version, kind, won, ended, cost=0, human=0):
        """Add a day of work."""
        self.add("daily_roi", (day, agent, version, kind, cost, 0, human, won, ended, won))

    def tasks(self, day, version, kind, number, won, **of_each):
        """Add a day's ended tasks of agent a; a column is an SQL expression of the task's ``i``."""
        columns = {
            "is_escalated": "false",
            "is_human_reviewed": "false",
            "is_random_review": "false",
            "is_hallucination": "false",
            "priced_cost": "null",
            "inference_microseconds": "null",
        } | of_each
        self.con.execute(
            "insert into memory.fact_window.fct_task by name select ?::date as day, 'a' as"
            " agent_id, ? as model_version, ? as task_type, true as is_ended,"
            " if(i < ?, 'autonomous_success', 'failure') as outcome_class, "
            + ", ".join(f"{value} as {name}" for name, value in columns.items())
            + " from range(?) as task(i)",
            [day, version, kind, won, number],
        )

    def replaced(self, before, after):
        """Add 20 days of 20 tasks of m-1, then 20 days of m-2, each with its columns."""
        for back in range(40):
            version, of_each = ("m-1", before) if back >= 20 else ("m-2", after)
            self.tasks(DAY - timedelta(days=back), version, "t", 20, 18, **of_each)

    def find(self, **settings):
        """Ask every rule, settle what it says, and return what is open."""
        found, rules = conditions.find(
            self.con, "memory.fact_window", newest=DAY, settings=Settings(**settings)
        )
        self.con.execute("begin")
        alerts.settle(self.con, found, rules=rules)
        self.con.execute("commit")
        return alerts.unresolved(self.con, self.root)


@pytest.fixture
def marts(tmp_path):
    with lake.connect(tmp_path) as con:
        yield Marts(con, tmp_path)


def test_every_rule_that_is_asked_is_known_and_has_its_runbook():
    assert set(conditions._RULES) <= set(alerts.RULES)
    for rule, (severity, path) in alerts.RULES.items():
        assert severity in {"critical", "warning"}, rule
        text = (PROJECT / path).read_text()
        assert text.startswith("# "), path
        if rule in conditions._RULES:
            assert f"`{rule}`" in text, path


def test_quiet_marts_ask_for_nothing(marts):
    marts.work(DAY, "a", "m1", "t", 90, 100, cost=1, human=10)
    assert marts.find() == []


def test_a_rule_without_its_mart_is_not_asked(marts):
    for table in ("daily_wallet", "drift", "mandates", "reconciliation"):
        marts.con.execute(f"drop table memory.fact_window.{table}")
    _, rules = conditions.find(
        marts.con, "memory.fact_window", newest=DAY, settings=Settings(lake=marts.root)
    )
    assert rules == ["cost_over_human", "price_coverage", "invoice_gap", "regression"]


def test_inference_dearer_than_people_is_told_to_its_owner(marts):
    marts.add("dim_agent", ("a", "ann", date(1, 1, 1), None), ("a", "old", date(1, 1, 1), DAY))
    marts.add("dim_task_type", ("new", True, date(1, 1, 1), None))
    marts.work(DAY, "a", "m1", "t", 30, 30, cost=13, human=10)
    marts.work(DAY, "a", "m1", "few", 29, 29, cost=13, human=10)
    marts.work(DAY, "a", "m1", "new", 30, 30, cost=13, human=10)
    marts.work(DAY, "__unallocated__", "m1", "t", 30, 30, cost=13, human=10)
    marts.work(DAY - timedelta(days=28), "b", "m1", "t", 30, 30, cost=13, human=10)
    (alert,) = marts.find()
    assert (alert.rule, alert.subject, alert.owner) == ("cost_over_human", "a · t", "ann")
    assert (alert.value, alert.threshold, alert.day) == (1.3, 1.0, "2026-03-31")
    marts.con.execute("use memory.fact_window")
    assert marts.con.execute(alert.evidence).fetchall()[0][1:] == (13, 10)
    marts.con.execute("use lake")
    assert marts.find(cost_ratio_threshold=2) == []


def test_an_alert_that_stays_keeps_its_history_and_ends_with_its_reason(marts):
    marts.add("fct_agent_action", *[(DAY, "a", "priced")] * 9, (DAY, "a", "unpriced"))
    (first,) = marts.find()
    assert (first.rule, first.value) == ("price_coverage", 0.1)
    alerts.acknowledge(marts.con, marts.root, first.alert_id[:6], by="bob", note="price ordered")
    marts.con.execute("update lake.ops.alert set raised_at = timestamp '2026-01-01'")
    alerts.take_in(marts.con, marts.root)
    marts.add("fct_agent_action", *[(DAY, "a", "priced")] * 10)
    (same,) = marts.find()
    assert (same.alert_id, same.value) == (first.alert_id, 0.05)
    assert (same.raised_at, same.acknowledged_by, same.note) == (
        "2026-01-01T00:00:00",
        "bob",
        "price ordered",
    )
    marts.add("fct_agent_action", *[(DAY, "a", "priced")] * 200)
    assert marts.find() == []
    marts.add("fct_agent_action", *[(DAY, "a", "unpriced")] * 200)
    (again,) = marts.find()
    assert again.acknowledged_by is None


def test_history_raises_no_gap_but_keeps_one_that_is_open(marts):
    def gap(day):
        return (day, "p", "unexplained", "difference", 15, "1.5", 0, 0.15, "gap")

    old = DAY - timedelta(days=40)
    marts.add("reconciliation", gap(old))
    assert marts.find() == []
    marts.add("reconciliation", gap(DAY))
    (alert,) = marts.find()
    assert (alert.day, alert.value) == ("2026-03-31", 0.15)
    marts.con.execute("update lake.ops.alert set day = ?, alert_id = ?", [old, "x"])
    marts.con.execute("delete from memory.fact_window.reconciliation where day = ?", [DAY])
    (still,) = marts.find()
    assert still.day == str(old)
    marts.con.execute("delete from memory.fact_window.reconciliation")
    assert marts.find() == []


def test_an_invoice_that_lost_something_is_critical(marts):
    marts.add("invoice_tieout", ("p", date(2026, 3, 1), "i1", "0.000000001", DAY, "gap"))
    (alert,) = marts.find()
    assert (alert.rule, alert.severity) == ("invoice_gap", "critical")


def test_a_worse_version_names_the_one_to_roll_back_to(marts):
    for back in range(20, 40):
        marts.tasks(DAY - timedelta(days=back), "m-1", "t", 20, 18)
    for back in range(20):
        marts.tasks(DAY - timedelta(days=back), "m-2", "t", 20, 13)
    (alert,) = marts.find()
    assert (alert.rule, alert.subject, alert.severity) == (
        "regression",
        "a · win_rate",
        "critical",
    )
    assert "roll back to m-1" in alert.message
    assert alert.value == pytest.approx(-0.25)
    assert alert.threshold == pytest.approx(-0.02 * 0.9)
    marts.con.execute("use memory.fact_window")
    assert marts.con.execute(alert.evidence).fetchall() == [
        ("m-1", None, None, "t", 360, 400),
        ("m-2", None, None, "t", 260, 400),
    ]
    marts.con.execute("use lake")


def test_a_worse_version_is_told_with_what_it_ran_with(marts):
    versions = {
        "before": {"model_registry_version": "'6'", "feature_version": "null"},
        "after": {
            "model_registry_version": "if(i % 2 = 0, '8', '7')",
            "feature_version": "'2026-03'",
            "is_escalated": "i < 4",
        },
    }
    marts.replaced(**versions)
    (alert,) = marts.find()
    assert alert.message.endswith(
        "roll back to m-1. m-2 ran with model registry version 7, 8 and feature version 2026-03."
        " m-1 ran with model registry version 6."
    )
    # tasks of several versions are still one comparison
    assert alert.value == pytest.approx(0.2)
    marts.con.execute("use memory.fact_window")
    assert [row[:4] for row in marts.con.execute(alert.evidence).fetchall()] == [
        ("m-1", "6", None, "t"),
        ("m-2", "7", "2026-03", "t"),
        ("m-2", "8", "2026-03", "t"),
    ]
    marts.con.execute("use lake")


REVIEWED = {"is_human_reviewed": "true", "is_random_review": "true"}


@pytest.mark.parametrize(
    ("kpi", "before", "after", "change"),
    [
        pytest.param(
            "escalation_rate", {}, {"is_escalated": "i < 4"}, 0.2, id="more is handed over"
        ),
        pytest.param(
            "hallucination_rate",
            REVIEWED | {"is_hallucination": "i < 1"},
            REVIEWED | {"is_hallucination": "i < 4"},
            0.15,
            id="more of what is reviewed is wrong",
        ),
        pytest.param(
            "cost_per_success",
            {"priced_cost": "0.01 + i / 1000.0"},
            {"priced_cost": "0.02 + i / 1000.0"},
            0.01 / 0.0195,
            id="a success costs more",
        ),
        pytest.param(
            "inference_time",
            {"inference_microseconds": "1000000 + i * 100000"},
            {"inference_microseconds": "2000000 + i * 100000"},
            1 / 1.95,
            id="a task takes longer",
        ),
    ],
)
def test_a_version_is_held_against_each_kpi(marts, kpi, before, after, change):
    marts.replaced(before, after)
    (alert,) = marts.find()
    assert alert.subject == f"a · {kpi}"
    assert "m-2" in alert.message
    assert "roll back to m-1" in alert.message
    assert alert.value == pytest.approx(change)
    marts.con.execute("use memory.fact_window")
    assert len(marts.con.execute(alert.evidence).fetchall()) == 2
    marts.con.execute("use lake")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"is_escalated": "i < 4"}, {}, id="fewer are handed over"),
        pytest.param(
            {"priced_cost": "0.02 + i / 1000.0"},
            {"priced_cost": "0.01 + i / 1000.0"},
            id="cheaper",
        ),
        pytest.param(
            {"inference_microseconds": "1000000"},
            {"inference_microseconds": "1010000"},
            id="certain, and too little to matter",
        ),
        pytest.param(
            REVIEWED | {"is_hallucination": "false"},
            {"is_human_reviewed": "true", "is_hallucination": "true"},
            id="reviews not drawn at random tell nothing",
        ),
        pytest.param({"priced_cost": "0.01"}, {}, id="a cost that is not known is not 0"),
    ],
)
def test_what_is_no_worse_asks_for_nothing(marts, before, after):
    marts.replaced(before, after)
    assert marts.find() == []


def test_a_version_that_only_got_other_work_is_not_worse(marts):
    for back in range(20, 40):
        marts.tasks(DAY - timedelta(days=back), "m-1", "easy", 20, 19)
        marts.tasks(DAY - timedelta(days=back), "m-1", "hard", 2, 1)
    for back in range(20):
        marts.tasks(DAY - timedelta(days=back), "m-2", "easy", 2, 2)
        marts.tasks(DAY - timedelta(days=back), "m-2", "hard", 20, 10)
    assert marts.find() == []


def test_the_version_before_is_the_one_that_was_replaced(marts):
    """Another model runs beside both: it was there first, and is there still."""
    for back in range(40):
        day = DAY - timedelta(days=back)
        marts.tasks(day, "m-1" if back >= 20 else "m-2", "t", 20, 18 if back >= 20 else 13)
        marts.tasks(day, "small-1", "t", 20, 13)
    assert "roll back to m-1" in marts.find()[0].message
    # a version of the same model is the one before, even if it stopped earlier
    marts.tasks(DAY - timedelta(days=48), "m-0", "t", 200, 190)
    marts.add("dim_model", ("m", "m-0", date(1, 1, 1)), ("m", "m-2", date(1, 1, 1)))
    (alert,) = marts.find()
    assert "roll back to m-0" in alert.message
    marts.con.execute("use memory.fact_window")
    found = marts.con.execute(alert.evidence).fetchall()
    assert [(row[0], *row[-2:]) for row in found] == [("m-0", 190, 200), ("m-2", 260, 400)]
    marts.con.execute("use lake")


def test_wallets_tell_what_is_spent_and_what_was_allowed(marts):
    marts.add("daily_wallet", (DAY, "w", True, True, "110.5", 150.25, 100, "EUR"))
    marts.add("daily_wallet", (DAY - timedelta(days=1), "v", True, True, 1, 1, 1, "EUR"))
    early, over = sorted(marts.find(), key=lambda alert: alert.rule)
    assert (early.rule, early.subject) == ("early_exhaustion", "w")
    assert (early.value, early.threshold) == (150.25, 100)
    assert (over.rule, over.subject) == ("over_limit", "w")
    assert (over.value, over.threshold) == (110.5, 100)
    assert over.message == "110.50 EUR is spent, 100.00 was allowed."


@pytest.mark.parametrize(
    ("advice", "reason", "says", "value", "threshold"),
    [
        pytest.param(
            *("retire", "loses_money"),
            *("Of each unit spent 0.5 came back, under 1 for 60 days.", 0.5, 1.0),
            id="it does not earn its money",
        ),
        pytest.param(
            *("replace", "worse_on_same_inputs"),
            *("On the same kinds of work win_rate went from 0.6 to 0.5.", 0.01, 0.05),
            id="it got worse",
        ),
        pytest.param(
            *("retrain", "worse_on_new_inputs"),
            "Its inputs have drifted (tokens), and win_rate went from 0.6 to 0.5.",
            *(0.01, 0.05),
            id="it got worse on other inputs",
        ),
        pytest.param(
            *("re-baseline", "inputs_drifted"),
            *("The inputs have drifted: tokens, PSI 0.3.", 0.3, 0.1),
            id="inputs have moved",
        ),
        pytest.param(
            *("re-baseline", "mix_changed"),
            "The work is of other kinds, which alone moved asr_spend by -0.2.",
            *(0.2, pytest.approx(0.016)),
            id="the mix has moved",
        ),
    ],
)
def test_drift_is_told_with_the_figure_that_gave_its_advice(
    marts, advice, reason, says, value, threshold
):
    served = ("7, 8", None)

    def row(agent, subject, kind, **given):
        names = ("agent_id", "subject", "kind", "advice", "advice_reason", "verified_asr_value",
                 "days_under_one", "value_then", "value_now", "mix_effect", "rate_p_value", "psi",
                 "stability")  # fmt: skip
        cells = {"agent_id": agent, "subject": subject, "kind": kind} | given
        marts.add("drift", (*(cells.get(name) for name in names), *served))

    for subject, psi, stability in (
        *(("tokens", 0.3, "major"), ("channel", 0.12, "moderate")),
        ("latency", 0.5, "stable"),
    ):
        row("b", subject, "input", psi=psi, stability=stability)
    why = {"advice": advice, "advice_reason": reason}
    row("b", "win_rate", "kpi", value_then=0.6, value_now=0.5, mix_effect=-0.1,
        rate_p_value=0.01, **why)  # fmt: skip
    row("b", "asr_spend", "kpi", value_then=0.8, value_now=0.1, mix_effect=-0.2,
        rate_p_value=0.04, **why)  # fmt: skip
    row("b", "cost_per_task", "kpi", value_then=1.0, value_now=9.0, mix_effect=9.0,
        rate_p_value=0.001, advice="keep", advice_reason="nothing_moved")  # fmt: skip
    row("b", "agent", "advice", verified_asr_value=0.5, days_under_one=60, **why)
    row("a", "agent", "advice", advice="keep", advice_reason="nothing_moved")
    (alert,) = marts.find()
    assert (alert.rule, alert.subject) == ("drift", "b")
    assert alert.message == (f"Advice: {advice}. {says} It ran with model registry version 7, 8.")
    assert (alert.value, alert.threshold) == (value, threshold)


def test_a_mandate_over_its_limit_is_told_to_the_owner_of_its_agent_while_it_is_open(marts):
    marts.add("dim_agent", ("a", "ann", date(2026, 1, 1), None))
    marts.add(
        "mandates",
        ("over", "a", "10.01", "10", True),
        ("at", "a", "10", "10", True),
        ("unseen", "a", None, "10", True),
        ("over-and-done", "a", "11", "10", False),
    )
    (alert,) = marts.find()
    assert (alert.rule, alert.subject, alert.owner) == ("mandate_over_limit", "over", "ann")
    assert (alert.value, alert.threshold) == (10.01, 10)
    assert "from mandates where mandate_id = 'over'" in alert.evidence
