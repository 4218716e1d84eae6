"""The roles file: people with their roles and deputies, by verified e-mail address or subject."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from portal.core.auth import ROLES, Principal, Role, User
from portal.core.errors import ServiceError

_EMAIL = re.compile(r"[^\s@/]+@[^\s@/]+\.[^\s@/]+")
_SUBJECT = re.compile(r"[\w.:@|+-]{1,128}", re.ASCII)
_LONGEST = 254


@dataclass(frozen=True)
class Deputy:
    """A person who may review and sign for another one, from the first to the last day (UTC)."""

    person: str
    first: date
    last: date

    def is_named_on(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Person:
    """A person of the roles file; `person_id` is a verified e-mail address in lower case or a subject."""

    person_id: str
    name: str
    roles: tuple[Role, ...] = ()
    deputies: tuple[Deputy, ...] = ()

    def is_user(self, user: User) -> bool:
        """Return whether a signed-in user is this person."""
        return self.person_id in {user.subject, user.email} - {""}


@dataclass(frozen=True)
class RolesFile:
    """All people of the roles file, by id. Changes return a new file."""

    people: Mapping[str, Person] = field(default_factory=dict)

    def person(self, person_id: str) -> Person:
        """Return a person; raise `ServiceError` if the file does not name them."""
        found = self.people.get(person_id)
        if found is None:
            raise ServiceError(f"The roles file has no person '{person_id}'. 'hdp roles list' lists them.")
        return found

    def with_person(self, person: Person) -> RolesFile:
        """Return the file with `person` added or replaced, or without them if they have no roles."""
        others = {key: each for key, each in self.people.items() if key != person.person_id}
        return RolesFile({**others, person.person_id: person} if person.roles else others)

    @property
    def administrators(self) -> list[str]:
        return [key for key, person in self.people.items() if "administrator" in person.roles]

    def applied_to(self, user: User, today: date) -> User:
        """Return a user with the roles and deputyships that the file gives them today."""
        own = [role for person in self.people.values() if person.is_user(user) for role in person.roles]
        deputy_for = [
            Principal(person.person_id, person.name)
            for person in self.people.values()
            if "clinician" in person.roles and not person.is_user(user)
            for deputy in person.deputies
            if deputy.is_named_on(today) and Person(deputy.person, "").is_user(user)
        ]
        return replace(user.with_roles(own), deputy_for=tuple(dict.fromkeys(deputy_for)))

    def document(self) -> dict[str, Any]:
        """Return the file as a JSON document, sorted by id."""
        return {
            "people": [
                {**asdict(person), "deputies": [_deputy_document(each) for each in person.deputies]}
                for _, person in sorted(self.people.items())
            ]
        }


def _deputy_document(deputy: Deputy) -> dict[str, str]:
    return {"person": deputy.person, "first": str(deputy.first), "last": str(deputy.last)}


def parse(document: Mapping[str, Any]) -> RolesFile:
    """Return the roles file of a JSON document; raise `ServiceError` if it is not valid."""
    try:
        people = [_parse_person(each) for each in document["people"]]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ServiceError(
            "The roles file of the lake (people/roles.json) is not valid, so nothing in it counts. "
            "An administrator of the lake must restore an earlier version of it."
        ) from None
    return RolesFile({person.person_id: person for person in people})


def _parse_person(document: Mapping[str, Any]) -> Person:
    deputies = tuple(
        Deputy(str(each["person"]), date.fromisoformat(each["first"]), date.fromisoformat(each["last"]))
        for each in document["deputies"]
    )
    roles = tuple(role for role in ROLES if role in document["roles"])
    if len(roles) != len(document["roles"]):
        raise ValueError("unknown role")
    return Person(str(document["person_id"]), str(document["name"]), roles, deputies)


def checked_id(text: str) -> str:
    """Return the id of a person: an e-mail address in lower case, or a subject of the sign-in service.

    Raise `ServiceError` for any other text.
    """
    cleaned = text.strip()
    if len(cleaned) <= _LONGEST and _EMAIL.fullmatch(cleaned):
        return cleaned.lower()
    if _SUBJECT.fullmatch(cleaned):
        return cleaned
    raise ServiceError(
        f"'{cleaned[:_LONGEST]}' is neither an e-mail address nor a sign-in ID "
        "(letters, digits and . : @ | + _ -). Copy it from the person's entry in the sign-in service."
    )


def checked_name(text: str, person_id: str) -> str:
    """Return the name of a person for signatures, or the id if `text` is blank.

    Raise `ServiceError` if the name is too long.
    """
    cleaned = " ".join(text.split()) or person_id
    if len(cleaned) > _LONGEST:
        raise ServiceError(f"The name has {len(cleaned)} characters. The maximum is {_LONGEST}.")
    return cleaned
