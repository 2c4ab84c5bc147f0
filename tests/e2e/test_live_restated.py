"""Live systems that take back what they said, through the whole pipeline.

One small estate, whose exchange rates lie in object storage, whose tickets a Zendesk on loopback
has, and whose model provider answers for its own costs. Each test changes one of them after the
release, runs, compares every additive figure with what the release says that it restates, and
runs once more: nothing changes.
"""

import csv
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.doors.servers import System, Zendesk, running
from tests.e2e.test_restated import released

pytestmark = pytest.mark.slow

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
DOORS = """
[[door]]
name = "rates"
kind = "objects"
folder = "reference"
url = "file://{store}"

[[door]]
name = "desk"
kind = "zendesk"
url = "{desk}"
start = 2026-01-01T00:00:00Z
secret_env = "LIVE_TOKEN"

[[door]]
name = "costs"
kind = "openai_costs"
url = "{costs}"
start = 2026-01-01T00:00:00Z
secret_env = "LIVE_TOKEN"
"""


class Costs(System):
    """OpenAI's cost report: a day a page, while there are days."""

    path = "/v1/organization/costs"

    def __init__(self) -> None:
        super().__init__()
        self.days: dict[datetime, str] = {}

    def answer(self, params: dict[str, str]) -> object:
        """Return the first day from the page's token, or from the start time, on."""
        first = datetime.fromtimestamp(int(params.get("page") or params["start_time"]), UTC)
        ahead = sorted(day for day in self.days if day >= first)
        following = str(int(ahead[1].timestamp())) if ahead[1:] else None
        buckets = [self._bucket(day) for day in ahead[:1]]
        return {"data": buckets, "has_more": bool(following), "next_page": following}

    def _bucket(self, day: datetime) -> dict:
        amount = {"value": float(self.days[day]), "currency": "usd"}
        result = {"amount": amount, "line_item": "gpt, input", "project_id": "proj"}
        begin = int(day.timestamp())
        return {"start_time": begin, "end_time": begin + 86400, "results": [result]}


@dataclass
class Live:
    """An estate that is released, and the systems that may still change their minds."""

    roi: object
    root: Path
    desk: Zendesk = field(default_factory=Zendesk)
    costs: Costs = field(default_factory=Costs)
    held: tuple[dict, dict] | None = None
    """A ticket and its metrics that the desk has not shown yet."""

    @property
    def inbox(self) -> Path:
        """Return the folder of exports, with ``doors.toml``."""
        return self.root / "inbox"

    @property
    def lake(self) -> Path:
        """Return the lake."""
        return self.root / "lake"

    @property
    def rates(self) -> Path:
        """Return the object with the exchange rates."""
        return self.root / "store" / "fx_rates.csv"

    def open(self) -> None:
        """Move rates and tickets out of the inbox to where they are asked for."""
        self.rates.parent.mkdir()
        (self.inbox / "reference" / "fx_rates.csv").rename(self.rates)
        for page in sorted((self.inbox / "tickets" / "zendesk").rglob("*.json")):
            if "broken" not in page.name:
                said = json.loads(page.read_text())
                self.desk.put(said["tickets"], said["metric_sets"])
            page.unlink()
        # the bill of a provider in euros
        bill = next(self.inbox.glob("billing/*/anthropic.csv"))
        rows = list(csv.DictReader(bill.open(newline="")))
        with bill.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(row | {"BillingCurrency": "EUR"} for row in rows)
        self.costs.days = {FIRST + timedelta(days=place): "1.25" for place in range(3)}
        text = DOORS.format(store=self.rates.parent, desk=self.desk.url, costs=self.costs.url)
        (self.inbox / "doors.toml").write_text(text)

    def run(self) -> str:
        """Run everything; return what was said."""
        environment = os.environ | {"LIVE_TOKEN": "of nobody"}
        run = ("run", "--inbox", self.inbox, "--lake", self.lake)
        return self.roi(*run, env=environment)

    def sql(self, query: str) -> list[dict]:
        """Ask the release."""
        return self.roi.sql(self.lake, query)

    def loads(self, source: str) -> dict[str, tuple[str, str]]:
        """Return load → its name and its last status."""
        rows = self.sql(
            "select load_id, any_value(uri) as uri, arg_max(status, seq) as status"
            f" from ops.manifest where source = '{source}' group by load_id"
        )
        return {row["load_id"]: (row["uri"], row["status"]) for row in rows}

    def restated(self) -> list[dict]:
        """Return what the newest release says that it changes."""
        return self.sql(
            "select mart, day, agent_id, metric, old, new, cause, loads from ops.restatement"
            " where release = (select max(release) from ops.published)"
        )


