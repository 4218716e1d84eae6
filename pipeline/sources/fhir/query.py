"""SQL that converts the rows of FHIR resources to the bronze columns.

References are resolved among the resources of the same batch, by id or identifier; a name that is not found
there is the display text of the reference.
"""

from __future__ import annotations

EXTRA = "_malformed, _file, _line, _as_read, batch_id, _received_at"


def _named(table: str, *columns: str) -> str:
    """Return SQL for one struct `it` of columns by batch and name of a resource (`name_of`)."""
    values = ", ".join(columns)
    return f"""(
    SELECT batch_id, name_of, min(struct({values})) AS it
    FROM (SELECT batch_id, explode(split(names, '\\n')) AS name_of, {values} FROM {table})
    GROUP BY batch_id, name_of)"""


_PEOPLE = _named("practitioners", "id", "npi", "name")
_ROLES = _named("practitioner_roles", "practitioner_key", "specialty")

_SPECIALTIES = f"""(
    SELECT r.batch_id, p.it.id AS id, min(r.specialty) AS specialty
    FROM (SELECT batch_id, practitioner_key, specialty FROM practitioner_roles) r
    JOIN {_PEOPLE} p ON r.practitioner_key = p.name_of AND r.batch_id = p.batch_id
    GROUP BY r.batch_id, p.it.id HAVING count(DISTINCT r.specialty) = 1)"""

PROVIDERS = f"""(
    SELECT p.batch_id, p.name_of, coalesce(p.it.npi, p.it.id) AS npi, p.it.name AS name, s.specialty
    FROM {_PEOPLE} p LEFT JOIN {_SPECIALTIES} s ON p.it.id = s.id AND p.batch_id = s.batch_id
    UNION ALL
    SELECT r.batch_id, r.name_of, coalesce(p.it.npi, p.it.id), p.it.name, r.it.specialty
    FROM {_ROLES} r LEFT JOIN {_PEOPLE} p
      ON r.it.practitioner_key = p.name_of AND r.batch_id = p.batch_id)"""
"""Practitioners and their roles by name; a practitioner with several specialties has none.

`npi` is the id of a practitioner without an NPI.
"""

_RECORDED = """(
    SELECT batch_id, encounter_id, min(struct(recorded_at, _file, _line, code, system, display)) AS it
    FROM (SELECT batch_id, encounter_id, recorded_at, _file, _line, code, system, display FROM diagnoses)
    WHERE code IS NOT NULL AND encounter_id IS NOT NULL GROUP BY batch_id, encounter_id)"""

_NULLS = {name: f"CAST(NULL AS STRING) AS {name}" for name in ("payer", "total_cost", "barcode_scanned")}

