"""What every parser is given, and what it gives back."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

import polars as pl

QUARANTINE_SCHEMA = {
    "source": pl.String,
    "rule": pl.String,
    "reason": pl.String,
    "severity": pl.String,
    "day": pl.Date,
    "_load_id": pl.String,
    "_source_file": pl.String,
    "_source_row": pl.Int64,
    "record": pl.String,
}
"""Columns of a parser's quarantine frame; ``record`` is a JSON object of mapped fields only."""


PARSER_VERSIONS = {"billing": 1, "gpu": 1, "tokens": 3, "tickets": 2, "reference": 1}
"""Count one up when a parser makes other rows of the same bytes: all its files are parsed anew."""


class Unreadable(Exception):
    """A file that cannot be read at all; the message is one sentence for the operator.

    ``rule`` is the rule that the file's one quarantine row stands under.
    """

    rule = "unreadable_file"


class MissingColumn(Unreadable):
    """A file that lacks columns without which none of its rows can be used."""

    rule = "missing_column"


@dataclass(frozen=True, slots=True)
class Load:
    """One file of one source, as landed: the bytes and how a row names them."""

    load_id: str
    source: str
    system: str
    sha256: str
    uri: str


class File(NamedTuple):
    """A file to be parsed: its bytes, its load, and the folder that its rows go to."""

    raw: Path
    load: Load
    out: Path


@dataclass(frozen=True, slots=True)
class Context:
    """What a parser may know beside the bytes.

    ``mappings`` are the rows of ``field_mappings.csv`` as dicts (source, system, field, path);
    ``timezones`` gives the zone of a system's naive times (default UTC); ``agent_ids`` are the
    AI agents of ``agents.csv``, so that an assignee can be told from a person.
    """

    hmac_key: bytes
    temp: Path
    mappings: list[dict[str, str]] = field(default_factory=list)
    timezones: dict[str, str] = field(default_factory=dict)
    agent_ids: frozenset[str] = frozenset()
    memory_limit: str = "2GB"
    threads: int = 2

    def mapped(self, source: str, system: str) -> dict[str, str]:
        """Return field → path of one source's system; the standard's own place is not listed."""
        return {
            row["field"]: row["path"]
            for row in self.mappings
            if row["source"] == source and row["system"] == system
        }


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser wrote: rows a table, the days they lie on, and what it had to refuse."""

    rows: dict[str, int]
    days: frozenset[date]
    quarantine: pl.DataFrame


class Parser(Protocol):
    """The one function that each source module offers to landing."""

    def __call__(self, raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
        """Parse ``raw`` and write ``out/TABLE/day=YYYY-MM-DD/LOAD.parquet``.

        Raises:
            Unreadable: Nothing of the file can be read; the message says why.
        """
