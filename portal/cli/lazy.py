"""A command group that imports its commands on use, because pandas takes a second to import."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A command group that imports commands on use.

    `modules` maps the name of such a command to its module, whose `COMMANDS` contain the command.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return super().get_command(ctx, cmd_name)
        commands: tuple[click.Command, ...] = import_module(self._modules[cmd_name]).COMMANDS
        return next(command for command in commands if command.name == cmd_name)
