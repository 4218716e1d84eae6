"""Hostile uploads, made from a seed: encodings, NULs, quotes, delimiters, wide rows, bombs, paths."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

HEADER = b"patient_id,mrn,first_name,birth_date,sex,updated_at\n"
NAMES = ("patients.csv", "../../etc/passwd.csv", "a\nb.csv", "C:\\x\\e.csv", "p" * 300 + ".csv", "x.csv.gz")
PIECES = (
    b"\0", b'"', b'""', b",", b"\t", b"|", b";", b"\r", b"\n", b"\r\n", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\xc3\x28", b"\xed\xa0\x80", b"P1,M,Ada,1980-01-01,F,2025-01-01\n", b'"P1\n', b"=cmd|' /C calc'!A0",
    b"{}", b"PAR1", b'{"resourceType":"Patient"}\n', b"PK\x03\x04", b"\x1f\x8b\x08\0",
    "\u00e9\u202e\u2028".encode(), b"9" * 400, b"," * 5000,
)  # fmt: skip


def upload(seed: int) -> tuple[str, bytes]:
    """Return name and content of one upload."""
    chance = random.Random(seed)
    return chance.choice(NAMES), chance.choice((_text, _text, _text, _wide, _packed, _archive, _cut))(chance)


def _text(chance: random.Random) -> bytes:
    start = chance.choice((HEADER, HEADER, b"", HEADER.replace(b",", b";"), HEADER.decode().encode("utf-16")))
    return start + b"".join(chance.choice(PIECES) for _ in range(chance.randrange(60)))


def _wide(chance: random.Random) -> bytes:
    width = chance.choice((1_000, 1_000, 1_000, 1_000, 20_000))
    return HEADER.strip() + b",c" * width + b"\n" + b"x," * chance.randrange(width) + b"\n"


def _packed(chance: random.Random) -> bytes:
    body = chance.choice((_text(chance), HEADER + b"\n" * 300_000, b"\0" * 3_000_000))
    packed = gzip.compress(body, 1)
    return packed[: chance.randrange(1, len(packed) + 1)] if chance.random() < 0.5 else packed


def _archive(chance: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in chance.sample(
            ("../up.csv", "/abs.csv", "patients.csv", "d/patients.csv", "in.zip", "n\0.csv"), 3
        ):
            archive.writestr(name, _text(chance) if chance.random() < 0.8 else b"\0" * 2_000_000)
    body = bytearray(buffer.getvalue())
    if chance.random() < 0.3:
        body[chance.randrange(len(body))] ^= 0xFF
    return bytes(body)


def _cut(chance: random.Random) -> bytes:
    body = _text(chance) + HEADER
    return body[: chance.randrange(len(body))]
