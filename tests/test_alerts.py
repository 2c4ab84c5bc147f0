"""An alert is told at once, kept once, and closed by the release of its day."""

from datetime import date

import pytest

from roi_engine import alerts
from roi_engine.warehouse import lake, ops
from tests.conftest import PROJECT

DAY = date(2026, 3, 1)


@pytest.fixture
def con(tmp_path):
    with lake.connect(tmp_path) as opened:
        yield opened


def late(root, subject="gpu", day=DAY):
    return alerts.raise_alert(root, "late_day", subject=subject, day=day, message="not there")


def test_an_alert_needs_no_lake_and_no_lock(tmp_path):
    late(tmp_path / "nothing-here")
    (told,) = alerts.waiting(tmp_path / "nothing-here")
    assert (told.rule, told.severity, told.day) == ("late_day", "critical", "2026-03-01")
    assert told.runbook == "docs/runbooks/late_day.md"


def test_every_rule_has_its_runbook():

    assert [path for _, path in alerts.RULES.values() if not (PROJECT / path).is_file()] == []


def test_the_same_alert_is_one_alert(con, tmp_path):
    late(tmp_path)
    late(tmp_path)
    assert alerts.take_in(con, tmp_path) == 1
    late(tmp_path)
    assert [alert.subject for alert in alerts.unresolved(con, tmp_path)] == ["gpu"]
    alerts.take_in(con, tmp_path)
    assert con.execute("select count(*) from lake.ops.alert").fetchone() == (1,)
    assert alerts.waiting(tmp_path) == []


def test_a_day_that_is_blocked_for_another_reason_is_the_same_alert(con, tmp_path):
    for reason in ("gpu: 6 of 100 rows", "gpu: 7 of 100 rows"):
        alerts.raise_alert(tmp_path, "blocked_day", subject="gate", day=DAY, message=reason)
        alerts.take_in(con, tmp_path)
        (told,) = alerts.unresolved(con, tmp_path)
        assert told.message == reason
        alerts.acknowledge(con, tmp_path, told.alert_id, by="ann")
    assert alerts.unresolved(con, tmp_path)[0].acknowledged_by == "ann"


def test_a_release_closes_the_alerts_of_its_days_and_no_other(con, tmp_path):
    late(tmp_path)
    late(tmp_path, day=date(2026, 3, 2))
    alerts.raise_alert(tmp_path, "unreadable_file", subject="a.json", message="cut", day=DAY)
    alerts.take_in(con, tmp_path)
    alerts.resolve(con, [DAY])
    left = [(alert.rule, alert.day) for alert in alerts.unresolved(con, tmp_path)]
    assert left == [("late_day", "2026-03-02"), ("unreadable_file", "2026-03-01")]
    late(tmp_path)
    alerts.take_in(con, tmp_path)
    assert ("late_day", "2026-03-01") in {
        (alert.rule, alert.day) for alert in alerts.unresolved(con, tmp_path)
    }


def test_a_take_in_that_fails_loses_nothing(con, tmp_path, monkeypatch):
    late(tmp_path)
    con.execute("drop table lake.ops.alert")
    with pytest.raises(Exception, match="alert"):
        alerts.take_in(con, tmp_path)
    assert len(alerts.waiting(tmp_path)) == 1


def test_the_sources_that_were_not_extracted_are_missing(con):
    for source in ("gpu", "tokens"):
        ops.record_extraction(con, source=source, day=DAY, new_loads=0, run_id="r")
    wanted = ("billing", "gpu", "tokens")
    assert ops.missing_extractions(con, DAY, wanted) == ["billing"]
    assert ops.missing_extractions(con, date(2026, 3, 2), wanted) == sorted(wanted)


def test_a_draft_is_found_by_its_own_token_and_code_only(con):
    ops.write_draft(con, token="a", stage="shape", as_of=DAY, code_version="1")
    assert ops.read_draft(con, token="a", code_version="1") == "shape"
    assert ops.read_draft(con, token="b", code_version="1") is None
    assert ops.read_draft(con, token="a", code_version="2") is None
    ops.drop_draft(con)
    assert ops.read_draft(con, token="a", code_version="1") is None


def released(con, *days):
    for day in days:
        con.execute(
            "insert into lake.ops.published by name select 1 as release, ?::date as day", [day]
        )


def test_a_range_ends_when_each_of_its_days_stands_released(con, tmp_path):
    days = [date(2026, 3, n) for n in (1, 2, 3)]
    alerts.raise_alert(
        tmp_path, "task_failed", subject="restate.shape", message="x", day=days[0], until=days[2]
    )
    alerts.take_in(con, tmp_path)
    con.execute(
        "insert into lake.ops.manifest by name select 'l' as load_id, 'tokens' as source,"
        " 'landed' as status, ?::date as interval_start, ?::date as interval_end",
        days[:2],
    )
    released(con, days[0])
    alerts.resolve(con, [days[0]])
    (left,) = alerts.unresolved(con, tmp_path)
    assert (left.day, left.until) == ("2026-03-01", "2026-03-03")
    released(con, days[1])
    con.execute(
        "insert into lake.ops.run_day by name select ?::date as day, 'blocked' as status", [days[1]]
    )
    alerts.resolve(con, [])
    assert len(alerts.unresolved(con, tmp_path)) == 1
    con.execute("delete from lake.ops.run_day")
    # nothing of the third day has landed
    alerts.resolve(con, [])
    assert alerts.unresolved(con, tmp_path) == []


def test_what_no_release_can_close_ends_when_it_is_acknowledged(con, tmp_path):
    failed = alerts.raise_alert(tmp_path, "task_failed", subject="maintain", message="full")
    late(tmp_path)
    alerts.take_in(con, tmp_path)
    told = {alert.rule: alert for alert in alerts.unresolved(con, tmp_path)}
    alerts.acknowledge(con, tmp_path, failed.alert_id, by="ann")
    alerts.acknowledge(con, tmp_path, told["late_day"].alert_id, by="ann", note="gpu is down")
    for _ in range(2):
        (left,) = alerts.unresolved(con, tmp_path)
        assert (left.rule, left.acknowledged_by, left.note) == ("late_day", "ann", "gpu is down")
        alerts.take_in(con, tmp_path)
    assert alerts.waiting(tmp_path) == []
    assert list((tmp_path / "alerts").iterdir()) == []


def test_an_alert_can_be_acknowledged_before_any_run_takes_it_in(con, tmp_path):
    late(tmp_path)
    (waits,) = alerts.unresolved(con, tmp_path)
    alerts.acknowledge(con, tmp_path, waits.alert_id, by="ann")
    assert alerts.unresolved(con, tmp_path)[0].acknowledged_by == "ann"
    late(tmp_path)
    alerts.take_in(con, tmp_path)
    assert alerts.unresolved(con, tmp_path)[0].acknowledged_by == "ann"


def test_an_id_that_names_no_alert_or_two_is_refused(con, tmp_path):
    late(tmp_path)
    late(tmp_path, day=date(2026, 3, 2))
    for wrong in ("zzz", ""):
        with pytest.raises(alerts.NoSuchAlert, match="open alerts"):
            alerts.acknowledge(con, tmp_path, wrong, by="ann")
