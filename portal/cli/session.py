"""The installation that a command uses: the laptop cloud of a state directory, or AWS."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal.core.auth import user_from_arn
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.people import service as people

_KEPT = ("HDP_MAPPING_SECOND_PERSON",)
"""Settings of an installation that a laptop cloud takes from the terminal."""


class Session:
    """The installation that a command uses. A laptop cloud is started on first use, unless one is running."""

    def __init__(self, state: Path, target: str, cloud: Callable[..., Any]) -> None:
        if target not in {"laptop", "aws"}:
            raise ServiceError(f"HDP_TARGET is '{target}'. Set it to laptop or aws.")
        self.state = state
        self.target = target
        self._create = cloud
        self._cloud: Any = None

    @property
    def context(self) -> Context:
        """Return the context of the user who runs the command; on a laptop, first start or join the cloud."""
        if self.target == "laptop":
            self.start()
            context = Context(Settings.from_environment())
            user = context.user
        else:
            context = Context(Settings.from_environment())
            caller = context.client("sts").get_caller_identity()["Arn"]
            user = user_from_arn(caller, context.settings.role)
        return context.on_behalf_of(people.with_roles(context, user)).sealed()

    def start(self, port: int = 0, *, engine: str | None = None, wait: bool = True) -> Any:
        """Start or join the laptop cloud and return it; set this process's environment variables for its use.

        The engine is `engine`, else HDP_ENGINE, else that of the running cloud, else sail. Later calls return
        the same cloud and ignore their arguments. Raise `ServiceError` if the target is AWS.
        """
        if self.target == "aws":
            raise ServiceError(
                "HDP_TARGET is aws, so no laptop cloud is used. Unset HDP_TARGET to start one."
            )
        if self._cloud is None:
            self._cloud = self._create(self.state, port, engine=engine)
            self._cloud.start(wait=wait)
            user = os.environ.get("HDP_USER")
            role = os.environ.get("HDP_ROLE")
            kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
            name = user or os.environ.get("USER") or "laptop"
            variables = self._cloud.environment()
            for variable in [v for v in os.environ if v.startswith(("AWS_", "HDP_"))]:
                del os.environ[variable]
            os.environ.update({**variables, **kept})
            os.environ["HDP_USER"] = name
            if role:
                os.environ["HDP_ROLE"] = role
        return self._cloud

    def close(self) -> None:
        """Leave the laptop cloud, if one was joined. The cloud stops with the last command that uses it."""
        if self._cloud is not None:
            self._cloud.stop()
            self._cloud = None
