"""Sharing whole amounts so that nothing is lost: Hamilton's largest remainder."""

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)


def _in_bytes(key: Any) -> tuple[bytes, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(str(part).encode() for part in parts)


def largest_remainder(amount: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    """Share a whole amount in proportion to whole weights.

        share = floor(|amount| * weight / W), then one unit each by descending remainder,
        ties by key ascending (UTF-8 bytes); the sign is put back

    The shares sum to ``amount``. Weights of 0 get nothing and are left out.

    Raises:
        ValueError: A weight is negative, or all are 0: there is nobody to share with.

    Examples:
        >>> largest_remainder(10, {"a": 1, "b": 1, "c": 1})
        {'a': 4, 'b': 3, 'c': 3}
        >>> largest_remainder(-1_000_000_000, {"x": 2, "y": 1})
        {'x': -666666667, 'y': -333333333}
    """
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError("weights must not be negative and must not all be 0")
    size, sign = abs(amount), -1 if amount < 0 else 1
    shares, rests = {}, []
    for key, weight in weights.items():
        if weight:
            shares[key], rest = divmod(size * weight, total)
            rests.append((-rest, _in_bytes(key), key))
    left = size - sum(shares.values())
    for _, _, key in sorted(rests)[:left]:
        shares[key] += 1
    return {key: sign * share for key, share in shares.items()}


def to_nano(amount: int, unit: int) -> int:
    """Round a whole number of 1/``unit`` half away from zero to nano-units.

    Examples:
        >>> to_nano(1_500_000, 10**15), to_nano(-1_500_000, 10**15), to_nano(-400_000, 10**15)
        (2, -2, 0)
    """
    per_nano = unit // 10**9
    size = (2 * abs(amount) + per_nano) // (2 * per_nano)
    return -size if amount < 0 else size
