"""SQL that converts the CSV files of Synthea to the bronze columns.

Data dictionary: https://github.com/synthetichealth/synthea/wiki/CSV-File-Data-Dictionary

Medication rows are orders: START is the time of the order; dose and route are missing. An order with a STOP
is completed, otherwise active. The identifier of an order is a hash of start, patient, encounter and code
and, because these can repeat, of the rank of its row among those with the same; for a malformed row, it is a
hash of the whole row.

The principal diagnosis of an encounter is its reason. If it has none, it is the first of its conditions,
those whose description names a disorder before findings and situations. The identifier of a condition is a
hash of start, patient, encounter and code.
"""

from __future__ import annotations

REQUIRED = {
    "patients": frozenset({"Id", "BIRTHDATE", "FIRST", "LAST", "GENDER"}),
    "encounters": frozenset({"Id", "START", "STOP", "PATIENT", "ENCOUNTERCLASS"}),
    "medications": frozenset({"START", "PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION", "DISPENSES"}),
    "providers": frozenset({"Id", "NAME", "SPECIALITY"}),
    "diagnoses": frozenset({"START", "STOP", "PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION"}),
    "organizations": frozenset({"Id", "NAME", "ADDRESS", "REVENUE", "UTILIZATION"}),
}

NAMED = {"diagnoses": "condition"}
"""Word in the name of conditions.csv, because former versions of allergies.csv have the same columns."""

_CODED = frozenset({"PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION"})

NOT_NEEDED = {
    "allergies": _CODED | {"START"},
    "careplans": _CODED | {"Id", "START"},
    "claims": frozenset({"Id", "PATIENTID", "PROVIDERID", "DIAGNOSIS1"}),
    "claims_transactions": frozenset({"ID", "CLAIMID", "CHARGEID", "PATIENTID"}),
    "conditions": _CODED | {"START", "STOP"},
    "devices": _CODED | {"START", "UDI"},
    "imaging_studies": frozenset({"Id", "DATE", "PATIENT", "ENCOUNTER", "BODYSITE_CODE"}),
    "immunizations": _CODED | {"DATE"},
    "observations": frozenset({"DATE", "PATIENT", "CODE", "VALUE", "UNITS"}),
    "organizations": frozenset({"Id", "NAME", "ADDRESS", "CITY"}),
    "payer_transitions": frozenset({"PATIENT", "PAYER"}),
    "payers": frozenset({"Id", "NAME", "AMOUNT_COVERED"}),
    "procedures": _CODED,
    "supplies": _CODED | {"DATE", "QUANTITY"},
}
"""File types that are not loaded, with columns of each; the file name decides if several match."""

KEYS = {
    "patients": ("Id",),
    "encounters": ("Id", "PATIENT"),
    "medications": ("PATIENT", "ENCOUNTER", "CODE"),
    "providers": ("Id",),
    "diagnoses": ("PATIENT", "CODE"),
    "organizations": ("Id",),
}

DATES = {
    "patients": ("BIRTHDATE", "DEATHDATE"),
    "encounters": ("START", "STOP"),
    "medications": ("START", "STOP"),
    "providers": (),
    "diagnoses": ("START", "STOP"),
    "organizations": (),
}

_USED = {
    "patients": "DEATHDATE RACE ETHNICITY MARITAL ADDRESS CITY STATE ZIP",
    "encounters": "PROVIDER ORGANIZATION TOTAL_CLAIM_COST REASONCODE REASONDESCRIPTION",
    "medications": "STOP TOTALCOST BASE_COST PAYER PAYER_COVERAGE REASONCODE REASONDESCRIPTION",
    "providers": "",
    "diagnoses": "SYSTEM",
    "organizations": "CITY STATE ZIP LAT LON PHONE",
}

KNOWN = {table: required | frozenset(_USED[table].split()) for table, required in REQUIRED.items()}

_CLASSES = {
    "wellness": "AMB",
    "ambulatory": "AMB",
    "outpatient": "AMB",
    "urgentcare": "AMB",
    "emergency": "EMER",
    "inpatient": "IMP",
    "hospice": "IMP",
    "snf": "IMP",
    "virtual": "VR",
    "home": "HH",
}

_WHENS = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in _CLASSES.items())

_CONDITIONS = """(
    SELECT batch_id, ENCOUNTER,
           min(struct(CASE WHEN DESCRIPTION LIKE '%(disorder)' THEN 0 ELSE 1 END AS place, START, CODE,
                      coalesce(SYSTEM, 'SNOMED-CT') AS code_system, DESCRIPTION)) AS it
    FROM diagnoses WHERE ENCOUNTER IS NOT NULL AND CODE IS NOT NULL AND NOT _malformed
    GROUP BY batch_id, ENCOUNTER)"""

_NAME_OF_CONDITION = """sha2(CASE WHEN x._malformed THEN x._received
                    ELSE concat_ws('|', x.START, x.PATIENT, x.ENCOUNTER, x.CODE) END, 256)"""

