"""What every engine of the laptop cloud is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.history import HistoryStore
from pipeline.lake.uris import Lake, split

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True)
class Context:
    """One laptop cloud: `state` is its folder; beneath it `s3` holds the objects, `cloud` everything else."""

    state: Path
    prefix: str
    endpoint: str
    workers: int
    engine: str
    store: HistoryStore
    environment: Mapping[str, str]
    on_stop: list[Callable[[], None]] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return Lake(self.prefix)

    @property
    def root(self) -> Path:
        return self.state / "s3"

    @property
    def work(self) -> Path:
        return self.state / "cloud"

    def path(self, address: str) -> Path:
        """The file or folder behind an S3 address."""
        bucket, key = split(address)
        return self.root / bucket / key
