"""Read elements of FHIR R4 resources: codings, references, names, periods, extensions.

Data types: https://hl7.org/fhir/R4/datatypes.html; references: https://hl7.org/fhir/R4/references.html.
Every number is kept as the text that was received.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Element = dict[str, Any]

NPI = "http://hl7.org/fhir/sid/us-npi"
"""System of National Provider Identifiers: https://hl7.org/fhir/R4/identifier-registry.html"""


def listed(element: Element, name: str) -> list[Element]:
    """Return the objects of an array; empty if it is missing or no array."""
    found = element.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def child(element: Element, *path: str) -> Element:
    """Return a descendant object; empty if any part of the path is missing. Of arrays, the first element."""
    for name in path:
        found = element.get(name)
        found = found[0] if isinstance(found, list) and found else found
        element = found if isinstance(found, dict) else {}
    return element


def text(element: Element, name: str) -> str | None:
    """Return a primitive value as text, and a boolean as true or false; None if it is missing."""
    found = element.get(name)
    if isinstance(found, bool):
        return str(found).lower()
    return found if isinstance(found, str) and found else None


def first_text(element: Element, name: str) -> str | None:
    """Return the first value of an array of primitive values."""
    found = element.get(name)
    return found[0] if isinstance(found, list) and found and isinstance(found[0], str) else None


def coding(concept: Element, *systems: str) -> Element:
    """Return the coding in the first of the `systems` that a concept has, otherwise its first coding."""
    codings = listed(concept, "coding")
    for system in systems:
        for each in codings:
            if each.get("system") == system:
                return each
    return codings[0] if codings else {}


def code(concept: Element, *systems: str) -> str | None:
    """Return the code of a concept, otherwise its text."""
    return text(coding(concept, *systems), "code") or text(concept, "text")


def label(concept: Element, *systems: str) -> str | None:
    """Return the text of a concept, otherwise the display of its coding."""
    return text(concept, "text") or text(coding(concept, *systems), "display")


def identifier(resource: Element, system: str) -> str | None:
    """Return the value of the first identifier of a system."""
    return next(
        (text(each, "value") for each in listed(resource, "identifier") if each.get("system") == system), None
    )


def extension(element: Element, url: str) -> Element:
    return next((each for each in listed(element, "extension") if each.get("url") == url), {})


def preferred(elements: Sequence[Element], *uses: str) -> Element:
    """Return the current element with the first of the `uses` that occurs, else the first current one."""
    current = [each for each in elements if each.get("use") != "old" and not child(each, "period").get("end")]
    for use in uses:
        for each in current:
            if each.get("use") == use:
                return each
    return current[0] if current else {}


def reference_key(reference: Element, type_: str) -> str | None:
    """Return the key by which a reference names its target, one of the target's `names`.

    `type_` is the type of the target if the reference does not say it. A relative or absolute URL is
    ``Type/id``; ``urn:uuid:`` is taken for an id, as bulk exports have no bundle in which to resolve it; a
    conditional (``Type?identifier=system|value``) or logical reference is ``system|value``. None for other
    references, for example to contained resources.
    """
    url = text(reference, "reference")
    if url is None:
        return _identifier_key(child(reference, "identifier"))
    if url.startswith("#"):
        return None
    if url.startswith("urn:uuid:"):
        return f"{type_}/{url.removeprefix('urn:uuid:')}"
    path, _, query = url.partition("?")
    if query:
        return query.removeprefix("identifier=") if query.startswith("identifier=") and "|" in query else None
    parts = path.partition("/_history/")[0].rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) > 1 else None


def _identifier_key(identifier: Element) -> str | None:
    system, value = text(identifier, "system"), text(identifier, "value")
    return f"{system}|{value}" if system and value else None


def reference_id(reference: Element, type_: str) -> str | None:
    """Return the id that a reference to a resource of this type contains; None without one."""
    key = reference_key(reference, type_) or ""
    return key.removeprefix(f"{type_}/") if key.startswith(f"{type_}/") else None


def names(resource: Element) -> str | None:
    """Return all keys by which references name a resource, separated by line feeds."""
    type_, id_ = text(resource, "resourceType"), text(resource, "id")
    keys = [f"{type_}/{id_}"] if id_ else []
    keys.extend(key for each in listed(resource, "identifier") if (key := _identifier_key(each)))
    return "\n".join(dict.fromkeys(keys)) or None


def contained(resource: Element, reference: Element) -> Element:
    """Return the contained resource that a reference (``#id``) names; empty if there is none."""
    url = text(reference, "reference") or ""
    found = (each for each in listed(resource, "contained") if f"#{each.get('id')}" == url)
    return next(found, {})


def human_name(name: Element) -> str | None:
    """Return a name as one text."""
    return text(name, "text") or " ".join(_name_parts(name)) or None


def _name_parts(name: Element) -> Iterator[str]:
    for part in ("prefix", "given"):
        found = name.get(part)
        yield from (each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
    if family := text(name, "family"):
        yield family
