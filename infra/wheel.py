"""Build the wheel of `pipeline` that the Glue jobs install; the same files give the same bytes.

The laptop cloud deploys it. On AWS, infra/terraform/glue.tf builds the same wheel; a test compares the two.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

PACKAGE = Path(str(files("pipeline")))
NAME = "hdp_pipeline-1-py3-none-any.whl"
"""Always version 1: the jobs refer to this file name, and the code bucket keeps its object versions."""

_SHIPPED = {".py", ".yaml", ".json", ".csv", ".sql"}
_INFO = "hdp_pipeline-1.dist-info"
_METADATA = "Metadata-Version: 2.1\nName: hdp-pipeline\nVersion: 1\n"
"""No dependencies: pip might install other versions when a job starts, or find none."""

_WHEEL = "Wheel-Version: 1.0\nGenerator: hdp\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel() -> bytes:
    members = {
        **package_files(),
        f"{_INFO}/METADATA": _METADATA.encode(),
        f"{_INFO}/WHEEL": _WHEEL.encode(),
    }
    lines = [f"{name},sha256={_hash(members[name])},\n" for name in sorted(members)]
    return archive({**members, f"{_INFO}/RECORD": "".join([*lines, f"{_INFO}/RECORD,,\n"]).encode()})


def package_files() -> dict[str, bytes]:
    """Return the files of the `pipeline` package by their names in an archive."""
    return {
        path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix in _SHIPPED and "__pycache__" not in path.parts
    }


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of `members`; the same members give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(members):
            out.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), members[name])
    return buffer.getvalue()


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
