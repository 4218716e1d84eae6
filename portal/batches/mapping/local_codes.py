"""Usual local codes and words of hospitals, and the contract's codes that they stand for.

They are proposals: a table of codes is never used before a person has confirmed it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.reference.code_lists import CODE_LISTS

_WORDS: dict[str, dict[str, str]] = {
    "sex": {
        "F": "2 f fem female femenino femme woman w weiblich mujer feminin",
        "M": "1 m masc male masculino homme man h männlich hombre masculin varon",
        "X": "3 x other o divers d nonbinary",
        "U": "9 0 u unknown unk unbekannt",
    },
    "encounter_class": {
        "IMP": "i ip inp inpt inpatient admission hospital stationär",
        "EMER": "e er ed emerg emergency emergency_room emergency_department notfall a&e",
        "AMB": "o op outp outpt outpatient clinic ambulatory day_surgery same_day_surgery office ambulant",
        "OBSENC": "obs observation",
        "VR": "v tele telehealth telemedicine virtual video",
        "HH": "hh home_health",
    },
    "route": {
        "PO": "po p.o. oral orally by_mouth mouth per_os",
        "IV": "iv i.v. intravenous iv_push ivp ivpb iv_piggyback iv_infusion",
        "IM": "im i.m. intramuscular",
        "SC": "sc sq s.c. subq subcut subcutaneous sub-q",
        "INH": "inh inhaled inhalation neb nebulizer nebulized",
        "TOP": "top topical topically",
        "PR": "pr rectal rectally per_rectum",
        "SL": "sl sublingual",
        "NAS": "nas nasal intranasal",
        "OPH": "oph ophthalmic eye",
        "TD": "td transdermal patch",
    },
    "status": {
        "completed": "completed complete given administered done finished taken dispensed",
        "not-done": "not-done not_done not_given notgiven refused held missed omitted not_administered",
        "active": "active pending new sent ordered",
        "stopped": "stopped discontinued dc d/c",
        "cancelled": "cancelled canceled",
        "on-hold": "on-hold on_hold suspended",
        "in-progress": "in-progress in_progress started infusing",
        "entered-in-error": "entered-in-error error entered_in_error",
    },
    "discharge_disposition": {
        "home": "home home_or_self_care home_self_care home/self_care home_health_care home_health routine "
        "discharged_home home_with_home_health",
        "snf": "snf skilled_nursing_facility nursing_home",
        "hospice": "hospice hospice_home hospice_-_home hospice_facility",
        "expired": "expired dead died deceased dead/expired",
        "ama": "ama left_against_medical_advice against_medical_advice left_against_medical_advi",
        "other": "other rehab rehabilitation transfer transferred short_term_hospital psychiatric_hospital "
        "long_term_care_hospital rehab/distinct_part_hosp",
    },
}

_CODES = {
    target: {word.replace("_", " "): code for code, words in codes.items() for word in words.split()}
    for target, codes in _WORDS.items()
}


def table(target: str, values: Sequence[str]) -> dict[str, str] | None:
    """Return the codes for the local values of a column, by value; None if most values are unknown.

    A value that is unknown, or that means two things, is left out: a person decides on it.
    """
    known = dict(_CODES[target])
    texts = {value.casefold() for value in values}
    if target == "sex" and texts & {"h", "hombre", "mujer", "femme", "homme"}:
        known["m"] = "F" if "h" in texts and "f" not in texts else "M"
    found = {value.casefold(): known[value.casefold()] for value in values if value.casefold() in known}
    return dict(sorted(found.items())) if 2 * len(found) > len(texts) else None


def knows(target: str) -> bool:
    """Return whether there are local codes for a bronze column."""
    return target in _CODES


def is_contract_code(target: str, value: str) -> bool:
    """Return whether the jobs read a value of a coded column as it is."""
    listed = CODE_LISTS.get(target)
    return value.casefold() in (listed or {code.casefold() for code in _WORDS.get(target, ())})
