"""Rows of a bill that a newer export has replaced: they decide about no day.

Which export replaces which is said once, by the dbt model that facts are made with (decision 2);
its text is asked here too, and only where rows are broken, since a whole billing period is read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from roi_engine import partitions
from roi_engine.dbt import PROJECT
from roi_engine.gate import bronze
from roi_engine.gate.rules import Rule
from roi_engine.sources.schema import CHARGES

MODEL = PROJECT / "models" / "intermediate" / "billing" / "int_exports_compared_by_lines.sql"

_PERIOD = "provider_name, billing_account_id, billing_period_start"


@dataclass(frozen=True, slots=True)
class Exports:
    """The exports of a bill that are active.

    Attributes:
        root: The folder ``bronze`` of the lake.
        days: Days on which the lines of the judged billing periods lie.
        loads: In the order of their arrival.
        timezone: Whose days an export replaces.
    """

    root: Path
    days: Collection[date]
    loads: Sequence[str]
    timezone: str = "UTC"

    def current(
        self, con: duckdb.DuckDBPyConnection, relation: str, rules: Sequence[Rule], derived: str
    ) -> str:
        """Return ``relation`` as a query without the rows that a newer export replaces.

        A row is replaced where the exports are versions of each other both by all of their lines
        and, if there are any in common days, by those that can be used: only of these are facts
        made, and a day must not pass with two versions added up.

        Args:
            con: Sees ``relation`` and the bronze views; temporary tables are made in it.
            relation: Lines of the bill, on the judged days.
            rules: Those of the lines.
            derived: The columns that the rules need beside a line's own, as SQL.
        """
        broken = " or ".join(rule.predicate for rule in rules if rule.severity == "critical")
        files = partitions.find_files(self.root, {CHARGES.name: self.days}, self.loads)
        lines = bronze.rows(con, CHARGES, [file.path for file in files if file.table is CHARGES])
        con.execute(f"""
            create or replace temporary table gate_arrival as
            select unnest({list(self.loads)}::varchar[]) as load_id,
                unnest(range({len(self.loads)})) as seq
        """)
        con.execute(f"""
            create or replace temporary table gate_line as
            select line_key, struct_pack({_PERIOD}) as period_key, _load_id,
                {self._day()} as charge_start_day, coalesce({broken}, false) as is_broken
            from (select this.*{derived} from ({lines}) as this)
            where charge_period_start is not null and struct_pack({_PERIOD}) in (
                select struct_pack({_PERIOD}) from {relation} where {broken}
            )
        """)
        con.execute(f"""
            create or replace temporary table gate_replaced as
            with every_line as ({_versions("gate_line")}),
            usable as ({_versions("(from gate_line where not is_broken)")})
            select every_line.period_key, earlier_load_id,
                coalesce(usable.first_day, every_line.first_day) as first_day,
                coalesce(usable.last_day, every_line.last_day) as last_day
            from every_line
            left join usable using (period_key, earlier_load_id, later_load_id)
            where every_line.is_version and coalesce(usable.is_version, true)
        """)
        return f"""(
            select line.* from {relation} as line
            where not exists (
                select 1 from gate_replaced as newer
                where newer.period_key = struct_pack({_PERIOD})
                    and newer.earlier_load_id = line._load_id
                    and {self._day()} between newer.first_day and newer.last_day
            )
        )"""

    def forget(self, con: duckdb.DuckDBPyConnection) -> None:
        """Drop what ``current`` has made."""
        for name in ("gate_arrival", "gate_line", "gate_replaced"):
            con.execute(f"drop table if exists {name}")

    def _day(self) -> str:
        return partitions.day_of("charge_period_start", self.timezone)


def _versions(lines: str) -> str:
    """Return the model's query over some lines."""
    return (
        MODEL.read_text(encoding="utf-8")
        .replace("{{ ref('int_charges_read') }}", lines)
        .replace("{{ source('ops', 'active_load') }}", "gate_arrival")
    )
