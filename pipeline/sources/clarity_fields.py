"""Tables and columns of an extract from Epic Clarity that are read.

Column names of PATIENT, PATIENT_RACE, PAT_ENC_HSP, CLARITY_ADT, ORDER_MED, MAR_ADMIN_INFO and PAT_ENC_DX are
those of Epic's public EHI tables, https://open.epic.com/EHITables/GetTable/PAT_ENC_HSP.htm (and so on), as of
2026-01-23. There, category columns end in `_C_NAME` and contain the name; in Clarity they end in `_C` and
contain the number, whose name is in a table `ZC_…`. Both are read.

Not in those documents, and written from memory: the numeric `_C` columns beside the names, the keys of the
`ZC_` tables (ZC_MAR_RSLT.RESULT_C and ZC_MED_UNIT.DISP_QTYUNIT_C are also in public queries, for example
https://github.com/cloud-cds/cds-stack), CLARITY_SER_2.NPI, RXNORM_CODES, EDG_CURRENT_ICD10 and HSP_ACCOUNT.
"""

from __future__ import annotations

ADMINISTRATIONS = "medications/administrations"
"""Key of MAR_ADMIN_INFO, whose rows become medications beside the orders of ORDER_MED."""

ZC = {
    "zc_sex": "RCPT_MEM_SEX_C",
    "zc_ethnic_group": "ETHNIC_GROUP_C",
    "zc_marital_status": "MARITAL_STATUS_C",
    "zc_language": "LANGUAGE_C",
    "zc_state": "STATE_C",
    "zc_patient_race": "PATIENT_RACE_C",
    "zc_pat_class": "ADT_PAT_CLASS_C",
    "zc_disch_disp": "DISCH_DISP_C",
    "zc_order_status": "ORDER_STATUS_C",
    "zc_admin_route": "MED_ROUTE_C",
    "zc_med_unit": "DISP_QTYUNIT_C",
    "zc_mar_rslt": "RESULT_C",
    "zc_mar_rsn": "REASON_C",
}
"""Key of each category table that is read; the category is in its column NAME."""

_REQUIRED = {
    "patients": "PAT_ID BIRTH_DATE PAT_LAST_NAME PAT_FIRST_NAME",
    "encounters": "PAT_ENC_CSN_ID PAT_ID HOSP_ADMSN_TIME HOSP_DISCH_TIME",
    "medications": "ORDER_MED_ID PAT_ID PAT_ENC_CSN_ID ORDER_INST MEDICATION_ID",
    ADMINISTRATIONS: "ORDER_MED_ID LINE TAKEN_TIME SCHEDULED_TIME",
    "adt_events": "EVENT_ID PAT_ENC_CSN_ID DEPARTMENT_ID EFFECTIVE_TIME",
    "departments": "DEPARTMENT_ID DEPARTMENT_NAME",
    "providers": "PROV_ID PROV_NAME",
    "npis": "PROV_ID NPI",
    "drugs": "MEDICATION_ID NAME",
    "rxnorm_codes": "MEDICATION_ID RXNORM_CODE",
    "races": "PAT_ID LINE PATIENT_RACE_C",
    "diagnoses": "PAT_ENC_CSN_ID LINE DX_ID PRIMARY_DX_YN",
    "diagnosis_names": "DX_ID DX_NAME",
    "icd10_codes": "DX_ID LINE CODE",
    "accounts": "HSP_ACCOUNT_ID PRIM_ENC_CSN_ID TOT_CHGS",
    **{table: f"{key} NAME" for table, key in ZC.items()},
}

_USED = {
    "patients": "PAT_MRN_ID DEATH_DATE SEX_C SEX_C_NAME ETHNIC_GROUP_C ETHNIC_GROUP_C_NAME MARITAL_STATUS_C "
    "MARITAL_STATUS_C_NAME LANGUAGE_C LANGUAGE_C_NAME ADD_LINE_1 CITY STATE_C STATE_C_NAME ZIP HOME_PHONE "
    "EMAIL_ADDRESS UPDATE_DATE",
    "encounters": "ADT_PAT_CLASS_C ADT_PAT_CLASS_C_NAME DISCH_DISP_C DISCH_DISP_C_NAME DEPARTMENT_ID "
    "BILL_ATTEND_PROV_ID UPDATE_DATE",
    "medications": "ORDERING_DATE HV_DISCRETE_DOSE HV_DOSE_UNIT_C HV_DOSE_UNIT_C_NAME MED_ROUTE_C "
    "MED_ROUTE_C_NAME ORDER_STATUS_C ORDER_STATUS_C_NAME MED_PRESC_PROV_ID DISPLAY_NAME DESCRIPTION "
    "UPDATE_DATE LINE TAKEN_TIME SCHEDULED_TIME MAR_ORIG_DUE_TM SAVED_TIME MAR_ACTION_C MAR_ACTION_C_NAME "
    "SIG DOSE_UNIT_C DOSE_UNIT_C_NAME ROUTE_C ROUTE_C_NAME REASON_C REASON_C_NAME MAR_ENC_CSN",
    "adt_events": "EVENT_TYPE_C EVENT_SUBTYPE_C EVENT_SUBTYPE_C_NAME SEQ_NUM_IN_ENC",
    "departments": "SPECIALTY",
    "providers": "PROV_TYPE",
}

REQUIRED = {table: frozenset(names.split()) for table, names in _REQUIRED.items()}
KNOWN = {
    table: frozenset(names.split()) | frozenset(_USED.get(table, "").split())
    for table, names in _REQUIRED.items()
    if table != ADMINISTRATIONS
}

NOT_NEEDED = {
    "category table": frozenset({"NAME", "TITLE", "ABBR", "INTERNAL_ID"}),
    "flowsheets": frozenset({"FSD_ID", "LINE", "FLO_MEAS_ID"}),
    "lab results": frozenset({"ORDER_PROC_ID", "LINE", "COMPONENT_ID"}),
    "procedure orders": frozenset({"ORDER_PROC_ID", "PAT_ID", "PROC_ID"}),
    "notes": frozenset({"NOTE_ID", "PAT_ENC_CSN_ID"}),
    "other encounters": frozenset({"PAT_ENC_CSN_ID", "PAT_ID", "CONTACT_DATE", "ENC_TYPE_C"}),
}
"""File types that are not loaded, with columns of each."""

KEYS = {table: tuple(names.split()[:1]) for table, names in _REQUIRED.items() if table != ADMINISTRATIONS}

DATES = {
    table: tuple(sorted(n for n in names if n.endswith(("_TIME", "_DATE", "_INST", "_TM"))))
    for table, names in KNOWN.items()
}
