"""Rows for the rules on patients."""

from __future__ import annotations

from tests.support.rule_cases.rows import ALONE, CHANGED, GONE, LATER

# by rule: rows (or groups of rows) that fail, that pass, and to which it does not apply
PATIENTS = {
    "PAT-M01": ([{"patient_id": None}], [{}], []),
    "PAT-M02": ([{"birth_date": None}], [{}, {"birth_date": "31/12/1980"}], []),
    "PAT-M03": ([{"sex": None}], [{"sex": "U"}], []),
    "PAT-M04": ([{"postal_code": None}, {"state": None}], [{}], []),
    "PAT-M05": ([{"race": None}, {"ethnicity": None}], [{}], []),
    "PAT-C01": (
        [{"birth_date": "03/09/1984"}, {"death_date": "2025-02-30"}, {"updated_at": "yesterday"}],
        [{}, {"birth_date": "1984-03-09T00:00:00Z"}, {"birth_date": None}],
        [],
    ),
    "PAT-C02": ([{"sex": "Q"}], [{"sex": "female"}, {"sex": "x"}], [{"sex": None}]),
    "PAT-C03": (
        [{"postal_code": "2115"}, {"state": "ZZ"}],
        [{"postal_code": "02115-1234"}, {"state": "Massachusetts"}, {"state": None}],
        [{"postal_code": None, "state": None}],
    ),
    "PAT-C04": ([{"postal_code": "10001"}], [{}], [{"state": None}, {"postal_code": None}]),
    "PAT-C05": (
        [{"first_name": "Ad\x07a"}, {"city": " Boston"}, {"city": "Bost\ufffdn"}, {"city": "MÃ¼nchen"}],
        [{"first_name": "Zoë"}, {"city": None}],
        [],
    ),
    "PAT-C06": ([{"_malformed": True}], [{}], []),
    "PAT-C08": ([{"race": "NULL"}, {"payer": "-"}], [{}, {"last_name": "Null"}], []),
    "PAT-C07": (
        [{"email": "ada(at)example"}, {"phone": "12345"}],
        [{}, {"email": None}],
        [{"email": None, "phone": None}],
    ),
    "PAT-P12": CHANGED,
    "PAT-P01": ([[ALONE, {}], [ALONE, {}, {}]], [{}, [{}, LATER]], []),
    "PAT-P02": (
        [[{}, {"city": "Salem"}]],
        [[GONE, {"city": "Salem", **LATER}], [GONE, {}]],
        [],
    ),
    "PAT-P03": (
        [{"birth_date": "2025-03-02"}, {"birth_date": "1890-01-01"}],
        [{"birth_date": "1910-01-01"}, {"birth_date": "2025-03-01"}],
        [{"birth_date": None}],
    ),
    "PAT-P04": (
        [{"death_date": "1980-02-02"}, {"death_date": "2025-03-02"}],
        [{"death_date": "1980-02-03"}, {"death_date": "2025-03-01"}],
        [{}],
    ),
    "PAT-P05": (
        [{"first_name": "Test"}, {"last_name": "ZZZPATIENT"}, {"mrn": "DO NOT USE"}],
        [{"first_name": "Testa"}, {"last_name": "Contest"}, {"mrn": None}],
        [],
    ),
    "PAT-P06": (
        [
            [{}, {"patient_id": "again", "mrn": "again"}],
            [{"first_name": "ADA"}, {"patient_id": "2", "mrn": "2"}],
        ],
        [[{}, {"patient_id": "twin", "birth_date": "1980-02-04"}], [GONE, LATER]],
        [{"postal_code": None}],
    ),
    "PAT-P07": ([{"birth_date": "1980-01-01"}], [{"birth_date": "1980-01-02"}], [{"birth_date": None}]),
    "PAT-P09": ([[{}, {"patient_id": "other", "last_name": "Other"}]], [[GONE, LATER]], [{"mrn": None}]),
}
