"""SQL that converts an extract from Epic Clarity (PATIENT, PAT_ENC_HSP, …) to the bronze columns.

Times without an offset are the hospital's local times. A medication row is an order (ORDER_MED) or an
administration (MAR_ADMIN_INFO), which takes patient, encounter and medication from its order. Barcode scans
are not in these tables.
"""

from __future__ import annotations

from pipeline.sources.clarity_fields import DATES, KEYS, KNOWN, NOT_NEEDED, REQUIRED, ZC

__all__ = ["DATES", "KEYS", "KNOWN", "LOOKS_UP", "NOT_NEEDED", "REQUIRED", "query"]

CLASSES = {
    "inpatient": "IMP",
    "newborn": "IMP",
    "emergency": "EMER",
    "observation": "OBSENC",
    "outpatient": "AMB",
    "ambulatory": "AMB",
    "hospital outpatient surgery": "AMB",
    "telehealth": "VR",
    "virtual": "VR",
}
"""Names of patient classes, which each hospital chooses; an unlisted one is passed on and fails its rule."""

ACTIONS = {
    "given": "completed",
    "new bag": "completed",
    "bolus": "completed",
    "push": "completed",
    "restarted": "in-progress",
    "rate change": "in-progress",
    "rate verify": "in-progress",
    "mar unhold": "in-progress",
    "mar hold": "on-hold",
    "paused": "on-hold",
    "stopped": "stopped",
    "missed": "not-done",
    "refused": "not-done",
    "held": "not-done",
    "automatically held": "not-done",
    "see alternative": "not-done",
    "canceled entry": "entered-in-error",
    "prepared": "unknown",
    "pending": "unknown",
    "due": "unknown",
}
"""Statuses by MAR action; the actions are those of https://open.epic.com/EHITables/GetTable/MAR_ADMIN_INFO.htm."""

ORDER_STATUSES = {
    "sent": "active",
    "verified": "active",
    "dispensed": "active",
    "completed": "completed",
    "discontinued": "stopped",
    "canceled": "cancelled",
    "suspend": "on-hold",
}
"""Statuses of orders by name; an unlisted one is passed on and fails its rule."""

DISPOSITIONS = {
    "home or self care": "home",
    "skilled nursing facility": "snf",
    "hospice/home": "hospice",
    "hospice/medical facility": "hospice",
    "left against medical advice": "ama",
    "expired": "expired",
    "other": "other",
}

_NO_TIME = r"[ T]00:00(:00(\\.0+)?)?\\z"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?\\z"


def _null(name: str) -> str:
    return f"CAST(NULL AS STRING) AS {name}"


def _mapped(name: str, codes: dict[str, str]) -> str:
    whens = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in codes.items())
    return f"CASE lower({name}) {whens} ELSE {name} END"


def _at(column: str) -> str:
    """Return SQL for a local time as text in UTC; other texts are passed on."""
    in_utc = f"CAST(to_utc_timestamp(CAST({column} AS TIMESTAMP), '{{time_zone}}') AS STRING)"
    return f"CASE WHEN {column} RLIKE '{_TIME}' THEN {in_utc} ELSE {column} END"


def _one(table: str, key: str, *columns: str) -> str:
    """Return SQL for one struct `it` of columns by batch and key of a table."""
    return (
        f"(SELECT batch_id, {key}, min(struct({', '.join(columns)})) AS it "
        f"FROM {table} WHERE {key} IS NOT NULL GROUP BY batch_id, {key})"
    )


def _join(rows: str, alias: str, key: str, reference: str) -> str:
    return f"LEFT JOIN {rows} {alias} ON {reference} = {alias}.{key} AND x.batch_id = {alias}.batch_id"


def _category(table: str, alias: str, reference: str) -> str:
    return _join(_one(table, ZC[table], "NAME"), alias, ZC[table], reference)


def _name(column: str, alias: str, of: str = "x") -> str:
    """Return SQL for the name of a category: given, or looked up, or else its number."""
    return f"coalesce({of}.{column}_NAME, {alias}.it.NAME, {of}.{column})"


_EXTRA = ", ".join(
    f"x.{name}" for name in ("_malformed", "_file", "_line", "_as_read", "batch_id", "_received_at")
)

