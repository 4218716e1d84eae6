"""What a command works on: the laptop cloud of a state folder, or AWS."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal.core.auth import caller
from portal.core.context import Aws, ServiceError
from portal.core.settings import Settings


class Session:
    """Starts a laptop cloud for the command's duration where none runs; `HDP_TARGET=aws` speaks to AWS."""

    def __init__(self, state: Path, target: str, cloud: Callable[..., Any]) -> None:
        if target not in {"laptop", "aws"}:
            raise ServiceError(f"HDP_TARGET is '{target}': it is laptop or aws.")
        self.state = state
        self.target = target
        self._make = cloud
        self._cloud: Any = None

    @property
    def aws(self) -> Aws:
        if self.target == "laptop":
            self.start()
            return Aws(Settings.from_environment())
        aws = Aws(Settings.from_environment())
        return aws.acting(caller(aws.client("sts").get_caller_identity()["Arn"], aws.settings.role))

    def start(self, port: int = 0, *, engine: str | None = None, wait: bool = True) -> Any:
        """Start the laptop cloud; this process's environment points at it from here on.

        Without `engine`, jobs run on HDP_ENGINE or, without that, on the engine of the running cloud.
        """
        if self.target == "aws":
            raise ServiceError("HDP_TARGET is aws: there is no laptop cloud to start. Unset it first.")
        if self._cloud is None:
            self._cloud = self._make(self.state, port, engine=engine)
            self._cloud.start(wait=wait)
            user = os.environ.get("HDP_USER")
            role = os.environ.get("HDP_ROLE")
            name = user or os.environ.get("USER") or "laptop"
            surroundings = self._cloud.environment()
            for variable in [v for v in os.environ if v.startswith(("AWS_", "HDP_"))]:
                del os.environ[variable]
            os.environ.update(surroundings)
            os.environ["HDP_USER"] = name
            if role:
                os.environ["HDP_ROLE"] = role
        return self._cloud

    def close(self) -> None:
        if self._cloud is not None:
            self._cloud.stop()
            self._cloud = None
