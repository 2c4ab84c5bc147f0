"""As filed and as restated: what was reported first, beside what is known now."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from roi_engine.warehouse import serving

AS_FILED = """
with filed as (
    select day, agent_id, arg_min(old, release) as value
    from ops.restatement
    where mart = '{mart}' and metric = '{metric}'
    group by day, agent_id
),
restated as (
    select day, agent_id, sum({metric}) as value
    from marts.{mart}
    group by day, agent_id
),
by_day as (
    select
        coalesce(restated.day, filed.day) as day,
        coalesce(restated.agent_id, filed.agent_id) as agent_id,
        coalesce(filed.value, restated.value) as as_filed,
        coalesce(restated.value, 0) as as_restated
    from restated
    full join filed
        on restated.day = filed.day and restated.agent_id = filed.agent_id
)
select date_trunc('month', day)::date as billing_period, agent_id,
    sum(as_filed) as as_filed, sum(as_restated) as as_restated
from by_day
group by all
order by all
"""
"""A figure by the billing period that it was booked in; the period of a day is its month.

As filed is the value of the first release that had the day, provisional or final: it is what
readers saw first. The release's status is in ``ops.published``, and ``was_final`` of a restatement
says whether the day had been closed when it changed.
"""


@dataclass(frozen=True, slots=True)
class Restated:
    """A figure of a day and agent that is not what it was when it was first released."""

    mart: str
    day: date
    agent_id: str
    metric: str
    as_filed: Decimal
    as_restated: Decimal | None
    restatements: int
    release: int
    was_final: bool
    cause: str
    loads: str | None

    def line(self) -> str:
        """Return it as one line for a terminal."""
        closed = " · was final" if self.was_final else ""
        because = f"{self.cause} {self.loads}" if self.loads else self.cause
        return (
            f"{self.day} {self.mart} · {self.agent_id} · {self.metric}: {self.as_filed:f} →"
            f" {'?' if self.as_restated is None else format(self.as_restated, 'f')}"
            f" ({self.restatements}×, last in release {self.release}: {because}{closed})"
        )


def read(root: Path, *, day: date | None = None) -> list[Restated]:
    """Return what was restated, of one day or of all, in the order of days.

    Raises:
        roi_engine.warehouse.serving.NoRelease: The lake has no release.
    """
    with serving.connect(root) as con:
        rows = con.execute(
            """
            select mart, day, agent_id, metric, arg_min(old, release), arg_max_null(new, release),
                count(*), max(release), bool_or(was_final), arg_max(cause, release),
                arg_max_null(loads, release)
            from ops.restatement
            where coalesce(day = ?, true)
            group by mart, day, agent_id, metric
            order by day, mart, agent_id, metric
            """,
            [day],
        ).fetchall()
    return [Restated(*row) for row in rows]


def as_filed(
    root: Path, *, mart: str = "daily_roi", metric: str = "total_cost"
) -> list[tuple[date, str, Decimal, Decimal]]:
    """Return billing period, agent, the figure as filed and as restated; see ``AS_FILED``.

    Raises:
        roi_engine.warehouse.serving.NoRelease: The lake has no release.
    """
    with serving.connect(root) as con:
        return con.execute(AS_FILED.format(mart=mart, metric=metric)).fetchall()
