"""The exact cost of every cell, worked out a second time and in another way.

Nothing here is shared with the code that it checks: lists, dicts and Python's own integers,
written from the definitions (docs/metrics.md, "Cost"). Where these leave room, the choices are
listed in the package's docstring.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from roi_engine.simulate import roster
from roi_engine.simulate.bill import UNIT, Line
from roi_engine.simulate.cells import CELL, Cell, Use, overhead, reserved
from roi_engine.simulate.charges import OUT_OF_SCOPE, Charge
from roi_engine.simulate.gpus import Reading
from roi_engine.simulate.reference import Rule
from roi_engine.simulate.remainder import largest_remainder

UNALLOCATED = reserved("__unallocated__")
IDLE = reserved("__idle__")
_TOKENS_PER_UNIT = {"Tokens": 1, "1K Tokens": 10**3, "1M Tokens": 10**6}
_RULE_SCALE = 10**9
_Weight = Callable[[Use], int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One amount on one cell."""

    charge_key: str
    day: date
    cell: Cell
    cost_class: str
    nano: int
    method: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an amount goes, why there, and as which cost class (None: as it came)."""

    cell: Cell
    reason: str | None = None
    cost_class: str | None = None


_NO_USAGE = _Place(UNALLOCATED, "no_usage")


@dataclass(frozen=True, slots=True)
class _Way:
    """How an amount is shared: by which weight, what that is called, and who if nobody used."""

    weight: _Weight
    method: str
    nobody: _Place


@dataclass(slots=True)
class Ledger:
    """All that allocation knows, and the entries it has made."""

    agents: tuple[roster.Agent, ...]
    rules: tuple[Rule, ...]
    uses: Mapping[date, list[Use]]
    charges: list[Charge]
    readings: Mapping[tuple[str, date], list[Reading]]
    entries: list[Entry] = field(default_factory=list)

    def allocate(self) -> list[Entry]:
        """Allocate every charge, and return the entries in the order of the charges."""
        self.entries = []
        usage_lines = _usage_lines(self.charges)
        for charge in self.charges:
            if charge.nano == 0:
                self._add(charge, _Place(UNALLOCATED, "zero_amount"), 0, "none")
            elif charge.line is None:
                self._synthetic(charge)
            else:
                self._billed(charge, charge.line, usage_lines)
        return self.entries

    def _synthetic(self, charge: Charge) -> None:
        if charge.is_write_off:
            self._add(charge, _Place(IDLE, "written_off", "idle"), charge.nano, "training")
        elif charge.run:
            version = charge.run.model_version
            used = [use for use in self._used(charge) if use.cell[1] == version]
            way = _Way(_tokens, "training", _Place(IDLE, "no_usage", "idle"))
            self._share(charge, charge.nano, used, way)
        elif charge.provider:
            used = self._group(charge, charge.provider, charge.model)
            self._share(charge, charge.nano, used, _Way(_priced, "estimate", _NO_USAGE))
        else:
            agent = charge.key.split(":")[2]
            used = [use for use in self._used(charge) if use.cell[0] == agent]
            self._share(charge, charge.nano, used, _Way(_stated, "stated", _NO_USAGE))

    def _billed(self, charge: Charge, line: Line, usage_lines: "_UsageLines") -> None:
        if charge.cost_class == OUT_OF_SCOPE:
            place = _Place(reserved("__out_of_scope__"), cost_class="other")
            self._add(charge, place, charge.nano, "none")
        elif charge.run:
            self._add(charge, _Place(reserved("__deferred__")), charge.nano, "training")
        elif line.commitment_status == "Unused":
            place = _Place(IDLE, "unused_commitment", "idle")
            self._add(charge, place, charge.nano, "commitment")
        elif charge.cost_class == "token_api":
            self._tokens_of_bill(charge, line, usage_lines)
        elif charge.cost_class == "gpu" and (line.resource_id, charge.day) in self.readings:
            self._gpu(charge, line)
        else:
            self._by_rule(charge, line)

    def _tokens_of_bill(self, charge: Charge, line: Line, usage_lines: "_UsageLines") -> None:
        provider = line.provider.provider
        used = self._group(charge, provider, line.model)
        billed = usage_lines[charge.day, provider, line.model]
        traced, rest = _explained(used, billed)
        parts = largest_remainder(charge.nano, {"traced": traced, "untraced": rest})
        if "untraced" in parts:
            self._add(charge, _Place(UNALLOCATED, "untraced"), parts["untraced"], "traced")
        if "traced" in parts:
            by_tokens = any(use.unpriced_calls for use in used)
            weight, method = (_tokens, "tokens") if by_tokens else (_priced, "priced_usage")
            self._share(charge, parts["traced"], used, _Way(weight, method, _NO_USAGE))

    def _gpu(self, charge: Charge, line: Line) -> None:
        """Share a GPU charge over busy time, idle time and time that nobody measured."""
        readings = self.readings[line.resource_id or "", charge.day]
        owner = readings[0].gpu.dedicated_to
        idle = _Place(IDLE, "shared_idle", "idle")
        if owner is not None:
            idle = _Place(overhead(self.agents[owner]), "dedicated_idle", "idle")
        weights = {self._member(key): time for key, time in _gpu_times(charge, readings).items()}
        for member, nano in largest_remainder(charge.nano, weights).items():
            if member == "__unallocated__":
                self._add(charge, _Place(UNALLOCATED, "not_sampled"), nano, "gpu_time")
            elif member == "__idle__":
                self._add(charge, idle, nano, "gpu_time")
            elif any(member == one.agent_id for one in self.agents):
                self._to_agent(charge, nano, member, "gpu_time")
            else:
                served = [use for use in self._used(charge) if use.model == member]
                self._share(charge, nano, served, _Way(_tokens, "gpu_time", _NO_USAGE))

    def _member(self, workload: str) -> str:
        """Return the agent in whose namespace a workload runs, or the model that it serves."""
        if workload.startswith("ns-"):
            return workload.removeprefix("ns-")
        if workload.startswith("serving/"):
            raw = workload.removeprefix("serving/")
            return next(one.name for one in roster.MODELS if raw in one.raw)
        return workload

    def _by_rule(self, charge: Charge, line: Line) -> None:
        tags = {key.strip(): value for key, value in line.tags.items()}
        shares: dict[str, int] = defaultdict(int)
        for rule in self.rules:
            value = line.resource_id if rule.key == "resource" else tags.get(rule.key[4:])
            if rule.cost_class == charge.cost_class and rule.value == value:
                shares[rule.agent_id] += int(rule.share * _RULE_SCALE)
        shares["__unallocated__"] += _RULE_SCALE - sum(shares.values())
        for member, nano in largest_remainder(charge.nano, shares).items():
            if member == "__unallocated__":
                self._add(charge, _Place(UNALLOCATED, "no_rule"), nano, "rule")
            else:
                self._to_agent(charge, nano, member, "rule")

    def _to_agent(self, charge: Charge, nano: int, agent_id: str, method: str) -> None:
        """Spread what is known by agent only over its cells of the day."""
        used = [use for use in self._used(charge) if use.cell[0] == agent_id]
        weight = _inference if any(map(_inference, used)) else _tokens
        agent = next(one for one in self.agents if one.agent_id == agent_id)
        self._share(charge, nano, used, _Way(weight, method, _Place(overhead(agent))))

    def _share(self, charge: Charge, nano: int, used: Iterable[Use], way: _Way) -> None:
        if nano == 0:
            return
        weights: dict[Cell, int] = defaultdict(int)
        for use in used:
            weights[use.cell] += way.weight(use)
        if not any(weights.values()):
            self._add(charge, way.nobody, nano, way.method)
            return
        for cell, share in largest_remainder(nano, weights).items():
            self._add(charge, _Place(cell), share, way.method)

    def _add(self, charge: Charge, place: _Place, nano: int, method: str) -> None:
        cost_class = place.cost_class or charge.cost_class
        self.entries.append(
            Entry(charge.key, charge.day, place.cell, cost_class, nano, method, place.reason)
        )

    def _used(self, charge: Charge) -> list[Use]:
        return self.uses.get(charge.day, [])

    def _group(self, charge: Charge, provider: str, model: str | None) -> list[Use]:
        return [
            use
            for use in self._used(charge)
            if use.provider == provider and (model is None or use.model == model)
        ]


def _gpu_times(charge: Charge, readings: list[Reading]) -> dict[str, int]:
    """Microseconds of a charge's GPU hours: busy per workload, idle, and not measured."""
    times: dict[str, int] = defaultdict(int)
    for reading in readings:
        inside = (reading.at_us >= charge.start_us) & (reading.at_us < charge.end_us)
        sampled = int(reading.interval_us[inside].sum())
        busy = [int(row[inside].sum()) for row in reading.busy_us]
        for workload, used in zip(reading.gpu.workloads, busy, strict=True):
            times[workload] += used
        times["__idle__"] += sampled - sum(busy)
        times["__unallocated__"] += charge.end_us - charge.start_us - sampled
    return times


