"""List and change the roles and deputies of people.

A change is recorded in the audit log first. It is written only if nobody has changed the file since it was
read; otherwise the file is read again, and the change is applied to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.lake.store import read_json, write_json
from portal.audit import service as audit_log
from portal.core.auth import ROLES, Role, User, label
from portal.core.context import Context
from portal.core.errors import ServiceError, is_aws_error
from portal.core.rights import open_to_all, requires
from portal.people.roles_file import Deputy, Person, RolesFile, checked_id, checked_name, parse

log = logging.getLogger("portal")

LONGEST_DEPUTYSHIP = timedelta(days=366)
CACHE_SECONDS = 30.0
"""How many seconds a person may keep the roles from before a change."""

_TRIES = 5
_LONGEST_REASON = 500

Change = Callable[[RolesFile], RolesFile]


@requires("manage_roles")
def list_people(context: Context) -> list[Person]:
    """Return the people of the roles file, by name."""
    return sorted(_read(context)[0].people.values(), key=lambda person: (person.name, person.person_id))


@requires("manage_roles")
def grant(context: Context, person: str, roles: Sequence[Role], *, name: str = "", reason: str) -> Person:
    """Give a person further roles, and add the person to the file if it does not name them.

    Raise `ServiceError` if the person is the user, because nobody may extend their own roles.
    """
    person_id = checked_id(person)
    _refuse_own(context, person_id, "Your own roles")
    added = _checked_roles(roles)

    def change(file: RolesFile) -> RolesFile:
        present = file.people.get(person_id) or Person(person_id, checked_name(name, person_id))
        shown = checked_name(name, person_id) if name.strip() else present.name
        return file.with_person(replace(present, name=shown, roles=_ordered({*present.roles, *added})))

    target = {"person": person_id, "granted": ", ".join(map(label, added))}
    return _change(context, change, target, reason).person(person_id)


@requires("manage_roles")
def revoke(context: Context, person: str, roles: Sequence[Role], *, reason: str) -> None:
    """Take roles from a person; without any role left, remove the person and their deputies from the file.

    Raise `ServiceError` if the person lacks one of the roles, or is the last administrator of the file.
    """
    person_id = checked_id(person)
    removed = _checked_roles(roles)

    def change(file: RolesFile) -> RolesFile:
        present = file.person(person_id)
        if missing := [role for role in removed if role not in present.roles]:
            raise ServiceError(
                f"'{person_id}' does not have the role {label(missing[0])} by the roles file. "
                "A role given by a group of the sign-in service is removed there."
            )
        kept = file.with_person(replace(present, roles=_ordered(set(present.roles) - {*removed})))
        if file.administrators and not kept.administrators:
            raise ServiceError(
                f"'{person_id}' is the last administrator of the roles file. Name another one first."
            )
        return kept

    _change(context, change, {"person": person_id, "revoked": ", ".join(map(label, removed))}, reason)


@requires("manage_roles")
def name_deputy(
    context: Context, person: str, deputy: str, first: date, last: date, *, reason: str
) -> Person:
    """Name a deputy who may review and sign for a clinician from the first to the last day.

    Raise `ServiceError` if the user would become the deputy, the person is not a clinician by the roles file,
    or the days are not possible.
    """
    person_id, deputy_id = checked_id(person), checked_id(deputy)
    _refuse_own(context, deputy_id, "Your own deputyships")
    named = _checked_deputy(person_id, deputy_id, first, last)

    def change(file: RolesFile) -> RolesFile:
        present = file.person(person_id)
        if "clinician" not in present.roles:
            raise ServiceError(f"'{person_id}' is not a clinician by the roles file, and signs no release.")
        others = tuple(each for each in present.deputies if each.person != deputy_id)
        return file.with_person(replace(present, deputies=(*others, named)))

    target = {"person": person_id, "deputy": deputy_id, "from": str(first), "to": str(last)}
    return _change(context, change, target, reason).person(person_id)


@requires("manage_roles")
def end_deputy(context: Context, person: str, deputy: str, *, reason: str) -> Person:
    """End a deputyship at once; raise `ServiceError` if it does not exist."""
    person_id, deputy_id = checked_id(person), checked_id(deputy)

    def change(file: RolesFile) -> RolesFile:
        present = file.person(person_id)
        kept = tuple(each for each in present.deputies if each.person != deputy_id)
        if kept == present.deputies:
            raise ServiceError(f"'{deputy_id}' is not a deputy of '{person_id}'.")
        return file.with_person(replace(present, deputies=kept))

    return _change(context, change, {"person": person_id, "ended deputy": deputy_id}, reason).person(
        person_id
    )


@requires("review")
def assignees(context: Context) -> list[Person]:
    """Return the people of the roles file who may answer a query, by name; none without a roles file."""
    able = [each for each in _cached(context).people.values() if _may_answer(each)]
    return sorted(able, key=lambda person: (person.name, person.person_id))


def _may_answer(person: Person) -> bool:
    return User(person.name, "viewer").with_roles(person.roles).may("query")


@open_to_all
def with_roles(context: Context, user: User) -> User:
    """Return a user with the roles and deputyships of the file, which is cached for `CACHE_SECONDS`.

    The file only adds to what the sign-in service gives. If it cannot be read, the user has only what
    the sign-in service gives.
    """
    return _cached(context).applied_to(user, datetime.now(UTC).date())


_files: dict[str, tuple[float, RolesFile]] = {}
"""Roles files by URI, with the time at which they are read again."""


def _cached(context: Context) -> RolesFile:
    uri = context.lake.roles_file()
    until, file = _files.get(uri, (0.0, RolesFile()))
    if time.monotonic() >= until:
        file = _read_or_empty(context)
        _files[uri] = (time.monotonic() + CACHE_SECONDS, file)
    return file


def _read_or_empty(context: Context) -> RolesFile:
    try:
        return _read(context)[0]
    except Exception as error:
        if not isinstance(error, ServiceError) and not is_aws_error(error):
            raise
        log.warning("roles file not read: %s", type(error).__name__)
        return RolesFile()


def _read(context: Context) -> tuple[RolesFile, dict[str, Any]]:
    """Return the file, and the condition of a write that replaces exactly this version of it."""
    try:
        stored = read_json(context.client("s3"), context.lake.roles_file())
    except ValueError:  # not JSON
        stored = ({}, "")
    if stored is None:
        return RolesFile(), {"IfNoneMatch": "*"}
    return parse(stored[0]), {"IfMatch": stored[1]}


def _change(context: Context, change: Change, target: dict[str, str], reason: str) -> RolesFile:
    """Apply a change to the roles file and return the new file; raise `ServiceError` if it is refused."""
    why = _checked_reason(reason)
    change(_read(context)[0])  # refuse an impossible change before recording it
    with audit_log.recorded(context, "change_roles", target, reason=why):
        for _ in range(_TRIES):
            present, condition = _read(context)
            changed = change(present)
            if write_json(context.client("s3"), context.lake.roles_file(), changed.document(), **condition):
                _files.pop(context.lake.roles_file(), None)
                return changed
        raise ServiceError("Other administrators changed the roles at the same time. Try again.")


# checks


def _refuse_own(context: Context, person_id: str, what: str) -> None:
    """Raise `ServiceError` if the person is the user: administrators cannot extend their own rights."""
    if Person(person_id, "").is_user(context.user):
        raise ServiceError(f"{what} can only be extended by another administrator.")


def _checked_roles(roles: Sequence[Role]) -> tuple[Role, ...]:
    if unknown := [role for role in roles if role not in ROLES]:
        raise ServiceError(f"'{unknown[0]}' is not a role. Use one of {', '.join(ROLES)}.")
    if not roles:
        raise ServiceError("No role is selected. Select at least one.")
    return _ordered({*roles})


def _ordered(roles: set[Role]) -> tuple[Role, ...]:
    return tuple(role for role in ROLES if role in roles)


def _checked_deputy(person_id: str, deputy_id: str, first: date, last: date) -> Deputy:
    today = datetime.now(UTC).date()
    if person_id == deputy_id:
        raise ServiceError(f"'{person_id}' cannot be their own deputy. Name another person.")
    if not first <= last:
        raise ServiceError(f"The deputyship begins on {first}, after its end on {last}. Swap the dates.")
    if last < today or last - first > LONGEST_DEPUTYSHIP:
        raise ServiceError(
            f"The deputyship from {first} to {last} must not be over already, "
            f"and must not last longer than {LONGEST_DEPUTYSHIP.days} days."
        )
    return Deputy(deputy_id, first, last)


def _checked_reason(reason: str) -> str:
    cleaned = reason.strip()
    if not cleaned:
        raise ServiceError("Enter a reason for the change. It is recorded in the audit log.")
    if len(cleaned) > _LONGEST_REASON:
        raise ServiceError(f"The reason has {len(cleaned):,} characters. The maximum is {_LONGEST_REASON}.")
    return cleaned