_QUERIES = {
    "patients": f"""
        SELECT patient_id, mrn, first_name, last_name, birth_date, death_date, sex, race, ethnicity,
               marital_status, language, street, city, state, postal_code, phone, email, {_NULLS["payer"]},
               updated_at, {EXTRA}
        FROM patients""",
    "encounters": f"""
        SELECT e.encounter_id, coalesce(e.patient_id, p.it.patient_id) AS patient_id,
               coalesce(d.npi, e.provider_id) AS provider_npi,
               coalesce(d.name, e.provider_name) AS provider_name, d.specialty AS provider_specialty,
               coalesce(e.service, l.it.name, e.location_name, o.it.name, e.organization_name) AS department,
               coalesce(o.it.name, e.organization_name) AS facility,
               e.encounter_class, e.admitted_at, e.discharged_at,
               coalesce(c.it.code, e.reason_code, r.it.code) AS diagnosis_code,
               CASE WHEN c.it.code IS NOT NULL THEN c.it.system WHEN e.reason_code IS NOT NULL
                    THEN e.reason_system ELSE r.it.system END AS diagnosis_code_system,
               CASE WHEN c.it.code IS NOT NULL THEN c.it.display WHEN e.reason_code IS NOT NULL
                    THEN e.reason_text ELSE r.it.display END AS diagnosis_description,
               e.discharge_disposition, {_NULLS["total_cost"]}, e.updated_at,
               e._malformed, e._file, e._line, e._as_read, e.batch_id, e._received_at
        FROM encounters e
        LEFT JOIN {_named("patients", "patient_id")} p
               ON e.patient_key = p.name_of AND e.batch_id = p.batch_id
        LEFT JOIN {PROVIDERS} d ON e.provider_key = d.name_of AND e.batch_id = d.batch_id
        LEFT JOIN {_named("locations", "name")} l
               ON e.location_key = l.name_of AND e.batch_id = l.batch_id
        LEFT JOIN {_named("organizations", "name")} o
               ON e.organization_key = o.name_of AND e.batch_id = o.batch_id
        LEFT JOIN {_named("diagnoses", "code", "system", "display")} c
               ON e.condition_key = c.name_of AND e.batch_id = c.batch_id
        LEFT JOIN {_RECORDED} r ON e.encounter_id = r.encounter_id AND e.batch_id = r.batch_id""",
    "medications": f"""
        SELECT m.event_id AS administration_id, coalesce(m.encounter_id, e.it.encounter_id) AS encounter_id,
               coalesce(m.patient_id, p.it.patient_id) AS patient_id,
               coalesce(d.npi, m.provider_id) AS provider_npi,
               coalesce(m.code, g.it.code) AS medication_code,
               CASE WHEN m.code IS NULL THEN g.it.system ELSE m.system END AS medication_code_system,
               coalesce(m.name, g.it.name) AS medication_name, m.dose, m.dose_unit, m.route,
               coalesce(m.ordered_at, q.it.ordered_at) AS ordered_at, m.administered_at, m.status,
               m.updated_at,
               m.event_kind, m.due_at, m.reason_not_given, {_NULLS["barcode_scanned"]},
               m._malformed, m._file, m._line, m._as_read, m.batch_id, m._received_at
        FROM medications m
        LEFT JOIN {_named("patients", "patient_id")} p
               ON m.patient_key = p.name_of AND m.batch_id = p.batch_id
        LEFT JOIN {_named("encounters", "encounter_id")} e
               ON m.encounter_key = e.name_of AND m.batch_id = e.batch_id
        LEFT JOIN {PROVIDERS} d ON m.provider_key = d.name_of AND m.batch_id = d.batch_id
        LEFT JOIN {_named("products", "code", "system", "name")} g
               ON m.product_key = g.name_of AND m.batch_id = g.batch_id
        LEFT JOIN {_named("medications", "ordered_at")} q
               ON m.request_key = q.name_of AND m.batch_id = q.batch_id""",
    "diagnoses": f"""
        SELECT x.diagnosis_id, coalesce(x.encounter_id, e.it.encounter_id) AS encounter_id,
               coalesce(x.patient_id, p.it.patient_id) AS patient_id, x.code AS diagnosis_code,
               x.system AS diagnosis_code_system, x.display AS diagnosis_description,
               CASE WHEN e.it.condition_key IS NOT NULL
                    THEN CAST(array_contains(split(x.names, '\n'), e.it.condition_key) AS STRING)
                    WHEN e.it.reason_code IS NOT NULL THEN CAST(x.code = e.it.reason_code AS STRING)
                    WHEN r.it._file IS NOT NULL
                    THEN CAST(r.it._file = x._file AND r.it._line = x._line AS STRING) END AS is_principal,
               x.recorded_at AS diagnosed_at, x.updated_at,
               x._malformed, x._file, x._line, x._as_read, x.batch_id, x._received_at
        FROM diagnoses x
        LEFT JOIN {_named("patients", "patient_id")} p
               ON x.patient_key = p.name_of AND x.batch_id = p.batch_id
        LEFT JOIN {_named("encounters", "encounter_id", "condition_key", "reason_code")} e
               ON x.encounter_key = e.name_of AND x.batch_id = e.batch_id
        LEFT JOIN {_RECORDED} r ON x.encounter_id = r.encounter_id AND x.batch_id = r.batch_id""",
}

LOOKS_UP = {
    "patients": (),
    "encounters": (
        "patients",
        "practitioners",
        "practitioner_roles",
        "locations",
        "organizations",
        "diagnoses",
    ),
    "diagnoses": ("patients", "encounters"),
    "medications": ("patients", "encounters", "practitioners", "practitioner_roles", "products"),
}
"""File types that a table's query joins."""


def query(table: str) -> str:
    """Return SQL that converts rows of resources (one view per file type) to bronze columns of `table`."""
    return _QUERIES[table]
