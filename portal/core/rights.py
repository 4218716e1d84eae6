"""Declare the right that a service function requires; users without it are refused before the function runs.

A service function is a public function that takes a `Context`. The contexts of pages and commands are sealed:
they give AWS clients only to functions that declare a right, so a function without a declaration cannot read
anything from AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from portal.core.auth import Right
from portal.core.context import Context

P = ParamSpec("P")
R = TypeVar("R")

Service = Callable[Concatenate[Context, P], R]

DECLARED = "required_right"
"""Name of the attribute with the right of a service function; its value is None if all may call it."""


def requires(right: Right) -> Callable[[Service[P, R]], Service[P, R]]:
    """Declare that a service function requires `right`: `@requires("query")`."""
    return lambda function: _declared(function, right)


def open_to_all(function: Service[P, R]) -> Service[P, R]:
    """Declare that a service function requires no right, not even a sign-in."""
    return _declared(function, None)


def _declared(function: Service[P, R], right: Right | None) -> Service[P, R]:
    @wraps(function)
    def checked(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if right is not None:
            context.require(right)
        return function(context.unsealed(), *args, **kwargs)

    setattr(checked, DECLARED, right)
    return checked
