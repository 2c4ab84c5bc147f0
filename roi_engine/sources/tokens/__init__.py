"""Tokens: what agents asked of models and tools, span by span.

Four systems give the same rows: OTLP/JSON lines (``otlp``), flat Parquet (``spans``), the spend
log of a LiteLLM gateway (``litellm``) and Langfuse's observations (``langfuse``).
"""

from pathlib import Path

import duckdb

from roi_engine.sources import files, refusals
from roi_engine.sources.base import Context, Load, Parsed, Unreadable
from roi_engine.sources.tokens import langfuse, litellm, otlp, spans
from roi_engine.sources.tokens.records import write

_READERS = {
    "otlp": otlp.read,
    "litellm": litellm.read,
    "spans": spans.read,
    "langfuse": langfuse.read,
}
_FORMS = {"spans": "Parquet", "langfuse": "Parquet or JSON lines"}
"""System → what its files are, where they are not JSON lines."""


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one file of spans to bronze ``spans`` and ``evaluations``.

    Raises:
        Unreadable: Nothing of the file can be read, or its system is not known.
    """
    reader = _READERS.get(load.system)
    if reader is None:
        raise Unreadable(
            f"{load.system!r} is no system of tokens: use {', '.join(sorted(_READERS))}."
        )
    plain = files.unpack(raw, temp=context.temp)
    expected = _FORMS.get(load.system, "JSON lines")
    if ("Parquet" if plain.is_parquet else "JSON lines") not in expected:
        raise Unreadable(f"The file is not {expected}, as tokens/{load.system} must be.")
    try:
        with files.connect(context) as con:
            records = reader(con, plain.path, load=load, context=context)
            return write(con, records, load=load, out=out)
    except duckdb.InvalidInputException as error:
        if "maximum_object_size" in str(error):
            raise Unreadable(
                f"A line is longer than {otlp.MAX_LINE_BYTES >> 20} MiB: export smaller batches."
            ) from error
        raise Unreadable(
            f"The file is damaged ({refusals.problem(error)}): fetch it again."
        ) from error
