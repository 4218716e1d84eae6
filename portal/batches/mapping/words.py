"""The words of a column's name, with abbreviations and other languages replaced by usual English words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_PHRASES = (
    (r"\bmed(ical)? ?rec(ord)?( ?(no|nr|nbr|num|number|id))?\b", "mrn"),
    (r"\bd o b\b", "dob"),
    (r"\brx ?norm( cui)?\b|\brx ?cui\b", "rxnorm"),
    (r"\bicd ?(9|10)( ?(cm|gm))?\b", "icd"),
    (r"\be mail\b", "email"),
    (r"\bdate of birth\b", "dob"),
    (r"\bfecha (de )?nacimiento\b|\bdate (de )?naissance\b", "dob"),
    (r"\bcode postal\b|\bcodigo postal\b", "zip"),
    (r"\blength of stay\b", "los"),
    (r"\bsocial security\b", "ssn"),
    (r"\bdate of death\b", "death date"),
    (r"\bcheck ?in\b", "arrival"),
    (r"\bcheck ?out\b", "departure"),
    (r"\bin ?out\b", "class"),
    (r"\bwhy not\b", "reason"),
)

_SYNONYMS = {
    "patient": "pat pt pats patients paciente patienten person subject member client",
    "encounter": "enc encntr visit stay csn episode episodio hadm admission_no fall acct account "
    "encounters vis",
    "identifier": "id no nr nbr num number key ident identifier nummer numero ref #",
    "date": "dt dte date datum fecha day",
    "time": "tm time hora uhrzeit zeit",
    "datetime": "dttm datetime timestamp ts",
    "admit": "adm admit admitted admission admissions admitting aufnahme ingreso entree",
    "discharge": "disch dis dsch dc discharge discharged entlassung entlassungs alta sortie",
    "birth": "birth born birthday birthdate bdate bday geburts geburt geburtsdatum nacimiento naissance",
    "dob": "dob",
    "death": "death died deceased expired dod deathdate tod muerte deces",
    "last": "last surname family lname lastname nachname apellido apellidos nom",
    "first": "first given forename fname firstname vorname nombre prenom",
    "sex": "sex gender gndr sexo sexe geschlecht",
    "name": "name nm names",
    "zip": "zip zipcode zip5 postal postcode plz",
    "state": "state st",
    "city": "city town ort ciudad ville",
    "street": "street address addr strasse addresse adresse direccion street1",
    "phone": "phone telephone tel phone1 telefono telefon mobile cell",
    "email": "email mail",
    "race": "race",
    "ethnicity": "ethnic ethnicity ethn",
    "language": "language lang",
    "marital": "marital mstat maritalstatus",
    "payer": "payer payor insurance ins insurer plan coverage",
    "mrn": "mrn",
    "updated": "updated update upd modified changed lastupdated storetime updt updatedat",
    "provider": "provider prov doctor physician doc attending attend clinician nurse arzt ordering medico",
    "npi": "npi",
    "specialty": "specialty speciality spec",
    "department": "department dept unit ward service location fachabteilung abteilung servicio svc clinic "
    "station",
    "class": "class cls type kind typ encountertype",
    "diagnosis": "diagnosis dx diag hauptdiagnose diagnose diagnostico diagnosa condition icd diagnosetext",
    "description": "description desc text txt label display descr",
    "disposition": "disposition disp",
    "cost": "cost charge charges chg chgs total_cost amount_billed kosten betrag coste",
    "total": "total tot",
    "start": "start begin from arrival registered registration reg in arrived onset",
    "end": "end stop to departure out left departed",
    "dose": "dose dosage amount amt dosis qty_given strength",
    "unit": "unit units uom",
    "route": "route rte via how",
    "medication": "medication med drug rx medicine substance meds product",
    "given": "given administered administration admin administer mar",
    "ordered": "ordered order orders prescribed prescription",
    "dispensed": "dispense dispensed dispensing dispenses fill filled",
    "due": "due scheduled sched schedule planned",
    "status": "status state_of result action outcome stat",
    "reason": "reason why",
    "scanned": "scanned scan barcode bcma",
    "rxnorm": "rxnorm",
    "ndc": "ndc",
    "code": "code cd codes",
    "principal": "principal prin primary prim main",
    "at": "at on",
    "value": "value",
    "home": "home mailing legal current mail",
    "hospital": "hosp hospital admin_sex",
    "chart": "chart",
    "full": "full complete",
    "relative": "mother father parent guardian spouse relative contact emergency kin guarantor subscriber",
    "clerk": "create created creator user entered_by bill billed billing bed assigned",
    "middle": "middle suffix prefix maiden",
    "los": "los",
    "event": "event entry item record row",
}

WORDS = {word: usual for usual, words in _SYNONYMS.items() for word in words.split()}

_SPLIT = {**WORDS, **{usual: usual for usual in _SYNONYMS}}


@cache
def words(name: str) -> tuple[str, ...]:
    """Return the usual words of a column's name: "PAT_ADMIT_DTTM" gives ("patient", "admit", "datetime")."""
    text = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z]+$)", " ", name))
    plain = "".join(char for char in text if not unicodedata.combining(char)).lower().replace("#", " # ")
    plain = re.sub(r"\(.*?\)", " ", plain) if re.sub(r"\(.*?\)", "", plain).strip() else plain
    plain = " ".join(re.findall(r"[^\W_]+|#", plain))
    for pattern, phrase in _PHRASES:
        plain = re.sub(pattern, phrase, plain)
    found = [usual for token in plain.split() for usual in _usual(token)]
    return tuple(dict.fromkeys(found))


def _usual(token: str) -> list[str]:
    if token in _SPLIT:
        return [_SPLIT[token]]
    return _segments(token) or [token]


def _segments(token: str) -> list[str]:
    """Split a token without separators into known words ("admittime"); return [] if that is not possible."""
    if not token:
        return []
    for end in range(len(token), 1, -1):
        head, rest = token[:end], token[end:]
        if head not in _SPLIT:
            continue
        more = _segments(rest) if rest else []
        if more or not rest:
            return [_SPLIT[head], *more]
    return []