@pytest.fixture(scope="module")
def live(roi, tmp_path_factory):
    """Return the estate after its first release."""
    root = tmp_path_factory.mktemp("live")
    roi("simulate", "--out", root, "--days", 3, "--tasks-per-day", 12, "--agents", 3)
    opened = Live(roi, root)
    with running(opened.desk), running(opened.costs):
        opened.open()
        first = min(number for number, (_, one) in opened.desk.tickets.items() if done(one))
        opened.held = opened.desk.tickets.pop(first)[1], opened.desk.metric_sets.pop(first)
        said = opened.run()
        assert "release 1 " in said, said
        assert "warning: " not in said.replace("warning: installed", ""), said
        yield opened


def done(ticket: dict) -> bool:
    """Return whether a ticket of a task was solved."""
    return bool(ticket["external_id"]) and ticket["status"] == "solved"


def changed(before: dict, after: dict) -> dict:
    """Return where → (old, new) of each figure that is not what it was, as a release tells it."""
    days = {where[1] for where in before}
    zero = Decimal(0)
    return {
        where: (before.get(where, zero), after.get(where, zero))
        for where in before.keys() | after.keys()
        if where[1] in days
        and before.get(where, zero) is not None
        and before.get(where, zero) != after.get(where, zero)
    }


def told(rows: list[dict]) -> dict:
    """Return the same of what a release tells."""
    return {
        (row["mart"], row["day"], row["agent_id"], row["metric"]): (
            Decimal(row["old"]),
            None if row["new"] is None else Decimal(row["new"]),
        )
        for row in rows
    }


def test_a_corrected_rate_restates_what_was_converted(live):
    before, loads = released(live.lake), live.loads("reference")
    rows = live.rates.read_text().splitlines()
    corrected = [row.replace(",1.081,", ",1.181,") for row in rows]
    assert corrected != rows
    live.rates.write_text("\n".join(corrected) + "\n")
    live.run()

    found, rows = changed(before, released(live.lake)), live.restated()
    assert told(rows) == found
    assert {("daily_roi", "total_cost"), ("daily_roi", "net_value")} <= {
        (where[0], where[3]) for where in found
    }
    (new,) = set(live.loads("reference")) - set(loads)
    (old,) = [one for one, (uri, _) in loads.items() if uri.startswith("live/rates/")]
    assert live.loads("reference")[new][0].startswith("live/rates/fx_rates.csv@")
    assert {row["cause"] for row in rows} == {"loads"}
    assert {frozenset(row["loads"].split(", ")) for row in rows} == {frozenset({old, new})}
    assert "nothing changed" in live.run()


def test_a_late_and_a_reopened_ticket_restate_their_days(live):
    before, loads = released(live.lake), live.loads("tickets")
    late, metrics = live.held
    again = next(one for number, (_, one) in sorted(live.desk.tickets.items()) if done(one))
    moment = (LAST + timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%SZ")
    reopened = again | {"status": "open", "updated_at": moment}
    counted = live.desk.metric_sets[again["id"]]
    counted = counted | {"reopens": counted["reopens"] + 1, "solved_at": None}
    live.desk.put([late, reopened], [metrics, counted])
    live.run()

    found, rows = changed(before, released(live.lake)), live.restated()
    assert told(rows) == found
    days = {one["created_at"][:10] for one in (late, again)}
    assert days <= {where[1] for where in found}
    (new,) = set(live.loads("tickets")) - set(loads)
    assert live.loads("tickets")[new][0].startswith("live/desk/incremental/tickets?cursor=")
    assert {(row["cause"], row["loads"]) for row in rows} == {("loads", new)}
    assert "nothing changed" in live.run()


def test_a_provider_that_corrects_its_report_changes_no_figure_but_the_comparison(live):
    def reported() -> dict[str, Decimal]:
        rows = pl.read_parquet(
            live.lake / "release/current/marts/reconciliation", hive_partitioning=False
        ).filter(pl.col("provider_reported_cost").is_not_null())
        return {str(row["day"]): row["provider_reported_cost"] for row in rows.to_dicts()}

    first = {f"{day:%Y-%m-%d}": Decimal("1.25") for day in live.costs.days}
    assert reported() == first
    before, loads = released(live.lake), live.loads("billing")
    live.costs.days[FIRST + timedelta(days=1)] = "2.5"
    live.run()

    assert reported() == first | {"2026-01-02": Decimal("2.5")}
    assert changed(before, released(live.lake)) == {}
    assert live.restated() == []
    now = live.loads("billing")
    assert [now[one][0][:21] for one in set(now) - set(loads)] == ["live/costs/2026-01-02"]
    assert [(uri[:21], status) for uri, status in now.values() if status == "superseded"] == [
        ("live/costs/2026-01-02", "superseded")
    ]
    assert "nothing changed" in live.run()
    assert "FAIL" not in live.roi("verify", "--lake", live.lake)
