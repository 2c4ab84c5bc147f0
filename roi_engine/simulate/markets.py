"""What agents trade on exchanges and what they are mandated to do, and the truth of both."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import Horizon
from roi_engine.simulate.ledger import Entry
from roi_engine.simulate.reference import euro_rate, write_table

EXCHANGES = {"sim-compute-market": 0.8, "sim-data-market": 0.35}
"""Exchange → share of its transactions that no person approved."""
EURO_SHARE, RECORD_SHARE = 0.25, 0.95
"""Shares of transactions in euros, and of those that name the exchange's own record."""
_CENT = 10**7
"""Nano-units of a cent."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One transaction; an outside party is None, money is in cents of its own currency."""

    transaction_id: str
    day: date
    exchange: str
    buyer: str | None
    seller: str | None
    cents: int
    currency: str
    is_autonomous: bool
    has_record: bool

    @property
    def nano(self) -> int:
        """The value in nano-units of a dollar."""
        return _in_dollars(self.cents, self.currency, self.day)


@dataclass(frozen=True, slots=True)
class Mandate:
    """One goal and one limit, with what becomes of it."""

    mandate_id: str
    agent_id: str
    goal: str
    cents: int
    currency: str
    first: date
    end: date | None
    reached: date | None
    spent_nano: int

    @property
    def limit_nano(self) -> int:
        """The limit in nano-units of a dollar, at the rate of its first day."""
        return _in_dollars(self.cents, self.currency, self.first)

    def score(self, newest: date) -> int | None:
        """Return 1 or 0, and None while nothing is decided.

        Examples:
            >>> day = date(2026, 1, 1)
            >>> one = Mandate("m", "a", "g", 2, "USD", day, None, day, 20_000_000)
            >>> one.score(day)
            1
        """
        if self.spent_nano > self.limit_nano:
            return 0
        if self.reached is not None and (self.end is None or self.reached < self.end):
            return 1
        return 0 if self.end is not None and newest >= self.end - timedelta(days=1) else None


def draw_trades(
    horizon: Horizon, agents: tuple[roster.Agent, ...], rng: np.random.Generator
) -> list[Trade]:
    """Draw what agents buy from and sell to each other, or parties outside, day by day."""
    parties = [*(one.agent_id for one in agents), None]
    names = list(EXCHANGES)
    trades: list[Trade] = []
    for day in horizon.dates:
        for _ in range(1 + int(rng.poisson(1.5 * len(agents)))):
            buyer, seller = rng.choice(len(parties), size=2, replace=False).tolist()
            exchange = names[int(rng.integers(len(names)))]
            trades.append(
                Trade(
                    f"trade-{len(trades) + 1}",
                    day,
                    exchange,
                    parties[buyer],
                    parties[seller],
                    1 + int(rng.lognormal(6.5, 1.0)),
                    "EUR" if rng.random() < EURO_SHARE else "USD",
                    bool(rng.random() < EXCHANGES[exchange]),
                    bool(rng.random() < RECORD_SHARE),
                )
            )
    return trades


def set_mandates(
    horizon: Horizon, agents: tuple[roster.Agent, ...], entries: list[Entry]
) -> list[Mandate]:
    """Return mandates of every kind, their limits set by what the agents really cost."""
    cost: dict[tuple[str, date], int] = defaultdict(int)
    for entry in entries:
        cost[entry.cell[0], entry.day] += entry.nano
    found = []
    for number, (goal, first, end, reached, share, currency) in enumerate(_kinds(horizon)):
        agent = agents[number % len(agents)].agent_id
        stops = [
            horizon.days,
            *(one for one in (end, None if reached is None else reached + 1) if one is not None),
        ]
        spent = sum(cost[agent, horizon.day(index)] for index in range(first, min(stops)))
        limit = Decimal(max(spent, 0)) * share / _CENT
        if currency != "USD":
            limit /= Decimal(euro_rate(horizon.day(first)))
        # a limit above what is spent is rounded up, one below it down
        cents = int(limit) + (share > 1)
        found.append(
            Mandate(
                f"mandate-{number + 1}",
                agent,
                goal,
                cents,
                currency,
                horizon.day(first),
                None if end is None else horizon.day(end),
                None if reached is None else horizon.day(reached),
                spent,
            )
        )
    return found