_PLACES = """(
    SELECT batch_id, PAT_ENC_CSN_ID, max(struct(EFFECTIVE_TIME, EVENT_ID, DEPARTMENT_ID)) AS it
    FROM adt_events
    WHERE DEPARTMENT_ID IS NOT NULL AND coalesce(EVENT_SUBTYPE_C, '1') <> '2'
      AND coalesce(lower(EVENT_SUBTYPE_C_NAME), '') <> 'canceled'
    GROUP BY batch_id, PAT_ENC_CSN_ID)"""
"""The last department of each encounter; event subtype 2 is a canceled event."""

_DIAGNOSES = """(
    SELECT batch_id, PAT_ENC_CSN_ID,
           min(struct(CASE WHEN upper(PRIMARY_DX_YN) = 'Y' THEN 0 ELSE 1 END AS place, length(LINE) AS digits,
                      LINE, DX_ID)) AS it
    FROM diagnoses WHERE PAT_ENC_CSN_ID IS NOT NULL GROUP BY batch_id, PAT_ENC_CSN_ID)"""

_ICD10 = """(
    SELECT batch_id, DX_ID, min(struct(length(LINE) AS digits, LINE, CODE)) AS it
    FROM icd10_codes WHERE DX_ID IS NOT NULL GROUP BY batch_id, DX_ID)"""

_RXNORM = _one("rxnorm_codes", "MEDICATION_ID", "RXNORM_CODE")

_IS_ORDER = "LINE IS NULL AND TAKEN_TIME IS NULL AND SCHEDULED_TIME IS NULL"

_ORDERS = f"""(
    SELECT batch_id, ORDER_MED_ID,
           min(struct(PAT_ID, PAT_ENC_CSN_ID, ORDER_INST, ORDERING_DATE, MEDICATION_ID, DISPLAY_NAME,
                      DESCRIPTION, MED_PRESC_PROV_ID, MED_ROUTE_C, MED_ROUTE_C_NAME)) AS it
    FROM medications WHERE ORDER_MED_ID IS NOT NULL AND {_IS_ORDER} GROUP BY batch_id, ORDER_MED_ID)"""

_STATUS = _mapped(
    "CASE WHEN lower(coalesce(x.MAR_ACTION_C_NAME, a.it.NAME)) LIKE 'given%' THEN 'given' "
    f"ELSE {_name('MAR_ACTION_C', 'a')} END",
    ACTIONS,
)
_ACTION = f"lower({_name('MAR_ACTION_C', 'a')})"
_REASON = (
    f"CASE WHEN {_STATUS} <> 'not-done' THEN NULL "
    f"ELSE coalesce(x.REASON_C_NAME, n.it.NAME, x.REASON_C, CASE WHEN {_ACTION} = 'refused' THEN 'refused' "
    f"WHEN {_ACTION} IN ('held', 'automatically held') THEN 'held' END) END"
)
_ORDERED_AT = f"coalesce({_at('o.it.ORDER_INST')}, left(o.it.ORDERING_DATE, 10))"

