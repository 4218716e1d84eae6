"""IAM policies as AWS decides on them: actions, resources and conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from infra.local.calls import Call


@dataclass(frozen=True)
class Statement:
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    present: frozenset[str] = frozenset()

    def allows(self, action: str, resource: str, context: dict[str, str]) -> bool:
        return (
            action in self.actions
            and any(fnmatchcase(resource, pattern) for pattern in self.resources)
            and all(context.get(key) in values for key, values in self.conditions.items())
            and self.present <= context.keys()
        )


def statements(policy: dict) -> list[Statement]:
    return [_statement(each) for each in policy["Statement"]]


def _statement(given: dict) -> Statement:
    assert given["Effect"] == "Allow"
    assert set(given) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, (
        "a kind of rule that is not decided here"
    )
    conditions = given.get("Condition", {})
    assert set(conditions) <= {"StringEquals", "ArnEquals", "Null"}, "a condition that is not decided here"
    wanted = {**conditions.get("StringEquals", {}), **conditions.get("ArnEquals", {})}
    equals = {key: tuple(_listed(values)) for key, values in wanted.items()}
    assert not any("*" in value or "?" in value for values in equals.values() for value in values), (
        "a condition that is not decided here"
    )
    nulls = conditions.get("Null", {})
    assert set(nulls.values()) <= {"false"}, "a condition that is not decided here"
    return Statement(
        tuple(_listed(given["Action"])), tuple(_listed(given["Resource"])), equals, frozenset(nulls)
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def refused(policy: dict, calls: list[Call]) -> list[tuple[str, str]]:
    """Return recorded actions that are not allowed: action and resource."""
    rules = statements(policy)
    return sorted(
        {
            (call.action, resource)
            for call in calls
            for resource in call.resources
            if not any(rule.allows(call.action, resource, call.context) for rule in rules)
        }
    )


def unused(policy: dict, calls: list[Call]) -> set[tuple[str, str]]:
    """Return allowed actions that were never recorded: action and resource, by statement."""
    return {
        (action, pattern)
        for rule in statements(policy)
        for action, pattern in _pairs(rule)
        if _can_be_about(action, pattern)
        and not any(
            call.action == action and any(fnmatchcase(resource, pattern) for resource in call.resources)
            for call in calls
        )
    }


def _pairs(rule: Statement) -> Iterator[tuple[str, str]]:
    for action in rule.actions:
        for pattern in rule.resources:
            yield action, pattern


def _can_be_about(action: str, pattern: str) -> bool:
    """GetDatabase is about no table, though a statement may name both."""
    return not (action == "glue:GetDatabase" and ":table/" in pattern)
