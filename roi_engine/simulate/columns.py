"""Columns made whole: random ids, names by index, flags."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa


def hex_ids(rng: np.random.Generator, count: int, size: int = 8) -> pl.Series:
    """Return ``count`` random ids of ``size`` bytes as lower-case hexadecimal text.

    Examples:
        >>> ids = hex_ids(np.random.default_rng(1), 3)
        >>> ids.len(), ids.str.len_bytes().unique().to_list()
        (3, [16])
    """
    width = 2 * size
    text = rng.bytes(size * count).hex().encode()
    offsets = np.arange(0, width * count + 1, width, dtype=np.int64) if count else np.zeros(1, "i8")
    column = pa.Array.from_buffers(
        pa.large_string(), count, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text)]
    )
    return pl.Series(pl.from_arrow(column))


def names(values: tuple[str | None, ...] | list[str | None], index: np.ndarray) -> pl.Series:
    """Return ``values[index]`` as a text column; an index of -1 is NULL.

    Examples:
        >>> names(("a", "b"), np.array([1, -1, 0])).to_list()
        ['b', None, 'a']
    """
    table = pl.Series([*values, None], dtype=pl.String)
    return table.gather(np.where(index < 0, len(values), index))


def marked(flags: np.ndarray) -> pl.Series:
    """Return True where a flag is set and NULL elsewhere: a field that is only ever set.

    Examples:
        >>> marked(np.array([True, False])).to_list()
        [True, None]
    """
    return pl.Series(flags).replace(False, None)


def by_day(frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the rows of each ``file_day``; the frame must be sorted by it.

    Examples:
        >>> [(day, rows.height) for day, rows in by_day(pl.DataFrame({"file_day": [0, 0, 2]}))]
        [(0, 2), (2, 1)]
    """
    days, starts = np.unique(frame["file_day"].to_numpy(), return_index=True)
    ends = [*starts.tolist(), frame.height][1:]
    for day, start, end in zip(days.tolist(), starts.tolist(), ends, strict=True):
        yield day, frame.slice(start, end - start)
