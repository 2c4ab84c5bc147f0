"""The key that hashes the ids of persons."""

import os
from pathlib import Path

from roi_engine.landing import vault

_KEY_BYTES = 32


class LostKey(Exception):
    """The lake's key cannot be used; the message is one sentence."""


def hmac_key(root: Path, given: str | None = None) -> bytes:
    """Return the key that hashes ids of persons: ``given``, else the lake's own.

    The lake's own key is made once: 32 random bytes in ``secrets/hmac.key``, for its owner only.

    Raises:
        LostKey: The key file is there and is not a key.
    """
    if given:
        return given.encode()
    path = root / "secrets" / "hmac.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = vault.scratch(root) / "hmac.key"
        draft.touch(mode=0o600)
        draft.write_bytes(os.urandom(_KEY_BYTES))
        try:
            os.link(draft, path)  # fails where another run was first: its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise LostKey(f"{path} does not hold {_KEY_BYTES} bytes: put the lost key back.")
    return key
