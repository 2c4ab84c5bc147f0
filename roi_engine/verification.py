"""Proof of a lake: what was landed is unchanged, what was billed is what was allocated."""

import hashlib
from dataclasses import dataclass

import duckdb

from roi_engine import landing
from roi_engine.settings import Settings
from roi_engine.warehouse import backup, lake, serving

_NAMED = 3
"""Lost files that are named; one is enough to look for the others."""


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about the lake, whether it holds, and what was found."""

    claim: str
    is_ok: bool
    found: str


LAWS = {
    "each charge and day: allocated = the amount in nano-units": """
        with allocated as (
            select charge_id, day, sum(allocated_cost) as total
            from facts.fct_cost_allocation group by all
        )
        select charge.charge_id, charge.day, charge.cost, allocated.total
        from facts.fct_charge as charge
        full join allocated using (charge_id, day)
        where charge.cost is distinct from allocated.total
    """,
    "each account and day: allocated + residual = the export's own amounts": """
        with billed as (
            select * from facts.fct_charge
            -- what this system adds (estimates, amortisation) balances per charge, above
            where charge_id not like 'estimate:%' and charge_id not like 'training:%'
        ),
        booked as (
            select account_id, day, sum(billing_cost) as total
            from billed group by all
        ),
        exported as (
            select account_id, day, sum({measure}_cost) as total
            from billed group by all
        ),
        residual as (
            select account_id, day, sum(residual) as total
            from ops.rounding where measure = '{measure}' group by all
        )
        select booked.account_id, booked.day
        from booked
        full join exported using (account_id, day)
        full join residual using (account_id, day)
        where coalesce(booked.total, 0) + coalesce(residual.total, 0)
            is distinct from coalesce(exported.total, 0)
    """,
    "each task's credit sums to 1": """
        select task_id from facts.fct_task_credit group by task_id
        having sum(credit) <> 1
    """,
    "all members of daily_roi = allocated − deferred + human": """
        with facts as (
            select
                (select coalesce(sum(allocated_cost), 0) from facts.fct_cost_allocation
                    where agent_id <> '__deferred__')
                + (select coalesce(sum(human_cost), 0) from facts.fct_time_entry
                    where agent_id <> '__human__') as total
        ),
        mart as (select coalesce(sum(total_cost), 0) as total from marts.daily_roi)
        select facts.total, mart.total from facts, mart where facts.total <> mart.total
    """,
}
"""Claim → query that returns the rows that break it."""


def laws(con: duckdb.DuckDBPyConnection, measure: str) -> list[Check]:
    """Ask each law of a connection that has ``facts``, ``marts`` and ``ops``."""
    checks = []
    for claim, query in LAWS.items():
        broken = con.execute(query.format(measure=measure)).fetchall()
        found = "0 differences" if not broken else f"{len(broken)} differences, first {broken[0]}"
        checks.append(Check(claim, not broken, found))
    return checks


def verify(settings: Settings) -> list[Check]:
    """Return every check of the lake and of its current release.

    Raises:
        LakeError: There is no lake.
    """
    checks = []
    with lake.connect(settings.lake, catalog_dsn=settings.dsn, read_only=True) as con:
        answer = con.execute("select * from lake.ops.manifest order by seq")
        names = [column[0] for column in answer.description]
        rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        named = con.execute(
            "select path, file_size_bytes from __ducklake_metadata_lake.ducklake_data_file"
            " union all"
            " select path, file_size_bytes from __ducklake_metadata_lake.ducklake_delete_file"
        ).fetchall()
    broken = landing.verify_chain(rows)
    found = f"{len(rows)} entries" if broken is None else broken
    checks.append(Check("the manifest is an unbroken chain", broken is None, found))
    changed = []
    for sha256 in sorted({str(row["sha256"]) for row in rows}):
        path = settings.lake / "landing" / "sha256" / sha256[:2] / sha256
        if not path.is_file():
            changed.append(f"{sha256[:12]} is missing")
        else:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    changed.append(f"{sha256[:12]} was changed")
    landed = "; ".join(changed) or f"{len({row['sha256'] for row in rows})} files"
    checks.append(Check("landed bytes are what their names say", not changed, landed))
    gone = backup.differing(settings.lake, named)
    found = "; ".join(gone[:_NAMED]) + (f"; {len(gone)} in all" if len(gone) > _NAMED else "")
    whole = f"{len(named)} files"
    checks.append(Check("every file that the catalog names is there", not gone, found or whole))
    try:
        with serving.connect(settings.lake) as con:
            checks += laws(con, settings.cost_measure)
    except serving.NoRelease as error:
        checks.append(Check("there is a release", is_ok=False, found=str(error)))
    return checks
