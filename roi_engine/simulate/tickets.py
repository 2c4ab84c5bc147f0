"""Versions of tickets: what the help desk and the incident table knew, and when.

A ticket is seen once a day, as it then stands; some old versions arrive again, late.
"""

import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import DAY_US, Horizon
from roi_engine.simulate.tasks import (
    ACCEPTED,
    ESCALATED,
    HUMAN,
    HYBRID,
    NO_TICKET,
    REJECTED,
    REOPENED,
    SERVICENOW,
    UNRESOLVED,
    ZENDESK,
)
from roi_engine.simulate.trials import GROUPS

FIRST_NUMBER = {ZENDESK: 500_001, SERVICENOW: 10_001}
_LIFE = {
    1: "created_us",
    2: "resolved_us",
    3: "reopened_us",
    4: "resolved_again_us",
    5: "reviewed_us",
    6: "auto_closed_us",
}
"""Stage → when a ticket enters it. Stages come in this order, and not all of them come."""
REDELIVERED_EVERY = 97
"""Every so many versions one is delivered again, long after a newer one."""


def number_tickets(tasks: pl.DataFrame) -> pl.DataFrame:
    """Add ``number`` (of its own system) and ``ticket_id`` (``system:number``)."""
    order = pl.int_range(pl.len()).over("system")
    number = order + pl.col("system").replace_strict(FIRST_NUMBER, default=0)
    return tasks.with_columns(
        number=pl.when(pl.col("system") != NO_TICKET).then(number)
    ).with_columns(
        ticket_id=pl.when(pl.col("system") == ZENDESK)
        .then(pl.format("zendesk:{}", "number"))
        .when(pl.col("system") == SERVICENOW)
        .then(pl.format("servicenow:INC{}", pl.col("number").cast(pl.String).str.zfill(7)))
    )


def ticket_versions(
    tasks: pl.DataFrame, horizon: Horizon, agents: tuple[roster.Agent, ...], system: int
) -> pl.DataFrame:
    """Return the versions of one system's tickets that the window shows, in order of arrival.

    One row per ticket and day with a change: the last state of that day. ``file_day`` is the
    day on which it is delivered, ``updated_us`` the version's own time. Every
    ``REDELIVERED_EVERY``-th superseded version is delivered a second time on a later day.
    """
    own = _with_names(tasks.filter(pl.col("system") == system), agents)
    stages = pl.concat(
        own.select("task_no", stage=pl.lit(stage, pl.Int64), updated_us=pl.col(column))
        for stage, column in _LIFE.items()
    ).filter(pl.col("updated_us") < horizon.end_us)
    day = (pl.col("updated_us") - horizon.start_us) // DAY_US
    stages = stages.with_columns(file_day=day).sort(
        pl.col("task_no") * len(_LIFE) * 2 + pl.col("stage")
    )
    is_new = pl.col("task_no") != pl.col("task_no").shift(1)
    has_next = (pl.col("task_no") == pl.col("task_no").shift(-1)).fill_null(value=False)
    is_same_day = has_next & (pl.col("file_day") == pl.col("file_day").shift(-1))
    place = pl.int_range(pl.len())
    versions = stages.with_columns(
        version=place - pl.when(is_new.fill_null(value=True)).then(place).forward_fill(),
        is_superseded=has_next,
    ).filter(~is_same_day)
    superseded = versions.filter("is_superseded").gather_every(REDELIVERED_EVERY)
    late = superseded.with_columns(file_day=pl.lit(horizon.days - 1, versions.schema["file_day"]))
    seen = pl.concat([versions, late]).join(own, on="task_no", how="left", maintain_order="left")
    return _states(seen).sort("file_day", "updated_us", maintain_order=True)


def _with_names(tasks: pl.DataFrame, agents: tuple[roster.Agent, ...]) -> pl.DataFrame:
    def named(column: str, values: tuple[str, ...]) -> pl.Expr:
        return pl.col(column).replace_strict(
            dict(enumerate(values)), default=None, return_dtype=pl.String
        )

    return tasks.with_columns(
        agent_id=named("agent", tuple(one.agent_id for one in agents)),
        task_type_name=named("task_type", tuple(kind.name for kind in roster.TASK_TYPES)),
        department_name=named("department", roster.DEPARTMENTS),
        channel_name=named("channel", roster.CHANNELS),
        user_group_name=named("user_group", GROUPS),
    )


def _states(versions: pl.DataFrame) -> pl.DataFrame:
    """Add what the ticket says of itself at each version."""
    stage = pl.col("stage")
    is_ended = stage.is_in([2, 4, 5, 6])
    is_reviewed = stage == 5
    by_person = pl.col("help").is_in([ESCALATED, HYBRID])
    is_unresolved = pl.col("fate") == UNRESOLVED
    # people finish what an agent could not, so a reopened ticket can end well the second time
    verdict = (
        pl.when(is_unresolved)
        .then(pl.lit("0.0"))
        .when(pl.col("fate").is_in([ACCEPTED, REOPENED]))
        .then(pl.lit("1.0"))
    )
    return versions.with_columns(
        is_ended=is_ended,
        is_reviewed=is_reviewed,
        is_auto_closed=stage == 6,
        outcome=pl.when(is_ended).then(verdict),
        is_rejected=is_ended & (pl.col("fate") == REJECTED),
        is_escalated=(stage >= 2) & (pl.col("help") == ESCALATED),
        has_person=(pl.col("agent") == HUMAN) | ((stage >= 2) & by_person),
        reopens=pl.when(stage.is_in([3, 4])).then(1).otherwise(0),
        solved_us=pl.when(stage == 4)
        .then(pl.col("resolved_again_us"))
        .when(is_ended)
        .then(pl.col("resolved_us")),
        verdict_is_hallucination=pl.when(is_reviewed).then(pl.col("is_hallucinated")),
        review_is_random=pl.when(is_reviewed).then(pl.col("is_random_review")),
        review_probability=pl.when(is_reviewed).then(pl.col("sampling_probability")),
        minutes_text=pl.format(
            "{}.{}", pl.col("human_decimin") // 10, pl.col("human_decimin") % 10
        ),
    ).with_columns(
        cents(name).alias(name.replace("_cents", "_text"))
        for name in ("direct_value_cents", "capital_cents", "avoided_loss_cents")
    )


def cents(name: str) -> pl.Expr:
    """Return whole cents as decimal text, exactly.

    Examples:
        >>> pl.DataFrame({"a": [-5, 1234]}).select(cents("a")).to_series().to_list()
        ['-0.05', '12.34']
    """
    amount = pl.col(name)
    sign = pl.when(amount < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    rest = (amount.abs() % 100).cast(pl.String).str.zfill(2)
    return pl.concat_str(sign, (amount.abs() // 100).cast(pl.String), pl.lit("."), rest)
