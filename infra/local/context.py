"""Settings shared by all services of the laptop cloud."""

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
    """Settings of one laptop cloud; its buckets are below `root`, most of its other files below `work`."""

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

    def path(self, uri: str) -> Path:
        """Return the file or directory of an S3 URI."""
        bucket, key = split(uri)
        return self.root / bucket / key