def write_transactions(folder: Path, known: Path, trades: list[Trade], own: str) -> None:
    """Write ``agent_transactions.csv``, and ``transactions.parquet`` to the truth.

    A row more cannot be used and has no truth: ``own`` trades with itself.
    """
    write_table(
        folder / "agent_transactions.csv",
        "transaction_id,day,exchange,buyer_agent_id,seller_agent_id,value,currency,"
        "is_autonomous,evidence_uri",
        [
            *(
                (t.transaction_id, t.day, t.exchange, t.buyer, t.seller, _money(t.cents),
                 t.currency, str(t.is_autonomous).lower(),
                 f"https://evidence.invalid/{t.transaction_id}" if t.has_record else "")
                for t in trades
            ),
            ("trade-with-itself", trades[0].day, next(iter(EXCHANGES)), own, own, "1000.00",
             "USD", "true", ""),
        ],
    )  # fmt: skip
    pl.DataFrame(
        {
            "transaction_id": [one.transaction_id for one in trades],
            "day": [one.day for one in trades],
            "exchange": [one.exchange for one in trades],
            "buyer_agent_id": [one.buyer for one in trades],
            "seller_agent_id": [one.seller for one in trades],
            "value_nano": [one.nano for one in trades],
            "is_autonomous": [one.is_autonomous for one in trades],
            "has_record": [one.has_record for one in trades],
        },
        schema_overrides={"buyer_agent_id": pl.String, "seller_agent_id": pl.String},
    ).write_parquet(known / "transactions.parquet")


def write_mandates(folder: Path, known: Path, given: list[Mandate], horizon: Horizon) -> None:
    """Write ``mandates.csv``, and ``mandates.parquet`` to the truth.

    Two rows more have no truth: a mandate that begins after the window, and a goal that was
    reached before it was set, which cannot be used.
    """
    own, start, tomorrow = given[0].agent_id, horizon.start, horizon.day(horizon.days)
    write_table(
        folder / "mandates.csv",
        "mandate_id,agent_id,goal,limit_amount,currency,reached_on,approved_by,approved_on,"
        "evidence_uri,valid_from,valid_to",
        [
            *(
                (m.mandate_id, m.agent_id, m.goal, _money(m.cents), m.currency, m.reached,
                 *(("finance-lead", start) if number % 2 else ("", "")), "", m.first, m.end)
                for number, m in enumerate(given)
            ),
            ("mandate-to-come", own, "Begin after the window.", "100.00", "EUR", "", "", "", "",
             tomorrow, ""),
            ("mandate-too-early", own, "Be reached before it was set.", "100.00", "USD",
             start - timedelta(days=1), "", "", "", start, ""),
        ],
    )  # fmt: skip
    newest = horizon.day(horizon.days - 1)
    pl.DataFrame(
        {
            "mandate_id": [one.mandate_id for one in given],
            "agent_id": [one.agent_id for one in given],
            "limit_nano": [one.limit_nano for one in given],
            "spent_nano": [one.spent_nano for one in given],
            "score": [one.score(newest) for one in given],
        },
        schema_overrides={"score": pl.Int64},
    ).write_parquet(known / "mandates.parquet")


_Kind = tuple[str, int, int | None, int | None, Decimal, str]


def _kinds(horizon: Horizon) -> Iterator[_Kind]:
    """Yield goal, first day, end, day of the goal, limit in shares of the cost, currency."""
    last, middle = horizon.days - 1, horizon.days // 2
    roomy, ample, tight = Decimal(10) / 9, Decimal(3), Decimal("0.8")
    yield "Be reached at nine tenths.", 0, last + 1, middle, roomy, "USD"
    yield "Be reached for too much.", 0, None, middle, tight, "USD"
    yield "Be missed.", 0, middle + 1, None, ample, "USD"
    yield "Stay open.", middle, None, None, ample, "USD"
    yield "Be reached in euros.", 0, None, last, roomy, "EUR"
    yield "Cost too much while open.", 0, last + 9, None, tight, "USD"
    yield "Be reached a day too late.", 0, middle + 1, middle + 1, ample, "EUR"


def _in_dollars(cents: int, currency: str, day: date) -> int:
    rate = Decimal(1) if currency == "USD" else Decimal(euro_rate(day))
    return int((cents * _CENT * rate).quantize(Decimal(1), ROUND_HALF_UP))


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