_QUERIES = {
    "patients": """
        SELECT Id AS patient_id, CAST(NULL AS STRING) AS mrn, FIRST AS first_name, LAST AS last_name,
               BIRTHDATE AS birth_date, DEATHDATE AS death_date, GENDER AS sex, RACE AS race,
               ETHNICITY AS ethnicity, MARITAL AS marital_status, CAST(NULL AS STRING) AS language,
               ADDRESS AS street, CITY AS city, STATE AS state, ZIP AS postal_code,
               CAST(NULL AS STRING) AS phone, CAST(NULL AS STRING) AS email, CAST(NULL AS STRING) AS payer,
               CAST(NULL AS STRING) AS updated_at, _malformed, _file, _line, _as_read, batch_id, _received_at
        FROM patients""",
    "encounters": f"""
        SELECT e.Id AS encounter_id, e.PATIENT AS patient_id, e.PROVIDER AS provider_npi,
               p.NAME AS provider_name, p.SPECIALITY AS provider_specialty, p.SPECIALITY AS department,
               o.NAME AS facility,
               CASE lower(e.ENCOUNTERCLASS) {_WHENS} ELSE e.ENCOUNTERCLASS END AS encounter_class,
               e.START AS admitted_at, e.STOP AS discharged_at,
               coalesce(e.REASONCODE, c.it.CODE) AS diagnosis_code,
               CASE WHEN e.REASONCODE IS NOT NULL THEN 'SNOMED-CT' ELSE c.it.code_system END
                 AS diagnosis_code_system,
               CASE WHEN e.REASONCODE IS NOT NULL THEN e.REASONDESCRIPTION ELSE c.it.DESCRIPTION END
                 AS diagnosis_description,
               CAST(NULL AS STRING) AS discharge_disposition,
               e.TOTAL_CLAIM_COST AS total_cost, CAST(NULL AS STRING) AS updated_at,
               e._malformed, e._file, e._line, e._as_read, e.batch_id, e._received_at
        FROM encounters e
        LEFT JOIN (SELECT batch_id, Id, any_value(NAME) AS NAME, any_value(SPECIALITY) AS SPECIALITY
                   FROM providers GROUP BY batch_id, Id) p
               ON e.PROVIDER = p.Id AND e.batch_id = p.batch_id
        LEFT JOIN (SELECT batch_id, Id, any_value(NAME) AS NAME FROM organizations GROUP BY batch_id, Id) o
               ON e.ORGANIZATION = o.Id AND e.batch_id = o.batch_id
        LEFT JOIN {_CONDITIONS} c ON e.Id = c.ENCOUNTER AND e.batch_id = c.batch_id""",
    "medications": """
        SELECT sha2(CASE WHEN m._malformed THEN m._received
                    ELSE concat_ws('|', m.START, m.PATIENT, m.ENCOUNTER, m.CODE,
                                   dense_rank() OVER (PARTITION BY m.batch_id, m.START, m.PATIENT,
                                                      m.ENCOUNTER, m.CODE ORDER BY m._received)) END, 256)
                 AS administration_id,
               m.ENCOUNTER AS encounter_id, m.PATIENT AS patient_id, e.PROVIDER AS provider_npi,
               m.CODE AS medication_code, 'RxNorm' AS medication_code_system,
               m.DESCRIPTION AS medication_name, CAST(NULL AS STRING) AS dose,
               CAST(NULL AS STRING) AS dose_unit, CAST(NULL AS STRING) AS route,
               m.START AS ordered_at, CAST(NULL AS STRING) AS administered_at,
               CASE WHEN m.STOP IS NULL THEN 'active' ELSE 'completed' END AS status,
               CAST(NULL AS STRING) AS updated_at, 'order' AS event_kind, CAST(NULL AS STRING) AS due_at,
               CAST(NULL AS STRING) AS reason_not_given, CAST(NULL AS STRING) AS barcode_scanned,
               m._malformed, m._file, m._line, m._as_read, m.batch_id, m._received_at
        FROM medications m
        LEFT JOIN (SELECT batch_id, Id, any_value(PROVIDER) AS PROVIDER
                   FROM encounters GROUP BY batch_id, Id) e
               ON m.ENCOUNTER = e.Id AND m.batch_id = e.batch_id""",
    "diagnoses": f"""
        SELECT {_NAME_OF_CONDITION} AS diagnosis_id,
               x.ENCOUNTER AS encounter_id, x.PATIENT AS patient_id, x.CODE AS diagnosis_code,
               coalesce(x.SYSTEM, 'SNOMED-CT') AS diagnosis_code_system,
               x.DESCRIPTION AS diagnosis_description,
               CASE WHEN coalesce(e.REASONCODE, c.it.CODE) = x.CODE THEN 'true' ELSE 'false' END
                 AS is_principal,
               x.START AS diagnosed_at, CAST(NULL AS STRING) AS updated_at,
               x._malformed, x._file, x._line, x._as_read, x.batch_id, x._received_at
        FROM diagnoses x
        LEFT JOIN (SELECT batch_id, Id, any_value(REASONCODE) AS REASONCODE
                   FROM encounters GROUP BY batch_id, Id) e
               ON x.ENCOUNTER = e.Id AND x.batch_id = e.batch_id
        LEFT JOIN {_CONDITIONS} c ON x.ENCOUNTER = c.ENCOUNTER AND x.batch_id = c.batch_id""",
}

LOOKS_UP = {
    "patients": (),
    "encounters": ("providers", "organizations", "diagnoses"),
    "medications": ("encounters",),
    "diagnoses": ("encounters",),
}
"""File types that a table's query joins."""


def query(table: str) -> str:
    """Return SQL that converts Synthea's columns (one view per file type) to the bronze ones of `table`."""
    return _QUERIES[table]
