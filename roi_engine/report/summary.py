"""The table that a newcomer sees first: each agent's spend, value and certainty on one day."""

import duckdb
from rich.table import Table

_QUERY = """
    with verified as (
        select agent_id,
            sum(hallucination_adjusted_cost) as cost, sum(verified_outputs) as outputs
        from marts.daily_hallucination_adjusted_cost where day = $day group by agent_id
    ),
    valued as (
        select agent_id, sum(assumed_value) as assumed_value, sum(gross_value) as gross_value
        from marts.daily_roi where day = $day group by agent_id
    )
    select asr.agent_id,
        asr.spend_28d,
        asr.human_cost_28d,
        asr.gross_value_28d - asr.spend_28d - asr.human_cost_28d as net_value_28d,
        asr.roi_28d, asr.roi_low_28d, asr.roi_high_28d,
        asr.asr_spend_28d, asr.asr_spend_low_28d, asr.asr_spend_high_28d,
        asr.band, asr.status,
        verified.cost / nullif(verified.outputs, 0) as cost_per_verified_output,
        valued.assumed_value, valued.gross_value
    from marts.daily_asr as asr
    left join verified using (agent_id)
    left join valued using (agent_id)
    where asr.day = $day
    order by asr.spend_28d desc, asr.agent_id
"""

_NOBODYS = """
    select agent_id, sum(total_cost) as spend_28d
    from marts.daily_roi
    where starts_with(agent_id, '__') and total_cost <> 0
        and day between cast($day as date) - 27 and cast($day as date)
    group by agent_id
    order by agent_id
"""
"""What no agent carries: idle and unallocated capacity, untraced use, people's own work."""

OPEN = 10
"""A limit of as many times what a unit of cost is estimated to bring says nothing to decide by."""

HEADINGS = (
    "agent",
    "spend 28 d",
    "people 28 d",
    "net value 28 d",
    "ROI [95 %]",
    "ASR spend [95 %]",
    "band",
    "cost per verified output",
)


def last_day(con: duckdb.DuckDBPyConnection) -> str | None:
    """Return the newest day that the release has marts of."""
    row = con.execute("select cast(max(day) as varchar) from marts.daily_asr").fetchone()
    return row[0] if row else None


def agents(con: duckdb.DuckDBPyConnection, day: str) -> Table:
    """Return one row an agent: the trailing 28 days that end on ``day``, ratios with intervals."""
    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("agent", "band") else "right")
    for row in _rows(con, day):
        per_output = row["cost_per_verified_output"]
        table.add_row(
            row["agent_id"],
            f"{row['spend_28d']:,.2f}",
            f"{row['human_cost_28d']:,.2f}",
            f"{row['net_value_28d']:+,.2f}",
            _ratio(row, "roi", is_open=_is_open(row["roi_28d"], row["roi_high_28d"])),
            _ratio(row, "asr_spend"),
            row["band"] or "–",
            "–" if per_output is None else f"{per_output:,.2f}",
        )
    for agent_id, spend in con.execute(_NOBODYS, {"day": day}).fetchall():
        table.add_row(agent_id, f"{spend:,.2f}", *["–"] * (len(HEADINGS) - 2))
    return table


def footing(con: duckdb.DuckDBPyConnection, day: str) -> str:
    """Return the sentence under the table: how much of the day's value is assumed."""
    rows = _rows(con, day)
    gross = sum(row["gross_value"] or 0 for row in rows)
    assumed = sum(row["assumed_value"] or 0 for row in rows)
    share = f"{assumed / gross:.0%}" if gross else "none"
    provisional = any(row["status"] != "final" for row in rows)
    state = "provisional" if provisional else "final"
    said = f"{share} of the day's value rests on assumptions · {day} is {state}"
    if any(_is_open(row["roi_28d"], row["roi_high_28d"]) for row in rows):
        said += (
            " · open: a few days that brought much decide how high ROI may be, so that its upper"
            " limit says nothing yet (it stands in daily_asr)"
        )
    return said


def _rows(con: duckdb.DuckDBPyConnection, day: str) -> list[dict]:
    answer = con.execute(_QUERY, {"day": day})
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _is_open(roi: float | None, high: float | None) -> bool:
    """Say whether the upper limit of a return is too far from it to tell anything.

    >>> _is_open(2.0, 147.0), _is_open(2.0, 20.0), _is_open(-0.95, 0.4)
    (True, False, False)
    """
    return roi is not None and high is not None and 1 + high > OPEN * (1 + max(roi, 0))


def _ratio(row: dict, name: str, *, is_open: bool = False) -> str:
    value, low, high = (row[f"{name}{part}_28d"] for part in ("", "_low", "_high"))
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{value:.2f}"
    return f"{value:.2f} [{low:.2f}, {'open' if is_open else f'{high:.2f}'}]"
