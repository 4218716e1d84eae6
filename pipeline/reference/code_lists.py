"""Codes and words of coded columns, as sources write them, and the contract's codes that they stand for."""

from __future__ import annotations


def _same(*codes: str) -> dict[str, str]:
    return {each.lower(): each for each in codes}


SEX = {
    **_same("F", "M", "X", "U"),
    "female": "F",
    "male": "M",
    "other": "X",
    "o": "X",
    "un": "X",
    "unknown": "U",
    "unk": "U",
}
"""Codes and words of HL7 AdministrativeGender (v2 table 0001 and FHIR), mapped to the contract's codes."""

ENCOUNTER_CLASS = {
    **_same("AMB", "EMER", "IMP", "ACUTE", "OBSENC", "VR", "HH"),
    "ambulatory": "AMB",
    "emergency": "EMER",
    "inpatient": "IMP",
    "inpatient acute": "ACUTE",
    "observation": "OBSENC",
    "virtual": "VR",
    "home health": "HH",
}
"""Codes and words for encounter classes, mapped to HL7 v3 ActEncounterCode."""

ROUTE = {
    **_same("PO", "IV", "IM", "SC", "INH", "TOP", "PR", "SL", "NAS", "OPH", "TD"),
    "oral": "PO",
    "26643006": "PO",
    "intravenous": "IV",
    "47625008": "IV",
    "intramuscular": "IM",
    "78421000": "IM",
    "subcutaneous": "SC",
    "34206005": "SC",
    "inhalation": "INH",
    "447694001": "INH",
    "topical": "TOP",
    "6064005": "TOP",
    "rectal": "PR",
    "37161004": "PR",
    "sublingual": "SL",
    "37839007": "SL",
    "nasal": "NAS",
    "46713006": "NAS",
    "ophthalmic": "OPH",
    "54485002": "OPH",
    "transdermal": "TD",
    "45890007": "TD",
}
"""Short codes, words and SNOMED CT codes of routes, mapped to the short codes."""

STATUS = {
    **_same("in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"),
    **_same("active", "cancelled", "draft"),
    **_same("preparation", "declined"),
    "not done": "not-done",
    "in progress": "in-progress",
    "canceled": "cancelled",
}
"""Codes and spellings of statuses, mapped to FHIR R4 statuses of administrations, requests and dispenses.

A rule checks which of them the kind of event has.
"""

EVENT_KIND = {
    **_same("administration", "order", "dispense"),
    "medicationadministration": "administration",
    "medicationrequest": "order",
    "medicationdispense": "dispense",
}
"""Kinds of medication events and names of their FHIR resources, mapped to the contract's kinds."""

REASON_NOT_GIVEN = {
    **_same("refused", "asleep", "away", "vomiting", "fasting", "held", "unavailable", "no access", "other"),
    "patient refused": "refused",
    "vomit": "vomiting",
    "npo": "fasting",
    "off unit": "away",
    "medication not available": "unavailable",
    "no iv access": "no access",
}
"""Usual reasons for a dose not given, mapped to the contract's; Away, Asleep and Vomit are those of FHIR R4.

http://terminology.hl7.org/CodeSystem/reason-medication-not-given
"""

CODE_LISTS = {
    "sex": SEX,
    "encounter_class": ENCOUNTER_CLASS,
    "route": ROUTE,
    "status": STATUS,
    "event_kind": EVENT_KIND,
    "reason_not_given": REASON_NOT_GIVEN,
}
"""Code lists by column. A value in a column's list is not a null marker in that column."""
