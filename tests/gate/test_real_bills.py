"""The public FOCUS sample, through the parser and the gate."""

import shutil
from datetime import date, timedelta

from roi_engine import gate, landing

SEPTEMBER = [date(2024, 9, 1) + timedelta(days=each) for each in range(30)]


def test_the_empty_effective_costs_are_counted_and_named(shared_data, expected, con, tmp_path):
    landing.prepare(tmp_path)
    inbox = tmp_path / "inbox"
    shutil.copytree(shared_data / "inbox" / "billing", inbox / "billing")
    landed = landing.land(inbox, options=landing.Options(tmp_path), manifest=[])
    loads = [entry.load_id for entry in landed.entries]
    result = gate.check(con, tmp_path / "bronze", SEPTEMBER, loads, run_id="r")
    assert result.blocked == {}
    rows = result.quarantine.pl()
    known = expected["focus"]["effective_zero_while_billed_is_not"]
    assert rows.filter(rule="charges.effective_cost_filled", severity="warning").height == known
    assert rows.filter(severity="critical").is_empty()
