"""Tickets: the work that people and agents were asked to do, version by version.

Three systems give the same rows: Zendesk pages, ServiceNow CSV or pages of its Table API, Jira
pages. Subjects, comments and descriptions are not read; ids of persons leave as keyed hashes.
"""

from collections.abc import Sequence
from pathlib import Path

from roi_engine.sources import files
from roi_engine.sources.base import Context, File, Load, Parsed, Unreadable
from roi_engine.sources.tickets import jira, servicenow, zendesk
from roi_engine.sources.tickets.versions import write

_READERS = {"zendesk": zendesk.read, "servicenow": servicenow.read, "jira": jira.read}

TOGETHER = frozenset({"zendesk", "jira"})
"""Systems whose pages may be parsed together: what one holds does not say how to read it."""


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one file of tickets to bronze ``tickets``.

    Raises:
        Unreadable: Nothing of the file can be read, or its system is not known.
    """
    (parsed,) = parse_each([File(raw, load, out)], context=context)
    return parsed


def parse_each(pages: Sequence[File], *, context: Context) -> list[Parsed]:
    """Parse files of one system, more than one only if it is in ``TOGETHER``.

    A page holds at most 1,000 tickets: to plan the queries takes longer than to run them.

    Raises:
        Unreadable: Nothing of one of the files can be read, or the system is not known.
    """
    system = pages[0].load.system
    reader = _READERS.get(system)
    if reader is None:
        raise Unreadable(f"{system!r} is no system of tickets: use {', '.join(sorted(_READERS))}.")
    paths = []
    for page in pages:
        plain = files.unpack(page.raw, temp=context.temp)
        if plain.is_parquet:
            raise Unreadable("The file is Parquet: tickets come as the system's own JSON or CSV.")
        paths.append(plain.path)
    with files.connect(context) as con:
        versions = reader(con, paths, load=pages[0].load, context=context)
        return write(con, versions, pages=pages, context=context)
