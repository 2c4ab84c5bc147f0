"""What there is to allocate: each charge of each day, in nano-units, with its cost class.

A charge is a current billing line's share of a day, an estimate where no bill has landed, or
a synthetic training charge.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from roi_engine.simulate.bill import UNIT, Line
from roi_engine.simulate.cells import Use
from roi_engine.simulate.exports import Billed
from roi_engine.simulate.horizon import DAY_US, Horizon, instant, micros
from roi_engine.simulate.reference import COST_CLASSES, TRAINING_RUNS, TrainingRun
from roi_engine.simulate.remainder import largest_remainder, to_nano

OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount of one day: ``line`` is None where no provider wrote it.

    ``start_us`` and ``end_us`` are the part of the charge period that lies on the day.
    """

    key: str
    day: date
    cost_class: str
    nano: int
    start_us: int = 0
    end_us: int = 0
    line: Line | None = None
    run: TrainingRun | None = None
    provider: str | None = None
    model: str | None = None
    is_write_off: bool = False


def classify(line: Line) -> str:
    """Return a line's cost class: the first rule that matches, else out of scope."""
    values = {"ServiceName": line.service, "ServiceCategory": line.category}
    for column, pattern, cost_class in COST_CLASSES:
        if values[column] == pattern:
            return cost_class
    return OUT_OF_SCOPE


def billed_charges(billed: list[Billed]) -> list[Charge]:
    """Return the daily charges of billing lines; a longer one is split by time, exactly."""
    charges = []
    for one in billed:
        line = one.line
        days = _days(line)
        nano = to_nano(line.effective, UNIT)
        amounts = largest_remainder(nano, {day: end - start for day, (start, end) in days.items()})
        for day, amount in amounts.items():
            start, end = days[day]
            charges.append(
                Charge(
                    line.key,
                    date.fromisoformat(day),
                    classify(line),
                    amount,
                    start,
                    end,
                    line,
                    run=_run_of(line),
                )
            )
    return charges


def _days(line: Line) -> dict[str, tuple[int, int]]:
    """ISO day → the part of the charge period that lies on it."""
    days = {}
    day = instant(line.start_us).date()
    while (midnight := micros(day)) < line.end_us:
        start, end = max(line.start_us, midnight), min(line.end_us, midnight + DAY_US)
        days[day.isoformat()] = (start, end)
        day += timedelta(days=1)
    return days


def _run_of(line: Line) -> TrainingRun | None:
    tag = {key.strip(): value for key, value in line.tags.items()}.get("training_run")
    return next((run for run in TRAINING_RUNS if run.run_id == tag), None)


def estimates(uses: Mapping[date, list[Use]], billed: list[Billed]) -> list[Charge]:
    """Return what stands in for bills that have not landed, and what tools say they cost.

    An estimate is one charge per provider, model and day without a usage line of the provider;
    an unpriced model has none. A tool's stated price is a charge per agent and day.
    """
    landed = {
        (one.line.provider.provider, date.fromisoformat(day))
        for one in billed
        if one.line.charge_category == "Usage"
        for day in _days(one.line)
    }
    found: list[Charge] = []
    for day, used in sorted(uses.items()):
        priced: dict[tuple[str, str], int] = defaultdict(int)
        stated: dict[str, int] = defaultdict(int)
        for use in used:
            if use.provider and use.model and not use.unpriced_calls:
                priced[use.provider, use.model] += use.priced_nano
            if use.stated_nano:
                stated[use.cell[0]] += use.stated_nano
        found += [
            Charge(f"estimate:{provider}:{model}:{day}", day, "token_api", nano,
                   provider=provider, model=model)
            for (provider, model), nano in sorted(priced.items())
            if (provider, day) not in landed
        ]  # fmt: skip
        found += [
            Charge(f"estimate:tool:{agent}:{day}", day, "platform", nano)
            for agent, nano in sorted(stated.items())
        ]
    return found


def amortisation(charges: list[Charge], horizon: Horizon) -> list[Charge]:
    """Return the daily charges by which capitalised training comes back.

    floor(balance / lifespan) a day from the day after completion, the last day takes the
    remainder; on the day of retirement the rest is written off and nothing follows.
    """
    found = []
    for run in TRAINING_RUNS:
        balance = sum(charge.nano for charge in charges if charge.run is run)
        if balance == 0:
            continue
        left = balance
        for number in range(1, run.lifespan_days + 1):
            day_index = run.completed + number
            if day_index >= horizon.days:
                break
            is_write_off = day_index == run.retired
            is_last = number == run.lifespan_days
            nano = left if is_write_off or is_last else balance // run.lifespan_days
            key = f"training:{run.run_id}" + (":write-off" if is_write_off else "")
            found.append(Charge(key, horizon.day(day_index), "training", nano, run=run,
                                is_write_off=is_write_off))  # fmt: skip
            left -= nano
            if is_write_off:
                break
    return found