_UsageLines = Mapping[tuple[date, str, str | None], list[Line]]


def _usage_lines(charges: list[Charge]) -> _UsageLines:
    """Usage lines of each day by provider, and by provider and model."""
    found: dict[tuple[date, str, str | None], list[Line]] = defaultdict(list)
    for charge in charges:
        line = charge.line
        if line and line.charge_category == "Usage" and charge.cost_class == "token_api":
            for model in {None, line.model}:
                found[charge.day, line.provider.provider, model].append(line)
    return found


def _explained(used: list[Use], billed: list[Line]) -> tuple[int, int]:
    """Return whole weights of what the traces explain and of what they do not.

    Traced tokens over the bill's tokens; where the bill counts no tokens, traced priced usage
    over its list cost; 1 where it has neither or some calls are unpriced.
    """
    counted = [
        line for line in billed if line.unit in _TOKENS_PER_UNIT and line.quantity is not None
    ]
    consumed = sum((line.quantity or 0) * _TOKENS_PER_UNIT[line.unit or ""] for line in counted)
    if consumed > 0:
        traced = sum(use.tokens for use in used) * UNIT
        return min(traced, consumed), max(consumed - traced, 0)
    listed = sum(line.list_cost for line in billed)
    if listed > 0 and not any(use.unpriced_calls for use in used):
        traced = sum(use.priced_nano for use in used) * (UNIT // 10**9)
        return min(traced, listed), max(listed - traced, 0)
    return 1, 0


def _priced(use: Use) -> int:
    return use.priced_nano


def _tokens(use: Use) -> int:
    return use.tokens


def _inference(use: Use) -> int:
    return use.inference_us


def _stated(use: Use) -> int:
    return use.stated_nano


def as_frame(entries: list[Entry]) -> pl.DataFrame:
    """Return the entries as a frame: the key of the charge, the cell, the exact amount."""
    columns = {name: [one.cell[place] for one in entries] for place, name in enumerate(CELL)}
    return pl.DataFrame(
        {
            "charge_key": [one.charge_key for one in entries],
            "day": [one.day for one in entries],
            **columns,
            "cost_class": [one.cost_class for one in entries],
            "allocated_nano": [one.nano for one in entries],
            "method": [one.method for one in entries],
            "reason": [one.reason for one in entries],
        },
        schema_overrides={"reason": pl.String, "allocated_nano": pl.Int64, "day": pl.Date},
    ).sort("day", "charge_key", *CELL, "cost_class", "reason", nulls_last=True)