_QUERIES = {
    "patients": f"""
        SELECT x.PAT_ID AS patient_id, x.PAT_MRN_ID AS mrn, x.PAT_FIRST_NAME AS first_name,
               x.PAT_LAST_NAME AS last_name, left(x.BIRTH_DATE, 10) AS birth_date,
               left(x.DEATH_DATE, 10) AS death_date, {_name("SEX_C", "s")} AS sex,
               coalesce(rn.it.NAME, r.it.PATIENT_RACE_C) AS race, {_name("ETHNIC_GROUP_C", "e")} AS ethnicity,
               {_name("MARITAL_STATUS_C", "m")} AS marital_status, {_name("LANGUAGE_C", "l")} AS language,
               x.ADD_LINE_1 AS street, x.CITY AS city, {_name("STATE_C", "st")} AS state,
               x.ZIP AS postal_code, x.HOME_PHONE AS phone, x.EMAIL_ADDRESS AS email, {_null("payer")},
               {_at("x.UPDATE_DATE")} AS updated_at, {_EXTRA}
        FROM patients x
        {_join(_one("races", "PAT_ID", "length(LINE)", "LINE", "PATIENT_RACE_C"), "r", "PAT_ID", "x.PAT_ID")}
        {_category("zc_patient_race", "rn", "r.it.PATIENT_RACE_C")}
        {_category("zc_sex", "s", "x.SEX_C")}
        {_category("zc_ethnic_group", "e", "x.ETHNIC_GROUP_C")}
        {_category("zc_marital_status", "m", "x.MARITAL_STATUS_C")}
        {_category("zc_language", "l", "x.LANGUAGE_C")}
        {_category("zc_state", "st", "x.STATE_C")}""",
    "encounters": f"""
        SELECT x.PAT_ENC_CSN_ID AS encounter_id, x.PAT_ID AS patient_id,
               coalesce(np.it.NPI, x.BILL_ATTEND_PROV_ID) AS provider_npi, p.it.PROV_NAME AS provider_name,
               d.it.SPECIALTY AS provider_specialty,
               coalesce(d.it.DEPARTMENT_NAME, t.it.DEPARTMENT_ID, x.DEPARTMENT_ID) AS department, {
        _null("facility")
    },
               {_mapped(_name("ADT_PAT_CLASS_C", "c"), CLASSES)} AS encounter_class,
               {_at("x.HOSP_ADMSN_TIME")} AS admitted_at, {_at("x.HOSP_DISCH_TIME")} AS discharged_at,
               i.it.CODE AS diagnosis_code,
               CASE WHEN i.it.CODE IS NOT NULL THEN 'ICD-10-CM' END AS diagnosis_code_system,
               dn.it.DX_NAME AS diagnosis_description,
               {_mapped(_name("DISCH_DISP_C", "dd"), DISPOSITIONS)} AS discharge_disposition,
               h.it.TOT_CHGS AS total_cost, {_at("x.UPDATE_DATE")} AS updated_at, {_EXTRA}
        FROM encounters x
        {_join(_PLACES, "t", "PAT_ENC_CSN_ID", "x.PAT_ENC_CSN_ID")}
        {
        _join(
            _one("departments", "DEPARTMENT_ID", "DEPARTMENT_NAME", "SPECIALTY"),
            "d",
            "DEPARTMENT_ID",
            "coalesce(t.it.DEPARTMENT_ID, x.DEPARTMENT_ID)",
        )
    }
        {_join(_one("providers", "PROV_ID", "PROV_NAME"), "p", "PROV_ID", "x.BILL_ATTEND_PROV_ID")}
        {_join(_one("npis", "PROV_ID", "NPI"), "np", "PROV_ID", "x.BILL_ATTEND_PROV_ID")}
        {_join(_DIAGNOSES, "g", "PAT_ENC_CSN_ID", "x.PAT_ENC_CSN_ID")}
        {_join(_ICD10, "i", "DX_ID", "g.it.DX_ID")}
        {_join(_one("diagnosis_names", "DX_ID", "DX_NAME"), "dn", "DX_ID", "g.it.DX_ID")}
        {_join(_one("accounts", "PRIM_ENC_CSN_ID", "TOT_CHGS"), "h", "PRIM_ENC_CSN_ID", "x.PAT_ENC_CSN_ID")}
        {_category("zc_pat_class", "c", "x.ADT_PAT_CLASS_C")}
        {_category("zc_disch_disp", "dd", "x.DISCH_DISP_C")}""",
    "medications": f"""
        SELECT CASE WHEN x.is_order THEN x.ORDER_MED_ID ELSE concat(x.ORDER_MED_ID, '-', x.LINE) END
                 AS administration_id,
               coalesce(x.PAT_ENC_CSN_ID, o.it.PAT_ENC_CSN_ID, x.MAR_ENC_CSN) AS encounter_id,
               coalesce(x.PAT_ID, o.it.PAT_ID) AS patient_id,
               coalesce(np.it.NPI, o.it.MED_PRESC_PROV_ID) AS provider_npi,
               coalesce(rx.it.RXNORM_CODE, o.it.MEDICATION_ID) AS medication_code,
               CASE WHEN rx.it.RXNORM_CODE IS NOT NULL THEN 'RxNorm'
                    WHEN o.it.MEDICATION_ID IS NOT NULL THEN 'source' END AS medication_code_system,
               coalesce(dr.it.NAME, o.it.DISPLAY_NAME, o.it.DESCRIPTION) AS medication_name,
               CASE WHEN x.is_order THEN x.HV_DISCRETE_DOSE ELSE x.SIG END AS dose,
               CASE WHEN x.is_order THEN {_name("HV_DOSE_UNIT_C", "uo")} ELSE {_name("DOSE_UNIT_C", "u")} END
                 AS dose_unit,
               coalesce(CASE WHEN NOT x.is_order THEN {_name("ROUTE_C", "ra")} END,
                        o.it.MED_ROUTE_C_NAME, ro.it.NAME, o.it.MED_ROUTE_C) AS route,
               {_ORDERED_AT} AS ordered_at,
               CASE WHEN NOT x.is_order AND {_STATUS} <> 'not-done' THEN {_at("x.TAKEN_TIME")} END
                 AS administered_at,
               CASE WHEN x.is_order THEN {_mapped(_name("ORDER_STATUS_C", "so"), ORDER_STATUSES)}
                    ELSE {_STATUS} END AS status,
               {_at("coalesce(x.UPDATE_DATE, x.SAVED_TIME)")} AS updated_at,
               CASE WHEN x.is_order THEN 'order' ELSE 'administration' END AS event_kind,
               CASE WHEN NOT x.is_order THEN {_at("coalesce(x.SCHEDULED_TIME, x.MAR_ORIG_DUE_TM)")} END
                 AS due_at,
               CASE WHEN NOT x.is_order THEN {_REASON} END AS reason_not_given, {_null("barcode_scanned")},
               {_EXTRA}
        FROM (SELECT *, {_IS_ORDER} AS is_order FROM medications) x
        {_join(_ORDERS, "o", "ORDER_MED_ID", "x.ORDER_MED_ID")}
        {_join(_one("drugs", "MEDICATION_ID", "NAME"), "dr", "MEDICATION_ID", "o.it.MEDICATION_ID")}
        {_join(_RXNORM, "rx", "MEDICATION_ID", "o.it.MEDICATION_ID")}
        {_join(_one("npis", "PROV_ID", "NPI"), "np", "PROV_ID", "o.it.MED_PRESC_PROV_ID")}
        {_category("zc_mar_rslt", "a", "x.MAR_ACTION_C")}
        {_category("zc_mar_rsn", "n", "x.REASON_C")}
        {_category("zc_order_status", "so", "x.ORDER_STATUS_C")}
        {_category("zc_med_unit", "u", "x.DOSE_UNIT_C")}
        {_category("zc_med_unit", "uo", "x.HV_DOSE_UNIT_C")}
        {_category("zc_admin_route", "ra", "x.ROUTE_C")}
        {_category("zc_admin_route", "ro", "o.it.MED_ROUTE_C")}""",
    "diagnoses": f"""
        SELECT concat(x.PAT_ENC_CSN_ID, '-', x.LINE) AS diagnosis_id, x.PAT_ENC_CSN_ID AS encounter_id,
               v.it.PAT_ID AS patient_id, coalesce(i.it.CODE, x.DX_ID) AS diagnosis_code,
               CASE WHEN i.it.CODE IS NOT NULL THEN 'ICD-10-CM' END AS diagnosis_code_system,
               dn.it.DX_NAME AS diagnosis_description,
               CASE WHEN g.it.LINE = x.LINE THEN 'true' ELSE 'false' END AS is_principal,
               {_null("diagnosed_at")}, {_null("updated_at")}, {_EXTRA}
        FROM diagnoses x
        {_join(_one("encounters", "PAT_ENC_CSN_ID", "PAT_ID"), "v", "PAT_ENC_CSN_ID", "x.PAT_ENC_CSN_ID")}
        {_join(_DIAGNOSES, "g", "PAT_ENC_CSN_ID", "x.PAT_ENC_CSN_ID")}
        {_join(_ICD10, "i", "DX_ID", "x.DX_ID")}
        {_join(_one("diagnosis_names", "DX_ID", "DX_NAME"), "dn", "DX_ID", "x.DX_ID")}""",
}

LOOKS_UP = {
    "patients": (
        "races",
        "zc_patient_race",
        "zc_sex",
        "zc_ethnic_group",
        "zc_marital_status",
        "zc_language",
        "zc_state",
    ),
    "encounters": (
        "adt_events",
        "departments",
        "providers",
        "npis",
        "diagnoses",
        "diagnosis_names",
        "icd10_codes",
        "accounts",
        "zc_pat_class",
        "zc_disch_disp",
    ),
    "medications": (
        "drugs",
        "rxnorm_codes",
        "npis",
        "zc_mar_rslt",
        "zc_mar_rsn",
        "zc_order_status",
        "zc_med_unit",
        "zc_admin_route",
    ),
    "diagnoses": ("encounters", "diagnosis_names", "icd10_codes"),
}
"""File types that a table's query joins."""


def query(table: str) -> str:
    """Return SQL that converts Clarity's columns (one view per file type) to bronze columns of `table`."""
    return _QUERIES[table]
