"""Landing: bytes that came in, kept once and for ever, and their rows as bronze Parquet.

``land`` looks at the whole inbox, and at what live doors fetched, and parses what is new, outside
any lock; ``append`` then writes the manifest entries and the quarantine rows, under the lake's
lock. Between the two nothing of a load counts, so a crash at any point leaves nothing half.

Reference tables come first, because they say how the others are read (``field_mappings.csv``,
``agents.csv``). When such a rule or a parser changes, every file that landed under the old one
is parsed again from its kept bytes, whether it still stands in the inbox or not: so the order
in which files and rules arrived never shows.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from roi_engine import disk
from roi_engine.landing.inbox import Found, scan
from roi_engine.landing.ledger import Landed, Ledger, NoSuchFile, append, retract
from roi_engine.landing.look import Look, Options, Step
from roi_engine.landing.manifest import Entry, Row, chain, row_hash, verify_chain
from roi_engine.landing.prepared import prepare
from roi_engine.landing.secret import LostKey, hmac_key
from roi_engine.landing.vault import scratch

__all__ = [
    "Entry",
    "Found",
    "Landed",
    "LandingFailed",
    "Ledger",
    "NoSuchFile",
    "Options",
    "append",
    "chain",
    "hmac_key",
    "land",
    "prepare",
    "retract",
    "row_hash",
    "scan",
    "scratch",
    "verify_chain",
]


class LandingFailed(Exception):
    """Landing stopped for a reason that is not one file's; the message is one sentence."""


def land(
    inbox: Path | None,
    *,
    options: Options,
    manifest: Sequence[Row],
    sources: Collection[str] | None = None,
    fetched: Sequence[Found] = (),
    step: Step = lambda name, **facts: None,  # noqa: ARG005 - the names are the caller's
) -> Landed:
    """Keep the bytes of every new file of the inbox and write its rows to bronze.

    Args:
        inbox: The folder with ``billing/``, ``gpu/``, ``tokens/``, ``tickets/``, ``reference/``;
            None for none.
        options: The lake and the limits.
        manifest: ``ops.manifest`` in the order of ``seq``; what stands there is not done again.
        sources: Take only these sources, and the reference tables, which say how to read them;
            None for all.
        fetched: Documents that live doors brought; they are taken like files of the inbox.
        step: Called with the name of each step and facts about it, for the log.

    Raises:
        LandingFailed: The lake's disk or key cannot be used.
    """
    try:
        look = Look(options, manifest, step, sources=sources)
        look.take(inbox, fetched)
    except LostKey as error:
        raise LandingFailed(str(error)) from error
    except OSError as error:
        raise LandingFailed(disk.not_written(options.root, error)) from error
    return look.landed()
