"""Build fixed-width Arrow string columns from numbers, as bytes in NumPy: faster than casts and joins."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

DAY = 86_400
_FIRST_DAY = int(np.datetime64("1850-01-01", "D").astype(int))


def column(*parts: Any) -> pa.Array:
    """Join the parts of each row; a part is a constant string or a matrix of bytes with one row per value."""
    rows = next(len(part) for part in parts if not isinstance(part, str))
    blocks = [_repeated(part, rows) if isinstance(part, str) else part for part in parts]
    data = np.concatenate(blocks, axis=1)
    offsets = np.arange(rows + 1, dtype=np.int32) * data.shape[1]
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data))


def digits(numbers: Any, width: int) -> Any:
    """Return the numbers as bytes with leading zeros; raise `ValueError` if one exceeds `width` digits."""
    numbers = np.asarray(numbers)
    if len(numbers) and numbers.max() >= 10**width:
        raise ValueError(f"{numbers.max()} has more than {width} digits.")
    if width <= 4:
        return _four_digits()[numbers][:, 4 - width :]
    return np.concatenate([digits(numbers // 10_000, width - 4), _four_digits()[numbers % 10_000]], axis=1)


def dates(days: Any) -> pa.Array:
    """Return days since 1970-01-01 as ISO dates."""
    return column(_dates(days))


def timestamps(seconds: Any) -> pa.Array:
    """Return seconds since 1970-01-01 as ISO 8601 timestamps in UTC."""
    seconds = np.asarray(seconds, dtype=np.int64)
    day = seconds // DAY
    return column(_dates(day), _times()[seconds - day * DAY])


def identifier(prefix: str, numbers: Any) -> pa.Array:
    return column(prefix, digits(numbers, 8))


def choose(values: tuple[str | None, ...], index: Any) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(index))


def _dates(days: Any) -> Any:
    return _calendar()[days - _FIRST_DAY]


def _repeated(text: str, rows: int) -> Any:
    return np.broadcast_to(np.frombuffer(text.encode(), np.uint8), (rows, len(text.encode())))


@cache
def _calendar() -> Any:
    """Return every ISO date from 1850 to 2199, one row of bytes each."""
    days = np.arange("1850-01-01", "2200-01-01", dtype="datetime64[D]").astype("S10")
    return days.view(np.uint8).reshape(-1, 10)


@cache
def _four_digits() -> Any:
    return np.frombuffer("".join(f"{n:04d}" for n in range(10_000)).encode(), np.uint8).reshape(-1, 4)


@cache
def _times() -> Any:
    """Return every second of a day as the bytes of `Thh:mm:ssZ`."""
    second = np.arange(DAY)
    parts = [digits(second // 3600, 2), digits(second // 60 % 60, 2), digits(second % 60, 2)]
    marks = [_repeated(mark, DAY) for mark in ("T", ":", ":", "Z")]
    return np.concatenate([marks[0], parts[0], marks[1], parts[1], marks[2], parts[2], marks[3]], axis=1)
