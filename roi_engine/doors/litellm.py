"""The spend log of a LiteLLM gateway, out of its Postgres: rows as JSON lines, a page a document.

The table is ``LiteLLM_SpendLogs`` of https://github.com/BerriAI/litellm, file
``litellm/proxy/schema.prisma``: one row a billed request, times in UTC without a zone.
"""

import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, field_validator

from roi_engine.doors.base import Door, DoorFailed, Mark, Page

_COLUMNS = (
    "request_id",
    "call_type",
    "spend",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "startTime",
    "endTime",
    "request_duration_ms",
    "completionStartTime",
    "model",
    "model_id",
    "model_group",
    "custom_llm_provider",
    "api_base",
    "metadata",
    "cache_hit",
    "request_tags",
    "team_id",
    "organization_id",
    "session_id",
    "status",
    "mcp_namespaced_tool_name",
    "agent_id",
)
"""What is asked for, where the table has it; every release of LiteLLM added some."""

_PERSONAL = frozenset(
    {
        "messages",
        "response",
        "proxy_server_request",
        "api_key",
        "user",
        "end_user",
        "requester_ip_address",
        "cache_key",
    }
)
"""Prompts, answers, keys, persons and their addresses: never asked for."""

_PERSONAL_METADATA = (
    "user_api_key",
    "user_api_key_hash",
    "user_api_key_alias",
    "user_api_key_user_id",
    "user_api_key_user_email",
    "user_api_key_end_user_id",
    "requester_ip_address",
    "requester_custom_headers",
    "proxy_server_request",
    "mcp_tool_call_metadata",
    "vector_store_request_metadata",
    "guardrail_information",
)
"""The same within ``metadata``: the server leaves these members out of an object."""

_TABLE = "LiteLLM_SpendLogs"
_KEY = sql.SQL('("startTime", request_id)')
_STRETCH = timedelta(minutes=10)
"""In which rows are counted, so that those stored late are noticed; its names rely on ten."""
_STRETCH_OF = sql.SQL("""left(to_char("startTime", 'YYYY-MM-DD"T"HH24:MI'), 15) || '0'""")
_MAX_PAUSE_SECONDS = 30.0
_FINAL = re.compile("password|does not exist|pg_hba")
"""Refusals to connect that no second attempt changes; while connecting there is no SQLSTATE."""

_Key = tuple[str, str]
"""A row's place in the log: ``startTime`` as Postgres writes it, and ``request_id``."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """A page as the server made it: JSON lines, how many a stretch, and the last one's key."""

    lines: bytes
    counts: Mapping[str, int]
    key: _Key

    @property
    def count(self) -> int:
        return sum(self.counts.values())


