"""The version of the code that makes the numbers: a hash of what can change them."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_FOLDERS = {
    PACKAGE: ("*.py",),
    PACKAGE.parent / "dbt_project": ("*.sql", "*.yml", "*.csv"),
    PACKAGE.parent / "expectations": ("*.py",),
}
_NO_NUMBERS = (
    *("simulate", "report", "operate", "lineage", "doors", "target", "logs"),
    *(
        "alerts.py",
        "cli.py",
        "conditions.py",
        "intake.py",
        "journal.py",
        "restatements.py",
        "status.py",
    ),
    "what_if.py",
)


@cache
def source_hash() -> str:
    """Return the hash of every file that can change a published number."""
    digest = hashlib.sha256()
    for folder, patterns in _FOLDERS.items():
        paths = {path for pattern in patterns for path in folder.rglob(pattern)}
        for path in sorted(paths):
            name = path.relative_to(folder)
            if not any(part in _NO_NUMBERS for part in name.parts):
                digest.update(f"{name.as_posix()}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def code_version(choices: Mapping[str, object]) -> str:
    """Return the version under given published choices (settings that change numbers)."""
    text = source_hash() + json.dumps(dict(choices), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
