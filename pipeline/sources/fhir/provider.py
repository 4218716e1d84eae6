"""The clinician that a FHIR reference names."""

from __future__ import annotations

from pipeline.sources.fhir.elements import (
    NPI,
    Element,
    contained,
    human_name,
    identifier,
    listed,
    preferred,
    reference_key,
    text,
)


def provider(resource: Element, reference: Element) -> dict[str, str | None]:
    """Return key, identifier and name of a clinician, as far as the resource itself contains them.

    The identifier is the NPI if the reference or a contained resource has it, otherwise the id.
    """
    inner = contained(resource, reference)
    key = reference_key(reference, "Practitioner")
    name = human_name(preferred(listed(inner, "name"), "official", "usual"))
    return {
        "provider_key": key,
        "provider_id": identifier(inner, NPI) or _identifier(key),
        "provider_name": name or text(reference, "display"),
    }


def _identifier(key: str | None) -> str | None:
    if key and key.startswith(f"{NPI}|"):
        return key.removeprefix(f"{NPI}|")
    is_url = key is not None and key.startswith(("Practitioner/", "PractitionerRole/"))
    return key.partition("/")[2] if key and is_url else None
