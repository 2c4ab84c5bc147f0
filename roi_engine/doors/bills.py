"""Bills as cloud providers deliver them to object storage: parts, and a manifest that names them.

A delivery is whole when its manifest is there, and replaces the delivery before it of the same
billing period, whether the provider writes over the old files or beside them. Known layouts:

- AWS Data Exports: ``EXPORT/data/BILLING_PERIOD=2026-01/…`` with
  ``EXPORT/metadata/BILLING_PERIOD=2026-01/…-Manifest.json`` (``dataFiles``); with "create new" a
  folder of the execution below each.
- AWS legacy reports: ``REPORT/20260101-20260201/…-Manifest.json`` (``reportKeys``).
- Azure Cost Management: ``EXPORT/20260101-20260131/…/manifest.json`` (``blobs[].blobName``).

Where a provider writes no manifest (FOCUS views exported from BigQuery), use the kind ``objects``
with the folder ``billing``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from roi_engine.doors.base import DoorFailed, Mark, Page
from roi_engine.doors.storage import Storage, Stored, in_order, texts, uri

_MANIFEST = re.compile(r"(^|[-/])manifest\.json$", re.IGNORECASE)
_UNDER_WAY = timedelta(hours=6)
_PERIOD = re.compile(r"^(BILLING_PERIOD=\d{4}-\d{2}|\d{8}-\d{8})$")


class BillExports(Storage):
    """FOCUS exports with manifests, below a url."""

    kind: Literal["bill_exports"] = "bill_exports"

    @property
    def source(self) -> str:
        """Return billing."""
        return "billing"

    @property
    def system(self) -> str:
        """Return focus."""
        return "focus"

    def fetch(self, mark: Mark | None, *, until: datetime, out: Path) -> Iterator[Page]:
        """Bring, of each export and billing period, the newest delivery, if it is new.

        The manifest comes last, so a part that is newer than it is of a delivery under way: that
        one waits, for six hours. The mark has, for each delivery, the versions and the hashes of
        its parts, and the hashes of the parts that stood there before.
        """
        known = texts(mark, "deliveries")
        stored = self.stored()
        newest: dict[str, Stored] = {}
        for one in in_order(stored):
            if _MANIFEST.search(one.path):
                newest[_delivery(one.path)] = one
        for number, (delivery, manifest) in enumerate(sorted(newest.items()), start=1):
            before = known.get(delivery, {})
            parts = self._parts(manifest, stored)
            version = [_version(one) for one in (manifest, *parts)]
            latest = max(part.modified for part in parts)
            is_under_way = latest > manifest.modified and until - latest < _UNDER_WAY
            if before.get("version") == version or is_under_way:
                continue
            paths = [out / f"{number:04}" / f"{part:04}" for part in range(len(parts))]
            hashes = [self.bring(part, path) for part, path in zip(parts, paths, strict=True)]
            self._refuse_moved(manifest)
            # all that ever stood here: the delivery before this one may not have been readable,
            # and then the one before that still counts
            stood = set(before.get("stood", ())) | set(before.get("parts", ()))
            known[delivery] = {
                "version": version,
                "parts": hashes,
                "stood": sorted(stood - set(hashes)),
            }
            stand = {part for other in known.values() for part in other["parts"]}
            gone = tuple(sorted(stood - stand))
            pages = [Page(uri(part), path) for part, path in zip(parts, paths, strict=True)]
            yield from pages[:-1]
            yield replace(pages[-1], mark={"deliveries": dict(known)}, replaces=gone)

    def _parts(self, manifest: Stored, stored: dict[str, Stored]) -> list[Stored]:
        """Return the objects that a manifest names.

        Raises:
            DoorFailed: It names none, or one that is not there.
        """
        names = _files(self.read_json(manifest))
        if not names:
            message = (
                f"{self.name} ({self.url}): {manifest.path} names no files under dataFiles,"
                " reportKeys or blobs: is it an export's manifest?"
            )
            raise DoorFailed(message)
        found = []
        for name in names:
            one = _found(name, stored)
            if one is None:
                message = (
                    f"{self.name} ({self.url}): {manifest.path} names {name}, which is not there;"
                    " the delivery is taken when it is whole."
                )
                raise DoorFailed(message)
            found.append(one)
        return found

    def _refuse_moved(self, manifest: Stored) -> None:
        now = self.stored().get(manifest.path)
        if now is None or _version(now) != _version(manifest):
            message = (
                f"{self.name} ({self.url}): {manifest.path} was replaced while its files were"
                " read; the next run takes what stands then."
            )
            raise DoorFailed(message)


def _version(one: Stored) -> str:
    """Return a version that changes also when the same bytes are written again."""
    return f"{uri(one)} {one.modified.isoformat()}"


def _delivery(path: str) -> str:
    """Return what a manifest delivers: its export and billing period.

    Examples:
        >>> _delivery("bill/metadata/BILLING_PERIOD=2026-01/9f3c/bill-Manifest.json")
        'bill/metadata/BILLING_PERIOD=2026-01'
        >>> _delivery("focus/20260101-20260131/0d5c7e/manifest.json")
        'focus/20260101-20260131'
        >>> _delivery("focus/manifest.json")
        'focus'
    """
    parts = path.split("/")[:-1]
    for number, part in enumerate(parts):
        if _PERIOD.match(part):
            return "/".join(parts[: number + 1])
    return "/".join(parts)


def _files(manifest: Any) -> list[str]:
    """Return the paths of the files that a manifest names, whoever wrote it."""
    if not isinstance(manifest, dict):
        return []
    plain: Sequence[Any] = manifest.get("dataFiles") or manifest.get("reportKeys") or []
    blobs = [blob.get("blobName") for blob in manifest.get("blobs") or [] if isinstance(blob, dict)]
    return [str(name) for name in (*plain, *blobs) if name]


def _found(name: str, stored: dict[str, Stored]) -> Stored | None:
    """Return the object that a manifest means: it may name bucket and prefix too, or not."""
    path = unquote(urlsplit(name).path if "://" in name else name).lstrip("/")
    while path:
        if path in stored:
            return stored[path]
        path = path.partition("/")[2]
    return None