class Litellm(Door):
    """The table ``LiteLLM_SpendLogs``, in the order of (``startTime``, ``request_id``).

    That is the order of the table's own index; ``endTime`` has none. A row is written when its
    call has ended (the gateway gathers rows for a minute or so), hence behind rows that began
    later: so the door remembers how many rows of each ten minutes within ``look_back`` it has
    brought, and brings those again, whole, of which the table now has another number. A row that
    is stored more than ``look_back`` after its call began is missed: choose it longer than the
    longest call and the longest stop of the gateway. A row that changes in place is not noticed;
    LiteLLM only adds rows. What came twice has the same ``request_id`` and counts once.

    Each page is a read-only transaction on a connection of its own: nothing stays open on the
    gateway's database while a page is parsed. Columns with prompts, answers, keys, persons or
    addresses are not asked for, and the server leaves such members out of ``metadata``.
    """

    source: ClassVar[str] = "tokens"
    system: ClassVar[str] = "litellm"

    kind: Literal["litellm"] = "litellm"
    look_back: timedelta = Field(default=timedelta(days=1), ge=timedelta(0))
    """LiteLLM lets a call run for 6,000 s where nothing else is set."""
    table_schema: str = "public"
    page_rows: int = Field(default=10_000, ge=1, le=200_000)
    more_columns: tuple[str, ...] = ()
    """Columns of one's own that ``field_mappings.csv`` reads; none that tells of a person."""
    backoff_seconds: float = Field(default=1.0, ge=0)

    @field_validator("more_columns")
    @classmethod
    def _tell_of_no_person(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if personal := sorted(_PERSONAL.intersection(columns)):
            message = f"hold prompts, keys or persons and are not read: {', '.join(personal)}"
            raise ValueError(message)
        return columns

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Bring what has grown since, then the rows after ``mark`` that began before ``until``.

        ``start`` counts from its ten minutes on; without it the first fetch begins with the table.

        Raises:
            DoorFailed: The server is down or refuses, or has no such table.
        """
        log = _Log(self)
        drafts = (out / f"{number:06d}.jsonl" for number in itertools.count())
        key = (str(mark["time"]), str(mark["request_id"])) if mark else None
        counts: dict[str, int] = dict(mark["rows"]) if mark else {}  # type: ignore[call-overload]
        if key and self.look_back:
            for stretch, present in log.counts(since=self._since(key), upto=key).items():
                if counts.get(stretch) == present:
                    continue
                counts[stretch] = present
                for uri, part, is_last in self._again(log, stretch, present, upto=key):
                    whole = self._mark(key, counts) if is_last else None
                    yield _page(uri, part, next(drafts), whole)
        begin = _stretch(self.start) if self.start else None
        before = _plain(until)
        while rows := log.page(after=key, begin=begin, before=before):
            key = rows.key
            for stretch, count in rows.counts.items():
                counts[stretch] = counts.get(stretch, 0) + count
            yield _page("/".join(key), rows, next(drafts), self._mark(key, counts))
            if rows.count < self.page_rows:
                return

    def _again(
        self, log: "_Log", stretch: str, present: int, *, upto: _Key
    ) -> Iterator[tuple[str, "_Rows", bool]]:
        """Bring all of a stretch's rows up to the door's place, and say which page is the last."""
        end = _plain(datetime.fromisoformat(stretch) + _STRETCH)
        seen, key = 0, None
        while rows := log.page(after=key, begin=stretch, before=end, upto=upto):
            seen, key = seen + rows.count, rows.key
            yield f"again/{present}/{'/'.join(key)}", rows, seen >= present
            if seen >= present:
                return

    def _since(self, key: _Key) -> str:
        """Return the first ten minutes that may still grow, and were asked for at all."""
        since = _stretch(datetime.fromisoformat(key[0]) - self.look_back)
        return max(since, _stretch(self.start)) if self.start else since

    def _mark(self, key: _Key, counts: Mapping[str, int]) -> Mark:
        since = self._since(key)
        kept = {stretch: count for stretch, count in counts.items() if stretch >= since}
        return {"time": key[0], "request_id": key[1], "rows": kept}


class _Log:
    """The table as one door may see it; every question is a transaction of its own."""

    def __init__(self, door: Litellm):
        self.door = door
        try:
            self.address = conninfo_to_dict(door.url)
        except psycopg.Error:
            self.address = {}
        if not self.address or "password" in self.address:
            message = (
                f"{door.name}: give the database as postgresql://host:port/database, and the"
                " password by secret_env or connection, never in the url."
            )
            raise DoorFailed(message)
        if door.user:
            self.address["user"] = door.user
        self.table = sql.Identifier(door.table_schema, _TABLE)
        self.chosen = self._chosen()

    def counts(self, *, since: str, upto: _Key) -> dict[str, int]:
        """Return how many rows of each stretch since then the table has, up to a place in it."""
        statement = sql.SQL(
            "select json_object_agg(stretch, rows) from ("
            "select {stretch} as stretch, count(*) as rows"
            ' from {table} where "startTime" >= %s::timestamp and {key} <= (%s::timestamp, %s)'
            " group by 1) as counted"
        ).format(table=self.table, key=_KEY, stretch=_STRETCH_OF)
        (found,) = self._ask(statement, (since, *upto))
        return dict(sorted((found or {}).items()))

    def page(
        self, *, after: _Key | None, begin: str | None, before: str, upto: _Key | None = None
    ) -> _Rows | None:
        """Return the next rows as JSON lines, made by the server; None when there are none."""
        bounds: list[sql.Composable] = [sql.SQL('"startTime" < %s::timestamp')]
        values: list[str | int] = [before]
        if begin:
            bounds.append(sql.SQL('"startTime" >= %s::timestamp'))
            values.append(begin)
        if after:
            bounds.append(sql.SQL("{key} > (%s::timestamp, %s)").format(key=_KEY))
            values += after
        if upto:
            bounds.append(sql.SQL("{key} <= (%s::timestamp, %s)").format(key=_KEY))
            values += upto
        statement = sql.SQL(
            "with page as materialized ("
            ' select {chosen} from {table} where {bounds} order by "startTime", request_id limit %s'
            ") select"
            " convert_to(string_agg(row_to_json(page)::text || chr(10), ''"
            """ order by "startTime", request_id), 'UTF8'),"""
            " (select json_object_agg(stretch, rows) from ("
            "   select {stretch} as stretch, count(*) as rows"
            "   from page group by 1) as counted),"
            ' (array_agg("startTime"::text order by "startTime" desc, request_id desc))[1],'
            ' (array_agg(request_id order by "startTime" desc, request_id desc))[1]'
            " from page"
        ).format(
            chosen=self.chosen,
            table=self.table,
            bounds=sql.SQL(" and ").join(bounds),
            stretch=_STRETCH_OF,
        )
        lines, counts, at, request_id = self._ask(statement, (*values, self.door.page_rows))
        return _Rows(lines, counts, (at, request_id)) if lines else None

    def _chosen(self) -> sql.Composable:
        """Return the columns that are there and asked for; ``metadata`` without its persons."""
        (found,) = self._ask(
            sql.SQL(
                "select json_object_agg(column_name, data_type) from information_schema.columns"
                " where table_schema = %s and table_name = %s"
            ),
            (self.door.table_schema, _TABLE),
        )
        kinds: dict[str, str] = found or {}
        if not {"request_id", "startTime"} <= kinds.keys():
            message = (
                f"{self.where} shows no table {self.door.table_schema}.{_TABLE} with request_id"
                " and startTime: is it the gateway's database, and may the user read the table?"
            )
            raise DoorFailed(message)
        chosen: list[sql.Composable] = []
        for name in (*_COLUMNS, *self.door.more_columns):
            if name not in kinds:
                continue
            column: sql.Composable = sql.Identifier(name)
            if name == "metadata" and kinds[name] in {"json", "jsonb"}:
                column = _IMPERSONAL.format(column=column, names=list(_PERSONAL_METADATA))
            elif kinds[name] == "json":
                # as it was written, it may have line ends
                column = sql.SQL("{column}::jsonb").format(column=column)
            chosen.append(sql.SQL("{} as {}").format(column, sql.Identifier(name)))
        return sql.SQL(", ").join(chosen)

    def _ask(
        self, statement: sql.SQL | sql.Composed, values: Sequence[str | int]
    ) -> tuple[Any, ...]:
        """Return the one row of an answer; a connection that breaks is tried again."""
        for attempt in range(self.door.attempts):
            try:
                return self._answer(statement, values)
            except psycopg.OperationalError as error:
                if attempt + 1 == self.door.attempts or _FINAL.search(str(error)):
                    raise DoorFailed(self._sentence(error)) from error
                time.sleep(min(self.door.backoff_seconds * 2**attempt, _MAX_PAUSE_SECONDS))
            except psycopg.Error as error:
                raise DoorFailed(self._sentence(error)) from error
        raise AssertionError

    def _answer(
        self, statement: sql.SQL | sql.Composed, values: Sequence[str | int]
    ) -> tuple[Any, ...]:
        seconds = self.door.timeout_seconds
        address = make_conninfo(
            "",
            **self.address,
            password=self.door.password(),
            application_name="roi_engine",
            connect_timeout=max(2, int(min(seconds, 30))),
            tcp_user_timeout=int(seconds * 1000),
        )
        with psycopg.connect(address, prepare_threshold=None) as con:
            con.read_only = True
            # by statement, as a pooler in between (PgBouncer) lets no options through
            con.execute(
                "select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),"
                " set_config('extra_float_digits', '1', true),"
                " set_config('statement_timeout', %s, true)",
                (str(int(seconds * 1000)),),
            )
            with con.cursor(binary=True) as cursor:
                return cursor.execute(statement, values).fetchone() or ()

    @property
    def where(self) -> str:
        """Return the door's name and the database it asks, without user and password."""
        host, port = self.address.get("host", "localhost"), self.address.get("port", 5432)
        return f"{self.door.name} ({host}:{port}/{self.address.get('dbname', '')})"

    def _sentence(self, error: psycopg.Error) -> str:
        said = str(error).strip().partition("\n")[0]
        if secret := self.door.password():
            said = said.replace(secret, "***")
        if isinstance(error, errors.InsufficientPrivilege):
            return f"{self.where} does not let the user read the spend log ({said}): grant select."
        if isinstance(error, errors.QueryCanceled):
            return (
                f"{self.where} took longer than {self.door.timeout_seconds:g} s for a page: make"
                " page_rows smaller or timeout_seconds longer."
            )
        if "password" in said:
            return f"{self.where} refused the user or the password ({said}): renew the secret."
        return f"{self.where} could not be asked ({said}): is the server up, and the url right?"


_IMPERSONAL = sql.SQL(
    "case jsonb_typeof({column}::jsonb) when 'object' then {column}::jsonb - {names}::text[]"
    " #- '{{error_information,error_message}}' #- '{{error_information,traceback}}'"
    " else {column}::jsonb end"
)
"""An error's message and trace may quote the prompt; its class and code stay.

Metadata that is no object (a text with JSON in it, by a gateway of one's own) is left as it is.
"""


def _page(uri: str, rows: _Rows, path: Path, mark: Mark | None) -> Page:
    path.write_bytes(rows.lines)
    return Page(f"{_TABLE}/{uri}", path, mark)


def _plain(moment: datetime) -> str:
    """Return a moment as UTC without a zone, as the table's times are."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat()


def _stretch(moment: datetime) -> str:
    """Return the ten minutes in which a moment lies, as the counts name them.

    >>> _stretch(datetime(2026, 1, 5, 8, 47, 11))
    '2026-01-05T08:40'
    """
    return _plain(moment)[:15] + "0"
