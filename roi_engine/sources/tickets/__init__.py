"""Tickets: the work that people and agents were asked to do, version by version.

Three systems give the same rows: Zendesk pages, ServiceNow CSV or pages of its Table API, Jira
pages. Subjects, comments and descriptions are not read; ids of persons leave as keyed hashes.
"""

from pathlib import Path

from roi_engine.sources import files
from roi_engine.sources.base import Context, Load, Parsed, Unreadable
from roi_engine.sources.tickets import jira, servicenow, zendesk
from roi_engine.sources.tickets.versions import write

_READERS = {"zendesk": zendesk.read, "servicenow": servicenow.read, "jira": jira.read}


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one file of tickets to bronze ``tickets``.

    Raises:
        Unreadable: Nothing of the file can be read, or its system is not known.
    """
    reader = _READERS.get(load.system)
    if reader is None:
        raise Unreadable(
            f"{load.system!r} is no system of tickets: use {', '.join(sorted(_READERS))}."
        )
    plain = files.unpack(raw, temp=context.temp)
    if plain.is_parquet:
        raise Unreadable("The file is Parquet: tickets come as the system's own JSON or CSV.")
    with files.connect(context) as con:
        versions = reader(con, plain.path, load=load, context=context)
        return write(con, versions, load=load, context=context, out=out)
